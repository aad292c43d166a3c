"""The desk, from request to response: what is asked, what is kept, and the page for each way it can fail."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from partnerauth.cloud import Dialect
from partnerauth.consent.desk import COOKIE, Desk
from partnerauth.consent.invitation import Purpose
from partnerauth.consent.visit import MOST_OF_ONE, MOST_UNINVITED
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP
from partnerauth.emulator.world import Role
from partnerauth.errors import Misconfigured, NoConsent, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.guest import ORIGIN, Guest, desk_of, hidden, leads_to, said, title
from tests.consent.partner import REPLY, Partner, refusing

OWN = (("Origin", ORIGIN), ("Sec-Fetch-Site", "same-origin"))
PERSON = "99990000-0000-4000-8000-000000000002"
SOMEBODY = "99990000-0000-4000-8000-000000000009"
FABRIKAM = "bbbbcccc-1111-dddd-2222-eeee3333ffff"


@pytest.fixture
def partner() -> Partner:
    """Contoso, where nobody has consented yet."""
    return Partner()


@pytest.fixture
def desk(partner: Partner) -> Desk:
    """Its desk."""
    return desk_of(partner)


@pytest.fixture
def guest(partner: Partner, desk: Desk) -> Guest:
    """Somebody at a browser."""
    return Guest(partner, desk)


def nothing_kept(partner: Partner) -> bool:
    """Whether there is no consent."""
    try:
        partner.kept()
    except NoConsent:
        return True
    return False


def asked(link: str) -> Mapping[str, str]:
    """What the sign-in page is asked."""
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


# --- the way through


def test_a_person_consents(partner: Partner, guest: Guest) -> None:
    first = guest.get(REPLY)
    page = guest.come_back(partner.browse(guest.start(first)))

    for text in ("sign in once, with a second factor", TENANT, "Admin agent", "Microsoft Partner Center", WEB_APP):
        assert text in said(first)
    assert (page.status, title(page)) == (200, "Consent kept")
    for text in (
        ADMIN_AGENT,
        TENANT,
        "MFA shown",
        "Roles seen Admin agent, Global Administrator",
        "6 September 2026",
        "Partner Center Referrals opens",
    ):
        assert text in said(page)
    assert partner.kept().username == ADMIN_AGENT
    assert partner.opens(partner.kept().refresh_token)


def test_what_the_sign_in_page_is_asked(guest: Guest) -> None:
    """S2.2: `code id_token` by a form post, with a nonce; a challenge for the code, and MFA asked for."""
    fields = asked(guest.start(guest.get(REPLY)))

    assert fields["response_type"] == "code id_token"
    assert (fields["response_mode"], fields["redirect_uri"]) == ("form_post", REPLY)
    assert (fields["resource"], fields["amr_values"]) == ("https://api.partnercenter.microsoft.com", "mfa")
    assert fields["code_challenge_method"] == "S256"
    assert {"nonce", "state", "code_challenge"} <= fields.keys()
    assert "prompt" not in fields


def test_in_the_second_dialect_a_code_alone_is_asked_for(partner: Partner, guest: Guest) -> None:
    guest.desk = replace(guest.desk, dialect=Dialect.V2)

    link = guest.start(guest.get(REPLY))
    page = guest.come_back(partner.browse(link))

    assert "/oauth2/v2.0/authorize?" in link
    assert asked(link)["response_type"] == "code"
    assert asked(link)["code_challenge_method"] == "S256"
    assert title(page) == "Consent kept"


def test_the_headers_keep_the_pages_to_themselves(partner: Partner, guest: Guest) -> None:
    first = guest.get(REPLY)
    leaving = guest.press(first)
    back = guest.bring(partner.browse(leads_to(leaving)))

    policy = first.header("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert f"form-action 'self' {partner.cloud.sign_in}" in policy
    assert "frame-ancestors 'none'" in policy
    assert (back.status, back.body, back.header("Referrer-Policy")) == (303, b"", "no-referrer")
    assert leads_to(leaving) in unescape(leaving.body.decode()), "for who has switched that off"
    for answer in (first, leaving, back):
        assert answer.header("Cache-Control") == "no-store"
    cookie = leaving.header("Set-Cookie")
    assert cookie.startswith(COOKIE)
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=None", "Max-Age=3600"):
        assert f"; {attribute}" in cookie
    assert "Domain" not in cookie
    assert back.header("Location").startswith(f"{REPLY}visit/")


def test_nothing_secret_is_on_a_page_or_in_what_the_store_shows(
    partner: Partner, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    link = guest.start(guest.get(guest.invited()))
    fields = partner.browse(link)
    page = guest.come_back(fields)
    kept = partner.kept()
    [key] = guest.cookies.values()
    secrets = [fields["code"], fields["id_token"], fields["state"], kept.refresh_token.reveal(), key]

    [visit] = [partner.store.read(entry.name) for entry in partner.store.list() if entry.name.startswith("visit-")]
    assert visit is not None
    shown = [page.body.decode(), caplog.text, str([(entry.name, entry.tags) for entry in partner.store.list()])]

    assert not [secret for secret in secrets for text in shown if secret in text]
    assert not {"nonce", "verifier"} & json.loads(visit.value.reveal()).keys(), "what is over needs no secrets"


# --- MFA


def test_where_mfa_is_not_shown_it_is_demanded_once_more(partner: Partner, guest: Guest) -> None:
    again = guest.consent(mfa=False)
    link = guest.start(again)
    page = guest.come_back(partner.browse(link))

    assert title(again) == "Once more, with your second factor"
    assert f"{ADMIN_AGENT} signed in without a second factor" in said(again)
    assert asked(link)["prompt"] == "login"
    assert asked(link)["amr_values"] == "mfa"
    assert title(page) == "Consent kept"


def test_it_is_demanded_only_once(partner: Partner, guest: Guest) -> None:
    link = guest.start(guest.consent(mfa=False))
    page = guest.come_back(partner.browse(link, mfa=False))

    assert (page.status, title(page)) == (403, "No second factor was part of the sign-in")
    assert "https://aka.ms/mfasetup" in said(page)
    assert not hidden(page), "no third round"
    assert nothing_kept(partner)
    mark = urlsplit(guest.location).path.rpartition("/")[2]
    forced = guest.press(guest.get(REPLY), again=mark)
    assert forced.status >= 400


# --- invitations


def test_an_invitation_leads_one_person_to_one_consent(partner: Partner, guest: Guest) -> None:
    link = guest.invited(username=ADMIN_AGENT, apis=["graph"])
    first = guest.get(link)
    sign_in = guest.start(first)
    page = guest.come_back(partner.browse(sign_in))
    [invitation] = partner.run(guest.desk.invitations.listing())

    assert ADMIN_AGENT in said(first)
    assert "can be used once, until 15 June 2026, 12:00 UTC" in said(first)
    assert asked(sign_in)["login_hint"] == ADMIN_AGENT
    assert "Microsoft Graph opens" in said(page)
    assert "Referrals" not in said(page)
    assert (invitation.said(partner.clock.now()), invitation.used_by) == ("used", ADMIN_AGENT)
    used = Guest(partner, guest.desk).get(link)
    assert (used.status, title(used)) == (410, "This invitation cannot be used")
    assert "has been used already" in said(used)


def test_looking_at_an_invitation_does_not_burn_it(partner: Partner, guest: Guest) -> None:
    """A mail scanner fetches every link, and follows none by a form."""
    link = guest.invited()
    scanner = Guest(partner, guest.desk)
    for _ in range(3):
        assert scanner.get(link).status == 200
        assert scanner.ask(Request("HEAD", link)).status == 200

    assert not scanner.cookies
    assert title(guest.consent(link)) == "Consent kept"


def test_an_attempt_that_fails_leaves_the_invitation_good(partner: Partner, guest: Guest) -> None:
    link = guest.invited()
    guest.consent(link, mfa=False)

    assert title(Guest(partner, guest.desk).consent(link)) == "Consent kept"


def test_of_two_who_use_an_invitation_at_once_one_consents(partner: Partner, guest: Guest) -> None:
    """And the other one's code is not even redeemed."""
    link = guest.invited(purpose=Purpose.REPLACE)
    other = Guest(partner, guest.desk)
    mine, theirs = guest.start(guest.get(link)), other.start(other.get(link))
    brought = partner.browse(theirs, JOHN)
    kept = guest.come_back(partner.browse(mine))
    partner.asked.clear()
    late = other.come_back(brought)

    assert title(kept) == "Consent kept"
    assert title(late) == "This invitation cannot be used"
    assert not partner.asked
    assert partner.kept().username == ADMIN_AGENT


