"""Access tokens that are there already, once the consent that they came by is another one."""

from datetime import timedelta
from pathlib import Path

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.errors import NoConsent, StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import AsyncSession, Session
from partnerauth.shelving import LOOK
from tests.consent.partner import PARTNER_CENTER, Partner
from tests.stores.embedded import file_store


def test_a_new_consent_and_a_forgotten_one_empty_the_durable_shelf(tmp_path: Path) -> None:
    """Whatever lies there: what the former consent opened is not handed out any more."""
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    end = partner.clock.now() + timedelta(hours=1)
    for act in (partner.consent, lambda: partner.run(partner.book.forget(TENANT))):
        store.shelf.put("any", Hidden("a token"), end, partner.clock.now())
        act()

        assert store.shelf.get("any", partner.clock.now()) is None


@pytest.fixture
def running(partner: Partner) -> tuple[Session, TokenSet]:
    """A session that has been at work for a while, and the token it uses."""
    session = Session(send=partner.send, clock=partner.clock)
    return session, session.token(partner.user, PARTNER_CENTER)


def test_a_running_session_looks_whether_the_consent_is_the_same_and_asks_nobody(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    session, token = running
    for _ in range(5):
        partner.clock.advance(timedelta(seconds=LOOK))
        assert session.token(partner.user, PARTNER_CENTER) is token

    assert len(partner.asked) == 1


def test_a_colleagues_consent_reaches_a_running_session_within_a_minute(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    """Whichever process it was given in."""
    session, token = running
    partner.consent(JOHN, replacing=True)
    partner.clock.advance(timedelta(seconds=LOOK))

    after = session.token(partner.user, PARTNER_CENTER)

    assert after is not token
    assert read_access_token(after.access_token).username == JOHN


def test_a_forgotten_consent_serves_a_running_session_no_longer_than_a_minute(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    session, _ = running
    partner.run(partner.book.forget(TENANT))
    partner.clock.advance(timedelta(seconds=LOOK))

    for _ in range(2):
        with pytest.raises(NoConsent):
            session.token(partner.user, PARTNER_CENTER)


async def test_tasks_look_too(partner: Partner) -> None:
    async def send(request: Request) -> Response:
        return partner.send(request)

    session = AsyncSession(send=send, clock=partner.clock)
    token = await session.token(partner.user, PARTNER_CENTER)
    partner.clock.advance(timedelta(seconds=LOOK))
    assert await session.token(partner.user, PARTNER_CENTER) is token

    partner.run(partner.book.forget(TENANT))
    partner.clock.advance(timedelta(seconds=LOOK))
    with pytest.raises(NoConsent):
        await session.token(partner.user, PARTNER_CENTER)


def test_a_token_in_use_outlives_a_store_that_cannot_be_read(
    partner: Partner, running: tuple[Session, TokenSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, token = running

    def read(*_: object) -> None:
        raise StoreFailed("the disk is gone")

    monkeypatch.setattr(type(partner.store), "read", read)
    for _ in range(3):
        partner.clock.advance(timedelta(seconds=LOOK))
        assert session.token(partner.user, PARTNER_CENTER) is token

    partner.clock.advance(timedelta(hours=2))
    with pytest.raises(StoreFailed):
        session.token(partner.user, PARTNER_CENTER)


def test_after_a_colleagues_consent_tokens_are_the_colleagues(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    partner.consent()
    before = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)
    partner.days(0.001)
    partner.consent(JOHN, replacing=True)

    after = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    assert read_access_token(before.access_token).username == ADMIN_AGENT
    assert read_access_token(after.access_token).username == JOHN


def test_tokens_on_the_shelf_are_of_one_epoch(tmp_path: Path) -> None:
    """Even where the shelf could not be emptied."""
    store = file_store(tmp_path)
    partner = Partner(store)
    partner.consent()
    Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)
    partner.days(0.001)
    partner.consent(JOHN, replacing=True)

    after = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    assert read_access_token(after.access_token).username == JOHN


def test_forgetting_takes_the_consent_and_its_tokens_away(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    partner.consent()
    Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    partner.run(partner.book.forget(TENANT))

    with pytest.raises(NoConsent):
        partner.kept()
    with pytest.raises(NoConsent):
        Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)
