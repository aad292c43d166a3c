"""What APIs say when they say no, from bodies that were published."""

import base64
from typing import Any

import pytest

from partnerauth.errors import (
    ApiRefused,
    Conflicting,
    Forbidden,
    MfaMissing,
    NotFound,
    PartnerAuthError,
    Throttled,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from partnerauth.messages import Response
from partnerauth.oauth.api_refusals import api_refused
from partnerauth.oauth.codes import REFUSALS

CORRELATION = "66666666-7777-8888-9999-000000000000"
MFA_2019 = (("WWW-Authenticate", 'Bearer error="invalid_token"'), ("Request-Context", "appId=cid-v1:x"))


@pytest.mark.parametrize(
    "response",
    [
        Response.json(401, {"code": 900421, "description": "no text of it is known", "data": []}),
        Response.json(401, {"code": "900421", "description": ""}),
        Response.json(401, {"code": 10001, "description": "Authentication failed. MFA required."}),
        Response(401, MFA_2019, reason="Unauthorized - MFA required"),
        Response(401, MFA_2019),
        Response(401, reason="Unauthorized - MFA required"),
        Response.json(401, {"statusCode": 401, "message": "MFA required"}),
        Response.json(401, {"code": 900421}, (("isMfaCompliant", "False"),)),
        Response(401, (("ISMFACOMPLIANT", "false"),), b"no"),
        Response.json(403, {"error": {"code": "Unauthorized_MissingMFA", "message": "x"}}),
    ],
)
def test_partner_center_misses_mfa(response: Response) -> None:
    """Both forms of the refusal, the SDK's number and Graph's twin are one error; its remedy is a new consent."""
    error = api_refused(response, "Partner Center")

    assert type(error) is MfaMissing
    assert error.hint == REFUSALS[900421].remedy


@pytest.mark.parametrize(
    ("response", "kind", "code"),
    [
        (Response.json(401, {"code": 900420, "description": "x"}), Unauthorized, 900420),
        (Response(401), Unauthorized, None),
        (Response(401, body=b"<html>"), Unauthorized, None),
        (Response(401, MFA_2019, b'{"code":400,"description":"expired"}'), Unauthorized, 400),
        (
            Response(401, (("WWW-Authenticate", 'Bearer authorization="https://login", resource="x"'),)),
            Unauthorized,
            None,
        ),
        (Response.json(403, {"code": 900329, "description": "x", "source": "PartnerFD"}), Forbidden, 900329),
        (Response.json(403, {"code": "20002"}), Forbidden, 20002),
        (Response(403), Forbidden, None),
        (Response.json(404, {"code": 60003, "description": "x"}), NotFound, 60003),
        (Response.json(404, {"code": 3000, "description": "x", "data": []}), NotFound, 3000),
        (Response.json(409, {"code": 800060}), Conflicting, 800060),
        (
            Response.json(412, {"error": {"code": "PreconditionFailed", "message": "x"}}),
            Conflicting,
            "PreconditionFailed",
        ),
        (Response.json(400, {"code": 2055, "description": "etag"}), Conflicting, 2055),
        (Response.json(400, {"code": 60012, "description": "none left", "data": ["x"]}), ApiRefused, 60012),
        (Response.json(400, {"code": 600061, "message": "a", "isRetryable": False}), ApiRefused, 600061),
        (Response.json(400, {"code": 400}), ApiRefused, 400),
        (
            Response.json(401, {"error": {"code": "InvalidAuthenticationToken"}}),
            Unauthorized,
            "InvalidAuthenticationToken",
        ),
        (Response(301, (("Location", "https://example.com/"),)), Unreadable, None),
        (Response(500), Unavailable, None),
        (Response(501), ApiRefused, None),
        (Response.html(503, "<html>"), Unavailable, None),
    ],
)
def test_what_apis_refuse(response: Response, kind: type[PartnerAuthError], code: int | str | None) -> None:
    """The five forms of body, by status and code."""
    error = api_refused(response, "Partner Center")

    assert (type(error), error.code, error.status) == (kind, code, response.status)
    assert str(error).startswith(f"Partner Center answered {response.status}")
    assert error.hint


def test_a_wrong_audience_is_named() -> None:
    """900420 has its own remedy, not that of any other 401."""
    error = api_refused(Response.json(401, {"code": 900420, "description": "audience"}), "Partner Center")

    assert "https://api.partnercenter.microsoft.com" in error.hint
    assert str(error) == "Partner Center answered 401 (900420: audience)"


def test_an_api_throttles() -> None:
    """The seconds stand in the header, or else in the text."""
    body = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 7 seconds."}

    assert api_refused(Response.json(429, body), "x").retry_after == 7.0
    assert api_refused(Response.json(429, body, (("Retry-After", "9"),)), "x").retry_after == 9.0
    assert type(api_refused(Response(429), "x")) is Throttled


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padded", [True, False])
def test_a_claims_challenge_is_decoded(encode: Any, padded: bool) -> None:
    """base64 of either alphabet, padded or not; only where the header says `insufficient_claims`."""
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1635527790?>~"}}}'
    coded = encode(claims.encode()).decode()
    coded = coded if padded else coded.rstrip("=")
    header = f'Bearer realm="", error="insufficient_claims", claims="{coded}"'

    assert api_refused(Response(401, (("WWW-Authenticate", header),)), "Graph").claims == claims
    assert api_refused(Response(401, (("WWW-Authenticate", f'Bearer claims="{coded}"'),)), "Graph").claims == ""


def test_an_api_names_the_request() -> None:
    """The id that Microsoft's support asks for."""
    assert api_refused(Response(404, (("MS-CorrelationId", CORRELATION),)), "x").correlation_id == CORRELATION
    assert api_refused(Response(404, (("request-id", "abc"),)), "x").correlation_id == "abc"