@pytest.mark.parametrize("what", ["ended", "withdrawn", "unknown", "no key"])
def test_an_invitation_that_opens_nothing(partner: Partner, guest: Guest, what: str) -> None:
    link = guest.invited()
    page = guest.get(link)
    if what == "ended":
        partner.days(8)
    elif what == "withdrawn":
        [one] = partner.run(guest.desk.invitations.listing())
        partner.run(guest.desk.invitations.withdraw(one.id))
    elif what == "unknown":
        link = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")
    else:
        link = REPLY + "invite/../../x"

    gone = guest.get(link)
    assert (gone.status, title(gone)) == (410, "This invitation cannot be used")
    if what in ("ended", "withdrawn"):
        pressed = guest.press(page)
        assert (pressed.status, title(pressed)) == (410, "This invitation cannot be used")


def test_a_desk_by_invitation_lets_nobody_else_start(partner: Partner) -> None:
    guest = Guest(partner, desk_of(partner, by_invitation=True))

    first = guest.get(REPLY)
    assert "opened by the link of an invitation" in said(first)
    assert "<form" not in first.body.decode()
    assert guest.press(first).status == 410
    assert guest.get(REPLY + "admin").status == 410
    granted = bring_back(guest, administrator(partner, guest, guest.invited(purpose=Purpose.ADMIN)))
    assert "another link" in said(granted)
    assert title(guest.consent(guest.invited())) == "Consent kept"


