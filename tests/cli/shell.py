"""A shell in which `partnerauth` is run as anybody runs it: in a process, a home and a directory of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic
from partnerauth.serving.server import Server
from tests import browser

SECONDS = 60
SENSITIVE = ("emulated.", "eyJ0eXAi")
"""How refresh tokens and codes begin, and how JWTs do."""


@dataclass
class Place:
    """A world, where it is served, and the secret of its web app."""

    emulator: Emulator
    server: Server
    secret: str = field(repr=False)

    def signed_in(self, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> None:
        """Whoever opens a sign-in page from now on is this person already."""
        self.emulator.world.automatic = Automatic(upn, mfa)


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str = field(repr=False)
    err: str

    @property
    def value(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def failure(self) -> Any:
        """What it said of its failure, as JSON."""
        return json.loads(self.err.splitlines()[-1])


@dataclass
class Shell:
    """A home with settings as variables; what was said is written down beside it, where it is searched for secrets."""

    place: Place
    home: Path
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    variables: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.here = self.home / "here"
        self.here.mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process."""
        settings = {
            "cloud": self.place.server.url,
            "ca": str(self.place.server.ca),
            "tenant": TENANT,
            "client_id": WEB_APP,
            "client_secret": self.place.secret,
            **self.settings,
        }
        own = {f"PARTNERAUTH_{name.upper()}": value for name, value in settings.items() if value}
        home = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.config.parent),
            "XDG_DATA_HOME": str(self.data.parent),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",  # nobody's own
        }
        python = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        return {"PATH": os.environ["PATH"], "COLUMNS": "160", **home, **own, **python, **self.variables}

    @property
    def config(self) -> Path:
        """The directory of the user's settings."""
        return self.home / "config" / "partnerauth"

    @property
    def data(self) -> Path:
        """The directory of the store."""
        return self.home / "data" / "partnerauth"

    @property
    def store(self) -> Path:
        """The file store."""
        return self.data / "store.db"

    def browsing(self, upn: str = ADMIN_AGENT) -> "Shell":
        """With a browser that brings the answer back."""
        server = self.place.server
        self.variables["BROWSER"] = browser.installed(self.home, f"{server.url}/_emulator", server.ca, upn)
        return self

    @contextlib.contextmanager
    def started(self, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
        """The command, running; it is ended where it still runs at the end."""
        given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        with subprocess.Popen(
            [sys.executable, "-m", "partnerauth", *arguments], text=True, cwd=self.here, env=self.environment, **given
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, typed: str = "", tokens: bool = False) -> Outcome:
        """The command, run to its end. No traceback comes out of it, ever, and no token unless `tokens` are wanted."""
        with self.started(*arguments) as process:
            out, err = process.communicate(typed, timeout=SECONDS)
        return self.noted(Outcome(process.returncode, out, err), tokens=tokens)

    def noted(self, outcome: Outcome, *, tokens: bool = False) -> Outcome:
        """Write down what was said, and look at it."""
        said = outcome.err if tokens else outcome.out + outcome.err
        with (self.home / "said").open("a") as file:
            file.write(said)
        assert "Traceback" not in said, said
        assert "Exception ignored" not in said, said
        assert not any(text in said for text in SENSITIVE), "a token was printed"
        return outcome

    def consent(self, *arguments: str) -> Outcome:
        """A consent, in the browser."""
        outcome = self.browsing().run("consent", *arguments)
        assert outcome.code == 0, outcome
        return outcome
