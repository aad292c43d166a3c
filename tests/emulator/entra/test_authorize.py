"""The authorize endpoint: what it believes, where it answers, and what it keeps to itself (entra.md 5)."""

import base64
import hashlib
import json

import pytest

from partnerauth.cloud import Api, Dialect, emulated
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.emulator.world import Automatic
from partnerauth.messages import Request
from partnerauth.oauth.authorize import OOB, AuthorizeResponse, Ticket
from tests.emulator.entra.service import GRAPH, NOON, ORIGIN, PARTNER_CENTER, SITE, Browser, Service

ASKED = {
    "client_id": WEB_APP,
    "response_type": "code",
    "redirect_uri": SITE,
    "resource": PARTNER_CENTER,
    "state": "a b&c",
}
V2 = {name: value for name, value in ASKED.items() if name != "resource"} | {
    "scope": f"{PARTNER_CENTER}/.default openid"
}
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def automatic(service: Service) -> Service:
    """Everybody who comes is admin.agent, signed in with MFA."""
    service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    return service


def opened(service: Service, v2: bool = False, /, tenant: str = "common", **fields: str) -> Browser:
    browser = Browser(service)
    asked = {name: value for name, value in ((V2 if v2 else ASKED) | fields).items() if value}
    browser.open(f"/{tenant}/oauth2/{'v2.0/' if v2 else ''}authorize", **asked)
    return browser


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({}, f"{SITE}?code=emulated."),
        ({"response_mode": "query"}, f"{SITE}?code=emulated."),
        ({"response_mode": "fragment"}, f"{SITE}#code=emulated."),
        ({"response_type": "code id_token"}, f"{SITE}#code=emulated."),
        ({"response_type": "id_token"}, f"{SITE}#id_token=eyJ"),
    ],
)
def test_the_answer_comes_by_query_or_fragment(automatic: Service, fields: dict[str, str], start: str) -> None:
    """entra.md 5.1 and 5.2: the default is `query` for a code and `fragment` where an id_token is returned."""
    browser = opened(automatic, **fields)

    assert browser.page.status == 302
    assert browser.location.startswith(start)
    assert browser.answer["state"] == "a b&c"
    assert len(browser.answer["session_state"]) == 36