def test_a_colleagues_consent_is_replaced_only_by_an_invitation_that_says_so(partner: Partner, guest: Guest) -> None:
    guest.consent(upn=JOHN, mfa=True)
    refused = guest.consent(guest.invited())
    stays = partner.kept().username
    replaced = guest.consent(guest.invited(purpose=Purpose.REPLACE))

    assert title(refused) == "Somebody else was expected"
    assert f"{JOHN} has consented for this tenant" in said(refused)
    assert stays == JOHN
    assert title(replaced) == "Consent kept"
    assert partner.kept().username == ADMIN_AGENT


# --- the wrong one


def test_the_wrong_person_is_told_so_and_may_take_another_account(partner: Partner, guest: Guest) -> None:
    page = guest.consent(guest.invited(person=SOMEBODY))
    assert (page.status, title(page)) == (403, "Somebody else was expected")
    assert nothing_kept(partner)

    link = guest.start(page)
    assert asked(link)["prompt"] == "select_account"
    assert title(Guest(partner, guest.desk).consent(guest.invited(person=PERSON))) == "Consent kept"


def test_the_wrong_tenant_is_told_so(partner: Partner, guest: Guest) -> None:
    partner.emulator.world.registrations[WEB_APP].multi_tenant = True
    guest.desk = replace(guest.desk, tenant=FABRIKAM, authority=partner.cloud.authority("organizations"))

    page = guest.consent()

    assert (page.status, title(page)) == (403, "That account belongs to another organization")
    assert TENANT in said(page)
    assert nothing_kept(partner)


# --- refusals of the sign-in page


