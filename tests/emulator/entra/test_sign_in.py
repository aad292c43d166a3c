"""Signing in page by page (entra.md 5.1, 5.4, 18)."""

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TOTP_SECRET, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from tests.emulator.entra.service import (
    ASKED,
    AUTHORIZE,
    FABRIKAM,
    GRAPH,
    GRAPH_ID,
    ORIGIN,
    PARTNER_CENTER,
    Browser,
    Service,
)


def amr(service: Service, browser: Browser) -> list[str]:
    found: list[str] = service.claims(service.redeemed(browser)["access_token"])["amr"]
    return found


def test_an_admin_agent_signs_in_with_password_and_code(service: Service, browser: Browser) -> None:
    """Account, password, authenticator's code; then the answer, and a session."""
    browser.open(AUTHORIZE, **ASKED)
    assert browser.heading == "Sign in"
    browser.submit(login=f" {ADMIN_AGENT.upper()} ")
    assert browser.heading == "Enter password"
    browser.submit(passwd=PASSWORD, choice="sign_in")
    assert browser.heading == "Enter code"
    browser.submit(otc=f"{service.user_code()[:3]} {service.user_code()[3:]}")

    assert browser.page.status == 302
    assert amr(service, browser) == ["pwd", "mfa"]
    row = service.ledger.log[0]
    assert (row.kind, row.code, row.upn, row.mfa) == (
        "interactive",
        0,
        ADMIN_AGENT,
        True,
    )


def test_a_person_without_a_second_factor_signs_in_without(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)

    assert amr(service, browser) == ["pwd"]


def test_what_is_wrong_is_said_on_the_page(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login="nobody@contoso.com")
    assert "We couldn&#x27;t find an account" in browser.text
    browser.submit(login=ADMIN_AGENT)
    browser.submit(passwd="wrong")
    assert "Your account or password is incorrect." in browser.text
    browser.submit(passwd=PASSWORD)
    browser.submit(otc="000000")
    assert "expected verification code" in browser.text
    browser.submit(otc=service.user_code())

    assert "code" in browser.answer
    assert [row.code for row in service.ledger.log] == [50034, 50126, 50074, 0]


def test_too_many_wrong_codes_begin_anew(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login=ADMIN_AGENT)
    browser.submit(passwd=PASSWORD)
    for _ in range(5):
        browser.submit(otc="000000")

    assert browser.heading == "Sign in"
    assert "too many wrong codes" in browser.text


def test_a_locked_account_is_told_so(browser: Browser) -> None:
    """entra.md 9: 50053."""
    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login=JOHN)
    for _ in range(10):
        browser.submit(passwd="wrong")
    browser.submit(passwd=PASSWORD)

    assert "tried to sign in too many times" in browser.text


def test_a_disabled_account_gets_no_further(service: Service, browser: Browser) -> None:
    service.person(JOHN).enabled = False

    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login=JOHN)

    assert "locked or disabled" in browser.text


def test_a_temporary_password_is_changed_at_first_sign_in(service: Service, browser: Browser) -> None:
    """Seed 000, step 6."""
    service.person(JOHN).password_is_temporary = True
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    assert browser.heading == "Update your password"
    browser.submit(newpasswd="a new one, long", confirmpasswd="another one")
    assert "do not match" in browser.text
    browser.submit(newpasswd=PASSWORD, confirmpasswd=PASSWORD)
    assert "have not used before" in browser.text
    browser.submit(newpasswd="a new one, long", confirmpasswd="a new one, long")

    assert "code" in browser.answer
    assert service.person(JOHN).password == Hidden("a new one, long")
    assert not service.person(JOHN).password_is_temporary


