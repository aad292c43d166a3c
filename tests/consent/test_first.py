"""The first consent: kept only if tenant, person, id_token and MFA are what they should be; else nothing is stored."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from partnerauth.cloud import GLOBAL, Dialect
from partnerauth.consent.consent import IDLE_LIFETIME, State
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, REFERRALS_USER, TENANT, WEB_APP
from partnerauth.emulator.world import Person, Role, Tenant
from partnerauth.errors import (
    InvalidGrant,
    MfaAbsent,
    MfaUnseen,
    Misconfigured,
    NoConsent,
    PartnerAuthError,
    Refused,
    SignInCancelled,
    StoreUnwritable,
    Tampered,
    WrongPerson,
    WrongTenant,
)
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.partner import NOON, Partner

FABRIKAM = "bbbbcccc-1111-dddd-2222-eeee3333ffff"


@pytest.fixture
def partner() -> Partner:
    """Contoso, where nobody has consented yet."""
    return Partner()


def assert_nothing_is_stored(partner: Partner) -> None:
    """Not even a trace of it."""
    assert partner.store.list() == []
    with pytest.raises(NoConsent):
        partner.kept()


def test_a_consent_with_mfa_is_kept(partner: Partner) -> None:
    """S2.2 and S2.3: the form post with code, id_token and state; the code redeemed; the refresh token kept."""
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)

    kept = partner.answer(ticket, fields)

    assert {"code", "id_token", "state"} <= fields.keys()
    consent = kept.consent
    assert (consent.username, consent.tenant, consent.application_id) == (ADMIN_AGENT, TENANT, WEB_APP)
    assert (consent.mfa, consent.state, consent.generation) == (Mfa.SHOWN, State.LIVE, 0)
    assert consent.consented_at == consent.obtained_at == NOON
    assert consent.idle_end == NOON + IDLE_LIFETIME
    assert kept.evidence.audience == "https://api.partnercenter.microsoft.com"
    assert partner.kept() == consent
    assert partner.opens(consent.refresh_token)
    assert len(partner.asked) == 1, "one code, redeemed once"
    assert partner.asked[0].fields["resource"] == "https://api.partnercenter.microsoft.com"


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("hybrid", [True, False], ids=["code id_token", "code"])
def test_in_both_dialects_with_and_without_an_id_token_beside_the_code(
    partner: Partner, dialect: Dialect, *, hybrid: bool
) -> None:
    ticket = partner.ticket(dialect=dialect)

    kept = partner.answer(ticket, partner.sign_in(ticket, hybrid=hybrid))

    assert kept.consent.mfa is Mfa.SHOWN
    assert kept.evidence.version == "1.0", "Partner Center takes tokens of version 1.0, whoever asks for them"


def test_a_consent_without_mfa_is_refused_and_nothing_is_stored(partner: Partner) -> None:
    ticket = partner.ticket()

    with pytest.raises(MfaAbsent, match="signed in without a second factor; nothing was stored"):
        partner.answer(ticket, partner.sign_in(ticket, mfa=False))

    assert_nothing_is_stored(partner)


def test_a_refused_consent_leaves_the_former_one_as_it_was(partner: Partner) -> None:
    former = partner.consent()
    ticket = partner.ticket()

    with pytest.raises(MfaAbsent):
        partner.answer(ticket, partner.sign_in(ticket, mfa=False))

    assert partner.kept() == former


def recoded(token: str, change: Callable[[dict[str, Any]], object]) -> str:
    """The token with other claims; its signature does not fit any more."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    change(claims)
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.{signature}"


def with_access_token(change: Callable[[dict[str, Any]], object]) -> Callable[[Request, Response], Response]:
    """The sign-in service's answers, with other claims in the access token."""

    def changed(request: Request, response: Response) -> Response:
        if not request.path.endswith("/token") or not response.ok:
            return response
        value = response.value()
        value["access_token"] = recoded(value["access_token"], change)
        return Response.json(200, value)

    return changed


def test_a_sign_in_that_no_token_tells_about_is_refused_by_another_name(partner: Partner) -> None:
    """**Unseen** is not **absent**: the person may have used a second factor, but nothing shows it.

    Id_tokens of version 2.0 never tell.
    """
    ticket = partner.ticket(dialect=Dialect.V2)
    fields = partner.sign_in(ticket, hybrid=False)
    partner.change = with_access_token(lambda claims: claims.pop("amr"))

    with pytest.raises(MfaUnseen, match="no token tells how"):
        partner.answer(ticket, fields)

    assert_nothing_is_stored(partner)