@pytest.mark.parametrize(
    ("code", "heading", "advice"),
    [
        (65004, "The sign-in was not finished", "accept what the sign-in page asks"),
        (65001, "An administrator must grant permissions first", "To the page for an administrator"),
        (90094, "An administrator must grant permissions first", "To the page for an administrator"),
        (90095, "An administrator must grant permissions first", "To the page for an administrator"),
        (53003, "A policy of your organization does not allow this", "Conditional Access"),
        (50057, "This account cannot sign in now", "administrator of your organization"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(
    partner: Partner, guest: Guest, code: int, heading: str, advice: str
) -> None:
    state = asked(guest.start(guest.get(REPLY)))["state"]
    page = guest.come_back(
        {"error": "access_denied", "error_description": f"AADSTS{code}: no.\r\nTrace ID: 1", "state": state}
    )

    assert (page.status, title(page)) == (403, heading)
    assert advice in said(page)
    assert f"Code {code}" in said(page)
    assert "Who must act" in said(page)
    assert not partner.asked


def test_a_refusal_of_the_token_endpoint_is_told(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    partner.change = refusing(7000222, "invalid_client", 401)
    page = guest.come_back(fields)

    assert (page.status, title(page)) == (502, "This application could not prove itself")
    assert "Code 7000222" in said(page)


# --- what does not belong


def test_a_browser_without_cookies_is_told_so(partner: Partner, guest: Guest) -> None:
    guest.with_cookies = False
    page = guest.come_back(partner.browse(guest.start(guest.get(REPLY))))

    assert (page.status, title(page)) == (400, "Your browser did not send back its cookie")
    assert not partner.asked
    assert nothing_kept(partner)


@pytest.mark.parametrize("state", ["", "forged", None], ids=["empty", "forged", "none"])
def test_a_forged_state_is_not_taken(partner: Partner, guest: Guest, state: str | None) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    del fields["state"]
    page = guest.come_back(fields if state is None else {**fields, "state": state})

    assert (page.status, title(page)) == (400, "This answer belongs to no sign-in of yours")
    assert not partner.asked


def test_anothers_answer_is_not_taken(partner: Partner, guest: Guest) -> None:
    """The attacker's own code, put into a victim's browser, who is on the way too (RFC 9700 4.7)."""
    attacker = Guest(partner, guest.desk)
    stolen = partner.browse(attacker.start(attacker.get(REPLY)), JOHN)
    mine = partner.browse(guest.start(guest.get(REPLY)))

    assert guest.come_back(stolen).status == 400
    mixed = guest.come_back({**stolen, "state": mine["state"]})

    assert title(mixed) == "The answer of the sign-in page was not taken"
    assert nothing_kept(partner)


def test_a_stolen_state_is_of_no_use_in_another_browser(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    thief = Guest(partner, guest.desk)
    thief.start(thief.get(REPLY))
    [name] = guest.cookies
    thief.cookies[name] = next(iter(thief.cookies.values()))

    assert title(thief.come_back(fields)) == "This sign-in is over"
    assert not partner.asked
    assert title(guest.come_back(fields)) == "Consent kept"


def test_a_double_post_and_the_back_button_show_how_it_went(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    page = guest.come_back(fields)
    redeemed = len(partner.asked)

    assert guest.come_back(fields).body == page.body
    assert guest.get(guest.location).body == page.body
    assert len(partner.asked) == redeemed


def test_two_sign_ins_in_one_browser_do_not_disturb_each_other(partner: Partner, guest: Guest) -> None:
    first, second = (guest.start(guest.get(REPLY)) for _ in range(2))
    late = partner.browse(first)

    assert title(guest.come_back(partner.browse(second))) == "Consent kept"
    assert title(guest.come_back(late)) == "Consent kept"


@pytest.mark.parametrize(("minutes", "heading"), [(16, "The sign-in was not finished"), (61, "This sign-in is over")])
def test_who_comes_late_is_told_so(partner: Partner, guest: Guest, minutes: int, heading: str) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    partner.clock.advance(timedelta(minutes=minutes))
    Guest(partner, guest.desk).start(guest.get(REPLY))  # somebody else comes, and what is long over is swept away
    page = guest.come_back(fields)

    assert title(page) == heading
    assert not partner.asked


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Origin", "https://elsewhere.example"),),
        (("Origin", "null"),),
        (("Origin", "https://localhost:44396"),),
        (("Origin", "http://localhost:44395"),),
        (("Sec-Fetch-Site", "cross-site"),),
        (("Sec-Fetch-Site", "none"),),
        (("Origin", ORIGIN), ("Sec-Fetch-Site", "same-site")),
        (("Origin", "https://[::1"),),
    ],
    ids=str,
)
def test_only_the_pages_own_button_starts(guest: Guest, headers: tuple[tuple[str, str], ...]) -> None:
    response = guest.ask(Request.form(f"{ORIGIN}/start", {}, headers))

    assert (response.status, title(response)) == (403, "This was sent by another page")
    assert not guest.cookies


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:44395/", "https://localhost/", "https://evil.example:44395/", "https://localhost:44395.evil/"],
)
def test_it_answers_under_its_own_name_only(guest: Guest, url: str) -> None:
    """A stranger's name may lead here (DNS rebinding)."""
    assert guest.ask(Request("GET", url)).status == 421
    assert guest.ask(Request.form(url + "start", {}, OWN)).status == 421


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", f"{ORIGIN}/nowhere"), 404),
        (Request("GET", f"{ORIGIN}/visit/short"), 404),
        (Request("GET", f"{ORIGIN}/visit/{'0' * 32}"), 400),
        (Request("GET", f"{ORIGIN}/start"), 405),
        (Request("DELETE", f"{ORIGIN}/"), 405),
        (Request("POST", f"{ORIGIN}/style.css"), 405),
        (Request("GET", f"{ORIGIN}/?code=secret&state=x"), 400),
        (Request.form(f"{ORIGIN}/?state=x", {"state": "x"}), 400),
        (Request("GET", f"{ORIGIN}/?a=1&a=2"), 400),
        (Request("GET", f"{ORIGIN}/?a=%FF"), 400),
        (Request("GET", f"{ORIGIN}/?{'a' * 9000}"), 414),
        (Request("POST", f"{ORIGIN}/", (), b"state=x"), 400),
        (Request.json("POST", f"{ORIGIN}/", {"state": "x"}), 400),
        (Request.form(f"{ORIGIN}/", {"state": "x" * 40_000}), 400),
        (Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"x" * 70_000), 413),
        (
            Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"\xff=1"),
            400,
        ),
        (
            Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"state=1&state=2"),
            400,
        ),
        (Request("GET", "https://[::1/"), 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_request_of_ours_gets_a_page_that_says_so(guest: Guest, request_: Request, status: int) -> None:
    response = guest.ask(request_)

    assert response.status == status
    assert title(response)
    assert "secret" not in response.body.decode()


# --- the store


class FullStore(MemoryStore):
    """A store that has no room for anything new from a certain moment on."""

    full = False

    def check(self) -> None:
        """It says so when asked."""
        if self.full:
            raise StoreUnwritable("no space left on device")

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """And when something new comes."""
        if expected is None:
            self.check()
        return super().write(name, value, tags, expected)


def test_nobody_is_sent_away_while_the_store_cannot_be_written() -> None:
    store = FullStore()
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    first = guest.get(REPLY)
    store.full = True
    response = guest.press(first)

    assert (response.status, title(response)) == (503, "The place where consents are kept does not work")
    assert "No space left on device" in said(response)


def test_a_store_that_fails_meanwhile_costs_no_code() -> None:
    store = FullStore()
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    store.full = True
    page = guest.come_back(fields)

    assert (page.status, title(page)) == (503, "The place where consents are kept does not work")
    assert not partner.asked


def test_invitations_never_lie_bare(partner: Partner) -> None:
    bare = MemoryStore()
    bare.plain = True

    with pytest.raises(Misconfigured, match="must not lie where their values are bare"):
        desk_of(partner, bare)


def test_too_many_sign_ins_under_way_are_refused(partner: Partner, guest: Guest) -> None:
    """A stranger who starts again and again fills no store, and keeps nobody with an invitation out."""
    link = guest.invited()
    for _ in range(MOST_UNINVITED):
        guest.start(guest.get(REPLY))
    refused = guest.press(guest.get(REPLY))
    for _ in range(MOST_OF_ONE):
        guest.start(guest.get(link))

    assert (refused.status, title(refused)) == (429, "Too many sign-ins at a time")
    assert guest.press(guest.get(link)).status == 429
    partner.clock.advance(timedelta(minutes=16))
    assert title(Guest(partner, guest.desk).consent()) == "Consent kept"


def test_what_may_still_be_judged_keeps_its_invitation(partner: Partner, guest: Guest) -> None:
    """An outage after the code was redeemed: the consent comes later, and nobody else's by the same link."""
    link = guest.invited()
    fields = partner.browse(guest.start(guest.get(link)))
    del fields["id_token"]
    partner.change = lambda request, response: Response(503) if request.path.endswith("/keys") else response
    page = guest.come_back(fields)
    partner.change = lambda request, response: response

    assert title(page) == "Your sign-in will be looked at later"
    assert "is not lost" in said(page)
    assert not hidden(page)
    assert guest.get(link).status == 410
    partner.run(partner.first().finish())
    assert partner.kept().username == ADMIN_AGENT


# --- several desks, and their ends


def reopened(tmp_path: Path) -> FileStore:
    """The store as another process opens it."""
    return FileStore(tmp_path / "store.db", KeyFile(tmp_path / "keys" / "store.key"))


def test_another_desk_over_the_same_store_receives_the_person(tmp_path: Path) -> None:
    mine, theirs = reopened(tmp_path), reopened(tmp_path)
    partner = Partner(store=mine)
    other = Partner(store=theirs, emulator=partner.emulator)
    guest = Guest(partner, desk_of(partner))
    link = guest.invited()
    sign_in = guest.start(guest.get(link))

    guest.desk = desk_of(other)
    posted = guest.bring(partner.browse(sign_in))
    guest.desk = desk_of(partner)
    page = guest.get(posted.header("Location"))

    assert title(page) == "Consent kept"
    assert partner.kept() == other.kept()
    mine.close()
    theirs.close()


def test_two_desks_that_receive_the_same_post_keep_one_consent(tmp_path: Path) -> None:
    mine, theirs = reopened(tmp_path), reopened(tmp_path)
    partner = Partner(store=mine)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    twin = Guest(partner, desk_of(Partner(store=theirs, emulator=partner.emulator)), dict(guest.cookies))
    seen: list[Response] = []

    def meanwhile(request: Request, response: Response) -> Response:
        if not seen:
            seen.append(twin.come_back(fields))
        return response

    partner.change = meanwhile
    page = guest.come_back(fields)

    assert title(page) == "Consent kept"
    assert title(seen[0]) == "One moment"
    assert seen[0].header("Refresh")
    codes = [request for request in partner.asked if "code" in request.fields]
    assert len(codes) == 1
    mine.close()
    theirs.close()


def test_a_desk_that_dies_while_the_person_is_away_is_followed_by_another(tmp_path: Path) -> None:
    store = reopened(tmp_path)
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    store.close()

    again = reopened(tmp_path)
    guest.desk = desk_of(Partner(store=again, emulator=partner.emulator))
    assert title(guest.come_back(fields)) == "Consent kept"
    again.close()


class Death(BaseException):
    """The end of a process."""


def test_a_desk_that_dies_while_it_judges_leaves_a_page_that_says_so(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))

    def die(request: Request, response: Response) -> Response:
        raise Death

    partner.change = die
    with pytest.raises(Death):
        guest.bring(fields)
    partner.change = lambda request, response: response
    there = guest.bring(fields).header("Location")

    assert title(guest.get(there)) == "One moment"
    partner.clock.advance(timedelta(minutes=3))
    page = guest.get(there)
    assert (page.status, title(page)) == (503, "It was interrupted")
    assert nothing_kept(partner)
    assert title(guest.consent()) == "Consent kept"


