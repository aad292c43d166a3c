"""What ends refresh tokens and sessions, cause by cause (entra.md 7.3: the table, and what stands below it)."""

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.rules.causes import NEW_PASSWORD, Cause
from partnerauth.hidden import Hidden
from tests.emulator.entra.service import FABRIKAM, GRAPH, NOON, PARTNER_CENTER_ID, SITE, Browser
from tests.emulator.story import OK, Story

REVOKED = 50173
ALIVE = "alive"
TABLE = [
    # event; password cookie, password token, other cookie, other token, confidential token
    ("password_expired", "alive alive alive alive alive"),
    ("password_changed", "revoked revoked alive alive alive"),
    ("self_service_reset", "revoked revoked alive alive alive"),
    ("admin_reset_in_azure", "revoked revoked alive alive alive"),
    ("admin_reset_in_entra", "revoked revoked alive revoked revoked"),
    ("user_revoked", "revoked revoked revoked revoked revoked"),
    ("admin_revoked", "revoked revoked revoked revoked revoked"),
    ("signed_out", "revoked alive revoked alive alive"),
]
ASKED = {"client_id": WEB_APP, "response_type": "code", "redirect_uri": SITE, "scope": "openid"}


def happen(story: Story, cause: str) -> None:
    if Cause(cause) in NEW_PASSWORD:
        story.control("POST", f"/people/{ADMIN_AGENT}/password", {"cause": cause, "password": "another one"})
    else:
        story.control("POST", f"/people/{ADMIN_AGENT}/revoke?cause={cause}")


def lives(browser: Browser) -> str:
    browser.open("/common/oauth2/authorize", **ASKED, prompt="none")
    return "revoked" if browser.answer.get("error") == "login_required" else ALIVE


