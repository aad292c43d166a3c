"""What the service publishes about itself is spelt as the caller addressed it (entra.md 4)."""

import pytest

from partnerauth.emulator.default import TENANT
from partnerauth.messages import Request
from tests.emulator.entra.service import FABRIKAM, ORIGIN, Service

REAL = "https://login.microsoftonline.com"
PREFIXED = f"{ORIGIN}/login.microsoftonline.com"
V2_KEYS = """
token_endpoint token_endpoint_auth_methods_supported jwks_uri response_modes_supported subject_types_supported
id_token_signing_alg_values_supported response_types_supported scopes_supported issuer
request_uri_parameter_supported userinfo_endpoint authorization_endpoint device_authorization_endpoint
http_logout_supported frontchannel_logout_supported end_session_endpoint claims_supported kerberos_endpoint
tenant_region_scope cloud_instance_name cloud_graph_host_name msgraph_host rbac_url
"""


@pytest.mark.parametrize("origin", [ORIGIN, REAL, PREFIXED])
@pytest.mark.parametrize(
    ("segment", "name", "issued"),
    [
        ("common", "common", "{tenantid}"),
        ("Organizations", "organizations", "{tenantid}"),
        ("consumers", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"),
        (TENANT.upper(), TENANT, TENANT),
        ("contoso.onmicrosoft.com", TENANT, TENANT),
        ("fabrikam.onmicrosoft.com", FABRIKAM, FABRIKAM),
    ],
)
def test_the_v2_document_tells_its_addresses(origin: str, segment: str, name: str, issued: str) -> None:
    """entra.md 4.1: the GUID in the paths also where a domain was asked for; a template issuer on shared addresses."""
    document = Service(origin=origin).get(f"/{segment}/v2.0/.well-known/openid-configuration").value()

    assert sorted(document) == sorted(V2_KEYS.split())
    assert document["issuer"] == f"{origin}/{issued}/v2.0"
    assert document["token_endpoint"] == f"{origin}/{name}/oauth2/v2.0/token"
    assert document["jwks_uri"] == f"{origin}/{name}/discovery/v2.0/keys"
    assert document["response_types_supported"] == ["code", "id_token", "code id_token", "id_token token"]


@pytest.mark.parametrize("origin", [ORIGIN, REAL, PREFIXED])
def test_the_v1_document_names_the_issuer_that_tokens_name(origin: str) -> None:
    """entra.md 4.2: whatever the address, `https://sts.windows.net/{tid}/`."""
    service = Service(origin=origin)
    document = service.get("/contoso.com/.well-known/openid-configuration").value()
    shared = service.get("/common/.well-known/openid-configuration").value()

    assert document["issuer"] == f"https://sts.windows.net/{TENANT}/"
    assert shared["issuer"] == "https://sts.windows.net/{tenantid}/"
    assert document["jwks_uri"] == f"{origin}/common/discovery/keys"
    assert document["microsoft_multi_refresh_token"] is True
    assert "amr" in document["claims_supported"]


def test_the_user_info_endpoint_is_of_this_world(service: Service) -> None:
    path = "/common/v2.0/.well-known/openid-configuration"

    assert service.get(path).value()["userinfo_endpoint"] == f"{ORIGIN}/graph.microsoft.com/oidc/userinfo"
    service.origin = REAL
    assert service.get(path).value()["userinfo_endpoint"] == "https://graph.microsoft.com/oidc/userinfo"


def test_metadata_may_be_kept_for_a_day(service: Service) -> None:
    """entra.md 4.1, headers."""
    response = service.get("/common/v2.0/.well-known/openid-configuration")

    assert response.header("Cache-Control") == "max-age=86400, private"
    assert response.header("Access-Control-Allow-Origin") == "*"
    assert response.header("Content-Type") == "application/json; charset=utf-8"
    assert (response.header("Pragma"), response.header("Expires")) == ("", "")


def test_a_page_of_another_site_may_read_metadata(service: Service) -> None:
    """entra.md 4.1, headers: `GET, OPTIONS`."""
    for path in ("/common/v2.0/.well-known/openid-configuration", "/common/discovery/v2.0/keys"):
        response = service.send(Request("OPTIONS", f"{ORIGIN}{path}", (("Origin", "https://spa.example.com"),)))

        assert response.status == 200
        assert response.header("Access-Control-Allow-Origin") == "*"
        assert response.header("Access-Control-Allow-Methods") == "GET, OPTIONS"
    assert service.send(Request("OPTIONS", f"{ORIGIN}/common/oauth2/v2.0/devicecode")).status == 405


def test_an_app_with_its_own_keys_is_sent_to_them(service: Service) -> None:
    """entra.md 4.2: `?appid=` is carried over to `jwks_uri`, if it is an id."""
    path = "/common/v2.0/.well-known/openid-configuration"

    assert service.get(path, appid=TENANT).value()["jwks_uri"].endswith(f"/keys?appid={TENANT}")
    assert service.get(path, appid="x&y").value()["jwks_uri"].endswith("/keys")


@pytest.mark.parametrize(
    ("segment", "word", "code"),
    [
        ("unknown.example.com", "invalid_tenant", 90002),
        ("00000000-0000-0000-0000-00000000000f", "invalid_tenant", 90002),
        ("not%20a%20tenant", "invalid_request", 900023),
        ("%ff%00", "invalid_request", 900023),
    ],
)
def test_a_tenant_that_does_not_exist_has_no_metadata(service: Service, segment: str, word: str, code: int) -> None:
    """entra.md 2 and 4.1: 400 `invalid_tenant`, with `error_uri`; a syntactically impossible tenant is 900023."""
    response = service.get(f"/{segment}/v2.0/.well-known/openid-configuration")

    value = response.value()
    assert (response.status, value["error"], value["error_codes"]) == (400, word, [code])
    assert value["error_uri"] == f"{ORIGIN}/error?code={code}"


def test_keys_have_the_shape_of_entra_id(service: Service) -> None:
    """entra.md 4.3: several at once, no `alg`, `x5t` equal to `kid`; v2 adds an issuer per key."""
    v1, v2 = (service.get(f"/common/discovery/{path}").value()["keys"] for path in ("keys", "v2.0/keys"))

    assert len(v1) >= 2
    assert all(sorted(key) == ["e", "kid", "kty", "n", "use", "x5c", "x5t"] for key in v1)
    assert all((key["kty"], key["use"], key["x5t"]) == ("RSA", "sig", key["kid"]) for key in v1)
    assert [key | {"issuer": f"{ORIGIN}/{{tenantid}}/v2.0"} for key in v1] == v2


GROUPS = [
    "login.microsoftonline.com",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.de",
    "login.microsoftonline.us",
    "login-us.microsoftonline.com",
]


def test_instance_discovery_knows_the_clouds_and_this_emulator(service: Service) -> None:
    """entra.md 4.4: five groups; ours beside them where it is not addressed by a real name."""
    asked = {"api-version": "1.1", "authorization_endpoint": f"{REAL}/contoso.com/oauth2/v2.0/authorize"}

    value = service.get("/common/discovery/instance", **asked).value()

    assert value["tenant_discovery_endpoint"] == f"{REAL}/contoso.com/v2.0/.well-known/openid-configuration"
    assert value["api-version"] == "1.1"
    assert [group["preferred_network"] for group in value["metadata"]] == ["localhost:8443", *GROUPS]
    assert value["metadata"][1] == {
        "preferred_network": "login.microsoftonline.com",
        "preferred_cache": "login.windows.net",
        "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    }


def test_instance_discovery_tolerates_a_port_left_away(service: Service) -> None:
    """entra.md 4.4, "Who calls it": MSAL Python builds the question without the port; 1.0 has no `metadata`."""
    asked = {"api-version": "1.0", "authorization_endpoint": "https://localhost/common/oauth2/authorize"}

    value = service.get("/common/discovery/instance", **asked).value()

    assert value == {
        "tenant_discovery_endpoint": f"{ORIGIN}/common/.well-known/openid-configuration",
        "api-version": "1.0",
    }


@pytest.mark.parametrize(
    ("version", "endpoint", "word", "code"),
    [
        ("1.1", "https://evil.example.com/common/oauth2/authorize", "invalid_instance", 50049),
        ("1.1", "", "invalid_request", 50050),
        ("1.1", "http://login.microsoftonline.com/common", "invalid_request", 50050),
        ("1.1", "https://[half", "invalid_request", 50050),
        ("9", f"{REAL}/common/oauth2/authorize", "invalid_request", 50050),
    ],
)
def test_an_unknown_instance_is_refused(service: Service, version: str, endpoint: str, word: str, code: int) -> None:
    """entra.md 4.4: 400 `invalid_instance`, AADSTS50049; a malformed query is 50050."""
    asked = {"api-version": version, "authorization_endpoint": endpoint}

    response = service.get("/common/discovery/instance", **asked)

    assert (response.status, response.value()["error"]) == (400, word)
    assert response.value()["error_codes"] == [code]


@pytest.mark.parametrize("path", ["/common/userrealm/", "/common/UserRealm/"])
@pytest.mark.parametrize(
    ("user", "kind", "domain"),
    [
        ("john.doe%40contoso.com", "Managed", "contoso.com"),
        ("john.doe@contoso.onmicrosoft.com", "Managed", "contoso.onmicrosoft.com"),
        ("a%40elsewhere.example.com", "Unknown", "elsewhere.example.com"),
        ("nobody", "Unknown", "nobody"),
    ],
)
def test_the_realm_of_a_user(service: Service, path: str, user: str, kind: str, domain: str) -> None:
    """entra.md 4.5."""
    value = service.get(f"{path}{user}?api-version=1.0").value()

    assert value == {
        "ver": "1.0",
        "account_type": kind,
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }


def test_paths_count_without_regard_to_letter_case(service: Service) -> None:
    """entra.md 2, last paragraph."""
    assert service.post("/COMMON/oAuth2/V2.0/Token", grant_type="x").value()["error_codes"] == [70003]
    assert service.get("/Contoso.COM/V2.0/.Well-Known/OpenID-Configuration").status == 200


def test_what_is_not_there_is_not_found(service: Service) -> None:
    assert service.get("/common/oauth2/nowhere").status == 404
    assert service.get("/device/nowhere").status == 404
    assert service.get("/").status in (200, 404)
    assert service.post("/common/discovery/keys").status == 405
    assert service.send(Request("DELETE", f"{ORIGIN}/common/oauth2/authorize")).status == 405


def test_error_uris_lead_to_an_explanation(service: Service) -> None:
    page = service.get("/error?code=700082").body.decode()

    assert "AADSTS700082" in page
    assert "not used for 90 days" in page
    assert service.get("/error?code=%3Cscript%3E").status == 200