def test_a_session_spares_the_second_sign_in(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    service.advance(hours=23)

    browser.open(AUTHORIZE, **ASKED, prompt="none")

    assert amr(service, browser) == ["pwd", "mfa"]
    service.advance(hours=2)
    assert browser.open(AUTHORIZE, **ASKED).status == 200


def test_a_session_ends_with_a_revocation(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    service.advance(seconds=1)
    service.person().valid_from = service.world.now()

    browser.open(AUTHORIZE, **ASKED, prompt="none")

    assert browser.answer["error"] == "login_required"


@pytest.mark.parametrize(
    ("fields", "heading"),
    [
        ({"prompt": "login"}, "Sign in"),
        ({"prompt": "login", "login_hint": ADMIN_AGENT}, "Enter password"),
        ({"prompt": "select_account"}, "Pick an account"),
        ({"prompt": "consent"}, "Permissions requested"),
        ({"prompt": "admin_consent"}, "Permissions requested"),
        ({"login_hint": JOHN}, "Enter password"),
        ({"login_hint": "nobody@contoso.com"}, "Sign in"),
        ({"max_age": "60"}, "Sign in"),
    ],
)
def test_a_session_does_not_always_suffice(
    service: Service, browser: Browser, fields: dict[str, str], heading: str
) -> None:
    """entra.md 5.1, `prompt` behaviour, `login_hint`, `max_age`."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    service.advance(minutes=5)

    browser.open(AUTHORIZE, **ASKED, **fields)

    assert browser.heading == heading
    assert browser.open(AUTHORIZE, **ASKED, login_hint=ADMIN_AGENT).status == 302


def test_a_session_without_mfa_is_stepped_up(service: Service, browser: Browser) -> None:
    """Enrolled since: the code is asked for, and only the code."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    service.person(JOHN).totp = Hidden(TOTP_SECRET)

    browser.open(AUTHORIZE, **ASKED, prompt="none")
    assert browser.answer["error"] == "interaction_required"
    browser.open(AUTHORIZE, **ASKED)
    assert browser.heading == "Enter code"
    browser.submit(otc=service.user_code())

    assert amr(service, browser) == ["pwd", "mfa"]


def test_picking_an_account(browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()

    browser.open(AUTHORIZE, **ASKED, prompt="select_account")
    assert ADMIN_AGENT in browser.text
    browser.submit(choice="other")
    assert browser.heading == "Sign in"
    browser.open(AUTHORIZE, **ASKED, prompt="select_account")
    browser.submit(choice="same")
    assert browser.page.status == 302


def test_another_account_can_be_used_at_the_password(browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED, login_hint=JOHN)
    browser.submit(choice="other")

    assert browser.heading == "Sign in"


def test_consent_is_asked_for_what_nobody_granted(service: Service, browser: Browser) -> None:
    """entra.md 5.1 and 18: an administrator may consent for everybody; afterwards nobody is asked."""
    tenant = service.world.partner()
    del tenant.grants[WEB_APP, GRAPH_ID, ""]
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    assert browser.heading == "Permissions requested"
    assert "Microsoft Graph: Directory.Read.All" in browser.text
    assert "Partner Center:" not in browser.text
    browser.submit(choice="accept", for_all="1")

    assert tenant.grants[WEB_APP, GRAPH_ID, ""] == {"User.Read", "Directory.Read.All"}
    assert browser.open(AUTHORIZE, **ASKED).status == 302


def test_a_person_consents_for_themselves(service: Service, browser: Browser) -> None:
    tenant = service.world.partner()
    partner_center = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
    del tenant.grants[WEB_APP, partner_center, ""]
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    assert "for_all" not in browser.form.names
    browser.submit(choice="accept", for_all="1")

    assert tenant.grants[WEB_APP, partner_center, service.person(JOHN).id] == {"user_impersonation"}
    assert (WEB_APP, partner_center, "") not in tenant.grants
    assert "access_token" in service.redeemed(browser)


def test_declining_is_told_to_the_application(browser: Browser, service: Service) -> None:
    """entra.md 5.4: `access_denied`, AADSTS65004, `error_subcode=cancel`."""
    browser.open(AUTHORIZE, **ASKED, prompt="consent")
    browser.sign_in()
    browser.submit(choice="cancel")

    assert (browser.answer["error"], browser.answer["error_subcode"]) == ("access_denied", "cancel")
    assert browser.answer["error_description"].startswith("AADSTS65004: ")
    assert browser.answer["state"] == "s"
    assert service.ledger.log[-1].code == 65004


def test_consent_lacking_is_told_silently(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `prompt=none` answers `consent_required`."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    del service.world.partner().grants[WEB_APP, GRAPH_ID, ""]

    browser.open(AUTHORIZE, **ASKED, prompt="none")

    assert browser.answer["error"] == "consent_required"


def test_some_permissions_need_an_administrator(service: Service, browser: Browser) -> None:
    """entra.md 9: 90094, a page."""
    del service.world.partner().grants[WEB_APP, GRAPH_ID, ""]

    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)

    assert "AADSTS90094: " in browser.text


def test_v2_consents_to_what_the_scope_names(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `scope` may span several resources for consent."""
    tenant = service.world.partner()
    asked = {name: value for name, value in ASKED.items() if name != "resource"}
    scope = f"openid {PARTNER_CENTER}/user_impersonation {GRAPH}/Mail.Read"

    browser.open("/common/oauth2/v2.0/authorize", **asked | {"scope": scope})
    browser.sign_in(JOHN)
    assert "Microsoft Graph: Mail.Read" in browser.text
    browser.submit(choice="accept")

    assert tenant.grants[WEB_APP, GRAPH_ID, service.person(JOHN).id] == {"Mail.Read"}
    assert "code" in browser.answer


def test_a_stranger_to_the_tenant_is_sent_back(browser: Browser) -> None:
    """entra.md 5.4: foreign user → `access_denied`, AADSTS50020."""
    browser.open(f"/{FABRIKAM}/oauth2/authorize", **ASKED)
    browser.sign_in(JOHN)

    assert browser.answer["error"] == "access_denied"
    assert browser.answer["error_description"].startswith("AADSTS50020: ")


def test_a_sign_in_belongs_to_one_browser(service: Service, browser: Browser) -> None:
    """RFC 9700 4.7: a form that another browser was led to send is refused."""
    browser.open(AUTHORIZE, **ASKED)
    other = Browser(service, page=browser.page)

    other.submit(login=JOHN)

    assert "AADSTS50089: " in other.text
    browser.submit(login=JOHN)
    assert browser.heading == "Enter password"


def test_a_sign_in_does_not_wait_for_ever(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    service.advance(minutes=31)

    browser.submit(login=JOHN)

    assert "AADSTS50089: " in browser.text


def test_a_step_cannot_be_skipped(browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)

    for step in ("consent", "code", "change", "password", "choose", "nonsense", ""):
        browser.submit(step=step, choice="accept", passwd=PASSWORD, newpasswd="x" * 9, confirmpasswd="x" * 9)
        assert browser.heading == "Sign in"


def test_a_reset_of_the_world_forgets_everything(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    service.world.ledger.clear()

    browser.open(AUTHORIZE, **ASKED)

    assert browser.heading == "Sign in"


def test_pages_keep_to_themselves(browser: Browser) -> None:
    """No script, no frame, forms only to us and to where the answer goes; cookies that no other host can set."""
    page = browser.open(AUTHORIZE, **ASKED)

    policy = page.header("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self' https://localhost:44395;" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (page.header("X-Frame-Options"), page.header("Cache-Control")) == ("DENY", "no-store, no-cache")
    cookies = [value for name, value in page.headers if name == "Set-Cookie"]
    assert all(cookie.startswith("__Host-") for cookie in cookies)
    assert all(cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=None") for cookie in cookies)
    assert "<label for=" in browser.text


def test_what_a_stranger_types_is_escaped(browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login='"><script>alert(1)</script>{app}')

    assert "<script>" not in browser.text
    assert "{app}" in browser.text


def test_the_user_info_endpoint_tells_who_it_is(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    token = service.redeemed(browser)["access_token"]
    url = f"{ORIGIN}/common/openid/userinfo"

    told = service.send(Request("GET", url, (("Authorization", f"Bearer {token}"),)))

    assert told.value()["upn"] == ADMIN_AGENT
    assert service.send(Request("GET", url, (("Authorization", "Bearer a.b.c"),))).status == 401
    assert service.send(Request("GET", url)).status == 401
