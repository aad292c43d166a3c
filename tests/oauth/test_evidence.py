"""What tokens say about MFA, tenant and person, and what they do not say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.cloud import CHINA
from partnerauth.errors import MfaAbsent, MfaUnseen, PartnerAuthError, Tampered, Unreadable, WrongPerson, WrongTenant
from partnerauth.oauth import jwt
from partnerauth.oauth.evidence import (
    PARTNER_CENTER_ID,
    Evidence,
    Mfa,
    accepted_by_partner_center,
    judge,
    read_access_token,
    read_id_token,
)
from partnerauth.oauth.id_token import PERSONAL, IdToken
from tests.oauth.sign_in import APPLICATION, NOW, PERSON, TENANT

OTHER = "99998888-7777-6666-5555-444433332222"
STAMP = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "ver": "1.0",
    "aud": "https://api.partnercenter.microsoft.com",
    "iss": f"https://sts.windows.net/{TENANT}/",
    "iat": STAMP - 300,
    "nbf": STAMP - 300,
    "exp": STAMP + 3600,
    "acr": "1",
    "amr": ["pwd", "mfa"],
    "appid": APPLICATION,
    "appidacr": "1",
    "oid": PERSON,
    "scp": "user_impersonation",
    "tid": TENANT,
    "unique_name": "admin.agent@contoso.com",
}
"""The claims of the sample token in "Mandating MFA for your partner tenant", with our ids."""


def access(**changed: Any) -> Evidence:
    """The evidence of the sample token with some claims changed, or, as None, left away."""
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return read_access_token(jwt.unsigned(claims))


ID_TOKEN = IdToken(
    tid=TENANT,
    oid=PERSON,
    sub="pairwise",
    iss=f"https://sts.windows.net/{TENANT}/",
    name="Admin Agent",
    username="admin.agent@contoso.com",
    version="1.0",
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    amr=("pwd", "mfa"),
)


def test_the_sample_token() -> None:
    """Everything that a Partner Center token tells."""
    found = access(roles=["a", 7, "b"], auth_time=STAMP - 900, xms_emulated=True)

    assert found == Evidence(
        mfa=Mfa.SHOWN,
        source="access token",
        tenant=TENANT,
        person=PERSON,
        username="admin.agent@contoso.com",
        application_id=APPLICATION,
        roles=("a", "b"),
        scopes=("user_impersonation",),
        audience="https://api.partnercenter.microsoft.com",
        amr=("pwd", "mfa"),
        issued_at=NOW - timedelta(minutes=5),
        expires_at=NOW + timedelta(hours=1),
        auth_time=NOW - timedelta(minutes=15),
        emulated=True,
        version="1.0",
    )


@pytest.mark.parametrize(
    ("amr", "version", "mfa"),
    [
        (["pwd", "mfa"], "1.0", Mfa.SHOWN),
        (["mfa"], "1.0", Mfa.SHOWN),
        (["rsa", "mfa", 7], "1.0", Mfa.SHOWN),
        (["pwd"], "1.0", Mfa.ABSENT),
        ([], "1.0", Mfa.ABSENT),
        (["ngcmfa"], "1.0", Mfa.ABSENT),
        (["MFA"], "1.0", Mfa.ABSENT),
        (["mfa "], "1.0", Mfa.ABSENT),
        (["pwd,mfa"], "1.0", Mfa.ABSENT),
        ([["mfa"]], "1.0", Mfa.ABSENT),
        ("mfa", "1.0", Mfa.UNSEEN),
        ('["mfa"]', "1.0", Mfa.UNSEEN),
        ({"mfa": True}, "1.0", Mfa.UNSEEN),
        (True, "1.0", Mfa.UNSEEN),
        (None, "1.0", Mfa.UNSEEN),
        (["mfa"], "2.0", Mfa.UNSEEN),
        (["pwd"], "2.0", Mfa.UNSEEN),
        (["mfa"], None, Mfa.UNSEEN),
        (["mfa"], 1.0, Mfa.UNSEEN),
        (["mfa"], "1", Mfa.UNSEEN),
    ],
)
def test_mfa_in_an_access_token(amr: Any, version: Any, mfa: Mfa) -> None:
    """A list with an element exactly `mfa`, in a token of version 1.0; all else is absent or unseen."""
    assert access(amr=amr, ver=version).mfa is mfa


@pytest.mark.parametrize(
    ("changed", "mfa"),
    [
        ({}, Mfa.SHOWN),
        ({"amr": ("pwd",)}, Mfa.ABSENT),
        ({"amr": None}, Mfa.UNSEEN),
        ({"signed": False}, Mfa.UNSEEN),
        ({"version": "2.0"}, Mfa.UNSEEN),
        ({"version": ""}, Mfa.UNSEEN),
    ],
)
def test_mfa_in_an_id_token(changed: dict[str, Any], mfa: Mfa) -> None:
    """Only a signed one of version 1.0 is evidence."""
    assert read_id_token(replace(ID_TOKEN, **changed)).mfa is mfa


def test_v2_tokens_name_things_otherwise() -> None:
    """`azp` and `preferred_username`; MFA is unseen."""
    found = access(ver="2.0", appid=None, azp=APPLICATION, unique_name=None, preferred_username="a@contoso.com")

    assert (found.application_id, found.username, found.mfa) == (APPLICATION, "a@contoso.com", Mfa.UNSEEN)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c.d.e", "EwB4A8l6BAAU"])
def test_opaque_tokens_tell_nothing(token: str) -> None:
    """APIs may have their own formats."""
    with pytest.raises(Unreadable):
        read_access_token(token)


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=4), max_size=3)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "roles", "azp", "auth_time", "xms_emulated"]), JSON))
def test_any_claims_are_read_or_unreadable(claims: dict[str, Any]) -> None:
    """And MFA is never shown without the list that shows it."""
    try:
        found = read_access_token(jwt.unsigned(claims))
    except Unreadable:
        return
    amr = claims.get("amr")
    assert (found.mfa is Mfa.SHOWN) == (claims.get("ver") == "1.0" and isinstance(amr, list) and "mfa" in amr)


def test_mfa_required() -> None:
    """Absent and unseen are refused, each by its own name."""
    access().require_mfa()
    with pytest.raises(MfaAbsent, match=r"admin\.agent@contoso\.com"):
        access(amr=["pwd"]).require_mfa()
    with pytest.raises(MfaUnseen):
        access(amr=None).require_mfa()


@pytest.mark.parametrize("id_token", [None, ID_TOKEN, replace(ID_TOKEN, tid=TENANT.upper(), oid=PERSON.upper())])
def test_tokens_that_agree(id_token: IdToken | None) -> None:
    """With the question, and with each other; ids are compared without their letter case."""
    judge(access(), id_token, application_id=APPLICATION.upper(), tenant=TENANT.upper(), person=PERSON.upper())
    judge(access(tid=TENANT.upper(), oid=PERSON.upper()), id_token, application_id=APPLICATION)


@pytest.mark.parametrize(
    ("changed", "question", "kind"),
    [
        ({"tid": None}, {}, Tampered),
        ({"oid": None}, {}, Tampered),
        ({"tid": 5}, {}, Tampered),
        ({"appid": OTHER}, {}, Tampered),
        ({"appid": None}, {}, Tampered),
        ({"tid": OTHER}, {}, Tampered),
        ({"oid": OTHER}, {}, Tampered),
        ({"xms_emulated": True}, {}, Tampered),
        ({"tid": PERSONAL}, {}, WrongPerson),
        ({}, {"tenant": OTHER}, WrongTenant),
        ({}, {"person": OTHER}, WrongPerson),
    ],
)
def test_tokens_that_do_not(changed: dict[str, Any], question: dict[str, str], kind: type[PartnerAuthError]) -> None:
    """Another tenant, person or application than the id_token's or the expected one."""
    with pytest.raises(PartnerAuthError) as raised:
        judge(access(**changed), ID_TOKEN, **({"application_id": APPLICATION} | question))

    assert type(raised.value) is kind


