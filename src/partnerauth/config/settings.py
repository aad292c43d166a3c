"""What follows from the settings in force: an application, a store, a source, a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Api, Authority, Cloud, Dialect, Resource, cloud_named
from partnerauth.config.table import PREFIX
from partnerauth.config.values import Values
from partnerauth.errors import Misconfigured

if TYPE_CHECKING:
    from partnerauth.config.credentials import Credentials
    from partnerauth.config.stores import Stores
    from partnerauth.consent.book import ConsentBook
    from partnerauth.consent.first import FirstConsent
    from partnerauth.consent.invitation import Invitations
    from partnerauth.consent.user import AppUser
    from partnerauth.oauth.application import Application
    from partnerauth.oauth.sources import TokenSource
    from partnerauth.session import Session
    from partnerauth.stores.store import SecretStore


class Settings(Values):
    """The settings in force, and what follows from them. Each thing is built when it is first asked for, and kept."""

    @cached_property
    def cloud(self) -> Cloud:
        """The cloud in use."""
        cloud = cloud_named(self.get("cloud", "global"))
        return replace(cloud, impersonated=True) if self.env.get(PREFIX + "EMULATED") == "1" else cloud

    @property
    def dialect(self) -> Dialect:
        """The dialect in use."""
        try:
            return Dialect(self.get("dialect", "v1"))
        except ValueError:
            raise Misconfigured(f"there is no dialect '{self.get('dialect')[:20]}'", hint="Set v1 or v2.") from None

    def authority(self, tenant: str = "") -> Authority:
        """The sign-in address of the configured tenant, or of `tenant`."""
        return self.cloud.authority(tenant or self.required("tenant"))

    def resource(self, name: str) -> Resource:
        """An API by its name, or by an address of it. Raises `Misconfigured`, `CloudMixed`."""
        known = {api.value: api for api in Api}
        if name in known:
            return self.cloud.resource(known[name])
        if name.startswith("https://"):
            return self.cloud.find(name)
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        raise Misconfigured(
            f"there is no API '{name[:40]}'",
            hint=f"Did you mean {near[0]}?" if near else f"Name one of: {', '.join(sorted(known))}, or an address.",
        )

    @cached_property
    def reach(self) -> Mapping[str, Resource]:
        """The APIs that a new consent is tried at, by name."""
        from partnerauth.consent.reach import named

        return named(self.cloud, self.get("reach"))

    @cached_property
    def clock(self) -> Clock:
        """The clock to live by: this machine's, or the emulated world's where that is set."""
        if self.get("clock") in ("", "system"):
            return SYSTEM
        if self.get("clock") != "emulator" or not self.cloud.emulated:
            raise Misconfigured(
                f"there is no clock '{self.get('clock')[:20]}' in the {self.cloud.name} cloud",
                hint="Set emulator, in an emulated cloud only, or leave it away.",
            )
        from partnerauth.config.world_clock import world_clock

        return world_clock(self.cloud.origin, self.get("ca"))

    @cached_property
    def session(self) -> Session:
        """The door to the network."""
        from partnerauth.session import Session

        return Session(ca=self.get("ca") or None, shelf=self.stores.shelf, clock=self.clock, listen=False)

    @cached_property
    def credentials(self) -> Credentials:
        """The application's credentials, and where each lies."""
        from partnerauth.config.credentials import Credentials

        return Credentials(self)

    @property
    def client_id(self) -> str:
        """The application's id, as stores know it. Raises `Misconfigured`."""
        return self.required("client_id").lower()

    @cached_property
    def application(self) -> Application:
        """The application with its credentials in their order. Public where there are none."""
        from partnerauth.oauth.application import PUBLIC, Application

        first, *others = [holding.credential() for holding in self.credentials.holdings] or [PUBLIC]
        return Application(self.required("client_id"), first, tuple(others))

    @cached_property
    def stores(self) -> Stores:
        """Every store: see also `store`, the one that counts."""
        from partnerauth.config.stores import Stores

        return Stores(self)

    @property
    def store(self) -> SecretStore:
        """Where consents are kept."""
        return self.stores.consents

    @cached_property
    def book(self) -> ConsentBook:
        """The consents of this application in this cloud."""
        from partnerauth.consent.book import ConsentBook

        store = self.store
        if self.get("store") == "environment":
            from partnerauth.stores.environment import EnvironmentStore

            store = store.working_copy() if isinstance(store, EnvironmentStore) else store
        return ConsentBook(store, self.cloud, self.client_id, self.stores.shelf)

    def first_consent(self, *, without_mfa: bool = False, replacing: bool = False) -> FirstConsent:
        """What judges a first consent and keeps it."""
        from partnerauth.consent.first import FirstConsent, judging
        from partnerauth.oauth.keys import SigningKeys

        keys = SigningKeys(self.authority(self.get("tenant") or "organizations"), self.clock)
        return FirstConsent(
            self.application,
            self.book,
            keys,
            self.clock,
            judging(self.cloud, self.reach.values()),
            without_mfa=without_mfa,
            replacing=replacing,
        )

    @property
    def desk_url(self) -> str:
        """The consent page's own address, with a slash at its end. Raises `Misconfigured`."""
        from partnerauth.config.desk_url import DESK_URL, proper_desk_url

        return proper_desk_url(self.get("desk_url", DESK_URL))

    @cached_property
    def invitations(self) -> Invitations:
        """The invitations to the consent page of this application."""
        from partnerauth.consent.invitation import Invitations

        return Invitations(self.stores.desk, self.cloud, self.client_id, self.desk_url, self.clock)

    def source(self, kind: str, tenant: str = "") -> TokenSource:
        """Whoever is to ask: `app`, `user` or `password`. Raises `Misconfigured`."""
        from partnerauth.oauth.sources import AppOnly, PasswordUser

        if kind == "app":
            return AppOnly(self.application, self.authority(tenant), self.dialect, self.clock)
        if kind == "password":
            password = self.secret("password")
            if not password:
                raise Misconfigured("no password is set", hint="Set password_file or PARTNERAUTH_PASSWORD.")
            authority = self.authority(tenant or self.get("tenant") or "organizations")
            return PasswordUser(
                self.application, authority, self.required("username"), password, self.dialect, self.clock
            )
        return self.user(tenant)

    def user(self, tenant: str = "") -> AppUser:
        """App + user, by the stored consent for `tenant`, or for the configured one.

        Where the partner's tenant is configured and nobody consented for `tenant`, that is a customer's: the partner's
        consent is then used there.
        """
        from partnerauth.consent.user import AppUser
        from partnerauth.errors import NoConsent

        home = self.configured.get("tenant", "")
        user = AppUser(self.application, self.book, tenant or home, dialect=self.dialect, clock=self.clock)
        if not tenant or not home or tenant.lower() == home.lower():
            return user
        try:
            self.session.run(self.book.find(tenant))
        except NoConsent:
            return AppUser(self.application, self.book, home, tenant, self.dialect, self.clock)
        return user
