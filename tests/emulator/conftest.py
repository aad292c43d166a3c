"""A world of its own for each story, and the same over the network."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.flow import Send
from partnerauth.messages import Request, Response
from partnerauth.serving.emulated import serve_emulator
from tests.emulator.callers import ORIGIN
from tests.emulator.story import Story


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def emulator() -> Emulator:
    """The default world, standing still at noon, with repeatable randomness."""
    return Emulator(contoso(WorldClock(frozen_at=datetime(2026, 1, 1, 12, tzinfo=UTC)), seed=1))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def served(emulator: Emulator, certificates: Path) -> Iterator[Send]:
    """Sends a request that is addressed to `ORIGIN` to the emulator, over TLS."""
    with serve_emulator(emulator, certificates) as server:
        carrier = SyncCarrier(Trust(server.ca))

        def send(request: Request) -> Response:
            url = request.url.replace(ORIGIN, server.url)
            return carrier.send(Request(request.method, url, request.headers, request.body))

        yield send
        carrier.close()
