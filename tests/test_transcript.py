"""What people are shown of HTTP messages holds no secret, and still tells the story."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.messages import FORM, JSON, Request, Response
from partnerauth.transcript import shown, shown_response, without_tokens

TOKEN = "https://login.microsoftonline.com/contoso.com/oauth2/token"
# RFC 7519, 3.1: the example of a JWT.
JWT = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
FIELDS = [
    *("client_secret", "client_assertion", "assertion", "password", "refresh_token", "code", "code_verifier"),
    *("device_code", "user_code", "access_token", "id_token", "id_token_hint", "state", "nonce", "passwd", "otc"),
    *("value", "secretText", "Password", "CLIENT_SECRET", "clientSecret"),
]
HEADERS = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Broker-Token"]

secrets = st.text(min_size=12, max_size=40, alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs"])).filter(
    lambda text: (
        len(set(text)) > 6
        and "***" not in text
        and text.strip() == text
        # a part of a field's name, or of the address, is shown with it
        and not any(text in open_ for open_ in (*FIELDS, *HEADERS, TOKEN, "https://localhost/"))
    )
)
fields = st.sampled_from(FIELDS)


def spellings(secret: str) -> set[str]:
    """How a secret may be written."""
    raw = secret.encode()
    coded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="), raw.hex()}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)} | coded | escaped


def is_nowhere(secret: str, text: str) -> bool:
    """Whether `text` shows `secret` in no spelling."""
    return not any(spelling in text for spelling in spellings(secret))


def test_a_token_request_is_shown_field_by_field_without_its_secrets() -> None:
    fields = {
        "grant_type": "refresh_token",
        "client_id": "0000",
        "client_secret": "s3cr3t s3cr3t",
        "refresh_token": "M.C",
    }
    request = Request.form(TOKEN, fields, (("client-request-id", "9999"),))

    assert shown(request) == (
        f"POST {TOKEN}\n"
        f"Content-Type: {FORM}\n"
        "client-request-id: 9999\n"
        "\n"
        "grant_type=refresh_token\n"
        "client_id=0000\n"
        "client_secret=***\n"
        "refresh_token=***"
    )


def test_a_token_response_is_shown_with_its_times_and_without_its_tokens() -> None:
    response = Response.json(200, {"token_type": "Bearer", "expires_in": "3599", "access_token": JWT, "id_token": JWT})

    assert shown_response(response) == (
        "200\n"
        f"Content-Type: {JSON}\n"
        "\n"
        '{\n  "token_type": "Bearer",\n  "expires_in": "3599",\n  "access_token": "***",\n  "id_token": "***"\n}'
    )


def test_a_redirect_names_its_fields_and_shows_only_well_known_values() -> None:
    there = "https://localhost:44395/?code=0.AAAA&session_state=abc&ctx=opaque#id_token=x"

    text = shown_response(Response(302, (("Location", there), ("Set-Cookie", "ESTSAUTH=abcdefgh; Secure"))))

    assert text == (
        "302\nLocation: https://localhost:44395/?code=***&session_state=abc&ctx=***#id_token=***\nSet-Cookie: ***"
    )


def test_the_error_code_of_an_api_is_no_authorization_code() -> None:
    """Partner Center's errors carry `code` and `description`, Graph's and Key Vault's `code` and `message`."""
    text = shown_response(Response.json(401, {"code": 900421, "description": "MFA required."}))
    graph = shown_response(Response.json(403, {"error": {"code": "Authorization_RequestDenied", "message": "No."}}))

    assert '"code": 900421' in text
    assert '"code": "Authorization_RequestDenied"' in graph


def test_an_address_in_json_is_shown_without_the_secrets_among_its_fields() -> None:
    context, link = "https://graph.microsoft.com/v1.0/$metadata#users/$entity", "https://localhost/?code=x&page=2"

    text = shown_response(Response.json(200, {"@odata.context": context, "link": link}))

    assert context in text
    assert "https://localhost/?code=***&page=2" in text


def test_a_challenge_is_kept() -> None:
    challenge = 'Bearer authorization="https://login.microsoftonline.com/tid", resource="https://vault.azure.net"'

    assert challenge in shown_response(Response(401, (("WWW-Authenticate", challenge),)))


def test_the_scheme_of_an_authorization_is_kept() -> None:
    assert shown(Request("GET", TOKEN, (("Authorization", f"Bearer {JWT}"),))).endswith("Authorization: Bearer ***")


