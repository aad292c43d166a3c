"""Admin consent, signing out, and picking one of several accounts (entra.md 5.1, 12, 18, 19)."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, REFERRALS_USER, TENANT, WEB_APP
from tests.emulator.entra.service import (
    ASKED,
    AUTHORIZE,
    FABRIKAM,
    GRAPH,
    GRAPH_ID,
    SITE,
    V2_SCOPE,
    Browser,
    Service,
)

CONSENT = {"client_id": WEB_APP, "redirect_uri": SITE, "state": "s"}


def who(service: Service, browser: Browser) -> str:
    found: str = service.claims(service.redeemed(browser)["access_token"])["upn"]
    return found


# --- admin consent


@pytest.mark.parametrize("v2", [False, True])
def test_admin_consent_is_for_everybody(service: Service, browser: Browser, v2: bool) -> None:
    """entra.md 18: success is a GET with `tenant` and `admin_consent=True`; v2 tells the granted scope."""
    tenant = service.world.partner()
    del tenant.grants[WEB_APP, GRAPH_ID, ""]
    asked = CONSENT | ({"scope": f"{GRAPH}/.default"} if v2 else {})

    browser.open(f"/{TENANT}/{'v2.0/' if v2 else ''}adminconsent", **asked)
    browser.sign_in()
    browser.submit(choice="accept")

    scope = f"{GRAPH}/Directory.Read.All {GRAPH}/User.Read {GRAPH}/.default"
    told = {"admin_consent": "True", "tenant": TENANT, "state": "s"} | ({"scope": scope} if v2 else {})
    assert browser.answer == told
    assert tenant.grants[WEB_APP, GRAPH_ID, ""] == {"User.Read", "Directory.Read.All"}
    assert (service.ledger.log[-1].kind, service.ledger.log[-1].code) == ("interactive", 0)


def test_v2_consents_to_the_named_scopes_only(service: Service, browser: Browser) -> None:
    tenant = service.world.partner()
    tenant.grants.clear()

    browser.open("/organizations/v2.0/adminconsent", **CONSENT, scope=f"{GRAPH}/User.Read")
    browser.sign_in()
    browser.submit(choice="accept")

    assert browser.answer["scope"] == f"{GRAPH}/User.Read"
    assert tenant.grants == {(WEB_APP, GRAPH_ID, ""): {"User.Read"}}


@pytest.mark.parametrize(("v2", "word"), [(False, "permission_denied"), (True, "access_denied")])
def test_who_declines_is_told_of(service: Service, browser: Browser, v2: bool, word: str) -> None:
    """entra.md 18: v1 documented `permission_denied`; v2 captured `access_denied`, 65004, and no `tenant`."""
    asked = CONSENT | ({"scope": f"{GRAPH}/.default"} if v2 else {})
    browser.open(f"/{TENANT}/{'v2.0/' if v2 else ''}adminconsent", **asked)
    browser.sign_in()
    browser.submit(choice="cancel")

    answer = browser.answer
    assert (answer["error"], answer["admin_consent"], answer["state"]) == (word, "True", "s")
    assert answer["error_description"].startswith("AADSTS65004: ")
    assert "tenant" not in answer
    assert service.ledger.log[-1].code == 65004


def test_admin_consent_is_an_administrators(browser: Browser) -> None:
    """entra.md 9: 90094 for everybody else; 900144 and 90004 for a request that is none."""
    browser.open("/common/adminconsent", **CONSENT)
    browser.sign_in(JOHN)
    assert "AADSTS90094: " in browser.text
    assert "AADSTS900144: " in browser.open("/common/adminconsent").body.decode()
    assert "AADSTS90004: " in browser.open("/common/v2.0/adminconsent", scope="x", **CONSENT).body.decode()
    assert "AADSTS900144: " in browser.open(f"/{TENANT}/v2.0/adminconsent", **CONSENT).body.decode()
    wrong = CONSENT | {"redirect_uri": "https://evil.example.com/"}
    assert "AADSTS50011: " in browser.open("/common/adminconsent", **wrong).body.decode()
    assert "AADSTS70011: " in browser.open(f"/{TENANT}/v2.0/adminconsent", **CONSENT, scope="a/").body.decode()


def test_v1_authorize_can_ask_for_it(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `prompt=admin_consent` asks for a tenant-wide grant, and the response carries it."""
    del service.world.partner().grants[WEB_APP, GRAPH_ID, ""]
    browser.open(AUTHORIZE, **ASKED, prompt="admin_consent")
    browser.sign_in()
    browser.submit(choice="accept")

    assert browser.answer["admin_consent"] == "True"
    assert "code" in browser.answer
    assert service.world.partner().grants[WEB_APP, GRAPH_ID, ""]


def test_consent_in_a_customers_tenant(service: Service, browser: Browser) -> None:
    browser.open(f"/{FABRIKAM}/adminconsent", **CONSENT)
    browser.sign_in()
    browser.submit(choice="accept")

    assert browser.answer["tenant"] == FABRIKAM
    assert (WEB_APP, GRAPH_ID, "") in service.world.customers[FABRIKAM].grants


# --- signing out


