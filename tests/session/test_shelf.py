"""Tokens that the next process finds, and processes that want the same one at once."""

import multiprocessing
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from partnerauth.stores.file import FileStore
from tests.session.service import CLOUD, PARTNER_CENTER, SECONDS, SignIn, token_of
from tests.stores.embedded import file_store


def test_the_next_process_finds_the_token_on_the_shelf(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore, tmp_path: Path
) -> None:
    first = Session(send=service.send, clock=clock, shelf=store.shelf).token(app, PARTNER_CENTER)

    second = Session(send=service.send, clock=clock, shelf=file_store(tmp_path).shelf).token(app, PARTNER_CENTER)

    assert (token_of(second), second.expires_at) == (token_of(first), first.expires_at)
    assert len(service.asked) == 1


def test_a_token_on_the_shelf_is_renewed_as_early_as_any(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    service.lifetime = 100
    for advanced, expected in ((0, "token 1"), (89, "token 1"), (1, "token 2")):
        clock.advance(timedelta(seconds=advanced))
        session = Session(send=service.send, clock=clock, shelf=store.shelf)

        assert token_of(session.token(app, PARTNER_CENTER)) == expected


def test_forgotten_tokens_are_asked_for_anew(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    session = Session(send=service.send, clock=clock, shelf=store.shelf)
    session.token(app, PARTNER_CENTER)

    session.forget_tokens()

    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def one_of_many(directory: Path, log: Path, ready: Any, *, first_dies: bool) -> None:
    """What each process does: wait for the others, then want the same token."""

    def send(request: Request) -> Response:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, b"asked\n")
        os.close(descriptor)
        if first_dies and log.read_bytes() == b"asked\n":
            os.kill(os.getpid(), signal.SIGKILL)
        return Response.json(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "the token"})

    session = Session(send=send, shelf=file_store(directory).shelf)
    source = AppOnly(Application(WEB_APP, Secret(WEB_APP_SECRET)), CLOUD.authority(TENANT))
    ready.wait(SECONDS)
    assert token_of(session.token(source, PARTNER_CENTER)) == "the token"


@pytest.mark.parametrize("first_dies", [False, True], ids=["all live", "the leader is killed"])
def test_processes_on_one_machine_ask_once(tmp_path: Path, *, first_dies: bool) -> None:
    """The kernel frees the lock of a process that dies, and the next one asks."""
    file_store(tmp_path).check()
    log, spawn = tmp_path / "log", multiprocessing.get_context("spawn")  # these inherit nothing
    ready = spawn.Barrier(4)

    processes = [
        spawn.Process(target=one_of_many, args=(tmp_path, log, ready), kwargs={"first_dies": first_dies})
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)

    assert (
        sorted(process.exitcode or 0 for process in processes) == ([-signal.SIGKILL] if first_dies else [0]) + [0] * 3
    )
    assert log.read_text() == "asked\n" * (2 if first_dies else 1)
