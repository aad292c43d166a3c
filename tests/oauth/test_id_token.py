"""The id_token: every rule broken once, by name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from partnerauth.cloud import CHINA, GLOBAL
from partnerauth.errors import CloudMixed, PartnerAuthError, Tampered, Unreadable, WrongPerson, WrongTenant
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from partnerauth.oauth.id_token import PERSONAL, IdToken, agree, left_hash, verify_id_token
from partnerauth.oauth.keys import SigningKeys
from tests.oauth.sign_in import APPLICATION, NOW, PERSON, TENANT, SignIn

NONCE = Hidden("the nonce")
OTHER = "99998888-7777-6666-5555-444433332222"
V2_ISSUER = "https://login.microsoftonline.com/{tenantid}/v2.0"
STAMP = int(NOW.timestamp())


def verified(sign_in: SignIn, token: Hidden, **how: Any) -> IdToken:
    """What the checks make of `token`."""
    question: dict[str, Any] = {"authority": sign_in.authority, "application_id": APPLICATION, "keys": sign_in.keys}
    question |= {"clock": sign_in.clock, "nonce": NONCE, "from_browser": True}
    found = sign_in.run(verify_id_token(token, **(question | how)))
    assert isinstance(found, IdToken)
    return found


def test_a_token_that_holds(sign_in: SignIn) -> None:
    """Who signed in, where, when and how."""
    found = verified(sign_in, sign_in.token(auth_time=STAMP - 600))

    assert (found.tid, found.oid, found.sub) == (TENANT, PERSON, "pairwise")
    assert (found.name, found.username) == ("Admin Agent", "admin.agent@contoso.com")
    assert (found.version, found.amr, found.signed, found.emulated) == ("1.0", ("pwd", "mfa"), True, False)
    assert found.auth_time == NOW - timedelta(minutes=10)
    assert not found.guest


def test_a_v2_token_that_holds(sign_in: SignIn) -> None:
    """v2 has its own issuer, its own keys, and no `amr`."""
    sign_in.key_issuer = V2_ISSUER
    token = sign_in.token(
        ver="2.0",
        iss=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        amr=None,
        unique_name=None,
        preferred_username="admin.agent@contoso.com",
    )
    found = verified(sign_in, token)

    assert (found.version, found.amr, found.username) == ("2.0", None, "admin.agent@contoso.com")
    assert sign_in.asked == [f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"]


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"iss": f"https://sts.windows.net/{OTHER}/"}, Tampered, "issuer"),
        ({"iss": f"https://sts.windows.net/{TENANT}"}, Tampered, "issuer"),
        ({"iss": "https://sts.windows.net/{tenantid}/"}, Tampered, "issuer"),
        ({"iss": "https://evil.example/"}, Tampered, "issuer"),
        ({"iss": None}, Tampered, "issuer"),
        ({"iss": [f"https://sts.windows.net/{TENANT}/"]}, Tampered, "issuer"),
        ({"tid": OTHER}, Tampered, "issuer"),
        ({"tid": OTHER, "iss": f"https://sts.windows.net/{OTHER}/"}, WrongTenant, "should have been"),
        ({"tid": "contoso.com", "iss": "https://sts.windows.net/contoso.com/"}, WrongTenant, "no tenant"),
        ({"tid": None}, WrongTenant, "no tenant"),
        ({"tid": 5}, WrongTenant, "no tenant"),
        ({"tid": PERSONAL, "iss": f"https://sts.windows.net/{PERSONAL}/"}, WrongPerson, "personal"),
        ({"aud": OTHER}, Tampered, "another application"),
        ({"aud": None}, Tampered, "another application"),
        ({"aud": [APPLICATION, OTHER]}, Tampered, "another application"),
        ({"aud": {"a": APPLICATION}}, Tampered, "another application"),
        ({"exp": STAMP - 301}, Tampered, "expired"),
        ({"exp": None}, Unreadable, "how it holds|when it holds"),
        ({"exp": "tomorrow"}, Unreadable, "exp"),
        ({"exp": 10**15}, Unreadable, "exp"),
        ({"nbf": STAMP + 301}, Tampered, "future"),
        ({"iat": STAMP + 301}, Tampered, "future"),
        ({"iat": None}, Unreadable, "when it holds"),
        ({"nonce": "another"}, Tampered, "nonce"),
        ({"nonce": None}, Tampered, "nonce"),
        ({"nonce": ["the nonce"]}, Tampered, "nonce"),
        ({"oid": None}, Unreadable, "who signed in"),
        ({"oid": "somebody"}, Unreadable, "who signed in"),
        ({"sub": None}, Unreadable, "who signed in"),
    ],
)
def test_a_rule_broken(sign_in: SignIn, changed: dict[str, Any], kind: type[PartnerAuthError], said: str) -> None:
    """One claim is not right: the error has a name and says which."""
    with pytest.raises(PartnerAuthError, match=said) as raised:
        verified(sign_in, sign_in.token(**changed))

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": STAMP - 299},
        {"nbf": STAMP + 299},
        {"iat": STAMP + 299},
        {"nbf": None},
        {"exp": STAMP + 0.5},
        {"aud": [APPLICATION]},
        {"aud": APPLICATION.upper()},
        {"tid": TENANT.upper()},
        {"at_hash": "anything"},
        {"amr": "mfa"},
    ],
)
def test_what_still_holds(sign_in: SignIn, changed: dict[str, Any]) -> None:
    """Clocks differ by up to five minutes; letter case of ids does not matter."""
    assert verified(sign_in, sign_in.token(**changed)).oid == PERSON


def test_amr_must_be_a_list(sign_in: SignIn) -> None:
    """A text is not one."""
    assert verified(sign_in, sign_in.token(amr="mfa")).amr is None
    assert verified(sign_in, sign_in.token(amr=[])).amr == ()
    assert verified(sign_in, sign_in.token(amr=["mfa", 7, None])).amr == ("mfa",)


def test_a_strangers_key(sign_in: SignIn, other: RSAPrivateKey) -> None:
    """The right key id, the wrong key."""
    with pytest.raises(Tampered, match="signature"):
        verified(sign_in, jwt.sign(sign_in.claims(), other, {"kid": sign_in.kid}))


@pytest.mark.parametrize("header", [{"kid": "unknown"}, {"kid": ""}, {}])
def test_an_unpublished_key(sign_in: SignIn, header: dict[str, str]) -> None:
    """A key that the cloud does not publish signs nothing."""
    with pytest.raises(Tampered, match="does not publish"):
        verified(sign_in, jwt.sign(sign_in.claims(), sign_in.private, header))


def test_a_withdrawn_key(sign_in: SignIn) -> None:
    """Nor one that it publishes no longer."""
    sign_in.published = False

    with pytest.raises(Tampered, match="does not publish"):
        verified(sign_in, sign_in.token())


def test_another_algorithm(sign_in: SignIn) -> None:
    """Entra ID signs id_tokens by RS256 and by nothing else."""
    with pytest.raises(Tampered, match="PS256"):
        verified(sign_in, jwt.sign(sign_in.claims(), sign_in.private, {"kid": "first"}, algorithm="PS256"))


@pytest.mark.parametrize(
    "issuer", [f"https://login.microsoftonline.com/{PERSONAL}/v2.0", "https://evil.example/{tenantid}/v2.0"]
)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_key_of_another_issuer(sign_in: SignIn, issuer: str, version: str) -> None:
    """A key that is published for one issuer cannot sign for another (the key's own `issuer`)."""
    sign_in.key_issuer = issuer
    iss = {"1.0": f"https://sts.windows.net/{TENANT}/", "2.0": f"https://login.microsoftonline.com/{TENANT}/v2.0"}

    with pytest.raises(Tampered, match="key of another issuer"):
        verified(sign_in, sign_in.token(ver=version, iss=iss[version]))


def test_a_v1_token_under_a_key_that_names_the_v2_issuer(sign_in: SignIn) -> None:
    """The same keys sign for both editions."""
    sign_in.key_issuer = V2_ISSUER

    assert verified(sign_in, sign_in.token()).version == "1.0"


def test_the_code_beside_it(sign_in: SignIn) -> None:
    """`c_hash` must be there and match wherever a code came beside the token."""
    code = Hidden("0.AXcode")
    good = sign_in.token(c_hash=left_hash(code))

    assert verified(sign_in, good, code=code).oid == PERSON
    for token in (sign_in.token(), sign_in.token(c_hash=""), sign_in.token(c_hash=left_hash(Hidden("x")))):
        with pytest.raises(Tampered, match="code beside it"):
            verified(sign_in, token, code=code)
    with pytest.raises(Tampered, match="code beside it"):
        verified(sign_in, good, code=Hidden("0.AXother"))


def test_the_access_token_beside_it(sign_in: SignIn) -> None:
    """`at_hash` must match where it is there; it need not be there."""
    access_token = Hidden("eyJ.access.token")

    for token in (sign_in.token(), sign_in.token(at_hash=left_hash(access_token))):
        assert verified(sign_in, token, access_token=access_token).oid == PERSON
    for at_hash in (left_hash(Hidden("x")), "", 7):
        with pytest.raises(Tampered, match="access token beside it"):
            verified(sign_in, sign_in.token(at_hash=at_hash), access_token=access_token)


def test_the_hashes_of_openid_connect_core() -> None:
    """Appendix A.3, A.4 and A.6: `at_hash` and `c_hash` of the published examples."""
    assert left_hash(Hidden("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")) == "77QmUPtjPfzWtF2AnpK9RQ"
    code = Hidden("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk")
    assert left_hash(code) == "LDktKdoQak3Pk0cnXxCltA"


def test_no_nonce_where_none_was_sent(sign_in: SignIn) -> None:
    """A device code has no nonce to compare."""
    assert verified(sign_in, sign_in.token(nonce=None), nonce=None, from_browser=False).oid == PERSON


def test_unsigned_from_the_browser(sign_in: SignIn) -> None:
    """Never, whatever it says."""
    with pytest.raises(Tampered, match="not signed"):
        verified(sign_in, jwt.unsigned(sign_in.claims()))


def test_unsigned_from_the_token_endpoint(sign_in: SignIn) -> None:
    """As the v1 documents show it: taken, all its claims checked, marked as unsigned, no key asked for."""
    found = verified(sign_in, jwt.unsigned(sign_in.claims()), from_browser=False)

    assert (found.signed, found.oid, sign_in.asked) == (False, PERSON, [])
    for changed in ({"aud": OTHER}, {"iss": "x"}, {"nonce": "x"}, {"exp": STAMP - 400}):
        with pytest.raises(Tampered):
            verified(sign_in, jwt.unsigned(sign_in.claims(**changed)), from_browser=False)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "e30.e30."])
