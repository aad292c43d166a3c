"""Several credentials of one application: which one is tried when, and what is said where none works."""

import pytest

from partnerauth.cloud import GLOBAL, Api
from partnerauth.errors import ConsentLost, InvalidClient, Misconfigured, PartnerAuthError, StoreFailed, Unreachable
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Credential, Federated, Secret, Stored
from partnerauth.oauth.codes import REFUSALS, Mark
from partnerauth.oauth.exchange import OF_THE_CREDENTIAL, exchange
from partnerauth.oauth.grants import AppItself, AuthorizationCode, Grant, RefreshToken
from partnerauth.oauth.tokens import TokenSet
from tests.oauth.sign_in import APPLICATION, TENANT, SignIn

AUTHORITY = GLOBAL.authority(TENANT)
PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)
ANSWER = {"token_type": "Bearer", "access_token": "a", "expires_in": "3599", "refresh_token": "r"}


class Endpoint:
    """A token endpoint that refuses these secrets, each with its code, and takes all others."""

    def __init__(self, **refused: int) -> None:
        self.refused = refused
        self.seen: list[str] = []

    def send(self, request: Request) -> Response:
        proof = request.fields.get("client_secret") or request.fields["client_assertion"]
        self.seen.append(proof)
        code = self.refused.get(proof)
        if code is None:
            return Response.json(200, ANSWER)
        body = {"error": "invalid_client", "error_description": f"AADSTS{code}: no.", "error_codes": [code]}
        return Response.json(REFUSALS[code].status, body)


def of(*credentials: Credential) -> Application:
    first, *others = credentials
    return Application(APPLICATION, first, tuple(others))


def secrets(names: str = "first second third") -> list[Secret]:
    return [Secret(name) for name in names.split()]


def ask(sign_in: SignIn, application: Application, endpoint: Endpoint, grant: Grant | None = None) -> TokenSet:
    asked = exchange(application, AUTHORITY, grant or AppItself(), PARTNER_CENTER, sign_in.clock)
    return run(asked, endpoint.send, pause=lambda _: None)


@pytest.mark.parametrize("code", sorted(OF_THE_CREDENTIAL))
def test_where_the_credential_is_refused_the_next_one_is_tried_once(sign_in: SignIn, code: int) -> None:
    """Whatever the endpoint has against it; the grant, even a code that is good once, was not looked at."""
    endpoint = Endpoint(first=code)

    tokens = ask(sign_in, of(*secrets()), endpoint, AuthorizationCode(Hidden("code"), "https://localhost/"))

    assert endpoint.seen == ["first", "second"]
    assert tokens.access_token == Hidden("a")


@pytest.mark.parametrize("code", [700082, 50173, 65001, 53003, 700016, 7000112, 700025])
def test_any_other_refusal_ends_it(sign_in: SignIn, code: int) -> None:
    endpoint = Endpoint(first=code)

    with pytest.raises(PartnerAuthError) as raised:
        ask(sign_in, of(*secrets()), endpoint, RefreshToken(Hidden("old")))

    assert raised.value.code == code
    assert endpoint.seen == ["first"]


def test_the_one_that_worked_is_remembered(sign_in: SignIn) -> None:
    """So that an expired secret costs one request more once, and not every time."""
    application, endpoint = of(*secrets()), Endpoint(first=7000222)

    for _ in range(3):
        ask(sign_in, application, endpoint)
    assert endpoint.seen == ["first", "second", "second", "second"]

    endpoint.refused = {"second": 7000222}
    endpoint.seen.clear()
    for _ in range(2):
        ask(sign_in, application, endpoint)
    assert endpoint.seen == ["second", "first", "first"]
    assert application == of(*secrets())


def test_where_none_works_the_first_one_is_spoken_of_and_the_others_named(sign_in: SignIn) -> None:
    endpoint = Endpoint(first=7000222, second=7000215, third=700027)

    with pytest.raises(InvalidClient) as raised:
        ask(sign_in, of(*secrets()), endpoint)

    assert endpoint.seen == ["first", "second", "third"]
    assert raised.value.code == 7000222
    assert "7000215, 700027" in raised.value.message
    assert "the consent stays good" in raised.value.hint


@pytest.mark.parametrize("fault", [Misconfigured("no file"), StoreFailed("no store")])
def test_one_that_cannot_be_read_is_passed_over(sign_in: SignIn, fault: PartnerAuthError) -> None:
    def broken() -> Credential:
        raise fault

    endpoint = Endpoint()

    ask(sign_in, of(Stored(broken), Federated(lambda: ""), Secret("third")), endpoint)
    assert endpoint.seen == ["third"]
    with pytest.raises(type(fault)):
        ask(sign_in, of(Stored(broken)), endpoint)


def test_what_lies_in_a_place_is_read_anew(sign_in: SignIn) -> None:
    """A program that runs on picks up what a rotation put there."""
    there = iter(secrets("old new"))
    application, endpoint = of(Stored(lambda: next(there))), Endpoint()

    for _ in range(2):
        ask(sign_in, application, endpoint)

    assert endpoint.seen == ["old", "new"]


def test_a_lost_answer_is_no_refusal(sign_in: SignIn) -> None:
    """A code that was perhaps redeemed is not sent once more by another credential."""
    seen = []

    def lost(request: Request) -> Response:
        seen.append(request)
        raise Unreachable("gone")

    code = AuthorizationCode(Hidden("code"), "https://localhost/")
    with pytest.raises(Unreachable):
        run(exchange(of(*secrets()), AUTHORITY, code, PARTNER_CENTER, sign_in.clock), lost)
    assert len(seen) == 1


def test_every_code_that_speaks_of_the_credential_leaves_the_consent_good() -> None:
    rows = [REFUSALS[code] for code in OF_THE_CREDENTIAL]

    assert not [row for row in rows if issubclass(row.kind, ConsentLost)]
    assert {row.mark for row in rows} <= {Mark.SUSPENDED, Mark.NONE}
