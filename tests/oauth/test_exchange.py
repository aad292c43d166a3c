"""The token endpoint: what the client writes, the other side reads, and the exchange around it."""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.cloud import GLOBAL, Api, Dialect
from partnerauth.errors import InvalidRequest, MfaMissing, PartnerAuthError, Tampered, Unreachable
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth import jwt
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.exchange import TokenRequest, exchange, token_request
from partnerauth.oauth.grants import (
    DEVICE_CODE,
    AppItself,
    AuthorizationCode,
    DeviceCode,
    Grant,
    Password,
    RefreshToken,
)
from tests.oauth import words
from tests.oauth.sign_in import APPLICATION, TENANT, SignIn

AUTHORITY = GLOBAL.authority(TENANT)
PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)
APP = Application(APPLICATION, Secret("s3cret"))
ANSWER = {"token_type": "Bearer", "access_token": "a", "expires_in": "3599", "refresh_token": "r"}

asked = st.builds(
    TokenRequest,
    application_id=words.filled,
    proof=words.proofs,
    grant=words.grants,
    dialect=st.just(Dialect.V1),
    resource=words.text,
    scope=words.scopes,
    claims=words.text,
    client_info=st.booleans(),
) | st.builds(
    TokenRequest,
    application_id=words.filled,
    proof=words.proofs,
    grant=words.grants,
    dialect=st.just(Dialect.V2),
    scope=words.scopes,
    claims=words.text,
    client_info=st.booleans(),
)


@given(asked)
def test_what_is_written_is_read(asked: TokenRequest) -> None:
    """Every grant and every credential, in both dialects, whatever characters are in them."""
    assert TokenRequest.read(asked.to(AUTHORITY)) == asked


@given(asked)
def test_nothing_secret_stands_in_the_address_or_in_the_repr(asked: TokenRequest) -> None:
    """Secrets are in the body only."""
    request = asked.to(AUTHORITY)

    assert request.url == AUTHORITY.token_endpoint(asked.dialect)
    assert repr(request) == f"<Request POST {request.url}>"
    assert all(name in ("Content-Type", "Accept", "return-client-request-id") for name, _ in request.headers)


def test_no_request_prints_its_secrets() -> None:
    """Not the secret, the grant or the claims."""
    for grant in (
        RefreshToken(Hidden("CANARY")),
        AuthorizationCode(Hidden("CANARY"), "https://x", Hidden("CANARY")),
        Password("name", Hidden("CANARY")),
        DeviceCode(Hidden("CANARY")),
    ):
        assert "CANARY" not in repr(TokenRequest("id", {"client_secret": Hidden("CANARY")}, grant, claims="CANARY"))


def form(body: str, *, path: str = "/t/oauth2/token", header: str = "") -> Request:
    """A token request as somebody else writes it."""
    headers = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("authorization", header))
    return Request("POST", f"https://login.microsoftonline.com{path}", headers, body.encode())


@pytest.mark.parametrize(
    ("body", "grant"),
    [
        (f"grant_type={DEVICE_CODE}&client_id=x&device_code=d", DeviceCode(Hidden("d"))),
        ("grant_type=device_code&client_id=x&code=d", DeviceCode(Hidden("d"))),
        ("grant_type=device_code&client_id=x&device_code=d", DeviceCode(Hidden("d"))),
        (f"grant_type={DEVICE_CODE}&client_id=x&device_code=d&code=d", DeviceCode(Hidden("d"))),
        ("grant_type=refresh_token&client_id=x&refresh_token=a%2Bb+c", RefreshToken(Hidden("a+b c"))),
        ("grant_type=client_credentials&client_id=x", AppItself()),
    ],
)
def test_spellings_of_other_clients(body: str, grant: Grant) -> None:
    """ADAL, MSAL Python and MSAL Node write the device grant each in its own way."""
    assert TokenRequest.read(form(body)).grant == grant


def test_basic_authentication() -> None:
    """Id and secret are percent-encoded before base64 (RFC 6749 2.3.1)."""
    header = "Basic " + base64.b64encode(b"an%3Aid:p%40ss+w%2Brd%3A").decode()
    found = TokenRequest.read(form("grant_type=client_credentials", header=header))

    assert (found.application_id, found.proof) == ("an:id", {"client_secret": Hidden("p@ss w+rd:")})


