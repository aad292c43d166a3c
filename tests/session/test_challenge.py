"""An API that asks for another token: the one it had is used no more."""

import pytest

from partnerauth.cloud import Api
from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import Unavailable
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session
from partnerauth.stores.file import FileStore
from tests.session.service import PARTNER_CENTER, SignIn, token_of

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'


def test_a_challenge_drops_the_token_and_carries_the_claims(session: Session, service: SignIn, app: AppOnly) -> None:
    session.token(app, PARTNER_CENTER)

    assert token_of(session.challenged(app, Api.PARTNER_CENTER, CLAIMS)) == "token 2"

    assert service.asked[-1].fields["claims"] == CLAIMS
    assert "claims" not in service.asked[0].fields
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def test_a_token_that_was_challenged_is_not_used_again_whatever_becomes_of_the_challenge(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    """Neither from this process's shelf, nor from the one that outlives it."""
    session = Session(send=service.send, clock=clock, shelf=store.shelf)
    session.token(app, PARTNER_CENTER)
    service.failing = [Unavailable("not now", status=503)]
    with pytest.raises(Unavailable):
        session.challenged(app, PARTNER_CENTER, CLAIMS)
    service.failing = []

    for door in (session, Session(send=service.send, clock=clock, shelf=store.shelf)):
        assert token_of(door.token(app, PARTNER_CENTER)) != "token 1"


async def test_a_challenge_to_a_task(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    session = AsyncSession(send=service.asend, clock=clock)
    await session.token(app, PARTNER_CENTER)

    assert token_of(await session.challenged(app, Api.PARTNER_CENTER, CLAIMS)) == "token 2"
    assert service.asked[-1].fields["claims"] == CLAIMS
    assert token_of(await session.token(app, Api.PARTNER_CENTER)) == "token 2"
