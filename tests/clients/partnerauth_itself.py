"""Our own client: settings from variables, as a program that uses it has them."""

import os
from dataclasses import replace

from partnerauth.apis.partnercenter import customers
from partnerauth.cli.consent import obtain
from partnerauth.cloud import Api
from partnerauth.config import Settings
from partnerauth.emulator import default
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.device import begin, poll
from partnerauth.oauth.sources import TokenSource
from partnerauth.session import AsyncSession
from tests.clients import place
from tests.clients.place import DOMAIN, ORIGIN, holds

NAME = "partnerauth"
SWITCHES = ("cloud=ADDRESS", "ca=CA")


def settings(**more: str) -> Settings:
    place_ = {"cloud": ORIGIN, "ca": os.environ[place.CA]} if ORIGIN else {}
    asked = {"tenant": DOMAIN, "client_id": default.WEB_APP, "store": "memory", **place_, **more}
    found = Settings.load(asked)
    secrets = {"client_secret": Hidden(default.WEB_APP_SECRET), "password": Hidden(default.PASSWORD)}
    return replace(found, secrets=secrets if "certificate" not in more else {})


def spent(found: Settings, source: TokenSource, *, person: bool) -> None:
    with found.session as session:
        holds(session.token(source, Api.PARTNER_CENTER).access_token.reveal(), person=person)
        assert len(session.pages(source, customers.listing())) == 6


def client_secret() -> None:
    found = settings()
    spent(found, found.source("app"), person=False)


def client_certificate() -> None:
    found = settings(certificate=place.certificate())
    spent(found, found.source("app"), person=False)


def consent() -> None:
    """Authorization code with PKCE; MFA judged; kept; then a token by refresh, rotated."""
    found = settings()
    kept = obtain(found)
    assert (kept.consent.username, kept.consent.mfa.value) == (default.ADMIN_AGENT, "shown")
    spent(found, found.user(), person=True)


def consent_v2() -> None:
    found = settings(dialect="v2")
    obtain(found)
    spent(found, found.user(), person=True)


async def asynchronous() -> None:
    found = settings()
    async with AsyncSession(ca=found.get("ca") or None) as session:
        assert len(await session.pages(found.source("app"), customers.listing())) == 6


def key_vault() -> None:
    """A consent kept in a vault, and found there."""
    found = settings(store=place.VAULT)
    obtain(found)
    spent(found, settings(store=place.VAULT).user(), person=True)


def key_of_a_vault() -> None:
    """A consent kept in a file, under a key that never leaves the vault."""
    file = os.path.join(os.environ[place.FOLDER], f"{'addressed' if ORIGIN else 'impersonated'}.db")
    sealed = {"store": file, "store_key": f"vault:{place.VAULT}/keys/store"}
    obtain(settings(**sealed))
    found = settings(**sealed)
    spent(found, found.user(), person=True)


def device_code() -> None:
    found = settings(client_id=default.NATIVE_APP)
    asked = (Application(default.NATIVE_APP), found.authority(), found.cloud.resource(Api.PARTNER_CENTER), found.clock)
    with found.session as session:
        login = session.run(begin(*asked))
        place.approve(login.address, login.user_code)
        tokens = run(poll(login, *asked), session.send, lambda _: None)
        holds(tokens.access_token.reveal(), person=True)


def password() -> None:
    found = settings(username=default.JOHN)
    with found.session as session:
        place.holds_at_referrals(session.token(found.source("password"), Api.REFERRALS).access_token.reveal())


FLOWS: dict[str, place.Flow] = {
    "client secret": client_secret,
    "client certificate": client_certificate,
    "authorization code, PKCE, refresh (v1)": consent,
    "authorization code, PKCE, refresh (v2)": consent_v2,
    "asynchronous": asynchronous,
    "consent kept in a key vault": key_vault,
    "consent kept under a vault's key": key_of_a_vault,
    "device code": device_code,
    "password": password,
}

if __name__ == "__main__":
    place.main(FLOWS)