def test_what_a_desk_left_unjudged_the_next_look_judges(partner: Partner, guest: Guest) -> None:
    """It died between the sign-in service's answer and the judgement: the person need not sign in again."""
    fields = partner.browse(guest.start(guest.get(REPLY)))

    def die(request: Request, response: Response) -> Response:
        if request.path.endswith("/keys"):
            raise Death
        return response

    del fields["id_token"]
    partner.change = die
    with pytest.raises(Death):
        guest.bring(fields)
    partner.change = lambda request, response: response
    unjudged = nothing_kept(partner)
    there = guest.bring(fields).header("Location")
    partner.clock.advance(timedelta(minutes=3))
    page = guest.get(there)

    assert unjudged
    assert "What could still be judged has been judged" in said(page)
    assert partner.kept().username == ADMIN_AGENT


def test_two_people_who_consent_at_once(partner: Partner, desk: Desk) -> None:
    """The first to come back is kept; the second is a colleague, and told so."""
    one, two = Guest(partner, desk), Guest(partner, desk)
    first, second = one.start(one.get(REPLY)), two.start(two.get(REPLY))
    mine, theirs = partner.browse(first), partner.browse(second, JOHN)

    assert title(one.come_back(mine)) == "Consent kept"
    assert title(two.come_back(theirs)) == "Somebody else was expected"
    assert partner.kept().username == ADMIN_AGENT


