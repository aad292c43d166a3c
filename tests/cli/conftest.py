"""One world on the network for each module of these tests, and a home for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from partnerauth.emulator.default import PASSWORD, WEB_APP, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.hidden import Hidden
from partnerauth.serving.server import serve
from tests.canaries import CAGE, Canary
from tests.cli.shell import Place, Shell


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Place]:
    """The default world, its web app's secret replaced by one that must never be seen."""
    secret = Canary(request.config.stash[CAGE], request.node.nodeid)("client secret")
    world = contoso()
    world.registrations[WEB_APP].secrets[0].value = Hidden(secret)
    emulator = Emulator(world)
    with serve(emulator.handle, tmp_path_factory.mktemp("certificates")) as server:
        yield Place(emulator, server, secret)


@pytest.fixture
def shell(place: Place, tmp_path: Path) -> Iterator[Shell]:
    """A shell; afterwards the world is as it was."""
    place.signed_in()
    yield Shell(place, tmp_path / "home")
    world = place.emulator.world
    for _, person in world.people():
        person.valid_from, person.enabled, person.password = None, True, Hidden(PASSWORD)
    world.clock.restart()