@pytest.mark.parametrize("amr", ["mfa", "pwd,mfa", {"mfa": True}, ["MFA"], ["mfa "], ["ngcmfa"], [["mfa"]], [], None])
def test_only_an_array_with_exactly_mfa_in_it_is_evidence(partner: Partner, amr: Any) -> None:
    ticket = partner.ticket(dialect=Dialect.V2)
    fields = partner.sign_in(ticket, hybrid=False)
    partner.change = with_access_token(lambda claims: claims.update(amr=amr))

    with pytest.raises((MfaAbsent, MfaUnseen)):
        partner.answer(ticket, fields)

    assert_nothing_is_stored(partner)


def test_the_word_of_a_signed_id_token_stands_in_where_the_access_token_does_not_tell(partner: Partner) -> None:
    """The second source of evidence: an id_token of version 1.0 with a signature."""
    ticket = partner.ticket()
    fields = partner.sign_in(ticket, hybrid=True)
    partner.change = with_access_token(lambda claims: claims.pop("amr"))

    assert partner.answer(ticket, fields).consent.mfa is Mfa.SHOWN


class Tacit(Partner):
    """A partner whose access tokens do not tell of MFA, though Partner Center knows."""

    def send(self, request: Request) -> Response:
        """What the emulator answers, its own tokens taken for ours and ours for its own."""
        theirs = request.header("Authorization").removeprefix("Bearer ")
        if theirs in self.__dict__.setdefault("_tokens", {}):
            request = request.having(("Authorization", f"Bearer {self.__dict__['_tokens'][theirs]}"))
        response = super().send(request)
        if not request.path.endswith("/token") or not response.ok:
            return response
        tacit = with_access_token(lambda claims: claims.pop("amr"))(request, response)
        self.__dict__["_tokens"][tacit.value()["access_token"]] = response.value()["access_token"]
        return tacit


@pytest.mark.parametrize("mfa", [True, False])
def test_partner_center_tells_where_no_token_does(*, mfa: bool) -> None:
    """The test header, and `isMfaCompliant` in the answer to it."""
    partner = Tacit()
    ticket = partner.ticket(dialect=Dialect.V2)
    fields = partner.sign_in(ticket, mfa=mfa, hybrid=False)

    if mfa:
        assert partner.answer(ticket, fields).consent.mfa is Mfa.SHOWN
        return
    with pytest.raises(MfaAbsent):
        partner.answer(ticket, fields)
    assert_nothing_is_stored(partner)


def test_the_evidence_of_a_token_of_version_2_is_no_evidence(partner: Partner) -> None:
    ticket = partner.ticket(dialect=Dialect.V2)
    fields = partner.sign_in(ticket, hybrid=False)
    partner.change = with_access_token(lambda claims: claims.update(ver="2.0"))

    with pytest.raises(MfaUnseen):
        partner.answer(ticket, fields)


def test_without_mfa_is_for_emulated_clouds_and_marked_for_ever(partner: Partner) -> None:
    consent = partner.consent(mfa=False, without_mfa=True)
    partner.token()

    assert consent.without_mfa
    assert partner.kept().without_mfa
    assert partner.kept().mfa is Mfa.ABSENT
    with pytest.raises(Misconfigured, match="in an emulated cloud only"):
        Partner(cloud=GLOBAL).first(without_mfa=True)


def fabrikam(partner: Partner) -> str:
    """Another tenant of this world, with a person in it; their user name."""
    person = Person(
        "99990000-0000-4000-8000-0000000000f1",
        "eve@fabrikam.com",
        "Eve",
        "Fabrikam",
        Hidden(PASSWORD),
        {Role.ADMIN_AGENT},
    )
    tenant = Tenant(FABRIKAM, "Fabrikam", ["fabrikam.com"], people={person.id: person})
    world = partner.emulator.world
    tenant.grants = dict(world.tenants[TENANT].grants)
    world.tenants[tenant.id] = tenant
    return person.upn


def test_a_person_of_another_tenant_is_refused(partner: Partner) -> None:
    upn = fabrikam(partner)
    ticket = partner.ticket(tenant=TENANT)

    with pytest.raises(WrongTenant, match=FABRIKAM):
        partner.answer(ticket, partner.sign_in(ticket, upn))

    assert_nothing_is_stored(partner)


def test_each_tenant_has_its_own_consent(partner: Partner) -> None:
    upn = fabrikam(partner)
    ours = partner.consent()

    theirs = partner.consent(upn)

    assert (theirs.tenant, theirs.username) == (FABRIKAM, upn)
    assert partner.kept() == ours
    assert [consent.tenant for consent in partner.run(partner.book.consents())] == [TENANT, FABRIKAM]
    with pytest.raises(Misconfigured, match="several tenants") as caught:
        partner.run(partner.book.find())
    assert TENANT in str(caught.value)
    assert partner.run(partner.book.find("fabrikam.com")) == theirs
    assert partner.run(partner.book.find(TENANT.upper())) == ours