@pytest.mark.parametrize("path", ["/t/oauth2/v2.0/token", "/t/oAuth2/V2.0/token"])
def test_the_path_tells_the_dialect(path: str) -> None:
    """In any letter case."""
    assert TokenRequest.read(form("grant_type=client_credentials&client_id=x", path=path)).dialect is Dialect.V2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 900144),
        ("client_id=x", 900144),
        ("grant_type=&client_id=x", 900144),
        ("grant_type=client_credentials", 900144),
        ("grant_type=refresh_token&client_id=x", 900144),
        ("grant_type=authorization_code&client_id=x", 900144),
        ("grant_type=password&client_id=x&username=a", 900144),
        ("grant_type=device_code&client_id=x", 900144),
        ("grant_type=magic&client_id=x", 70003),
        ("grant_type=client_credentials&client_id=x&client_id=y", 9002313),
        ("grant_type=client_credentials&client_id=%ff", 9002313),
        ("&".join(f"f{number}=1" for number in range(300)), 9002313),
    ],
)
def test_requests_that_are_not_right(body: str, code: int) -> None:
    """Each with the code that Entra ID gives for it."""
    with pytest.raises(InvalidRequest) as raised:
        TokenRequest.read(form(body))

    assert raised.value.code == code


def test_resource_is_refused_by_v2() -> None:
    """901002."""
    with pytest.raises(InvalidRequest) as raised:
        TokenRequest.read(form("grant_type=client_credentials&client_id=x&resource=y", path="/t/oauth2/v2.0/token"))

    assert raised.value.code == 901002


@given(st.binary(max_size=200), st.sampled_from(["", "Basic", "Basic !", "Basic gICA", "Bearer x", "Basic " + "A" * 9]))
def test_no_body_breaks_the_reader(body: bytes, header: str) -> None:
    """It reads, or refuses by `InvalidRequest`."""
    request = form("", header=header)
    request = Request("POST", request.url, request.headers, b"grant_type=client_credentials&" + body)
    codes: list[object] = []
    try:
        assert TokenRequest.read(request).grant == AppItself()
    except InvalidRequest as error:
        codes.append(error.code)
    assert codes in ([], [900144], [9002313])


def served(*answers: Response | Exception) -> tuple[Callable[[Request], Response], list[Request]]:
    """A token endpoint that gives these answers in turn, and what it was asked."""
    seen: list[Request] = []
    left = list(answers)

    def send(request: Request) -> Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return send, seen


def traded(sign_in: SignIn, grant: Grant, *answers: Response | Exception, **how: Any) -> tuple[Any, list[Request]]:
    """The outcome of an exchange, and what was asked."""
    send, seen = served(*answers)
    flow = exchange(APP, AUTHORITY, grant, PARTNER_CENTER, sign_in.clock, **how)
    try:
        return run(flow, send, sign_in.clock.sleep), seen
    except PartnerAuthError as error:
        return error, seen


def test_a_v1_exchange(sign_in: SignIn) -> None:
    """`resource`, the secret in the body, `openid` for an id_token."""
    tokens, seen = traded(sign_in, RefreshToken(Hidden("old")), Response.json(200, ANSWER))

    assert tokens.refresh_token == Hidden("r")
    assert seen[0].url == f"https://login.microsoftonline.com/{TENANT}/oauth2/token"
    assert seen[0].fields == {
        "grant_type": "refresh_token",
        "refresh_token": "old",
        "client_id": APPLICATION,
        "client_secret": "s3cret",
        "resource": "https://api.partnercenter.microsoft.com",
        "scope": "openid",
    }


def test_a_v2_exchange(sign_in: SignIn) -> None:
    """`scope` names the API; `offline_access` keeps refresh tokens coming."""
    _, seen = traded(sign_in, RefreshToken(Hidden("old")), Response.json(200, ANSWER), dialect=Dialect.V2)

    assert seen[0].url == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert seen[0].fields["scope"] == "https://api.partnercenter.microsoft.com/.default openid offline_access"
    assert "resource" not in seen[0].fields


