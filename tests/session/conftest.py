"""A sign-in service, a clock, an application, and a door between them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from partnerauth.stores.file import FileStore
from tests.session.service import NOON, SignIn, application_at
from tests.stores.embedded import file_store


@pytest.fixture
def service() -> SignIn:
    """A sign-in service."""
    return SignIn()


@pytest.fixture
def clock() -> WorldClock:
    """A clock that moves only when told."""
    return WorldClock(frozen_at=NOON)


@pytest.fixture
def session(service: SignIn, clock: WorldClock) -> Session:
    """A door to it."""
    return Session(send=service.send, clock=clock)


@pytest.fixture
def app(clock: WorldClock) -> AppOnly:
    """The application itself."""
    return application_at(TENANT, clock)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store in a file."""
    return file_store(tmp_path)


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before + 8, "threads that nobody ended"
