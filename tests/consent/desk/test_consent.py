"""A person consents at the desk: what is asked, what is shown, what is kept, and MFA demanded once more."""

import json
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

import pytest

from partnerauth.cloud import Dialect
from partnerauth.consent.desk import COOKIE
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.emulator.world import Role
from partnerauth.messages import Request
from tests.consent.guest import OWN, Guest, asked, desk_of, hidden, leads_to, nothing_kept, said, title
from tests.consent.partner import REPLY, Partner


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