@pytest.mark.parametrize("dialect", Dialect)
def test_an_application_asks_for_nothing_but_the_api(sign_in: SignIn, dialect: Dialect) -> None:
    """Client credentials take `.default` and no scope of a person."""
    asked = token_request(
        APPLICATION, {"client_secret": Hidden("s3cret")}, AppItself(), PARTNER_CENTER, dialect=dialect
    )

    assert asked.scope == (("https://api.partnercenter.microsoft.com/.default",) if dialect is Dialect.V2 else ())


def test_a_claims_challenge_is_carried(sign_in: SignIn) -> None:
    """As it came."""
    _, seen = traded(sign_in, AppItself(), Response.json(200, ANSWER), claims='{"access_token":{}}')

    assert seen[0].fields["claims"] == '{"access_token":{}}'


@pytest.mark.parametrize("answer", [Response(503), Response(429), Unreachable("gone")])
@pytest.mark.parametrize("grant", [AuthorizationCode(Hidden("c"), "https://x"), DeviceCode(Hidden("c"))])
def test_a_code_is_sent_once(sign_in: SignIn, grant: Grant, answer: Response | PartnerAuthError) -> None:
    """Whatever comes back: a code that was seen may be spent."""
    outcome, seen = traded(sign_in, grant, answer)

    assert isinstance(outcome, Unreachable)
    assert len(seen) == 1


@pytest.mark.parametrize("form", [lambda text: text, urllib.parse.quote_plus, json.dumps])
@pytest.mark.parametrize("code", [70000, 7000215, 99999])
def test_what_was_sent_is_never_repeated(sign_in: SignIn, code: int, form: Callable[[str], str]) -> None:
    """An endpoint that echoes the request does not get our secrets into a message."""
    said = f"AADSTS{code}: got {form('s3cret')} and {form('r=f é/t')} from you"
    answer = Response.json(400, {"error": "invalid_grant", "error_description": said})
    outcome, _ = traded(sign_in, RefreshToken(Hidden("r=f é/t")), answer)

    assert str(outcome).count("***") == 2
    assert "s3cret" not in str(outcome)
    assert not re.search(r"r(=|%3D)f", str(outcome))


@pytest.mark.parametrize(
    "changed", [{"refresh_token": "emulated.r"}, {"access_token": jwt.unsigned({"xms_emulated": True}).reveal()}]
)
def test_an_emulators_tokens_are_for_emulated_clouds(sign_in: SignIn, changed: dict[str, str]) -> None:
    """In a real cloud something answers in place of the sign-in service."""
    outcome, _ = traded(sign_in, AppItself(), Response.json(200, ANSWER | changed))

    assert isinstance(outcome, Tampered)


def test_passing_faults_are_waited_out(sign_in: SignIn) -> None:
    """A refresh token may be sent again."""
    answers = (Response(503, (("Retry-After", "7"),)), Unreachable("gone"), Response.json(200, ANSWER))
    before = sign_in.clock.ticks()
    tokens, seen = traded(sign_in, RefreshToken(Hidden("old")), *answers)

    assert (tokens.access_token, len(seen)) == (Hidden("a"), 3)
    assert sign_in.clock.ticks() - before >= 7


def test_a_refusal_is_not_repeated(sign_in: SignIn) -> None:
    """MFA missing is a fact, and no reason to ask again."""
    body = {"error": "interaction_required", "error_description": "AADSTS50076: MFA", "error_codes": [50076]}
    outcome, seen = traded(sign_in, RefreshToken(Hidden("old")), Response.json(400, body))

    assert (type(outcome), len(seen)) == (MfaMissing, 1)


def test_redirects_are_not_followed(sign_in: SignIn) -> None:
    """A token endpoint that sends elsewhere is no token endpoint."""
    outcome, seen = traded(sign_in, AppItself(), Response(307, (("Location", "https://evil.example/"),)))

    assert isinstance(outcome, Unreachable)
    assert len(seen) == 1