# --- admin consent


def administrator(partner: Partner, guest: Guest, link: str = REPLY + "admin") -> Mapping[str, str]:
    """What an administrator's browser brings back."""
    return partner.browse(guest.start(guest.get(link)))


def bring_back(guest: Guest, fields: Mapping[str, str]) -> Response:
    """The answer of the admin consent page comes by the address."""
    from urllib.parse import urlencode

    response = guest.get(f"{REPLY}?{urlencode(fields)}")
    return guest.get(response.header("Location")) if response.status == 303 else response


@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_administrator_grants_the_permissions(partner: Partner, guest: Guest, dialect: Dialect) -> None:
    guest.desk = replace(guest.desk, dialect=dialect)
    partner.consent()

    fields = administrator(partner, guest)
    page = bring_back(guest, fields)

    assert fields["admin_consent"] == "True"
    assert (page.status, title(page)) == (200, "Permissions granted")
    assert "Microsoft Graph" in said(page)
    assert "User.Read" in said(page)
    assert bring_back(guest, fields).body == page.body, "spent once"


def test_what_was_asked_for_and_not_granted_is_shown(partner: Partner, guest: Guest) -> None:
    partner.consent()
    fields = administrator(partner, guest)
    graph = "00000003-0000-0000-c000-000000000000"
    partner.emulator.world.tenants[TENANT].grants[WEB_APP, graph, ""] = {"Directory.Read.All", "Group.Read.All"}
    page = bring_back(guest, fields)

    assert title(page) == "Granted in part"
    assert "Microsoft Graph Directory.Read.All User.Read Group.Read.All" in said(page)


