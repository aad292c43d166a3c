"""What the service publishes about itself: both metadata documents, keys, instance discovery, user realm.

Every address in them is spelt as the caller addressed the service.
Sources: OpenID Connect Discovery 3; the documents that Entra ID publishes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote, urlsplit

from partnerauth.cloud import CHINA, GERMANY, GLOBAL, GUID, US_GOVERNMENT, Api, Dialect
from partnerauth.emulator.address import host_of
from partnerauth.emulator.clouds import WORDS
from partnerauth.emulator.entra.directory import Place, place
from partnerauth.emulator.entra.issue import v1_issuer
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.keys import signing_keys
from partnerauth.messages import Response

HEADERS = (
    ("Cache-Control", "max-age=86400, private"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, OPTIONS"),
)
CLAIMS = (
    "sub",
    "iss",
    "cloud_instance_name",
    "cloud_instance_host_name",
    "cloud_graph_host_name",
    "msgraph_host",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
)
V1_CLAIMS = ("amr", "nonce", "email", "given_name", "family_name", "nickname", "name", "tid", "unique_name", "upn")
V2_CLAIMS = ("nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email")

GROUPS = (
    *((str(urlsplit(c.sign_in).hostname), *c.aliases) for c in (GLOBAL, CHINA, GERMANY, US_GOVERNMENT)),
    ("login-us.microsoftonline.com",),
)
"""Sign-in hosts, a group a cloud; the first is the preferred one."""
PREFERRED_CACHE = {"login.microsoftonline.com": "login.windows.net"}


def openid_configuration(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The metadata document of one place. Raises `Denied` for a tenant that does not exist."""
    try:
        where = place(turn, segment)
    except Denied as denied:
        if denied.code not in (90002, 90038):
            raise
        raise Denied(denied.code, denied.text, error="invalid_tenant") from None
    document = _v1(turn, where) if dialect is Dialect.V1 else _v2(turn, where)
    app = turn.query.get("appid", "")
    if GUID.fullmatch(app):
        document["jwks_uri"] += f"?appid={app}"
    return lambda: Response.json(200, document, HEADERS)


def _common(turn: Turn, where: Place, middle: str) -> dict[str, Any]:
    here = f"{turn.base}/{where.name}"
    return {
        "token_endpoint": f"{here}/oauth2/{middle}token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{here}/oauth2/{middle}authorize",
        "device_authorization_endpoint": f"{here}/oauth2/{middle}devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{here}/oauth2/{middle}logout",
        "tenant_region_scope": "NA" if where.tenant else None,
        "cloud_instance_name": WORDS[turn.cloud.name].instance_name,
        "cloud_graph_host_name": host_of(turn.cloud, Api.AZURE_AD_GRAPH),
        "msgraph_host": host_of(turn.cloud, Api.GRAPH),
        "rbac_url": WORDS[turn.cloud.name].rbac_url,
    }


def _v2(turn: Turn, where: Place) -> dict[str, Any]:
    here = f"{turn.base}/{where.name}"
    return _common(turn, where, "v2.0/") | {
        "jwks_uri": f"{here}/discovery/v2.0/keys",
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{turn.base}/{where.issued}/v2.0",
        "userinfo_endpoint": f"{turn.api(host_of(turn.cloud, Api.GRAPH))}/oidc/userinfo",
        "claims_supported": [*CLAIMS, *V2_CLAIMS],
        "kerberos_endpoint": f"{here}/kerberos",
    }


def _v1(turn: Turn, where: Place) -> dict[str, Any]:
    here = f"{turn.base}/{where.name}"
    return _common(turn, where, "") | {
        "jwks_uri": f"{turn.base}/common/discovery/keys",
        "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
        "scopes_supported": ["openid"],
        "issuer": v1_issuer(where.cloud, where.issued),
        "microsoft_multi_refresh_token": True,
        "check_session_iframe": f"{here}/oauth2/checksession",
        "userinfo_endpoint": f"{here}/openid/userinfo",
        "claims_supported": [*CLAIMS, *V1_CLAIMS],
    }


def keys(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The keys that tokens are signed with. Raises `Denied` for a tenant that does not exist."""
    place(turn, segment)
    return lambda: Response.json(200, signing_keys().jwks(turn.base, dialect), HEADERS)


def instance(turn: Turn) -> Later:
    """Whether a host is a sign-in service, and which others are the same one.

    Raises `Denied` 50050 for a malformed question and 50049 for a host that is none.
    """
    version, asked = turn.query.get("api-version", ""), turn.query.get("authorization_endpoint", "")
    try:
        parts = urlsplit(asked)
        host = (parts.hostname or "").lower()
    except ValueError:
        host = ""
    if version not in ("1.0", "1.1") or not host or parts.scheme != "https":
        raise Denied(50050, "The instance discovery request is malformed.")
    own = urlsplit(turn.base)
    known = {alias for group in GROUPS for alias in group}
    if host not in known and host != own.hostname:
        raise Denied(50049, f"Unknown or invalid instance '{shown(host)}'.")
    # MSAL Python leaves the port away when it asks.
    netloc = own.netloc if host == own.hostname else parts.netloc
    before, _, _ = parts.path.lower().partition("/oauth2/")
    version_path = "/v2.0" if "/oauth2/v2.0/" in parts.path.lower() else ""
    answer: dict[str, Any] = {
        "tenant_discovery_endpoint": f"https://{netloc}{before.rstrip('/') or '/common'}{version_path}"
        "/.well-known/openid-configuration",
        "api-version": version,
    }
    if version == "1.1":
        groups = GROUPS if own.hostname in known else ((own.netloc,), *GROUPS)
        answer["metadata"] = [
            {
                "preferred_network": group[0],
                "preferred_cache": PREFERRED_CACHE.get(group[0], group[0]),
                "aliases": list(group),
            }
            for group in groups
        ]
    return lambda: Response.json(200, answer, HEADERS)


def user_realm(turn: Turn, user: str) -> Later:
    """How an account signs in. All of this world's are managed ones; strangers are of unknown kind."""
    name = unquote(user)
    domain = name.rpartition("@")[2]
    tenant = turn.world.tenant(domain) if "@" in name else None
    known = tenant is not None and turn.serves(tenant)
    answer = {
        "ver": "1.0",
        "account_type": "Managed" if known else "Unknown",
        "domain_name": quote(domain, safe=".-")[:253],
        "cloud_instance_name": WORDS[turn.cloud.name].instance_name,
        "cloud_audience_urn": WORDS[turn.cloud.name].audience_urn,
    }
    return lambda: Response.json(200, answer)
