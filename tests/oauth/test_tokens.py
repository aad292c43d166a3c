"""The answer of the token endpoint, in both dialects and in none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.cloud import Dialect
from partnerauth.errors import Unreadable
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.tokens import TokenSet
from tests.oauth import words
from tests.oauth.sign_in import NOW

V1 = {
    "token_type": "Bearer",
    "scope": "user_impersonation",
    "expires_in": "3599",
    "ext_expires_in": "3599",
    "expires_on": "1700003899",
    "not_before": "1699999999",
    "resource": "https://api.partnercenter.microsoft.com",
    "access_token": "eyJ",
    "refresh_token": "0.AX",
    "id_token": "eyJ",
}
V2 = {"token_type": "Bearer", "scope": "a/b", "expires_in": 4521, "ext_expires_in": 4521, "access_token": "eyJ"}

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@st.composite
def token_sets(draw: st.DrawFn, resource: st.SearchStrategy[str]) -> TokenSet:
    """Any tokens that live between a second and a year."""
    received_at = draw(moments)
    return TokenSet(
        access_token=draw(words.hidden),
        received_at=received_at,
        expires_at=received_at + timedelta(seconds=draw(st.integers(1, 366 * 86_400))),
        refresh_token=draw(st.none() | words.hidden),
        id_token=draw(st.none() | words.hidden),
        resource=draw(resource),
        scope=draw(words.scopes),
    )


@given(token_sets(words.filled))
def test_v1_is_read_as_it_is_written(tokens: TokenSet) -> None:
    """Numbers as text."""
    written = tokens.write(Dialect.V1)

    assert TokenSet.read(Response.json(200, written), tokens.received_at) == tokens
    assert all(isinstance(value, str) for value in written.values())


@given(token_sets(st.just("")))
def test_v2_is_read_as_it_is_written(tokens: TokenSet) -> None:
    """Numbers as numbers, and no `resource`."""
    written = tokens.write(Dialect.V2)

    assert TokenSet.read(Response.json(200, written), tokens.received_at) == tokens
    assert isinstance(written["expires_in"], int)


def test_the_published_samples() -> None:
    """The end counts from the receipt, by `expires_in`."""
    v1 = TokenSet.read(Response.json(200, V1), NOW)
    v2 = TokenSet.read(Response.json(200, V2), NOW)

    assert (v1.expires_at, v1.refresh_token) == (NOW + timedelta(seconds=3599), Hidden("0.AX"))
    assert (v2.expires_at, v2.refresh_token, v2.resource) == (NOW + timedelta(seconds=4521), None, "")


def test_the_end_by_the_issuers_clock() -> None:
    """Only where it does not say how long."""
    value = {name: text for name, text in V1.items() if name != "expires_in"}

    assert TokenSet.read(Response.json(200, value), NOW).expires_at == datetime.fromtimestamp(1700003899, UTC)


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": ["eyJ"]},
        {"token_type": "pop"},
        {"token_type": None},
        {"expires_in": "soon"},
        {"expires_in": "-1"},
        {"expires_in": 0},
        {"expires_in": True},
        {"expires_in": 3599.5},
        {"expires_in": "٣"},
        {"expires_in": "9" * 400},
        {"expires_in": 10**12},
        {"expires_in": None},
        {"refresh_token": 5},
        {"refresh_token": ""},
        {"id_token": {}},
        {"scope": ["a"]},
        {"resource": 5},
    ],
)
def test_fields_that_are_not_right(changed: dict[str, Any]) -> None:
    """An answer with one of them is no answer."""
    with pytest.raises(Unreadable):
        TokenSet.read(Response.json(200, V1 | changed), NOW)


@pytest.mark.parametrize("missing", ["access_token", "token_type"])
def test_fields_that_are_missing(missing: str) -> None:
    """Nor without one of these."""
    value = {name: text for name, text in V1.items() if name != missing}

    with pytest.raises(Unreadable, match=missing if missing == "access_token" else "bearer|token_type"):
        TokenSet.read(Response.json(200, value), NOW)


@pytest.mark.parametrize("end", ["253402300800", "137438953473", "1e9", -1, 2**62, "9" * 13])
def test_an_end_beyond_all_time(end: Any) -> None:
    """No calendar has it."""
    value = {name: text for name, text in V1.items() if name != "expires_in"} | {"expires_on": end}

    with pytest.raises(Unreadable):
        TokenSet.read(Response.json(200, value), NOW)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b'"a"', b'{"access_token":"a"', b"\xff", b"[" * 9000, b'{"a":"\\ud800"}', b"{}"],
)
def test_what_is_no_answer(body: bytes) -> None:
    """Pages, halves and other JSON."""
    with pytest.raises(Unreadable):
        TokenSet.read(Response(200, body=body), NOW)


@given(st.dictionaries(st.sampled_from([*V1, "unknown"]), words.json))
def test_any_object_is_read_or_unreadable(changed: dict[str, Any]) -> None:
    """And nothing else is raised."""
    try:
        tokens = TokenSet.read(Response.json(200, V1 | changed), NOW)
    except Unreadable:
        return
    assert tokens.access_token
    assert tokens.expires_at > datetime(1970, 1, 1, tzinfo=UTC)


def test_what_may_leave_the_house() -> None:
    """Neither refresh token nor id_token; and no token prints itself."""
    tokens = TokenSet.read(Response.json(200, V1), NOW)
    outside = tokens.without_refresh_token()

    assert (outside.refresh_token, outside.id_token, outside.access_token) == (None, None, tokens.access_token)
    assert "eyJ" not in repr(tokens)
    assert "0.AX" not in repr(tokens)
