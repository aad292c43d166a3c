"""The signing keys and the authenticator's codes."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey

from partnerauth.cloud import Dialect
from partnerauth.emulator.keys import WORLD, SigningKeys, signing_keys
from partnerauth.emulator.totp import code, matches
from partnerauth.hidden import Hidden

SECRET = Hidden("12345678901234567890")
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("second", "expected"), VECTORS)
def test_codes_are_those_of_rfc_6238(second: int, expected: str) -> None:
    """RFC 6238, appendix B, the rows of SHA-1."""
    moment = datetime.fromtimestamp(second, UTC)

    assert code(SECRET, moment, digits=8) == expected
    assert code(SECRET, moment) == expected[2:]


def test_the_code_before_and_the_one_after_are_tolerated() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    step = timedelta(seconds=30)

    found = [matches(SECRET, code(SECRET, moment + n * step), moment) for n in (-2, -1, 0, 1, 2)]

    assert found == [False, True, True, True, False]
    assert matches(SECRET, f" {code(SECRET, moment)[:3]} {code(SECRET, moment)[3:]}", moment)
    assert not any(
        matches(SECRET, text, moment) for text in ("", "12345", "1234567", "\uff11\uff12\uff13\uff14\uff15\uff16")
    )


WORLDS = ("one", "before")
HERE = {WORLD: "one"}


@pytest.fixture(scope="module")
def keys() -> SigningKeys:
    return signing_keys()


def test_an_independent_library_verifies_what_is_signed(keys: SigningKeys) -> None:
    published = KeySet.import_key_set(keys.jwks("https://localhost:8443"))  # type: ignore[arg-type]

    token = jwt.decode(keys.sign({"a": "é"}), published, algorithms=["RS256"])

    assert token.claims == {"a": "é"}
    assert keys.verify(keys.sign({"a": "é"} | HERE), WORLDS) == {"a": "é"} | HERE


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_is_not_signed_by_these_keys_is_refused(keys: SigningKeys) -> None:
    """RFC 8725: no `none`, no HMAC with the public key, no critical extensions, no other key."""
    token = keys.sign({"a": 1} | HERE)
    header, claims, signature = token.split(".")
    kid = keys.jwks("x")["keys"][0]["kid"]
    hmac = jwt.encode({"alg": "HS256", "kid": kid}, {"a": 1}, OctKey.import_key(str(keys.jwks("x")["keys"][0]["n"])))
    broken = [
        "",
        "a.b",
        "a.b.c.d",
        f"{header}.{claims}.",
        f"{header}.{claims}.AAAA",
        f"{header}.{_part({'a': 2} | HERE)}.{signature}",
        f"{header}.{_part([1])}.{signature}",
        f"{_part({'alg': 'none', 'kid': kid})}.{claims}.",
        f"{_part({'alg': 'RS256', 'kid': 'other'})}.{claims}.{signature}",
        f"{_part({'alg': 'RS256', 'kid': kid, 'crit': ['x']})}.{claims}.{signature}",
        f"{_part({'alg': 'RS256', 'kid': ['x']})}.{claims}.{signature}",
        f"{'[' * 5000}.{claims}.{signature}",
        "é.é.é",
        hmac,
        SigningKeys().sign({"a": 1} | HERE),
        keys.sign({"a": 1}),
        keys.sign({"a": 1, WORLD: "another"}),
        keys.sign({"a": 1, WORLD: ["one"]}),
    ]
    for text in broken:
        with pytest.raises(ValueError, match=r"."):
            keys.verify(text, WORLDS)


def test_keys_roll_over_and_old_tokens_hold() -> None:
    """Entra ID publishes the next key long before it signs, and the former one for a while."""
    keys = SigningKeys()
    old, before = keys.sign(HERE), [key["kid"] for key in keys.jwks("x")["keys"]]

    keys.roll()

    after = [key["kid"] for key in keys.jwks("x", Dialect.V1)["keys"]]
    assert after[0] == before[1]
    assert before[0] in after
    assert len(after) == 3
    assert keys.verify(old, WORLDS) == keys.verify(keys.sign(HERE), WORLDS) == HERE


def test_keys_can_be_kept(keys: SigningKeys) -> None:
    again = SigningKeys()

    again.load(keys.pem())

    assert again.jwks("x") == keys.jwks("x")
    assert again.verify(keys.sign(HERE), WORLDS) == HERE
    for text in (b"", b"nonsense", keys.pem()[:500], keys.pem()[500:]):
        with pytest.raises(ValueError, match=r"."):
            again.load(text)
