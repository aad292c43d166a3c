"""A desk on the network, the emulator's sign-in pages on another site, and browsers at them."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from partnerauth.clock import Clock
from partnerauth.cloud import Api, Cloud, emulated
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.desk import Desk
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.invitation import Invitations
from partnerauth.consent.reach import named
from partnerauth.consent.visit import Visits
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.totp import code
from partnerauth.emulator.world import World
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.keys import SigningKeys
from partnerauth.serving.connection import Patience
from partnerauth.serving.desk import serve_desk
from partnerauth.serving.server import Server, bound
from partnerauth.session import AsyncSession, Session
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests import chromium
from tests.consent.partner import NOON
from tests.seeds.conftest import certificates

__all__ = ["certificates"]

PATIENCE = Patience(linger=0.05)
SIGN_IN_SITE = "127.0.0.1"
"""To a browser another site than `localhost`."""


def free_port() -> int:
    """A port that nobody listens on now."""
    sockets = bound("localhost", 0)
    try:
        return int(sockets[0].getsockname()[1])
    finally:
        for one in sockets:
            one.close()


@dataclass
class House:
    """The emulated world, served on a site of its own, and the desks of one application."""

    world: World
    server: Server
    certificates: Path
    running: contextlib.ExitStack
    store: SecretStore = field(default_factory=MemoryStore)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.world.registrations[WEB_APP].platforms[self.url] = "web"

    @property
    def url(self) -> str:
        """The desk's address."""
        return f"https://localhost:{self.port}/"

    @property
    def cloud(self) -> Cloud:
        """The cloud, at the other site."""
        return emulated(self.server.url)

    @property
    def clock(self) -> Clock:
        """The world's."""
        return self.world.clock

    def book(self, store: SecretStore | None = None) -> ConsentBook:
        """The consents."""
        return ConsentBook(store or self.store, self.cloud, WEB_APP)

    def invitations(self, store: SecretStore | None = None) -> Invitations:
        """The invitations."""
        return Invitations(store or self.store, self.cloud, WEB_APP, self.url, self.clock)

    def desk(self, store: SecretStore | None = None, **changed: Any) -> Desk:
        """A desk over the store."""
        authority = self.cloud.authority("contoso.com")
        application = Application(WEB_APP, Secret(WEB_APP_SECRET))
        apis = [self.cloud.resource(api) for api in (Api.PARTNER_CENTER, Api.REFERRALS)]
        keys = SigningKeys(authority, self.clock)
        made = Desk(
            first=FirstConsent(application, self.book(store), keys, self.clock, apis),
            visits=Visits(store or self.store, self.cloud, WEB_APP, self.clock),
            invitations=self.invitations(store),
            authority=authority,
            apis=named(self.cloud, ""),
            tenant=TENANT,
        )
        return replace(made, **changed)

    @contextlib.contextmanager
    def open(self, desk: Desk | None = None) -> Iterator[Server]:
        """Serve a desk while the block runs."""
        session = AsyncSession(ca=str(self.server.ca), clock=self.clock)
        with serve_desk(
            desk or self.desk(), session, self.certificates, port=self.port, patience=PATIENCE, grace=5.0
        ) as server:
            yield server

    def invite(self, **what: Any) -> str:
        """The link of a new invitation."""
        with Session(clock=self.clock) as session:
            return session.run(self.invitations().issue(**{"tenant": TENANT, **what})).link.reveal()

    def phone(self, upn: str) -> str:
        """The code that somebody's authenticator shows."""
        found = self.world.person(upn)
        assert found is not None
        totp = found[1].totp
        assert totp is not None
        return code(totp, self.world.now())


@pytest.fixture
def house(certificates: Path) -> Iterator[House]:
    """The default world at noon, and no desk open yet."""
    world = contoso(WorldClock(frozen_at=NOON))
    with contextlib.ExitStack() as running:
        handle = Emulator(world).handle
        server = running.enter_context(Server(handle, certificates, host=SIGN_IN_SITE, patience=PATIENCE, grace=1.0))
        yield House(world, server, certificates, running)


REFUSED = "Failed to load resource: the server responded with a status of"
"""What a browser says of a page that says no by its status too."""


@contextlib.contextmanager
def window(browser: Browser, *remarks: str, **ways: Any) -> Iterator[Page]:
    """A window without any cookies; the browser may also make these `remarks`."""
    with chromium.window(browser, remarks=[REFUSED, *remarks], **ways) as page:
        yield page


def sign_in(page: Page, house: House, upn: str = ADMIN_AGENT, *, mfa: bool = True, scripts: bool = True) -> None:
    """Do at the sign-in pages what they ask."""
    page.get_by_label("Email or user name").fill(upn)
    page.get_by_role("button", name="Next").click()
    password(page, house, upn, mfa=mfa, scripts=scripts)


def password(page: Page, house: House, upn: str, *, mfa: bool = True, scripts: bool = True) -> None:
    """The rest of it, where the name stands there already."""
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    if mfa:
        page.get_by_label("Code").fill(house.phone(upn))
        page.get_by_role("button", name="Verify").click()
    if not scripts:
        page.get_by_role("button", name="Submit").click()