def test_the_answer_comes_by_form_post(automatic: Service) -> None:
    """entra.md 5.2: "Working...", one form named `hiddenform`, a button in `<noscript>`; only our script may run."""
    browser = opened(automatic, response_type="id_token code", response_mode="form_post", nonce="n")

    assert "<title>Working...</title>" in browser.text
    assert 'name="hiddenform"' in browser.text
    assert "<noscript>" in browser.text
    assert list(browser.answer) == ["code", "id_token", "state", "session_state"]
    policy = browser.page.header("Content-Security-Policy")
    script = browser.text.partition("<script>")[2].partition("</script>")[0]
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert "form-action https://localhost:44395;" in policy
    claims = automatic.claims(browser.answer["id_token"])
    half = hashlib.sha256(browser.answer["code"].encode()).digest()[:16]
    assert claims["c_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert claims["nonce"] == "n"


def test_a_v2_id_token_never_tells_of_mfa(automatic: Service) -> None:
    """entra.md 11."""
    browser = opened(automatic, True, response_type="code id_token", scope="openid profile email", nonce="n")

    claims = automatic.claims(browser.answer["id_token"], v2=True)
    assert (claims["ver"], claims["iss"], claims["email"]) == ("2.0", f"{ORIGIN}/{TENANT}/v2.0", ADMIN_AGENT)
    assert "amr" not in claims


def test_what_is_echoed_cannot_break_out_of_the_page(automatic: Service) -> None:
    browser = opened(automatic, response_mode="form_post", state='"><script>alert(1)</script>')

    assert browser.text.count("<script>") == 1
    assert browser.answer["state"] == '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"client_id": "00000000-0000-0000-0000-000000000001"}, 700016),
        ({"client_id": ""}, 900144),
        ({"response_type": ""}, 900144),
        ({"redirect_uri": "https://evil.example.com/"}, 50011),
        ({"redirect_uri": "https://localhost:44395/x"}, 50011),
        ({"redirect_uri": "HTTPS://localhost:44395/x"}, 50011),
        ({"redirect_uri": "https://LOCALHOST:44395/"}, 50011),
        ({"redirect_uri": "https://localhost:44395/#x"}, 50011),
        ({"redirect_uri": "http://localhost@evil.example.com/"}, 50011),
        ({"redirect_uri": "http://localhost:99999999/"}, 50011),
        ({"redirect_uri": "http://[::1]:1/"}, 50011),
        ({"redirect_uri": "http://localhost:8400/\r\nSet-Cookie: a=b"}, 50011),
        ({"redirect_uri": "javascript:alert(1)"}, 50011),
        ({"redirect_uri": "http://localhost/?" + "x" * 3000}, 50011),
    ],
)
def test_what_cannot_be_trusted_is_shown_and_not_sent(service: Service, fields: dict[str, str], code: int) -> None:
    """entra.md 5.4, "Not redirected": an HTML page with Request Id, Correlation Id, Timestamp, Message."""
    browser = opened(service, **fields)

    assert (browser.page.status, browser.location) == (400, "")
    assert f"AADSTS{code}: " in browser.text
    for term in ("Request Id", "Correlation Id", "Timestamp", "Message"):
        assert f"<dt>{term}</dt>" in browser.text
    assert browser.page.header("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("tenant", "code"), [("elsewhere.example.com", 90002), ("a b", 900023), ("consumers", 9002332)]
)
def test_an_unknown_tenant_is_shown_too(service: Service, tenant: str, code: int) -> None:
    """entra.md 5.4."""
    assert f"AADSTS{code}: " in opened(service, tenant=tenant.replace(" ", "%20")).text


def test_an_app_of_one_tenant_is_not_for_common(service: Service) -> None:
    """entra.md 2: 50194, a page."""
    service.web_app.multi_tenant = False

    assert "AADSTS50194: " in opened(service).text
    assert "Sign in" in opened(service, tenant=TENANT).text


def test_an_app_without_addresses(service: Service) -> None:
    """entra.md 9: 500113; v2 without one named: 900971."""
    assert "AADSTS900971: " in opened(service, True, redirect_uri="").text
    service.web_app.platforms.clear()
    assert "AADSTS500113: " in opened(service).text


@pytest.mark.parametrize(
    "uri", ["http://localhost:8400/", "http://localhost:8999", "http://localhost", "http://127.0.0.1:1234/"]
)
def test_the_port_of_a_loopback_address_does_not_matter(automatic: Service, uri: str) -> None:
    """entra.md 5.5: the port is ignored, the path is not; 5.2: no path comes back with a slash."""
    browser = opened(automatic, redirect_uri=uri)

    assert browser.location.startswith(f"{uri.rstrip('/')}/?code=")