def test_another_person_than_the_expected_one_is_refused(partner: Partner) -> None:
    found = partner.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    ticket = partner.ticket(tenant=TENANT, person=found[1].id)

    with pytest.raises(WrongPerson):
        partner.answer(ticket, partner.sign_in(ticket, REFERRALS_USER))

    assert_nothing_is_stored(partner)


def test_a_colleague_takes_over_only_by_a_deliberate_act(partner: Partner) -> None:
    former = partner.consent(ADMIN_AGENT)

    with pytest.raises(WrongPerson, match=f"{ADMIN_AGENT} has consented for this tenant; {JOHN} did now"):
        partner.consent(JOHN)
    assert partner.kept() == former

    consent = partner.consent(JOHN, replacing=True)
    assert partner.kept().username == JOHN
    assert consent.epoch > former.epoch


def test_a_colleague_without_mfa_never_takes_over(partner: Partner) -> None:
    former = partner.consent(ADMIN_AGENT)

    with pytest.raises(MfaAbsent):
        partner.consent(JOHN, mfa=False, replacing=True)

    assert partner.kept() == former


def test_the_same_person_may_consent_again(partner: Partner) -> None:
    former = partner.consent()
    partner.days(1)

    again = partner.consent()

    assert partner.kept() == again
    assert again.epoch > former.epoch
    assert again.refresh_token != former.refresh_token


def test_a_forged_state_is_not_answered_at_all(partner: Partner) -> None:
    """Not a single request is made for it."""
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)

    for state in ("", "forged", fields["state"][:-1], fields["state"] + "x"):
        with pytest.raises(Tampered, match="a state that was never sent"):
            partner.answer(ticket, {**fields, "state": state})
    with pytest.raises(Tampered, match="a state that was never sent"):
        partner.answer(partner.ticket(), fields)

    assert not partner.asked
    assert_nothing_is_stored(partner)


def test_a_late_answer_is_not_taken(partner: Partner) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    partner.days(15 / 24 / 60)

    with pytest.raises(SignInCancelled, match="longer than a quarter of an hour"):
        partner.answer(ticket, fields)

    assert not partner.asked


def test_an_answer_that_says_no_is_a_refusal(partner: Partner) -> None:
    ticket = partner.ticket()
    fields = {
        "error": "access_denied",
        "error_subcode": "cancel",
        "error_description": "AADSTS65004: The person declined to consent.",
        "state": ticket.state.reveal(),
    }

    with pytest.raises(SignInCancelled):
        partner.answer(ticket, fields)

    assert not partner.asked


def test_a_replayed_code_is_refused_and_the_consent_stays(partner: Partner) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    kept = partner.answer(ticket, fields).consent

    with pytest.raises(InvalidGrant) as caught:
        partner.answer(ticket, fields)

    assert caught.value.code == 54005
    assert partner.kept() == kept
    assert partner.token().access_token


def test_a_code_is_sent_once_and_never_again(partner: Partner) -> None:
    """A passing fault is no reason to repeat it: it may have been redeemed."""
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    partner.change = lambda request, response: Response(503) if request.path.endswith("/token") else response

    with pytest.raises(PartnerAuthError):
        partner.answer(ticket, fields)

    assert len(partner.asked) == 1


def native_answer(partner: Partner) -> dict[str, str]:
    """What a sign-in to another application brings back."""
    other = Partner(emulator=partner.emulator)
    other.emulator.world.registrations[NATIVE_APP].platforms["https://localhost:44395/"] = "web"
    other.application = replace(other.application, id=NATIVE_APP)
    return other.sign_in(other.ticket())


@pytest.mark.parametrize("what", ["nonce", "signature", "claims", "audience", "another code", "unsigned"])
def test_an_id_token_that_does_not_hold_is_refused_before_the_code_is_redeemed(partner: Partner, what: str) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    header, payload, signature = fields["id_token"].split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    forged = {
        "nonce": lambda: partner.sign_in(replace(ticket, nonce=Hidden("another nonce")))["id_token"],
        "signature": lambda: f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        "claims": lambda: recoded(fields["id_token"], lambda claims: claims.update(upn="eve@fabrikam.com")),
        "audience": lambda: native_answer(partner)["id_token"],
        "another code": lambda: partner.sign_in(ticket)["id_token"],
        "unsigned": lambda: f"{none}.{payload}.",
    }

    with pytest.raises(Tampered):
        partner.answer(ticket, {**fields, "id_token": forged[what]()})

    assert not partner.asked
    assert_nothing_is_stored(partner)