def test_signing_out_ends_the_session(service: Service, browser: Browser) -> None:
    """entra.md 19: back to a registered address only; refresh tokens live on."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    fields = {"grant_type": "authorization_code", "code": browser.answer["code"], "redirect_uri": SITE}
    token = service.token(**fields).value()["refresh_token"]

    browser.open("/common/oauth2/v2.0/logout", post_logout_redirect_uri=SITE, state="x y")
    assert browser.location == f"{SITE}?state=x+y"
    browser.open(AUTHORIZE, **ASKED)
    assert browser.heading == "Sign in"
    assert service.refreshed(token).status == 200
    browser.open("/common/oauth2/logout", post_logout_redirect_uri="https://evil.example.com/")
    assert (browser.location, browser.heading) == ("", "You signed out of your account")


def test_an_address_must_be_that_applications(browser: Browser) -> None:
    path = "/common/oauth2/v2.0/logout"

    assert browser.open(path, post_logout_redirect_uri=SITE, client_id=WEB_APP).status == 302
    assert browser.open(path, post_logout_redirect_uri=SITE, client_id=NATIVE_APP).status == 200
    assert browser.open(path, post_logout_redirect_uri="urn:ietf:wg:oauth:2.0:oob").status == 200


@pytest.mark.parametrize("v2", [False, True])
def test_other_applications_hear_of_it(service: Service, browser: Browser, v2: bool) -> None:
    """entra.md 19: front-channel, a GET in an iframe with `sid` and `iss`; the page then goes on by itself."""
    service.web_app.logout_url = "https://app.example/out?x=1"
    service.native_app.logout_url = "https://never-used.example/out"
    path, asked = AUTHORIZE, ASKED
    if v2:
        path = "/common/oauth2/v2.0/authorize"
        asked = {n: v for n, v in ASKED.items() if n != "resource"} | {"scope": V2_SCOPE}
    browser.open(path, **asked, claims='{"id_token": {"sid": null}}', nonce="n")
    browser.sign_in()
    fields = {"grant_type": "authorization_code", "code": browser.answer["code"], "redirect_uri": SITE}
    told = (service.v2_token if v2 else service.token)(**fields).value()["id_token"]
    identity = service.claims(told, v2=v2)

    browser.open(f"/common/oauth2/{'v2.0/' if v2 else ''}logout", post_logout_redirect_uri=SITE)

    (url,) = re.findall(r'<iframe hidden title="Sign out" src="([^"]+)"', browser.text)
    parts = urlsplit(url.replace("&amp;", "&"))
    assert (parts.netloc, dict(parse_qsl(parts.query))) == (
        "app.example",
        {"x": "1", "sid": identity["sid"], "iss": identity["iss"]},
    )
    assert "frame-src https://app.example" in browser.page.header("Content-Security-Policy")
    assert f'content="3; url={SITE}"' in browser.text
    browser.open(path, **asked)
    assert browser.heading == "Sign in"


# --- several accounts


def test_a_session_may_be_named(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `sid` instead of a user name; 9: 160021 for a session that is not there."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    session = browser.answer["session_state"]

    assert "code" in Browser(service, browser.cookies).open(AUTHORIZE, **ASKED, prompt="none").header("Location")
    browser.open(AUTHORIZE, **ASKED, prompt="none", sid=session)
    assert who(service, browser) == JOHN
    browser.open(AUTHORIZE, **ASKED, prompt="none", sid="another")
    assert browser.answer["error_description"].startswith("AADSTS160021: ")


def test_one_of_several_accounts_is_picked(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `select_account` shows the picker: all who signed in in this browser."""
    for upn in (JOHN, REFERRALS_USER):
        browser.open(AUTHORIZE, **ASKED, prompt="login")
        browser.sign_in(upn)
    browser.open(AUTHORIZE, **ASKED, prompt="select_account")
    assert browser.heading == "Pick an account"
    assert browser.text.index(REFERRALS_USER) < browser.text.index(JOHN)
    browser.submit(choice=service.person(JOHN).id)
    assert who(service, browser) == JOHN

    browser.open(AUTHORIZE, **ASKED, prompt="none")
    assert who(service, browser) == JOHN
    browser.open("/common/oauth2/logout")
    assert browser.open(AUTHORIZE, **ASKED, prompt="select_account").status == 200
    assert browser.heading == "Sign in"


def test_an_account_of_another_browser_is_not_offered(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    other = Browser(service)
    other.open(AUTHORIZE, **ASKED)
    other.sign_in(REFERRALS_USER)

    other.open(AUTHORIZE, **ASKED, prompt="select_account")
    assert JOHN not in other.text
    other.submit(choice=service.person(JOHN).id)

    assert other.heading == "Sign in"


def test_a_picked_account_must_still_hold(service: Service, browser: Browser) -> None:
    for upn in (JOHN, REFERRALS_USER):
        browser.open(AUTHORIZE, **ASKED, prompt="login")
        browser.sign_in(upn)
    service.person(JOHN).enabled = False

    browser.open(AUTHORIZE, **ASKED, prompt="select_account")

    assert JOHN not in browser.text


# --- claims


def test_optional_claims_of_the_id_token(service: Service, browser: Browser) -> None:
    """entra.md 12.3: named members of `id_token` are given, unknown ones left aside; the hint names a person later."""
    claims = json.dumps({"id_token": {"login_hint": None, "auth_time": {"essential": True}, "nonsense": None}})
    browser.open(AUTHORIZE, **ASKED, claims=claims)
    browser.sign_in()
    fields = {"grant_type": "authorization_code", "code": browser.answer["code"], "redirect_uri": SITE}
    identity = service.claims(service.token(**fields).value()["id_token"])
    assert {"auth_time", "login_hint"} <= identity.keys()
    assert not {"sid", "nonsense"} & identity.keys()
    assert ADMIN_AGENT not in identity["login_hint"]

    other = Browser(service)
    other.open(AUTHORIZE, **ASKED, login_hint=identity["login_hint"])
    assert other.heading == "Enter password"
    assert ADMIN_AGENT in other.text
    other.open(AUTHORIZE, **ASKED, login_hint="O.unknown")
    assert other.heading == "Sign in"
