"""Signing keys: fetched from the cloud's own address, seldom, and never because a token says so."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from partnerauth.cloud import Dialect
from partnerauth.errors import Tampered, Unavailable, Unreadable
from partnerauth.flow import run
from partnerauth.messages import Response
from partnerauth.oauth.keys import MOST_KEYS, SigningKey, SigningKeys, read_keys
from tests.oauth.sign_in import TENANT, SignIn

V2_ISSUER = "https://login.microsoftonline.com/{tenantid}/v2.0"


def test_the_addresses_are_the_clouds_own(sign_in: SignIn) -> None:
    """Each dialect has its own key set."""
    for dialect in Dialect:
        sign_in.run(sign_in.keys.find("first", dialect))

    assert sign_in.asked == [
        f"https://login.microsoftonline.com/{TENANT}/discovery/keys",
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
    ]


def test_a_key_is_asked_for_once_a_day(sign_in: SignIn) -> None:
    """Known keys come from memory until they are a day old."""
    for hours in (0, 12, 11.9):
        sign_in.clock.advance(timedelta(hours=hours))
        sign_in.run(sign_in.keys.find("first", Dialect.V1))
    assert len(sign_in.asked) == 1

    sign_in.clock.advance(timedelta(minutes=6))
    sign_in.run(sign_in.keys.find("first", Dialect.V1))
    assert len(sign_in.asked) == 2


def test_keys_roll(sign_in: SignIn) -> None:
    """An unknown id asks again, but not more than once in five minutes, whoever sends the tokens."""
    sign_in.run(sign_in.keys.find("first", Dialect.V2))
    sign_in.kid = "second"

    for _ in range(20):
        with pytest.raises(Tampered, match="does not publish"):
            sign_in.run(sign_in.keys.find("second", Dialect.V2))
    assert len(sign_in.asked) == 1

    sign_in.clock.advance(timedelta(minutes=5))
    assert sign_in.run(sign_in.keys.find("second", Dialect.V2)).kid == "second"
    for kid in ("first", "third", "first"):
        with pytest.raises(Tampered):
            sign_in.run(sign_in.keys.find(kid, Dialect.V2))
    assert len(sign_in.asked) == 2


def test_a_clock_set_back_does_not_keep_keys_for_ever(sign_in: SignIn) -> None:
    """A jump of more than a day either way asks again."""
    sign_in.run(sign_in.keys.find("first", Dialect.V2))
    sign_in.clock.advance(timedelta(days=-2))
    sign_in.run(sign_in.keys.find("first", Dialect.V2))

    assert len(sign_in.asked) == 2


def test_keys_that_cannot_be_fetched(sign_in: SignIn) -> None:
    """The fault of the service is told as such, and forgotten: the next one asks again."""
    keys = SigningKeys(sign_in.authority, sign_in.clock)

    with pytest.raises(Unavailable):
        run(keys.find("first", Dialect.V1), lambda _: Response(503), sign_in.clock.sleep)
    assert sign_in.run(keys.find("first", Dialect.V1)).kid == "first"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"keys":{}}', b'{"keys":7}', b'{"keys":null}', b"[" * 9000]
)
def test_what_is_no_key_set(body: bytes) -> None:
    """It says so."""
    with pytest.raises(Unreadable):
        read_keys(Response(200, body=body))


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"use": "enc"},
        {"kid": ""},
        {"kid": 7},
        {"n": None},
        {"e": 65537},
        {"kty": None},
    ],
)
def test_other_keys_are_left_aside(sign_in: SignIn, change: dict[str, Any]) -> None:
    """Only RSA keys for signing count; one broken entry does not spoil the others."""
    response = Response.json(200, {"keys": [sign_in.jwk() | {"kid": "x"} | change, 7, None, [], sign_in.jwk()]})

    assert list(read_keys(response)) == ["first"]


def test_an_endless_key_set_is_cut(sign_in: SignIn) -> None:
    """Nobody fills our memory with keys."""
    listed = [sign_in.jwk() | {"kid": str(number)} for number in range(3 * MOST_KEYS)]

    assert len(read_keys(Response.json(200, {"keys": listed}))) == MOST_KEYS


def test_one_key_for_several_issuers(sign_in: SignIn) -> None:
    """The same key listed twice may sign for both; another key of the same id is not believed."""
    key = sign_in.jwk()
    listed = [key | {"issuer": "a"}, key | {"issuer": "b"}, key | {"issuer": "c", "n": "AQAB"}]

    assert read_keys(Response.json(200, {"keys": listed}))["first"].issuers == ("a", "b")
    assert read_keys(Response.json(200, {"keys": [key | {"issuer": "a"}, key]}))["first"].issuers == ()


def test_whom_a_key_may_sign_for() -> None:
    """A template is filled with the tenant, a fixed issuer must be the very one, none restricts nothing."""
    issuers = {f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"}
    key = SigningKey("k", "n", "e")

    assert key.may_sign_for(issuers, TENANT)
    assert replace(key, issuers=(V2_ISSUER,)).may_sign_for(issuers, TENANT)
    assert not replace(key, issuers=(V2_ISSUER,)).may_sign_for(issuers, "other")
    assert not replace(key, issuers=("https://login.microsoftonline.com/9188040d/v2.0",)).may_sign_for(issuers, TENANT)
    assert replace(key, issuers=("x", V2_ISSUER)).may_sign_for(issuers, TENANT)
