"""Every request has an id, and an error names the one that it is about."""

import uuid

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import InvalidClient, PartnerAuthError, Unreachable, Unreadable
from partnerauth.messages import Response
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session
from tests.session.service import PARTNER_CENTER, SignIn


def test_every_request_has_an_id_of_its_own(session: Session, service: SignIn, app: AppOnly) -> None:
    service.failing = [Response(503), Response(503), Response(200)]
    with pytest.raises(Unreadable):
        session.token(app, PARTNER_CENTER)

    ids = [request.header("client-request-id") for request in service.asked]

    assert len(set(ids)) == len(ids) == 3
    assert all(str(uuid.UUID(one)) == one for one in ids)
    assert all(request.header("return-client-request-id") == "true" for request in service.asked)


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("the connection was reset"),
        Response(503, body=b"<html>a gateway</html>"),
        Response(200, body=b"<html>a captive portal</html>"),
        Response.json(401, {"error": "invalid_client"}),
        Response.json(400, {"error": "invalid_grant", "error_description": "AADSTS700082: expired"}),
    ],
    ids=["no answer", "a fault", "no JSON", "a refusal", "a refusal with a code"],
)
def test_an_error_carries_the_id_of_the_request_it_is_about(
    session: Session, service: SignIn, app: AppOnly, failure: Exception | Response
) -> None:
    service.failing = [failure]

    with pytest.raises(PartnerAuthError) as caught:
        session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == service.asked[-1].header("client-request-id") != ""


async def test_an_error_of_a_task_carries_it_too(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    service.failing = [Response(200, body=b"<html>a captive portal</html>")]
    session = AsyncSession(send=service.asend, clock=clock)

    with pytest.raises(Unreadable) as caught:
        await session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == service.asked[-1].header("client-request-id") != ""


def test_the_id_that_the_other_side_names_comes_first(session: Session, service: SignIn, app: AppOnly) -> None:
    """It is the one that Microsoft's support asks for."""
    named = {"error": "invalid_client", "correlation_id": "11111111-2222-4333-8444-555555555555"}
    service.failing = [Response.json(401, named)]

    with pytest.raises(InvalidClient) as caught:
        session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == named["correlation_id"]