def test_what_is_no_id_token(sign_in: SignIn, text: str) -> None:
    """A text that is no token, or a token about nobody."""
    with pytest.raises((Unreadable, Tampered, WrongTenant)):
        verified(sign_in, Hidden(text))


def test_any_tenant_at_a_shared_address(sign_in: SignIn) -> None:
    """At `common` each tenant signs in under its own issuer; the caller then compares with the expected one."""
    authority = GLOBAL.authority("common")
    keys = SigningKeys(authority, sign_in.clock)
    token = sign_in.token(tid=OTHER, iss=f"https://sts.windows.net/{OTHER}/")

    assert verified(sign_in, token, authority=authority, keys=keys).tid == OTHER
    with pytest.raises(Tampered, match="issuer"):
        verified(sign_in, sign_in.token(tid=OTHER), authority=authority, keys=keys)


def test_keys_of_another_cloud(sign_in: SignIn) -> None:
    """Keys of one cloud prove nothing in another."""
    with pytest.raises(CloudMixed):
        verified(sign_in, sign_in.token(), keys=SigningKeys(CHINA.authority(TENANT), sign_in.clock))


def test_guests_are_named(sign_in: SignIn) -> None:
    """Whose home is another identity provider."""
    assert verified(sign_in, sign_in.token(idp=f"https://sts.windows.net/{OTHER}/")).guest
    assert verified(sign_in, sign_in.token(idp="live.com")).guest
    assert not verified(sign_in, sign_in.token(idp=f"https://sts.windows.net/{TENANT}/")).guest


def test_emulated_tokens_are_for_emulated_clouds(sign_in: SignIn) -> None:
    """They say so by a private claim that is the value true and nothing else."""
    authority = replace(GLOBAL, impersonated=True).authority(TENANT)
    keys = SigningKeys(authority, sign_in.clock)

    assert verified(sign_in, sign_in.token(xms_emulated=True), authority=authority, keys=keys).emulated
    assert not verified(sign_in, sign_in.token(xms_emulated="true")).emulated
    for token in (sign_in.token(xms_emulated=True), jwt.unsigned(sign_in.claims(xms_emulated=True))):
        with pytest.raises(Tampered, match="emulator"):
            verified(sign_in, token, from_browser=False)


def test_two_tokens_of_one_sign_in_agree(sign_in: SignIn) -> None:
    """In issuer and subject."""
    first = verified(sign_in, sign_in.token())
    agree(first, replace(first, name="renamed", issued_at=datetime(2026, 1, 1, tzinfo=UTC)))

    for second in (replace(first, sub="somebody else"), replace(first, iss="elsewhere")):
        with pytest.raises(Tampered, match="different people"):
            agree(first, second)
