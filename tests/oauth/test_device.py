"""The device code flow, with a person who takes their time."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.cloud import GLOBAL, Api, Dialect
from partnerauth.errors import (
    InvalidClient,
    InvalidRequest,
    MfaMissing,
    SignInCancelled,
    Unavailable,
    Unreachable,
    Unreadable,
)
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application
from partnerauth.oauth.device import DeviceLogin, DeviceRequest, begin, poll
from partnerauth.oauth.tokens import TokenSet
from tests.oauth import words
from tests.oauth.sign_in import APPLICATION, NOW, TENANT, SignIn

AUTHORITY = GLOBAL.authority(TENANT)
PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)
APP = Application(APPLICATION)
V2 = {
    "user_code": "C7XQ2LMNP",
    "device_code": "CAQ",
    "verification_uri": "https://microsoft.com/devicelogin",
    "expires_in": 900,
    "interval": 5,
    "message": "Open the page and enter C7XQ2LMNP.",
}
V1 = {
    "user_code": "C7XQ2LMNP",
    "device_code": "CAQ",
    "verification_url": "https://microsoft.com/devicelogin",
    "expires_in": "900",
    "interval": "5",
    "message": "Open the page and enter C7XQ2LMNP.",
}
SAMPLES = {Dialect.V1: V1, Dialect.V2: V2}
TOKENS = Response.json(200, {"token_type": "Bearer", "access_token": "a", "expires_in": 3599, "refresh_token": "r"})
PENDING = Response.json(
    400, {"error": "authorization_pending", "error_description": "AADSTS70016: x", "error_codes": [70016]}
)
SLOW_DOWN = Response.json(400, {"error": "slow_down"})
LOGIN = DeviceLogin.read(Response.json(200, V2), NOW)


@given(
    st.builds(DeviceRequest, words.filled, st.just(Dialect.V1), words.text, words.scopes)
    | st.builds(DeviceRequest, words.filled, st.just(Dialect.V2), st.just(""), words.scopes)
)
def test_what_is_written_is_read(asked: DeviceRequest) -> None:
    """In both dialects."""
    assert DeviceRequest.read(asked.to(AUTHORITY)) == asked


@pytest.mark.parametrize(("body", "code"), [(b"", 900144), (b"client_id=x&client_id=y", 9002313)])
def test_requests_that_are_not_right(body: bytes, code: int) -> None:
    """Each with the code that Entra ID gives for it."""
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    with pytest.raises(InvalidRequest) as raised:
        DeviceRequest.read(Request("POST", AUTHORITY.device_code_endpoint(Dialect.V2), headers, body))

    assert raised.value.code == code


@pytest.mark.parametrize("dialect", Dialect)
def test_the_published_samples(dialect: Dialect) -> None:
    """Read, and written back as they were."""
    login = DeviceLogin.read(Response.json(200, SAMPLES[dialect]), NOW)

    assert (login.user_code, login.address, login.interval) == ("C7XQ2LMNP", "https://microsoft.com/devicelogin", 5)
    assert login.expires_at == NOW + timedelta(minutes=15)
    assert login.write(dialect) == SAMPLES[dialect]
    assert login == LOGIN


def test_what_is_shown_cannot_steer_a_terminal() -> None:
    """The texts come from outside."""
    login = DeviceLogin.read(Response.json(200, V2 | {"message": "a\x1b[2Jb\nc", "user_code": "A\x07B"}), NOW)

    assert (login.message, login.user_code) == ("a [2Jb c", "A B")


def test_a_message_of_our_own_where_none_came() -> None:
    """It names the address and the code."""
    value = {name: text for name, text in V2.items() if name not in ("message", "interval")}
    login = DeviceLogin.read(Response.json(200, value), NOW)

    assert login.address in login.message
    assert login.user_code in login.message
    assert login.interval == 5


@pytest.mark.parametrize(
    "changed",
    [
        {"device_code": ""},
        {"device_code": 5},
        {"user_code": None},
        {"verification_uri": "http://microsoft.com/devicelogin"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": None},
        {"expires_in": 0},
        {"expires_in": None},
        {"expires_in": "soon"},
        {"interval": -5},
        {"interval": "x"},
        {"interval": True},
    ],
)
def test_answers_that_are_not_right(changed: dict[str, Any]) -> None:
    """They say so."""
    with pytest.raises(Unreadable):
        DeviceLogin.read(Response.json(200, V2 | changed), NOW)


@given(st.dictionaries(st.sampled_from([*V2, "verification_url"]), words.json))
def test_any_object_is_read_or_unreadable(changed: dict[str, Any]) -> None:
    """And waits neither no time nor for ever."""
    try:
        login = DeviceLogin.read(Response.json(200, V2 | changed), NOW)
    except Unreadable:
        return
    assert 1 <= login.interval <= 60
    assert timedelta(0) < login.expires_at - NOW <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (Dialect.V1, {"client_id": APPLICATION, "resource": PARTNER_CENTER.identifier}),
        (
            Dialect.V2,
            {"client_id": APPLICATION, "scope": f"{PARTNER_CENTER.identifier}/.default openid profile offline_access"},
        ),
    ],
)
def test_a_code_is_asked_for(sign_in: SignIn, dialect: Dialect, fields: dict[str, str]) -> None:
    """At the tenant's own address."""
    seen: list[Request] = []

    def send(request: Request) -> Response:
        seen.append(request)
        return Response.json(200, SAMPLES[dialect])

    login = run(begin(APP, AUTHORITY, PARTNER_CENTER, sign_in.clock, dialect), send, sign_in.clock.sleep)

    assert login.user_code == "C7XQ2LMNP"
    assert (seen[0].url, seen[0].fields) == (AUTHORITY.device_code_endpoint(dialect), fields)