@pytest.mark.parametrize(
    ("v2", "fields", "word", "code"),
    [
        (False, {"response_type": "id_token token"}, "unsupported_response_type", 700051),
        (True, {"response_type": "token"}, "unsupported_response_type", 700051),
        (False, {"response_type": "code token"}, "unsupported_response_type", 70005),
        (False, {"response_type": "nonsense"}, "unsupported_response_type", 70005),
        (False, {"response_mode": "nonsense"}, "invalid_request", 70007),
        (False, {"response_type": "id_token", "response_mode": "query"}, "invalid_request", 70007),
        (False, {"prompt": "nonsense"}, "invalid_request", 90023),
        (False, {"claims": "{"}, "invalid_request", 90023),
        (False, {"max_age": "soon"}, "invalid_request", 90023),
        (True, {"sid": "x", "login_hint": "john.doe@contoso.com"}, "invalid_request", 90005),
        (True, {"sid": "x", "prompt": "none"}, "login_required", 160021),
        (False, {"code_challenge": "short"}, "invalid_request", 501491),
        (False, {"code_challenge": "x" * 129}, "invalid_request", 501491),
        (False, {"code_challenge": CHALLENGE, "code_challenge_method": "S512"}, "invalid_request", 50147),
        (False, {"code_challenge_method": "S256"}, "invalid_request", 50147),
        (False, {"resource": "https://unknown.example.com"}, "invalid_resource", 500011),
        (True, {"resource": PARTNER_CENTER}, "invalid_request", 901002),
        (True, {"scope": ""}, "invalid_request", 900144),
        (True, {"prompt": "admin_consent"}, "invalid_request", 90023),
        (True, {"scope": "https://unknown.example.com/.default"}, "invalid_resource", 500011),
        (True, {"response_type": "id_token", "scope": f"{GRAPH}/User.Read"}, "invalid_scope", 70011),
        (True, {"prompt": "none"}, "login_required", 50058),
    ],
)
def test_an_application_is_told_of_its_own_mistakes(
    service: Service, v2: bool, fields: dict[str, str], word: str, code: int
) -> None:
    """entra.md 5.4: by redirect, with state, over the channel that was asked for."""
    browser = opened(service, v2, **fields)

    assert browser.page.status == 302
    assert browser.location.startswith(SITE)
    assert (browser.answer["error"], browser.answer["state"]) == (word, "a b&c")
    assert browser.answer["error_description"].startswith(f"AADSTS{code}: ")
    assert browser.answer["error_uri"] == f"{ORIGIN}/error?code={code}"


def test_an_error_is_encoded_as_entra_id_does(service: Service) -> None:
    """entra.md 5.4, captured: spaces as `+`, escapes in lower case, `%0d%0a` between lines, a bare `#` at the end."""
    location = opened(service, prompt="none", redirect_uri="http://localhost:8400").location

    assert location.startswith("http://localhost:8400/?error=login_required&error_description=AADSTS50058%3a+A+silent")
    assert "%0d%0aTrace+ID%3a+" in location
    assert location.endswith("#")


def test_an_error_takes_the_asked_channel(service: Service) -> None:
    browser = opened(service, prompt="none", response_mode="form_post")

    assert browser.page.status == 200
    assert browser.form.action == SITE
    assert browser.answer["error"] == "login_required"


def test_id_tokens_may_be_off(service: Service) -> None:
    """entra.md 5.2: 700054 `unsupported_response_type`."""
    service.web_app.id_tokens = False

    answer = opened(service, response_type="code id_token").answer

    assert answer["error"] == "unsupported_response_type"
    assert answer["error_description"].startswith("AADSTS700054: ")


