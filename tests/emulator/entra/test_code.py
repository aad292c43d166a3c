"""An authorization code, what it is redeemed for, and what it is bound to (entra.md 6, 7.1, 10, 11)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.emulator.world import Automatic
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.authorize import challenge
from tests.emulator.entra.service import (
    FABRIKAM,
    GRAPH,
    NOON,
    ORIGIN,
    PARTNER_CENTER,
    SITE,
    V2_SCOPE,
    Browser,
    Code,
    Redeem,
    Service,
)

VERIFIER = "a-verifier-of-the-shortest-length-that-may-be"


def test_a_code_gives_what_the_secure_application_model_needs(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 6, 7.1, 10 and Appendix A: v1 answer with refresh token and id_token, `amr` in both tokens."""
    value = redeem(code(), client_info="1")

    names = (
        "token_type scope expires_in ext_expires_in expires_on not_before resource access_token refresh_token id_token"
    )
    assert list(value) == [*names.split(), "client_info"]
    assert str(value["refresh_token"]).startswith("emulated.")
    assert 1024 < len(str(value["refresh_token"])) < 2048
    info = str(value["client_info"])
    assert json.loads(base64.urlsafe_b64decode(info + "=" * (-len(info) % 4))) == {
        "uid": service.person().id,
        "utid": TENANT,
    }
    access = service.claims(str(value["access_token"]))
    uti = access.pop("uti")
    assert len(uti) == 22
    now = int(NOON.timestamp())
    assert access.pop("sub") != service.person().id
    assert access == {
        "aud": PARTNER_CENTER,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "acr": "1",
        "amr": ["pwd", "mfa"],
        "appid": WEB_APP,
        "appidacr": "1",
        "family_name": "Agent",
        "given_name": "Admin",
        "ipaddr": "127.0.0.1",
        "name": "Admin Agent",
        "oid": service.person().id,
        "scp": "user_impersonation",
        "tenant_region_scope": "NA",
        "tid": TENANT,
        "unique_name": ADMIN_AGENT,
        "upn": ADMIN_AGENT,
        "ver": "1.0",
        "xms_emulated": True,
        "xms_world": service.world.ids[0],
    }


