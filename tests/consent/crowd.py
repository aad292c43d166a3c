"""Processes that spend one consent together over TLS, and are killed at random: `python -m tests.consent.crowd FACTS`.

One warm parent forks them. Each asks for token after token and tells the parent of each that was handed out to it;
every now and then one is killed, the store looked at, and another one forked in its place.
"""

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from partnerauth.cloud import Api, emulated
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.flow import run
from partnerauth.oauth.application import Application, Secret
from partnerauth.session import Session
from tests.stores.embedded import file_store

LONGEST_LIFE = 0.15


@dataclass
class Crowd:
    """The parent, its children by process id with the pipes they tell by, and what was told."""

    directory: Path
    url: str
    ca: str
    children: dict[int, int] = field(default_factory=dict)
    handed_out: int = 0
    torn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = file_store(self.directory)
        self.book = ConsentBook(self.store, emulated(self.url), WEB_APP)
        self.user = AppUser(Application(WEB_APP, Secret(WEB_APP_SECRET)), self.book, TENANT)

    def fork(self, tokens: int = sys.maxsize) -> None:
        """Another child, that wants so many tokens."""
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            self._live(tell, tokens)
        os.close(tell)
        self.children[child] = told

    def _live(self, tell: int, tokens: int) -> NoReturn:
        try:
            with Session(ca=self.ca) as session:
                for _ in range(tokens):
                    answer = session.run(self.user.token(self.book.cloud.resource(Api.PARTNER_CENTER)))
                    os.write(tell, b"?" if answer.unsaved else b".")
        except BaseException:  # noqa: BLE001  # a child ends here, whatever happens
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def kill(self, child: int) -> None:
        """End a child in the middle of whatever it does, and look at what it left."""
        os.kill(child, signal.SIGKILL)
        if not self.buried(child):
            self.torn.append("a child had ended by itself")
        self.look()

    def buried(self, child: int) -> bool:
        """Count what a child told to the end; says whether it was killed."""
        _, status = os.waitpid(child, 0)
        with os.fdopen(self.children.pop(child), "rb") as told:
            self.heard(told.read())
        return os.WIFSIGNALED(status)

    def heard(self, told: bytes) -> None:
        """Note what was told."""
        self.handed_out += told.count(b".")
        if b"?" in told:
            self.torn.append("a token was handed out unsaved")

    def listen(self) -> None:
        """Note what was told up to now."""
        ready, _, _ = select.select(list(self.children.values()), [], [], 0)
        for pipe in ready:
            self.heard(os.read(pipe, 65_536))

    def look(self) -> int:
        """The generation of the stored consent. It is never behind what was handed out."""
        consent = run(self.book.find(TENANT), _nobody)
        if consent.generation < self.handed_out:
            self.torn.append(f"{self.handed_out} handed out, {consent.generation} stored")
        if not consent.refresh_token:
            self.torn.append("the stored consent holds no token")
        return consent.generation


def _nobody(request: object) -> NoReturn:
    raise AssertionError("reading a store asks nobody")


def main(
    directory: str, url: str, ca: str, tokens: int, children: int, killing: bool, seed: int, seconds: float
) -> None:
    """Raise children until so many tokens have been handed out; tell on standard output how it went, as JSON."""
    crowd, chance, kills, end = Crowd(Path(directory), url, ca), random.Random(seed), 0, time.monotonic() + seconds
    crowd.look()
    while len(crowd.children) < children:
        crowd.fork(sys.maxsize if killing else tokens // children)
    while killing and crowd.handed_out < tokens and time.monotonic() < end and not crowd.torn:
        time.sleep(chance.uniform(0, LONGEST_LIFE))
        crowd.listen()
        crowd.kill(chance.choice(list(crowd.children)))
        kills += 1
        crowd.fork()
    for child in list(crowd.children):
        if killing:
            crowd.kill(child)
            kills += 1
        elif crowd.buried(child):
            crowd.torn.append("a child was killed")
    facts = {"handed_out": crowd.handed_out, "generation": crowd.look(), "kills": kills, "torn": crowd.torn}
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