def test_the_expected_tenant_is_asked_of_the_access_token_too() -> None:
    """Also where no id_token came."""
    with pytest.raises(WrongTenant):
        judge(access(tid=OTHER), None, application_id=APPLICATION, tenant=TENANT)
    with pytest.raises(WrongPerson):
        judge(access(oid=OTHER), None, application_id=APPLICATION, person=PERSON)


@pytest.mark.parametrize(
    "found",
    [
        access(),
        access(aud="https://api.partnercenter.microsoft.com/"),
        access(aud=PARTNER_CENTER_ID),
        access(scp=None, amr=None, unique_name=None, roles=["x"]),
    ],
)
def test_what_partner_center_takes(found: Evidence) -> None:
    """A token of a person with MFA, or of an application alone."""
    assert accepted_by_partner_center(found, NOW) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (access(aud="https://graph.windows.net"), "900420"),
        (access(aud=None), "no audience"),
        (access(aud="https://api.partnercenter.microsoft.com.evil.example"), "900420"),
        (access(exp=STAMP), "expired"),
        (access(exp=None), "when it expires"),
        (access(iat=STAMP + 301), "clock"),
        (access(amr=["pwd"]), "without MFA (900421)"),
        (access(amr=None), "does not tell (900421)"),
        (access(ver="2.0"), "does not tell (900421)"),
        (read_id_token(ID_TOKEN), "no access token"),
    ],
)
def test_what_partner_center_would_refuse(found: Evidence, said: str) -> None:
    """One reason, with the code that would come."""
    reasons = accepted_by_partner_center(found, NOW)

    assert len(reasons) == 1
    assert said in reasons[0]


def test_all_reasons_are_told_at_once() -> None:
    """Not one after the other."""
    found = access(aud="x", exp=STAMP - 1, amr=["pwd"])

    assert len(accepted_by_partner_center(found, NOW)) == 3
    assert len(accepted_by_partner_center(access(), NOW, CHINA)) == 1
    assert accepted_by_partner_center(access(), datetime(2026, 1, 1, tzinfo=UTC))