@pytest.mark.parametrize(("cause", "row"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("later", [0, 60], ids=["at once", "an hour later"])
def test_the_table(story: Story, cause: str, row: str, later: int) -> None:
    """entra.md 7.3, revocation table: each kind of cookie and token."""
    tokens = [
        (story.of_public_client(), True),
        (story.by_key(public=True), True),
        (story.consented(), False),
        (story.by_key(public=False), False),
    ]
    by_password, by_key = Browser(story), Browser(story)
    by_password.open("/common/oauth2/authorize", **ASKED)
    by_password.sign_in()
    by_key.open("/common/oauth2/authorize", **ASKED, login_hint=ADMIN_AGENT)
    by_key.submit(choice="key")
    story.advance(minutes=later)

    happen(story, cause)

    codes = {REVOKED: "revoked", OK: ALIVE}
    password, key, confidential, confidential_by_key = (codes[story.code_of(t, public=p)] for t, p in tokens)
    assert f"{lives(by_password)} {password} {lives(by_key)} {key} {confidential}" == row
    assert confidential_by_key == confidential


def test_every_cause_is_in_the_table() -> None:
    assert {cause for cause, _ in TABLE} == {cause.value for cause in Cause}


def test_a_revoked_token_says_when(story: Story) -> None:
    """entra.md 8.3: `invalid_grant`, `bad_token`; the text names both moments."""
    token = story.consented()
    story.advance(days=1)
    story.control("POST", f"/people/{ADMIN_AGENT}/revoke")

    for v2 in (False, True):
        value = story.spend(token, v2=v2)
        assert (value["error"], value["suberror"], value["error_codes"]) == ("invalid_grant", "bad_token", [REVOKED])
        assert "issued on '2026-01-01T12:00:00.0000000Z'" in value["error_description"]
        assert "for this user is '2026-01-02T12:00:00.0000000Z'" in value["error_description"]
    assert story.control("GET", f"/people/{ADMIN_AGENT}")["valid_from"] == "2026-01-02T12:00:00Z"


def test_what_comes_after_a_revocation_is_good(story: Story) -> None:
    """Also at the same moment: a frozen clock does not confuse before and after."""
    story.control("POST", f"/people/{ADMIN_AGENT}/revoke")

    assert story.code_of(story.consented()) == OK


def test_a_revocation_ends_the_whole_line(story: Story) -> None:
    """entra.md 7.3: rotated tokens are of the same grant; each is revoked."""
    first = story.consented()
    second = story.spend(first)["refresh_token"]

    story.control("POST", f"/people/{ADMIN_AGENT}/revoke?cause=user_revoked")

    assert story.code_of(first) == story.code_of(second) == REVOKED


def test_a_dated_revocation_waits_for_its_moment(story: Story) -> None:
    token = story.consented()
    story.person().revoked[Cause.ADMIN_REVOKED] = NOON.replace(day=5)

    assert story.code_of(token) == OK
    story.advance(days=5)
    assert story.code_of(token) == REVOKED


def test_a_colleague_is_not_concerned(story: Story) -> None:
    token = story.consented(JOHN, mfa=False)
    story.control("POST", f"/people/{ADMIN_AGENT}/revoke")

    assert story.code_of(token) == OK


def test_a_new_password_is_the_one_to_sign_in_with(story: Story) -> None:
    made = story.control("POST", f"/people/{JOHN}/password", {"cause": "admin_reset_in_azure", "temporary": True})
    assert story.password()["error_codes"] == [50126]
    assert story.password(password=made["password"])["error_codes"] == [50055]
    story.control("POST", f"/people/{JOHN}/password", {"password": PASSWORD})

    assert "access_token" in story.password()


def test_changing_an_expired_password_on_the_page_is_a_change(story: Story) -> None:
    """entra.md 7.3: a change by the person ends a public client's token got by password."""
    public, confidential = story.of_public_client(JOHN, mfa=False), story.consented(JOHN, mfa=False)
    story.control("POST", f"/people/{JOHN}/revoke?cause=password_expired")
    assert story.password()["error_codes"] == [50055]
    assert story.code_of(public, public=True) == OK
    browser = Browser(story)
    browser.open("/common/oauth2/authorize", **ASKED)
    browser.sign_in(JOHN)
    assert browser.heading == "Update your password"

    browser.submit(newpasswd="a new one, long", confirmpasswd="a new one, long")

    assert "code" in browser.answer
    assert story.person(JOHN).password == Hidden("a new one, long")
    assert (story.code_of(public, public=True), story.code_of(confidential)) == (REVOKED, OK)


def test_people_and_applications_come_and_go(story: Story) -> None:
    """entra.md 7.3, below the table: 50057, 50034, 7000112, 700016, 7000229, 65001; the token itself stays good."""
    token = story.consented()
    story.control("POST", f"/people/{ADMIN_AGENT}/disable")
    assert story.code_of(token) == 50057
    story.control("POST", f"/people/{ADMIN_AGENT}/enable")
    story.control("POST", f"/registrations/{WEB_APP}/disable")
    assert story.code_of(token) == 7000112
    assert story.for_itself()["error_codes"] == [7000112]
    story.control("POST", f"/registrations/{WEB_APP}/enable")
    there = f"/tenants/contoso.com/applications/{WEB_APP}"
    story.control("POST", f"{there}/disable")
    assert story.control("GET", there)["enabled"] is False
    assert story.code_of(token) == 7000112
    assert story.code_of(token, tenant="common") == 7000112
    assert story.for_itself()["error_codes"] == [7000112]
    story.control("POST", f"{there}/enable")
    assert story.code_of(token) == OK


def test_a_consent_is_withdrawn_and_given_again(story: Story) -> None:
    """entra.md 9, 65001: `invalid_grant`, `consent_required`."""
    token = story.consented()
    where = f"application={WEB_APP}&api=partner-center"
    story.control("DELETE", f"/consents?{where}")
    value = story.spend(token)
    assert (value["error"], value["suberror"], value["error_codes"]) == ("invalid_grant", "consent_required", [65001])
    assert story.code_of(token, resource=GRAPH) == OK

    consent = {"application": WEB_APP, "api": "partner-center", "permissions": ["user_impersonation"]}
    story.control("POST", "/consents", consent | {"tenant": "contoso.com", "person": ADMIN_AGENT})
    assert story.code_of(token) == OK
    (kept,) = [one for one in story.control("GET", "/consents") if one["person"] == ADMIN_AGENT]
    assert kept == consent | {"tenant": TENANT, "person": ADMIN_AGENT}
    story.control("DELETE", f"/consents?{where}&person={ADMIN_AGENT}")
    assert story.code_of(token) == 65001
    assert story.refused("DELETE", f"/consents?{where}")[0] == 404


def test_a_customers_consent_is_withdrawn(story: Story) -> None:
    token = story.consented()
    consent = {"application": WEB_APP, "api": "graph", "permissions": ["User.Read"], "tenant": FABRIKAM}
    assert story.code_of(token, tenant=FABRIKAM, resource=GRAPH) == 65001
    story.control("POST", "/consents", consent)
    assert story.code_of(token, tenant=FABRIKAM, resource=GRAPH) == OK
    story.control("DELETE", f"/consents?tenant={FABRIKAM}")
    assert story.code_of(token, tenant=FABRIKAM, resource=GRAPH) == 65001


def test_a_removed_service_principal(story: Story) -> None:
    """entra.md 9, 7000229: no service principal in this tenant; a new consent brings it back."""
    token = story.consented()
    story.control("DELETE", f"/tenants/{TENANT}/applications/{WEB_APP}")

    value = story.spend(token)
    assert (value["error"], value["error_codes"]) == ("unauthorized_client", [7000229])
    assert story.for_itself()["error_codes"] == [7000229]
    consent = {"application": WEB_APP, "api": "partner-center", "permissions": ["user_impersonation"]}
    story.control("POST", "/consents", consent | {"tenant": TENANT})
    assert story.code_of(token) == OK


def test_the_deleted_are_gone(story: Story) -> None:
    token, native = story.consented(), story.of_public_client()
    story.control("DELETE", f"/registrations/{NATIVE_APP}")
    assert story.code_of(native, public=True) == 700016
    story.control("DELETE", f"/people/{ADMIN_AGENT}")
    assert story.code_of(token) == 50034


def test_secrets_come_and_go(story: Story) -> None:
    """entra.md 7.3: 7000215 removed, 7000222 expired, both 401 `invalid_client`; the refresh token stays good."""
    token = story.consented()
    made = story.control("POST", f"/registrations/{WEB_APP}/secrets", {"ends": "2026-01-02T12:00:00Z"})
    (old,) = [one["id"] for one in story.control("GET", f"/registrations/{WEB_APP}")["secrets"] if not one["ends"]]
    story.control("DELETE", f"/registrations/{WEB_APP}/secrets/{old}")

    assert story.code_of(token) == 7000215
    assert story.code_of(token, client_secret=made["value"]) == OK
    story.advance(days=1)
    assert story.code_of(token, client_secret=made["value"]) == 7000222
    again = story.control("POST", f"/registrations/{WEB_APP}/secrets", {"value": WEB_APP_SECRET})
    assert story.code_of(token) == OK
    assert (again["value"], again["ends"]) == (WEB_APP_SECRET, None)


def test_mistakes_are_told(story: Story) -> None:
    assert story.refused("POST", f"/people/{JOHN}/revoke?cause=whim")[1].startswith("cause: expected one of password_e")
    assert story.refused("POST", f"/people/{JOHN}/revoke?cause=password_changed")[0] == 400
    assert story.refused("POST", f"/people/{JOHN}/password", {"cause": "signed_out"})[0] == 400
    assert story.refused("POST", "/registrations/x/disable")[0] == 404
    assert story.refused("DELETE", f"/registrations/{WEB_APP}/secrets/x")[0] == 404
    assert story.refused("POST", f"/registrations/{WEB_APP}/secrets", {"ends": "soon"})[0] == 400
    assert story.refused("POST", f"/registrations/{WEB_APP}/certificates", {"pem": "x"})[0] == 400
    assert story.refused("DELETE", f"/registrations/{WEB_APP}/certificates/x")[0] == 404
    assert story.refused("POST", f"/tenants/{TENANT}/applications/{PARTNER_CENTER_ID[:-1]}0/disable")[0] == 404
    assert story.refused("GET", f"/tenants/nowhere/applications/{WEB_APP}")[0] == 404
    assert story.refused("POST", f"/people/{JOHN}/approve")[0] == 409
