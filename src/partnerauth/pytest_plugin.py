"""The emulator as a pytest fixture: `partnerauth_emulator` is a Partner Center world for one test.

It loads nothing before a test asks for it, since every run of whoever has this library installed loads this file.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from partnerauth.cloud import Cloud
    from partnerauth.emulator.barriers import Barriers
    from partnerauth.emulator.clock import WorldClock
    from partnerauth.emulator.emulator import Emulator
    from partnerauth.emulator.faults import Faults
    from partnerauth.emulator.journal import Journal
    from partnerauth.emulator.world import World
    from partnerauth.messages import Request, Response
    from partnerauth.session import Session

MARKER = "partnerauth"
KNOWN = ("world", "policies", "seed", "start", "frozen")
ORIGIN = "https://localhost"
"""Where an emulator that is not served has its address."""
HELP = (
    "partnerauth(world=FILE, policies='never'|'today', seed=N, start=MOMENT, frozen=True): the world that the fixture"
    " partnerauth_emulator has for this test. FILE is a world file, seen from the test's own file."
)


class Served:
    """An emulator at an address of this machine, over TLS."""

    def __init__(self, url: str, ca: Path) -> None:
        self.url = url
        """Its origin, such as https://localhost:43211."""
        self.ca = ca
        """The PEM file with the authority to trust."""

    @property
    def control(self) -> str:
        """The address of its control API."""
        return f"{self.url}/_emulator"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program started by the test finds the emulator and trusts it."""
        return {
            "PARTNERAUTH_CLOUD": self.url,
            "PARTNERAUTH_CA": str(self.ca),
            "PARTNERAUTH_CONTROL": self.control,
            "SSL_CERT_FILE": str(self.ca),
            "REQUESTS_CA_BUNDLE": str(self.ca),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
        }


class Emulation:
    """The emulator of one test: in this process, and at an address as soon as `served` is asked for."""

    def __init__(self, emulator: Emulator, serve: Callable[[Emulator], Served]) -> None:
        self.emulator = emulator
        self._forks: list[Emulation] = []
        self._serve = serve
        self._served: Served | None = None
        self._session: Session | None = None

    @property
    def served(self) -> Served:
        """The same world over TLS, for programs and libraries that are not handed a transport; until the test ends."""
        if self._served is None:
            self._served = self._serve(self.emulator)
        return self._served

    @property
    def cloud(self) -> Cloud:
        """The cloud whose addresses lead to this emulator, wherever it is now: in process, or served.

        Where the partner lives in a national cloud it is that one, by its real names, which lead here in process only.
        """
        from partnerauth.cloud import GLOBAL, emulated

        real = self.world.cloud_of(self.world.partner().id)
        if real is not GLOBAL:
            return replace(real, impersonated=True)
        return emulated(self._served.url if self._served else ORIGIN)

    @property
    def session(self) -> Session:
        """A session that asks this emulator, in process, by the world's own clock."""
        if self._session is None:
            from partnerauth.session import Session

            self._session = Session(clock=self.clock, send=self.handle)
        return self._session

    @property
    def world(self) -> World:
        """Everything that the emulator believes in."""
        return self.emulator.world

    @property
    def clock(self) -> WorldClock:
        """The world's clock."""
        return self.emulator.world.clock

    @property
    def journal(self) -> Journal:
        """What was asked: `journal.assert_asked(1, grant_type="refresh_token")`."""
        return self.emulator.journal

    @property
    def faults(self) -> Faults:
        """What goes wrong: `faults.add(service="entra", aadsts=50173)`."""
        return self.emulator.faults

    @property
    def barriers(self) -> Barriers:
        """Where requests are held: `barriers.add(operation="token")`."""
        return self.emulator.barriers

    def handle(self, request: Request) -> Response:
        """The emulator as a transport. Raises as `Emulator.handle` does."""
        return self.emulator.handle(request)

    def fork(self) -> Emulation:
        """A second world, equal to this one as it is now, with all that the fixture has; until the test ends."""
        from partnerauth.emulator.emulator import Emulator

        self._forks.append(Emulation(Emulator(self.world.fork()), self._serve))
        return self._forks[-1]

    def close(self) -> None:
        """Let go on who is held, and end the session; in the forks too."""
        for fork in self._forks:
            fork.close()
        self.emulator.barriers.clear()
        if self._session is not None:
            self._session.close()


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line("markers", HELP)


@pytest.fixture(scope="session")
def partnerauth_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates of served emulators are kept during this run."""
    return tmp_path_factory.mktemp("partnerauth")


@pytest.fixture
def partnerauth_emulator(request: pytest.FixtureRequest) -> Iterator[Emulation]:
    """A Partner Center world for this test alone; the marker `partnerauth` says which."""
    from partnerauth.emulator.emulator import Emulator

    emulator = Emulator(_world(request))
    with ExitStack() as running:

        def serve(emulator: Emulator) -> Served:
            from partnerauth.serving.emulated import serve_emulator

            directory: Path = request.getfixturevalue("partnerauth_directory")
            server = running.enter_context(serve_emulator(emulator, directory))
            return Served(server.url, server.ca)

        emulation = Emulation(emulator, serve)
        running.callback(emulation.close)
        yield emulation
        emulation.close()  # before the server waits for its requests


def _world(request: pytest.FixtureRequest) -> World:
    """The world that the markers name; the nearest one decides each word."""
    from partnerauth.emulator import moments
    from partnerauth.emulator.clock import WorldClock
    from partnerauth.emulator.default import contoso, todays_policies
    from partnerauth.emulator.world import Policies

    words: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        if marker.args or not set(marker.kwargs) <= set(KNOWN):
            raise pytest.UsageError(f"@pytest.mark.{MARKER} knows {', '.join(KNOWN)}, each by its name")
        words = marker.kwargs | words
    policies, path = words.get("policies"), words.get("world")
    if policies not in (None, "never", "today"):
        raise pytest.UsageError(f"@pytest.mark.{MARKER}: policies are 'never' or 'today'")
    if path is not None and "seed" in words:
        raise pytest.UsageError(f"@pytest.mark.{MARKER}: the seed of a world file stands in the file")

    def made() -> World:
        if path is None:
            world = contoso(WorldClock(), seed=words.get("seed"))
        else:
            from partnerauth.emulator.worldfile import read_world

            world = read_world(request.path.parent / path)
        if policies is not None:
            world.policies = todays_policies() if policies == "today" else Policies()
        if words.get("frozen"):
            world.clock.freeze()
        if "start" in words:
            world.clock.set(moments.moment(words["start"]))
        world.origin = made
        return world

    return made()
