"""One emulator on the network for all of these: other people's clients have transports of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from partnerauth.cloud import Cloud, emulated
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.serving.server import serve
from partnerauth.session import Session
from tests.consent.partner import Partner


@dataclass
class Place:
    """An emulator, where it is served, and who calls."""

    emulator: Emulator
    url: str
    ca: str

    @property
    def cloud(self) -> Cloud:
        """The cloud at this place."""
        return emulated(self.url)

    @property
    def app(self) -> AppOnly:
        """The application itself."""
        return AppOnly(Application(WEB_APP, Secret(WEB_APP_SECRET)), self.cloud.authority(TENANT))

    @property
    def partner(self) -> Partner:
        """The partner, whose admin agent has consented."""
        partner = Partner(cloud=self.cloud, emulator=self.emulator)
        partner.consent(ADMIN_AGENT)
        return partner


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The default world over TLS."""
    emulator = Emulator(contoso())
    directory: Path = tmp_path_factory.mktemp("adapters")
    with serve(emulator.handle, directory) as server:
        yield Place(emulator, server.url, str(server.ca))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    """A session that trusts the emulator."""
    with Session(ca=place.ca) as session:
        yield session