@pytest.mark.parametrize("v2", [False, True])
def test_access_tokens_without_a_code_may_be_on(automatic: Service, v2: bool) -> None:
    """entra.md 5.1, 5.2: the implicit flow, in the fragment, its id_token bound to the access token by `at_hash`."""
    automatic.web_app.access_tokens = True
    asked = {"response_type": "token id_token", "nonce": "n"} | ({"scope": f"openid {GRAPH}/User.Read"} if v2 else {})

    browser = opened(automatic, v2, **asked)

    answer, scope = browser.answer, f"{GRAPH}/User.Read" if v2 else "user_impersonation"
    assert browser.location.startswith(f"{SITE}#")
    assert (answer["token_type"], answer["expires_in"], answer["state"]) == ("Bearer", "3600", "a b&c")
    assert scope in answer["scope"].split()
    access = automatic.claims(answer["access_token"])
    assert (access["aud"], access["appidacr"]) == (GRAPH if v2 else PARTNER_CENTER, "0")
    half = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    identity = automatic.claims(answer["id_token"], v2=v2)
    assert identity["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert "id_token" not in opened(automatic, v2, **asked | {"response_type": "token"}).answer


def test_an_access_token_without_a_code_is_for_one_api(automatic: Service) -> None:
    automatic.web_app.access_tokens = True

    several = opened(automatic, True, response_type="token", scope=f"{GRAPH}/User.Read {PARTNER_CENTER}/.default")
    nothing = opened(automatic, response_type="token", resource="")

    assert several.answer["error_description"].startswith("AADSTS28000: ")
    assert nothing.answer["error_description"].startswith("AADSTS900144: ")


def test_a_nonce_is_demanded_from_its_date_on(automatic: Service) -> None:
    """entra.md 5.1: required with id_token; the seeds' link is older and has none."""
    asked = {"response_type": "code id_token"}
    assert "code" in opened(automatic, **asked).answer
    automatic.world.policies.nonce_demanded = NOON

    assert opened(automatic, **asked).answer["error_description"].startswith("AADSTS900144: ")
    assert "code" in opened(automatic, nonce="n", **asked).answer
    assert "code" in opened(automatic).answer


def test_an_api_that_is_not_listed(service: Service) -> None:
    """entra.md 9: 650057, `invalid_client` by redirect."""
    del service.web_app.permissions["fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"]

    answer = opened(service).answer

    assert answer["error"] == "invalid_client"
    assert answer["error_description"].startswith("AADSTS650057: ")


def test_the_copy_and_paste_flow_shows_the_whole_answer(automatic: Service) -> None:
    """Seed 002, appendix A: `urn:ietf:wg:oauth:2.0:oob` is no address, so the answer is text to copy."""
    browser = opened(automatic, redirect_uri=OOB)

    shown = browser.text.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    assert shown.startswith(f"{OOB}?code=emulated.")
    assert "state=a+b%26c" in shown


def test_the_native_clients_address_is_reached_only_by_its_real_name(automatic: Service) -> None:
    uri = "https://login.microsoftonline.com/common/oauth2/nativeclient"
    here = opened(automatic, client_id=NATIVE_APP, redirect_uri=uri)
    automatic.origin = "https://login.microsoftonline.com"
    there = opened(automatic, client_id=NATIVE_APP, redirect_uri=uri)

    assert f"{uri}?code=" in here.text
    assert there.location.startswith(f"{uri}?code=")
    page = automatic.send(Request("GET", there.location.rstrip("#")))
    assert "?code=emulated." in page.body.decode()


def test_client_info_comes_when_asked_for(automatic: Service) -> None:
    """entra.md 5.1 and 7.2."""
    info = opened(automatic, client_info="1").answer["client_info"]

    assert json.loads(base64.urlsafe_b64decode(info + "==")) == {"uid": automatic.person().id, "utid": TENANT}


def test_the_request_may_be_posted(automatic: Service) -> None:
    """entra.md 3."""
    response = automatic.post("/common/oauth2/authorize", **ASKED)

    assert response.header("Location").startswith(f"{SITE}?code=")


@pytest.mark.parametrize("mfa", [True, False])
def test_automatic_sign_in_is_with_or_without_mfa_as_set(service: Service, mfa: bool) -> None:
    service.world.automatic = Automatic(JOHN, mfa)

    answer = opened(service, response_type="code id_token", response_mode="form_post", amr_values="mfa").answer

    assert service.claims(answer["id_token"])["amr"] == (["pwd", "mfa"] if mfa else ["pwd"])


@pytest.mark.parametrize("dialect", list(Dialect))
def test_our_own_ticket_is_answered(automatic: Service, dialect: Dialect) -> None:
    """What the client writes the service reads, and back."""
    cloud = emulated(ORIGIN)
    ticket = Ticket.issue(cloud.authority("organizations"), WEB_APP, SITE, NOON, dialect=dialect)
    browser = Browser(automatic)

    url = ticket.request(cloud.resource(Api.PARTNER_CENTER)).to(ticket.authority)
    browser.page = automatic.send(Request("GET", url))

    assert ticket.claim(AuthorizeResponse.read(browser.answer), NOON).code.reveal().startswith("emulated.")
