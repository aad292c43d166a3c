"""A token is asked for once, and kept until shortly before its end."""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from partnerauth.clock import SYSTEM
from partnerauth.cloud import Api
from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import InvalidClient, Unreachable
from partnerauth.messages import Response
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from partnerauth.shelving import AGAIN, EARLY
from tests.session.service import GRAPH, PARTNER_CENTER, SignIn, application_at, minutes, token_of


def test_a_token_is_asked_for_once(session: Session, service: SignIn, app: AppOnly) -> None:
    """By resource, by name, by handle: it is the same shelf."""
    bearer = session.handle(app, Api.PARTNER_CENTER)

    found = {token_of(session.token(app, target)) for target in (PARTNER_CENTER, Api.PARTNER_CENTER) for _ in range(3)}

    assert found == {"token 1"}
    assert bearer().reveal() == "token 1"
    assert len(service.asked) == 1


def test_another_api_tenant_or_application_has_a_token_of_its_own(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    others = [application_at("fabrikam.com", clock), AppOnly(app.application, app.authority, clock=clock)]

    found = [token_of(session.token(source, api)) for source in (app, *others) for api in (PARTNER_CENTER, GRAPH)]

    assert found == ["token 1", "token 2", "token 3", "token 4", "token 1", "token 2"]
    assert len(service.asked) == 4


def test_a_token_is_renewed_five_minutes_before_its_end(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    bearer = session.handle(app, PARTNER_CENTER)
    bearer()

    clock.advance(timedelta(seconds=3600 - EARLY - 1))
    assert token_of(session.token(app, PARTNER_CENTER)) == bearer().reveal() == "token 1"
    clock.advance(timedelta(seconds=1))
    assert token_of(session.token(app, PARTNER_CENTER)) == bearer().reveal() == "token 2"


def test_a_short_life_is_used_for_nine_tenths(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    service.lifetime = 100
    session.token(app, PARTNER_CENTER)

    clock.advance(timedelta(seconds=89))
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    clock.advance(timedelta(seconds=1))
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def test_a_token_about_to_end_is_used_while_nobody_can_be_reached(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock, caplog: pytest.LogCaptureFixture
) -> None:
    session.token(app, PARTNER_CENTER)
    service.failing = [Unreachable("the network is down")]
    clock.advance(minutes(56))

    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    assert "no new token now (Unreachable); the present one is used while it lasts" in caplog.messages
    asked = len(service.asked)
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    assert len(service.asked) == asked, "nobody waits for a service that was just found to be down"

    clock.advance(timedelta(seconds=AGAIN))
    session.token(app, PARTNER_CENTER)
    assert len(service.asked) > asked

    clock.advance(minutes(4))
    with pytest.raises(Unreachable, match="the network is down"):
        session.token(app, PARTNER_CENTER)

    service.failing = []
    assert token_of(session.token(app, PARTNER_CENTER)).startswith("token ")


def test_a_refusal_is_told_although_the_present_token_lasts(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    session.token(app, PARTNER_CENTER)
    refusal = {"error": "invalid_client", "error_description": "AADSTS7000222: The provided keys are expired."}
    service.failing = [Response.json(401, refusal)]
    clock.advance(minutes(56))

    with pytest.raises(InvalidClient):
        session.token(app, PARTNER_CENTER)


def test_a_session_closes_what_it_opened(tmp_path: Path) -> None:
    """And only that: one that never sent anything has nothing to close."""
    with Session(clock=SYSTEM) as session:
        session.close()
    with contextlib.closing(Session(send=SignIn().send)) as session:
        pass