def test_pages_and_unknown_bodies_are_only_named() -> None:
    page = '<form method="post"><input type="hidden" name="code" value="SECRETSECRET"></form>'

    assert shown_response(Response.html(200, page)).endswith(f"({len(page)} bytes of text/html)")
    assert shown(Request("POST", TOKEN, (), b"SECRETSECRET")).endswith("(12 bytes of no named type)")
    assert shown(Request("POST", TOKEN, (("Content-Type", "multipart/form-data; boundary=x"),), b"--x")).endswith(
        "(3 bytes of multipart/form-data)"
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b"{"),
        (JSON, b'{"password": "SECRETSECRET"'),
        (JSON, b"[" * 100_000),
        (JSON, b'{"a":' * 900 + b"1" + b"}" * 900),
        (JSON, b'"\xff"'),
        (JSON, b'{"password": "\\ud800SECRETSECRET"}'),
        (JSON, b"1" * 5000),
        (FORM, b"&&=&%%%&\xff=\xfe&password=SECRETSECRET"),
        (FORM, b"a=1&" * 1000),
    ],
)
def test_broken_bodies_are_shown_as_far_as_they_go(kind: str, body: bytes) -> None:
    text = shown(Request("POST", "https://[x", (("Content-Type", kind),), body))

    assert "SECRETSECRET" not in text
    text.encode()


def test_nothing_steers_a_terminal() -> None:
    text = shown(Request("GET", "https://localhost/\x1b[2J?a=%1b%5b2J%0aforged", (("X", "a\r\nForged: \u202e"),)))

    assert text == "GET https://localhost/\\x1b[2J?a=\\x1b[2J\\x0aforged\nX: a\\x0d\\x0aForged: \\u202e"


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"Bearer {JWT},",
        "emulated.rt.SECRETSECRET-SECRET_SECRET",
        "0.ASECRETSECRETSECRETSECRETSECRET.AgABAAEAAA",
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
        "redirect to https://localhost/?code=SECRET&state=x",
        '{"refresh_token": "SECRET"}',
        r"{\"refresh_token\":\"SECRET\"}",
    ],
)
def test_what_looks_like_a_token_is_taken_out_of_any_text(text: str) -> None:
    cleaned = without_tokens(text)

    assert "***" in cleaned
    assert "SECRET" not in cleaned
    assert "eyJ" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "https://api.partnercenter.microsoft.com/v1/customers",
        "https://partner.partnercenterapi.microsoftonline.cn/v1",
        "AADSTS700082: The refresh token has expired due to inactivity.",
        "00001111-aaaa-2222-bbbb-3333cccc4444",
        "grant_type=authorization_code",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_tokens(text) == text


@given(secrets, fields)
def test_a_secret_in_a_form_a_query_or_a_fragment_is_never_shown(secret: str, field: str) -> None:
    coded = urlencode({"client_id": "0000", field: secret})
    request = Request("POST", f"{TOKEN}?{coded}", (("Content-Type", FORM),), coded.encode())
    percent = "&".join(
        f"{name}={quote(secret, safe='')}" for name in (field, quote(field), f"%{ord(field[0]):02x}{field[1:]}")
    )

    assert is_nowhere(secret, shown(request))
    assert is_nowhere(secret, shown(Request("POST", TOKEN, (("Content-Type", FORM),), percent.encode())))
    assert is_nowhere(secret, shown_response(Response(302, (("Location", f"https://localhost/?{coded}#{percent}"),))))


@given(secrets, fields, st.booleans())
def test_a_secret_in_json_is_never_shown(secret: str, field: str, ascii_only: bool) -> None:
    values: list[Any] = [
        {field: secret},
        {"passwordProfile": {field: secret, "forceChangePassword": True}},
        [{"items": [{field: secret}]}],
        {field: [secret]},
        {"url": f"https://localhost/?{urlencode({field: secret})}"},
        {field: secret, "error_description": f"The provided value '{secret}' ({quote(secret)}) is not valid."},
        {field: secret, "inner": json.dumps({"anything": secret})},
    ]
    for value in values:
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        headers = (("Content-Type", JSON),)

        assert is_nowhere(secret, shown(Request("POST", TOKEN, headers, body)))
        assert is_nowhere(secret, shown_response(Response(400, headers, body)))


@given(secrets, st.sampled_from(HEADERS))
def test_a_secret_in_a_header_is_never_shown(secret: str, name: str) -> None:
    basic = base64.b64encode(f"0000:{secret}".encode()).decode()

    for value in (secret, f"Bearer {secret}", f"Basic {basic}", f"name={secret}; Path=/"):
        text = shown(Request("GET", TOKEN, ((name, value),)))

        assert is_nowhere(secret, text)
        assert basic not in text


@given(st.binary(max_size=300), st.sampled_from([FORM, JSON, "text/plain", "", "application/problem+json", "é"]))
def test_no_message_is_too_broken_to_be_shown(body: bytes, kind: str) -> None:
    url = "https://" + body.decode("latin-1")

    shown(Request("POST", url, (("Content-Type", kind), ("Location", url)), body)).encode()
    shown_response(Response(200, (("Content-Type", kind), ("Location", url)), body)).encode()