def test_v1_tokens_name_their_key_twice(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 10: `x5t` with the value of `kid` in v1.0 tokens only."""

    def header(token: object) -> dict[str, str]:
        first = str(token).partition(".")[0]
        found: dict[str, str] = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
        return found

    value = redeem(code(v2=True), v2=True, scope=V2_SCOPE)

    assert sorted(header(value["access_token"])) == ["alg", "kid", "typ", "x5t"]
    assert header(value["access_token"])["x5t"] == header(value["access_token"])["kid"]
    assert sorted(header(value["id_token"])) == ["alg", "kid", "typ"]


def test_the_v2_dialect(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 6, 10, 11: numbers, full scope, a v1-format access token, a v2 id_token that never carries `amr`."""
    value = redeem(code(v2=True, nonce="n-1", state="s"), v2=True, scope=V2_SCOPE, client_info="1")

    assert list(value) == (
        "token_type scope expires_in ext_expires_in access_token refresh_token id_token client_info".split()  # noqa: SIM905
    )
    assert value["scope"] == f"{PARTNER_CENTER}/user_impersonation"
    assert value["expires_in"] == 3600
    access = service.claims(str(value["access_token"]))
    assert (access["ver"], access["aud"], access["amr"]) == ("1.0", PARTNER_CENTER, ["pwd", "mfa"])
    identity = service.claims(str(value["id_token"]), v2=True)
    assert identity.pop("sub")
    now = int(NOON.timestamp())
    assert identity == {
        "aud": WEB_APP,
        "iss": f"{ORIGIN}/{TENANT}/v2.0",
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "tid": TENANT,
        "ver": "2.0",
        "xms_emulated": True,
        "xms_world": service.world.ids[0],
        "name": "Admin Agent",
        "oid": service.person().id,
        "preferred_username": ADMIN_AGENT,
        "nonce": "n-1",
    }


def test_v2_gives_a_refresh_token_only_for_offline_access(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 6, `refresh_token`."""
    scope = f"{PARTNER_CENTER}/.default"

    value = redeem(code(v2=True, scope=scope), v2=True)

    assert "refresh_token" not in value
    assert "id_token" not in value
    assert value["scope"] == f"{PARTNER_CENTER}/user_impersonation {PARTNER_CENTER}/.default"


def test_a_code_works_once_and_for_ten_minutes(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 7.1: 54005 when reused, 70008 when expired; what was issued stays good."""
    first, late = code(), code()

    assert "access_token" in redeem(first)
    assert redeem(first)["error_codes"] == [54005]
    service.advance(minutes=10, seconds=1)
    assert (redeem(late)["error"], redeem(late)["error_codes"]) == ("invalid_grant", [70008])


def test_of_many_that_redeem_a_code_at_once_one_wins(code: Code, redeem: Redeem) -> None:
    """RFC 6749 4.1.2: a code is never used more than once."""
    text = code()

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(redeem, [text] * 16))

    assert sorted("access_token" in value for value in values) == [False] * 15 + [True]


def test_a_code_is_bound_to_tenant_client_and_redirect_uri(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 7.1: 700005 other tenant, 70000 other client, 500112 other redirect URI; RFC 6749 4.1.3."""
    text = code()
    native = {"client_id": NATIVE_APP, "client_secret": ""}

    assert redeem(text, redirect_uri="https://localhost:44395")["error_codes"] == [500112]
    assert redeem(text, redirect_uri="")["error_codes"] == [500112]
    asked = {"grant_type": "authorization_code", "code": text, "redirect_uri": SITE}
    assert service.token(tenant=FABRIKAM, **asked).value()["error_codes"] == [700005]
    assert redeem(text, client_secret="wrong")["error_codes"] == [7000215]
    assert "access_token" in redeem(text)
    stolen = code()
    assert redeem(stolen, **native)["error_codes"] == [70000]
    assert redeem(stolen)["error_codes"] == [54005]


def test_a_code_that_is_none(redeem: Redeem) -> None:
    """entra.md 7.3 and 21.1: captured as `invalid_grant` for broken values."""
    assert redeem("AQABAAA")["error_codes"] == [9002313]
    assert redeem("AQABAAA")["error"] == "invalid_grant"
    assert redeem("emulated.unknown")["error_codes"] == [70000]


@pytest.mark.parametrize("method", ["S256", "plain", ""])
def test_pkce(service: Service, code: Code, redeem: Redeem, method: str) -> None:
    """entra.md 5.1 and 7.1: `plain` is assumed when absent; 501481 on mismatch, which also burns the code."""
    fields = {"code_challenge": challenge(Hidden(VERIFIER)) if method == "S256" else VERIFIER}
    fields |= {"code_challenge_method": method} if method else {}

    assert "access_token" in redeem(code(**fields), code_verifier=VERIFIER)
    assert redeem(code(**fields))["error_codes"] == [501481]
    text = code(**fields)
    assert redeem(text, code_verifier=VERIFIER + "x")["error_codes"] == [501481]
    assert redeem(text, code_verifier=VERIFIER)["error_codes"] == [54005]


def test_a_verifier_without_a_challenge_is_refused(code: Code, redeem: Redeem) -> None:
    """RFC 9700 4.8.2: somebody took the challenge away."""
    assert redeem(code(), code_verifier=VERIFIER)["error_codes"] == [501481]


def test_the_resource_may_come_with_either_request(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 5.1: needed here or there; if in both they must match."""
    assert redeem(code(resource=""))["error_codes"] == [900144]
    assert redeem(code(resource=""), resource=GRAPH)["resource"] == GRAPH
    assert redeem(code(), resource=f"{PARTNER_CENTER}/")["resource"] == f"{PARTNER_CENTER}/"
    assert redeem(code(), resource=GRAPH)["error_codes"] == [70000]


def test_a_token_for_graph_carries_the_words_of_openid_connect(service: Service, code: Code, redeem: Redeem) -> None:
    """Appendix A: without a prefix beside Graph's own; by `email`, userinfo tells the address. Other APIs see none."""
    refresh = redeem(code())["refresh_token"]
    scopes = {"grant_type": "refresh_token", "refresh_token": str(refresh), "scope": "openid email"}

    for api, carried in ((f"{GRAPH}/User.Read", "openid"), (f"{PARTNER_CENTER}/user_impersonation", "")):
        value = service.v2_token(**scopes | {"scope": f"openid email {api}"}).value()
        assert ("openid" in value["scope"].split()) is bool(carried)
        assert ("email" in service.claims(value["access_token"])["scp"].split()) is bool(carried)


def test_a_single_page_application(service: Service) -> None:
    """entra.md 5.5 and 7.3: cross-origin, no secret, and refresh tokens that end after a day for good."""
    service.world.automatic = Automatic(JOHN, mfa=False)
    service.web_app.platforms["https://spa.example.com/"] = "spa"
    asked = {"client_id": WEB_APP, "redirect_uri": "https://spa.example.com/", "scope": V2_SCOPE}
    asked |= {"response_type": "code", "code_challenge": VERIFIER}
    fields = {"grant_type": "authorization_code", "client_secret": "", "redirect_uri": "https://spa.example.com/"}
    origin = ("Origin", "https://spa.example.com")
    browser = Browser(service)
    browser.open("/common/oauth2/v2.0/authorize", **asked)
    fields |= {"code": browser.answer["code"], "code_verifier": VERIFIER}

    assert service.v2_token(**fields).value()["error_codes"] == [9002327]
    value = service.v2_token(origin, **fields).value()
    refresh = {"grant_type": "refresh_token", "client_secret": "", "refresh_token": value["refresh_token"]}
    service.advance(hours=23)
    second = service.v2_token(origin, **refresh).value()
    service.advance(hours=1)
    refresh["refresh_token"] = second["refresh_token"]
    assert service.v2_token(origin, **refresh).value()["error_codes"] == [700084]


@pytest.mark.parametrize("path", ["/common/oauth2/token", "/common/oauth2/v2.0/token"])
def test_a_browser_lets_a_page_ask_and_read(service: Service, path: str) -> None:
    """entra.md 5.5: cross-origin. A browser asks first (CORS), and shows the page only what says that it may."""
    origin = ("Origin", "https://spa.example.com")
    asks = (origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-client-sku"))
    preflight = service.send(Request("OPTIONS", f"{ORIGIN}{path}", asks))
    refusal = service.post(path, origin, grant_type="refresh_token")

    assert (preflight.status, preflight.body) == (200, b"")
    assert preflight.header("Access-Control-Allow-Headers") == "x-client-sku"
    for answer in (preflight, refusal):
        assert answer.header("Access-Control-Allow-Origin") == "*"
        assert answer.header("Access-Control-Allow-Methods") == "POST, OPTIONS"
    assert "x-ms-request-id" in refusal.header("Access-Control-Expose-Headers")
    assert service.post(path, grant_type="refresh_token").header("Access-Control-Allow-Origin") == ""


def test_a_web_app_may_not_redeem_from_a_page(service: Service, code: Code) -> None:
    """entra.md 7.1: `Origin` from a redirect URI of another type is 9002326."""
    fields = {"grant_type": "authorization_code", "code": code(), "redirect_uri": SITE}

    response = service.token(("Origin", "https://localhost:44395"), **fields)

    assert response.value()["error_codes"] == [9002326]
