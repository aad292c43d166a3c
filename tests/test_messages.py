"""HTTP messages: what they carry, what they refuse, and what they never print."""

import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.messages import FORM, MOST_FIELDS, Request, Response, read_form
from tests.canaries import Canary

TOKEN = "https://login.microsoftonline.com/contoso.com/oauth2/token"

# Whatever UTF-8 can write: a form has no way to carry a lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(texts, texts, max_size=20))
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    request = Request.form(TOKEN, fields)

    assert request.method == "POST"
    assert request.header("Content-Type") == FORM
    assert request.fields == fields
    assert Request("GET", f"{TOKEN}?{request.body.decode()}").query == fields


def test_the_form_of_a_sample_is_read_as_it_is_written_there() -> None:
    """Seed "Referrals API authentication": the sample's body, its lines joined; nothing in it is percent-encoded."""
    body = (
        b"resource=https://api.partner.microsoft.com&grant_type=password&scope=openid"
        b"&client_id=00001111-aaaa-2222-bbbb-3333cccc4444&client_secret=TestClientAppSecret23456"
        b"&username=john.doe@contoso.com&password=PCTestPassword@123"
    )

    assert Request("POST", TOKEN, (("Content-Type", FORM),), body).fields == {
        "resource": "https://api.partner.microsoft.com",
        "grant_type": "password",
        "scope": "openid",
        "client_id": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "client_secret": "TestClientAppSecret23456",
        "username": "john.doe@contoso.com",
        "password": "PCTestPassword@123",
    }


@pytest.mark.parametrize(
    "body",
    ["code=1&code=2", "a=1&code=1&b=&code=1", "code=&code=", "code=1&%63ode=2", "c+d=1&c%20d=2"],
)
def test_a_repeated_field_is_refused(body: str) -> None:
    """RFC 6749 3.1: parameters must not be included more than once."""
    with pytest.raises(ValueError, match="more than once"):
        read_form(body)


def test_a_refused_field_is_named_and_its_value_is_not(canary: Canary) -> None:
    secret = canary("code", awkward=False)

    with pytest.raises(ValueError, match="'code'") as caught:
        read_form(f"code={secret}&code={secret}")

    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"a=\xff", b"%C3=1", "&".join(f"{n}=" for n in range(MOST_FIELDS + 1)).encode()]
)
def test_broken_forms_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        _ = Request("POST", TOKEN, (("Content-Type", FORM),), body).fields


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_only_a_form_has_fields(kind: str) -> None:
    with pytest.raises(ValueError, match="is not a form"):
        _ = Request("POST", TOKEN, (("Content-Type", kind),), b"a=1").fields


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", FORM.upper(), f"{FORM} ;charset=x"])
def test_a_form_is_known_by_its_type_alone(kind: str) -> None:
    assert Request("POST", TOKEN, (("content-type", kind),), b"a=1&b=%C3%A9+%2B").fields == {"a": "1", "b": "é +"}


def test_headers_are_found_in_any_letter_case_and_replaced_by_name() -> None:
    request = Request("GET", TOKEN, (("Accept", "a"), ("accept", "b"), ("X-Other", "c")))

    replaced = request.having(("ACCEPT", "d"), ("X-New", "e"))

    assert request.header("aCCept") == "a"
    assert request.header("missing") == ""
    assert replaced.headers == (("X-Other", "c"), ("ACCEPT", "d"), ("X-New", "e"))


def test_the_parts_of_an_address() -> None:
    request = Request("GET", "https://LocalHost:8443/a%20b/c?d=%2F&e=")

    assert (request.scheme, request.host, request.origin) == ("https", "localhost", "https://LocalHost:8443")
    assert request.path == "/a%20b/c"
    assert request.query == {"d": "/", "e": ""}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_before_json_is_tolerated(mark: bytes) -> None:
    """Partner Center's answers begin with one."""
    assert Response(200, body=mark + b'{"totalCount": 1}').value() == {"totalCount": 1}
    assert Request("POST", TOKEN, body=mark + b"[]").value() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", b'{"a":', b"\xff", b'"\xff"', b"[" * 100_000, b"\xef\xbb\xbf\xef\xbb\xbf{}", b"{} {}"],
)
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        Response(200, body=body).value()


def test_json_that_cannot_be_read_is_not_quoted(canary: Canary) -> None:
    secret = canary("token", awkward=False)

    with pytest.raises(ValueError, match="no JSON") as caught:
        Response(200, body=f'{{"access_token": "{secret}"'.encode()).value()

    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


def test_no_message_prints_its_body_or_its_credentials(canary: Canary) -> None:
    secret, password = canary("token"), quote(canary("password"), safe="")
    headers = (("Authorization", f"Bearer {secret}"), ("Cookie", secret))
    form = Request.form(f"https://user:{password}@localhost:8443/path?code={quote(secret)}", {"code": secret}, headers)
    json = Request.json("PUT", TOKEN, {"value": secret}, headers)
    answer = Response.json(200, {"access_token": secret}, (("Set-Cookie", secret),))

    sys.stdout.write(f"{form} {json!r} {answer} {[form, answer]} { {'in': json} }")

    assert repr(form) == "<Request POST https://localhost:8443/path>"
    assert repr(json) == f"<Request PUT {TOKEN}>"
    assert repr(answer) == "<Response 200>"


@pytest.mark.parametrize("url", ["https://[half", "https://[::1", "", "https://host:port/", "\ud800"])
def test_a_request_with_a_broken_address_can_be_shown(url: str) -> None:
    assert repr(Request("GET", url)).startswith("<Request GET ")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("٣", None),
        ("9" * 40, None),
    ],
)
def test_retry_after_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    assert Response(429, (("retry-after", value),)).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (302, False), (401, False)]
)
def test_two_hundreds_are_success(status: int, ok: bool) -> None:
    assert Response(status).ok is ok
