"""What another side says is shown without secrets, on one line, and still helps."""

import base64
import json

import pytest

from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.refusals import refused
from partnerauth.oauth.shown import LONGEST_MESSAGE, cleaned

SECRET = 'p4ss "wörd"/+%&~' + "x" * 9
HIDDEN = Hidden(SECRET)


@pytest.mark.parametrize(
    "text",
    [
        f"raw {SECRET} raw",
        "form client_secret=abc123&grant_type=x",
        'json {"refresh_token":"abc123"}',
        "percent client_secret%3Dabc123 end",
        "code = abc123",
        "jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmMxMjMifQ.c2lnbmF0dXJlYWJjMTIz.",
        "long 0.AXabc123abc123abc123abc123abc123abc123abc123_-~",
        "base64 " + base64.b64encode(SECRET.encode()).decode(),
        "base64url " + base64.urlsafe_b64encode(SECRET.encode()).decode(),
        "json " + json.dumps(SECRET),
        "json in json " + json.dumps(json.dumps({"password": "abc123"})),
    ],
)
def test_no_secret_survives_in_a_message(text: str) -> None:
    """What the request carried is masked, and what looks like a token or a credential, also unasked."""
    shown = cleaned(text, [HIDDEN])
    error = refused(Response.json(400, {"error": "invalid_grant", "error_description": text}), secrets=[HIDDEN])

    for said in (shown, str(error)):
        assert "***" in said
        for part in ("abc123", "YWJjMTIz", "eyJ", "p4ss", "cDRzcy"):
            assert part not in said


@pytest.mark.parametrize(
    "text",
    [
        "The application 00001111-aaaa-2222-bbbb-3333cccc4444 was not found in the directory 'Contoso'.",
        "The resource principal named https://api.partnercenter.microsoft.com was not found.",
        "The request body must contain the following parameter: 'grant_type'.",
        "User account 'admin.agent@contoso.onmicrosoft.com' does not exist.",
        "It was issued on 2026-01-02T03:04:05.0000000Z and was inactive for 90.00:00:00.",
    ],
)
def test_what_helps_survives(text: str) -> None:
    """Ids, hosts, names and times stay: they are why one reads the message."""
    assert cleaned(text) == text


def test_messages_cannot_steer_a_terminal() -> None:
    """No control characters, no line breaks, no changes of direction, no endless text."""
    shown = cleaned("a\x1b[31mb\r\nc\u202ed\x00e" + " long" * 1000)

    assert shown.startswith("a [31mb c d e long")
    assert len(shown) <= LONGEST_MESSAGE