def test_where_nobody_may_look_it_up_the_page_says_so(partner: Partner, guest: Guest) -> None:
    page = bring_back(guest, administrator(partner, guest))

    assert "could not be looked up" in said(page)


@pytest.mark.parametrize(
    ("change", "heading"),
    [
        ({"tenant": FABRIKAM}, "That account belongs to another organization"),
        ({"tenant": "not-an-id"}, "The answer of the sign-in page was not taken"),
        ({"admin_consent": "False"}, "The answer of the sign-in page was not taken"),
        ({"error": "access_denied", "error_description": "AADSTS65004: no"}, "The sign-in was not finished"),
        ({"error": "permission_denied", "error_description": "no"}, "The sign-in was not finished"),
        ({"state": "forged"}, "This answer belongs to no sign-in of yours"),
    ],
    ids=str,
)
def test_an_administrators_answer_is_checked(
    partner: Partner, guest: Guest, change: dict[str, str], heading: str
) -> None:
    fields = {**administrator(partner, guest), **change}

    assert title(bring_back(guest, fields)) == heading


def test_an_invitation_for_an_administrator(partner: Partner, guest: Guest) -> None:
    link = guest.invited(purpose=Purpose.ADMIN)

    assert "Global administrator" in said(guest.get(link))
    assert title(bring_back(guest, administrator(partner, guest, link))) == "Permissions granted"
    assert guest.get(link).status == 410


def test_an_answer_of_one_kind_is_no_answer_of_the_other(partner: Partner, guest: Guest) -> None:
    fields = administrator(partner, guest)

    page = guest.come_back({"code": "a-code", "state": fields["state"]})

    assert title(page) == "The answer of the sign-in page was not taken"


def test_a_desk_below_a_path(partner: Partner) -> None:
    """Behind a proxy that gives it a part of a host."""
    url = REPLY + "partner/consent/"
    partner.emulator.world.registrations[WEB_APP].platforms[url] = "web"
    desk = desk_of(partner)
    desk = replace(desk, invitations=replace(desk.invitations, url=url))
    guest = Guest(partner, desk, location=url)
    first = guest.get(url)

    assert 'action="/partner/consent/start"' in first.body.decode()
    assert guest.ask(Request("GET", REPLY)).status == 404
    response = guest.ask(Request.form(url + "start", {}, OWN))
    assert asked(leads_to(response))["redirect_uri"] == url


def test_one_who_is_no_agent_is_still_told_what_opens(partner: Partner, guest: Guest) -> None:
    """Roles are the API's business: a consent without them is kept, and seen where it is tried."""
    found = partner.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].roles.clear()
    found[1].roles.add(Role.REFERRALS_USER)

    assert title(guest.consent()) == "Consent kept"
