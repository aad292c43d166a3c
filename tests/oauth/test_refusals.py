"""What the sign-in service says when it says no, from bodies that were published and from such as none should send."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.errors import (
    ConsentNeeded,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    MfaMissing,
    Misconfigured,
    PartnerAuthError,
    Pending,
    PermissionNeeded,
    PolicyBlocked,
    Refused,
    SignInCancelled,
    Throttled,
    Unavailable,
    Unreadable,
    WrongTenant,
)
from partnerauth.messages import Response
from partnerauth.oauth.api_refusals import api_refused
from partnerauth.oauth.codes import REFUSALS, Mark
from partnerauth.oauth.refusals import explain, mark_of, refused, refused_fields
from partnerauth.oauth.shown import LONGEST_MESSAGE

CORRELATION = "66666666-7777-8888-9999-000000000000"
TRACES = (
    f"Trace ID: 11111111-2222-3333-4444-555555555555{{0}}Correlation ID: {CORRELATION}{{0}}"
    "Timestamp: 2026-01-02 03:04:05Z"
)


def entra(error: str, *codes: int, text: str = "Some text.", status: int = 400, **more: Any) -> Response:
    """A refusal as the token endpoint words it."""
    body = {
        "error": error,
        "error_description": f"AADSTS{codes[-1] if codes else 0}: {text}\r\n" + TRACES.format("\r\n"),
        "error_codes": list(codes),
        "timestamp": "2026-01-02 03:04:05Z",
        "trace_id": "11111111-2222-3333-4444-555555555555",
        "correlation_id": CORRELATION,
    }
    return Response.json(status, body | more)


def test_mfa_demanded_at_a_refresh() -> None:
    """The body of 50076 becomes `MfaMissing` with code, correlation id and remedy, and without trace lines."""
    error = refused(entra("invalid_grant", 50076, text="You must use MFA.", suberror="basic_action"))

    assert type(error) is MfaMissing
    assert error.message == "AADSTS50076: You must use MFA."
    assert (error.code, error.correlation_id, error.status) == (50076, CORRELATION, 400)
    assert error.hint == REFUSALS[50076].remedy
    assert mark_of(error) is Mark.SUSPENDED


def test_v1_words_mean_the_same() -> None:
    """v1 says `interaction_required` where v2 says `invalid_grant`: the code decides."""
    assert type(refused(entra("interaction_required", 50076))) is MfaMissing
    assert type(refused(entra("interaction_required", 53003))) is PolicyBlocked


def test_a_claims_demand_is_passed_on() -> None:
    """The JSON text in `claims` is what the next sign-in must carry."""
    claims = '{"access_token":{"capolids":{"essential":true,"values":["x"]}}}'

    assert refused(entra("invalid_grant", 53003, claims=claims)).claims == claims


@pytest.mark.parametrize("claims", ["[1]", "{", 7, {"a": 1}, '{"a":' * 5000, "", None])
def test_claims_that_are_none_are_dropped(claims: Any) -> None:
    """Only a JSON object in a text is a claims challenge."""
    assert refused(entra("invalid_grant", 53003, claims=claims)).claims == ""


@pytest.mark.parametrize(
    "description",
    [
        "AADSTS70002: Error validating credentials. AADSTS54005: OAuth2 Authorization code was already redeemed.",
        "AADSTS54005: The code was redeemed. Trace ID: x Correlation ID: y Timestamp: z",
        "AADSTS54005:no blank",
    ],
)
def test_the_code_is_found_in_the_text(description: str) -> None:
    """Old bodies have no `error_codes`, and put a generic code before the real one."""
    error = refused(Response.json(400, {"error": "invalid_grant", "error_description": description}))

    assert (type(error), error.code) == (InvalidGrant, 54005)
    assert "Trace ID" not in error.message


def test_the_last_of_two_codes_counts() -> None:
    """`[70002, 50126]`: the first is generic."""
    assert refused(entra("invalid_grant", 70002, 50126)).code == 50126
    assert refused(entra("invalid_grant", 50034, 50126)).code == 50126
    assert refused(entra("invalid_client", 70002, status=401)).code == 70002


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_grant", InvalidGrant),
        ("invalid_client", InvalidClient),
        ("unauthorized_client", InvalidClient),
        ("invalid_request", InvalidRequest),
        ("invalid_scope", InvalidRequest),
        ("unsupported_grant_type", InvalidRequest),
        ("interaction_required", ConsentNeeded),
        ("consent_required", PermissionNeeded),
        ("access_denied", SignInCancelled),
        ("authorization_declined", SignInCancelled),
        ("authorization_pending", Pending),
        ("slow_down", Pending),
        ("expired_token", SignInCancelled),
        ("code_expired", SignInCancelled),
        ("invalid_tenant", WrongTenant),
        ("server_error", Unavailable),
        ("temporarily_unavailable", Unavailable),
        ("never_heard_of", Refused),
    ],
)
def test_unknown_codes_fall_back_to_the_word(word: str, kind: type[PartnerAuthError]) -> None:
    """A code of tomorrow still becomes the right kind, and keeps its number."""
    error = refused(entra(word, 123456789))

    assert (type(error), error.code) == (kind, 123456789)
    assert type(refused(Response.json(400, {"error": word}))) is kind


@pytest.mark.parametrize(
    ("suberror", "kind"),
    [("consent_required", PermissionNeeded), ("basic_action", ConsentNeeded), ("bad_token", ConsentNeeded)],
)
def test_unknown_codes_listen_to_the_suberror(suberror: str, kind: type[PartnerAuthError]) -> None:
    """`invalid_grant` is coarse; the suberror says what helps."""
    assert type(refused(entra("invalid_grant", 99999, suberror=suberror))) is kind


def test_a_malformed_request_is_no_bad_grant() -> None:
    """9002313 comes with both words; the word tells which it was."""
    assert type(refused(entra("invalid_request", 9002313))) is InvalidRequest
    assert type(refused(entra("invalid_grant", 9002313))) is InvalidGrant


def test_codes_of_partner_center_mean_nothing_at_the_token_endpoint() -> None:
    """900421 is an API's code: Entra ID's own number spaces are apart."""
    assert type(refused(entra("invalid_grant", 900421))) is InvalidGrant


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response.html(502, "<html>Bad gateway</html>"), Unavailable),
        (Response(503), Unavailable),
        (Response(504, body=b"\xff\xfe\x00"), Unavailable),
        (Response.html(400, "<html>Proxy</html>"), Unreadable),
        (Response(407), Unreadable),
        (Response(302, (("Location", "https://example.com/"),)), Unreadable),
        (Response(400, body=b'{"error":"inv'), Unreadable),
        (Response.json(400, ["error"]), Unreadable),
        (Response.json(400, {"error": {"code": "x"}}), Unreadable),
        (Response.json(400, {"error": ""}), Unreadable),
        (Response(400, body=b"[" * 100_000), Unreadable),
        (Response(429, body=b"slow down"), Throttled),
        (Response.json(429, {"error": "temporarily_unavailable", "error_codes": [90055]}), Throttled),
    ],
)
def test_answers_without_a_reason(response: Response, kind: type[PartnerAuthError]) -> None:
    """Pages, empty and broken bodies become `Unavailable`, `Throttled` or `Unreadable` by their status alone."""
    error = refused(response)

    assert (type(error), error.status) == (kind, response.status)
    assert mark_of(error) is Mark.NONE


def test_a_fault_of_the_service_never_loses_a_consent() -> None:
    """A 500 that speaks of a revoked token says nothing about the token."""
    error = refused(entra("invalid_grant", 700082, status=500))

    assert type(error) is Unavailable
    assert mark_of(error) is Mark.NONE


def test_retry_after_is_kept() -> None:
    """In seconds, a minute where a throttled answer names none."""
    assert refused(Response(429, (("Retry-After", "17"),))).retry_after == 17.0
    assert refused(Response(429)).retry_after == 60.0
    assert refused(entra("invalid_grant", 50196)).retry_after == 60.0
    assert refused(Response(503, (("retry-after", "3"),))).retry_after == 3.0
    assert refused(entra("invalid_grant", 50076)).retry_after is None


@pytest.mark.parametrize(
    ("error", "mark"),
    [
        (refused(entra("invalid_grant", 700082)), Mark.LOST),
        (refused(entra("invalid_grant", 70000)), Mark.SPENT),
        (refused(entra("invalid_client", 7000222, status=401)), Mark.SUSPENDED),
        (refused(Response.json(400, {"error": "invalid_grant"})), Mark.SPENT),
        (refused(entra("invalid_grant", 99999)), Mark.SUSPENDED),
        (refused(entra("interaction_required", 99999)), Mark.SUSPENDED),
        (refused(entra("invalid_request", 900144)), Mark.NONE),
        (refused(entra("invalid_grant", 50196)), Mark.NONE),
        (Unreadable("x", code=700082), Mark.NONE),
    ],
)
def test_what_a_refusal_marks(error: PartnerAuthError, mark: Mark) -> None:
    """Unknown codes suspend rather than lose; RFC 6749 servers mean the token by a bare `invalid_grant`."""
    assert mark_of(error) is mark


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "error",
    "error_description",
    "error_codes",
    "error_uri",
    "suberror",
    "claims",
    "correlation_id",
    "code",
    "message",
    "description",
    "data",
]


@given(status=st.integers(100, 599), body=st.binary(max_size=200))
def test_any_bytes_become_an_error(status: int, body: bytes) -> None:
    """Whatever comes, an error of ours goes out, bounded and printable."""
    for error in (refused(Response(status, body=body)), api_refused(Response(status, body=body), "Partner Center")):
        assert isinstance(error, PartnerAuthError)
        assert str(error).isprintable()
        assert len(str(error)) < LONGEST_MESSAGE + 100


@given(status=st.integers(400, 503), body=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_object_becomes_an_error(status: int, body: dict[str, Any]) -> None:
    """Fields of wrong types are as good as absent."""
    response = Response(status, body=json.dumps(body).encode())
    for error in (refused(response), api_refused(response, "Graph")):
        assert str(error).isprintable()
        assert error.code is None or isinstance(error.code, (int, str))
        assert len(str(error)) < LONGEST_MESSAGE + 200
        assert len(error.correlation_id) <= 64


@given(fields=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60)))
def test_any_fields_become_an_error(fields: dict[str, str]) -> None:
    """Also what a browser brings."""
    assert str(refused_fields(fields)).isprintable()


def test_the_person_declined() -> None:
    """The captured form of a declined consent, and the older word for it."""
    text = "AADSTS65004: User declined to consent to access the app.\r\n" + TRACES.format("\r\n")

    for word in ("access_denied", "consent_required"):
        error = refused_fields({"error": word, "error_description": text})
        assert (type(error), error.code) == (SignInCancelled, 65004)
        assert "declined to consent" in error.message
        assert "Trace" not in error.message


def test_backing_out_is_cancelling() -> None:
    """`error_subcode=cancel`, with or without a code; a bare `access_denied` too."""
    assert type(refused_fields({"error": "access_denied", "error_subcode": "cancel"})) is SignInCancelled
    assert type(refused_fields({"error": "access_denied"})) is SignInCancelled


def test_an_authorize_error_may_name_its_code_in_the_address_only() -> None:
    """`error_uri` ends in the code."""
    uri = "https://login.microsoftonline.com/error?code=700054"
    error = refused_fields({"error": "unsupported_response_type", "error_uri": uri})

    assert (type(error), error.code) == (InvalidClient, 700054)
    assert error.message == f"AADSTS700054: {REFUSALS[700054].cause}"


@pytest.mark.parametrize("code", [50076, "50076", "AADSTS50076", "aadsts50076", " AADSTS50076: You must...", "900421"])
def test_explain(code: int | str) -> None:
    """A code in any of the forms that people have at hand."""
    assert explain(code) is REFUSALS[900421 if code == "900421" else 50076]


@pytest.mark.parametrize("code", ["", "AADSTS", "123456789", 0, -50076, "x50076", "500767", "9" * 4000])
def test_explain_unknown(code: int | str) -> None:
    """An unknown code is the asker's mistake, told shortly."""
    with pytest.raises(Misconfigured) as raised:
        explain(code)

    assert len(str(raised.value)) < 120