def test_a_code_of_another_application_is_refused(partner: Partner) -> None:
    ticket = partner.ticket()
    mine = partner.sign_in(ticket, hybrid=False)

    with pytest.raises(Refused):
        partner.answer(ticket, {**mine, "code": native_answer(partner)["code"]})

    assert_nothing_is_stored(partner)


@pytest.mark.parametrize("claim", ["oid", "tid", "appid"])
def test_an_access_token_of_somebody_else_than_the_id_token_is_refused(partner: Partner, claim: str) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    partner.change = with_access_token(lambda claims: claims.update({claim: FABRIKAM}))

    with pytest.raises(Tampered):
        partner.answer(ticket, fields)

    assert_nothing_is_stored(partner)


def test_two_id_tokens_of_different_people_are_refused(partner: Partner) -> None:
    """The browser brought one, the token endpoint another; each holds, and both answer the same question."""
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    another = partner.sign_in(ticket, JOHN)["id_token"]

    def changed(request: Request, response: Response) -> Response:
        if not request.path.endswith("/token"):
            return response
        return Response.json(200, {**response.value(), "id_token": another})

    partner.change = changed

    with pytest.raises(Tampered, match="speak of different people"):
        partner.answer(ticket, fields)

    assert_nothing_is_stored(partner)


def test_without_a_refresh_token_there_is_no_consent(partner: Partner) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)

    def changed(request: Request, response: Response) -> Response:
        if not request.path.endswith("/token"):
            return response
        value = response.value()
        del value["refresh_token"]
        return Response.json(200, value)

    partner.change = changed

    with pytest.raises(InvalidGrant, match="no refresh token"):
        partner.answer(ticket, fields)

    assert_nothing_is_stored(partner)


class BrokenStore(MemoryStore):
    """A store that cannot be written."""

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """It says so when tried."""
        raise StoreUnwritable("no space left on device")


def test_no_code_is_redeemed_while_the_store_cannot_be_written() -> None:
    """A code that is spent for nothing costs the person another sign-in."""
    partner = Partner(store=BrokenStore())
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)

    with pytest.raises(StoreUnwritable):
        partner.answer(ticket, fields)

    assert not partner.asked


def test_an_application_without_partner_center_shows_the_evidence_by_referrals(partner: Partner) -> None:
    """On 65001 or 650057 the next named API whose token tells how the person signed in."""
    world = partner.emulator.world
    referrals = "4990cffe-04e8-4e8b-808a-1175604b879f"
    granted = {api: names for api, names in world.registrations[WEB_APP].permissions.items() if api == referrals}
    world.registrations[WEB_APP].permissions = granted
    world.tenants[TENANT].grants = {(WEB_APP, referrals, ""): {"user_impersonation"}}
    ticket = partner.ticket()
    asked = replace(ticket.request(partner.partner_center, response_mode="form_post", hybrid=True), resource="")
    fields = partner.browse(asked.to(ticket.authority))

    kept = partner.answer(ticket, fields)

    assert kept.evidence.audience == "https://api.partner.microsoft.com"
    assert kept.consent.mfa is Mfa.SHOWN


def test_an_emulators_tokens_are_refused_outside_of_an_emulated_cloud(partner: Partner) -> None:
    """Whoever answers in place of the sign-in service, by the real name: what it issues is not taken."""
    real = Partner(cloud=GLOBAL, emulator=partner.emulator)
    ticket = real.ticket()
    fields = real.sign_in(ticket, hybrid=False)

    with pytest.raises(Tampered, match="emulator's token"):
        real.answer(ticket, fields)

    assert_nothing_is_stored(real)


def test_a_process_that_was_told_so_takes_them(partner: Partner) -> None:
    """`PARTNERAUTH_EMULATED=1`, as for an unmodified program in front of an emulator."""
    told = Partner(cloud=replace(GLOBAL, impersonated=True), emulator=partner.emulator)
    ticket = told.ticket()

    assert told.answer(ticket, told.sign_in(ticket)).consent.cloud == "global"


def test_what_the_browser_brought_is_shown_nowhere(partner: Partner, caplog: pytest.LogCaptureFixture) -> None:
    ticket = partner.ticket()
    fields = partner.sign_in(ticket)
    kept = partner.answer(ticket, fields)
    secrets = [fields["code"], fields["id_token"], fields["state"], kept.consent.refresh_token.reveal()]

    shown = f"{ticket} {AuthorizeResponse.read(fields)} {kept} {partner.asked} {caplog.text}"

    assert not [secret for secret in secrets if secret in shown]