def test_no_code_is_given(sign_in: SignIn) -> None:
    """A refusal is the error it stands for."""
    body = {"error": "invalid_client", "error_description": "AADSTS7000218: x", "error_codes": [7000218]}
    flow = begin(APP, AUTHORITY, PARTNER_CENTER, sign_in.clock)

    with pytest.raises(InvalidClient):
        run(flow, lambda _: Response.json(401, body), sign_in.clock.sleep)


class Endpoint:
    """A token endpoint with its answers in turn, the last one for ever; it notes when it was asked."""

    def __init__(self, sign_in: SignIn, *answers: Response | Exception) -> None:
        self.clock = sign_in.clock
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.requests: list[Request] = []
        self._last = self.clock.ticks()

    def send(self, request: Request) -> Response:
        """The next answer."""
        self.pauses.append(self.clock.ticks() - self._last)
        self._last = self.clock.ticks()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def poll(self, dialect: Dialect = Dialect.V2) -> TokenSet:
        """Ask until there are tokens."""
        flow = poll(LOGIN, APP, AUTHORITY, PARTNER_CENTER, self.clock, dialect)
        return run(flow, self.send, self.clock.sleep)


def test_a_person_takes_their_time(sign_in: SignIn) -> None:
    """Asked every five seconds, and not sooner, until they have signed in."""
    endpoint = Endpoint(sign_in, PENDING, PENDING, TOKENS)

    assert endpoint.poll().refresh_token == Hidden("r")
    assert endpoint.pauses == [5, 5, 5]


@pytest.mark.parametrize(
    ("dialect", "named"),
    [
        (Dialect.V1, {"grant_type": "device_code", "code": "CAQ", "resource": PARTNER_CENTER.identifier}),
        (Dialect.V2, {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "CAQ"}),
    ],
)
def test_what_is_asked(sign_in: SignIn, dialect: Dialect, named: dict[str, str]) -> None:
    """Each dialect in its own words."""
    endpoint = Endpoint(sign_in, TOKENS)
    endpoint.poll(dialect)

    assert endpoint.requests[0].fields.items() >= named.items()


def test_slow_down(sign_in: SignIn) -> None:
    """Each one lengthens the pause by five seconds for good (RFC 8628 3.5)."""
    endpoint = Endpoint(sign_in, SLOW_DOWN, PENDING, SLOW_DOWN, TOKENS)
    endpoint.poll()

    assert endpoint.pauses == [5, 10, 10, 15]


def test_a_network_that_comes_and_goes(sign_in: SignIn) -> None:
    """Faults are waited out, more slowly each time, as long as the code is good."""
    endpoint = Endpoint(sign_in, Unreachable("gone"), Response(503, (("Retry-After", "30"),)), PENDING, TOKENS)

    assert endpoint.poll().access_token == Hidden("a")
    assert endpoint.pauses == [5, 10, 30, 30]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response.json(400, {"error": "authorization_declined"}), SignInCancelled),
        (Response.json(400, {"error": "expired_token", "error_codes": [70020]}), SignInCancelled),
        (Response.json(400, {"error": "code_expired"}), SignInCancelled),
        (Response.json(400, {"error": "invalid_grant", "error_codes": [50076]}), MfaMissing),
        (Response.html(200, "<html>"), Unreadable),
        (Response.html(400, "<html>"), Unreadable),
    ],
)
def test_what_ends_it(sign_in: SignIn, answer: Response, kind: type[Exception]) -> None:
    """Anything else than pending, at once."""
    endpoint = Endpoint(sign_in, PENDING, answer)

    with pytest.raises(kind) as raised:
        endpoint.poll()
    assert type(raised.value) is kind
    assert len(endpoint.pauses) == 2


def test_nobody_comes(sign_in: SignIn) -> None:
    """After a quarter of an hour it is over, also where the service never says so."""
    endpoint = Endpoint(sign_in, PENDING)

    with pytest.raises(SignInCancelled, match="in time"):
        endpoint.poll()
    assert sign_in.clock.now() == LOGIN.expires_at
    assert len(endpoint.pauses) == 180


def test_nobody_answers(sign_in: SignIn) -> None:
    """Then the fault is told, not the person blamed."""
    endpoint = Endpoint(sign_in, Response(503))

    with pytest.raises(Unavailable):
        endpoint.poll()
    assert sign_in.clock.now() == LOGIN.expires_at
    assert max(endpoint.pauses) <= 60


def test_nothing_secret_is_shown() -> None:
    """Neither the device code nor the code to type."""
    assert "CAQ" not in repr(LOGIN)
    assert "C7XQ2LMNP" not in repr(LOGIN)
