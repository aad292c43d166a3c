"""Whatever a stranger with every permission sends to Graph is answered, by 4xx at worst."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import reference
from partnerauth.apis.operation import Operation
from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP
from partnerauth.emulator.world import World
from tests.emulator.callers import Caller, a_world
from tests.emulator.graph import caller

ROWS = reference.operations(Api.GRAPH)
EVERYTHING = " ".join({name for row in ROWS for name in row.permissions})
NAMES = st.sampled_from(
    [
        "accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile", "password", "web",
        "redirectUris", "publicClient", "requiredResourceAccess", "resourceAppId", "resourceAccess", "id", "type",
        "keyCredentials", "key", "keyId", "usage", "passwordCredential", "endDateTime", "startDateTime", "appId",
        "clientId", "resourceId", "consentType", "principalId", "scope", "appRoleId", "roleDefinitionId", "@odata.id",
        "members@odata.bind", "action", "accessDetails", "unifiedRoles", "duration", "customer", "tenantId", "tags",
        "accessContainer", "accessContainerId", "accessContainerType", "proof", "keyCredential", "mailEnabled",
        "securityEnabled", "identifierUris", "signInAudience", "usageLocation", "api", "notes",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        JOHN, WEB_APP, TENANT, "AsymmetricX509Cert", "Verify", "Scope", "Role", "AllPrincipals", "Principal", "P30D",
        "securityGroup", "lockForApproval", "terminate", "https://x", "http://[", "9999-12-31T23:59:59+14:00",
        "0001-01-01T00:00:00Z", "New-password-1", "x@contoso.com", "AzureADMyOrg",
        "62e90394-69f5-4237-9190-012177145e10",
    ]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
SEGMENTS = st.text(max_size=20) | st.sampled_from(
    [JOHN, WEB_APP, TENANT, f"appId={WEB_APP}", "..", "%", "$ref", "$count"]
)


def asked(world: World) -> Caller:
    return caller(world, ADMIN_AGENT, scp=EVERYTHING)


def real_names(world: World) -> list[str]:
    """Ids of objects that are there."""
    who = asked(world)
    found = [JOHN, f"appId={WEB_APP}", f"appId={APPLICATION}"]
    for path in ("applications", "servicePrincipals", "groups", "oauth2PermissionGrants", "users", "directoryRoles"):
        found += [one["id"] for one in who.get(f"/v1.0/{path}")["value"][:3]]
    return found + [one["id"] for one in who.get("/v1.0/tenantRelationships/delegatedAdminRelationships")["value"][:2]]


APPLICATION = "00000003-0000-0000-c000-000000000000"
REAL = real_names(a_world())


@settings(deadline=None, max_examples=400)
@given(
    row=st.sampled_from(ROWS),
    names=st.lists(st.sampled_from(REAL) | SEGMENTS.filter(bool), min_size=2, max_size=2),
    body=st.dictionaries(NAMES, VALUES, max_size=6) | VALUES,
    query=st.sampled_from(["", "$filter=", "$select=", "$top=", "$count=", "$skiptoken=", "$x="]),
    text=st.text(max_size=20) | st.sampled_from(["id eq 'x'", "id", "startswith(id,'a')", "tags/any(t:t/x eq 1)"]),
)
def test_no_input_makes_it_stumble(row: Operation[Any], names: list[str], body: Any, query: str, text: str) -> None:
    """Rows with real and unreal names in their paths, and bodies of known members with any values."""
    world = a_world()
    path = row.path
    for parameter, name in zip(row.parameters, names, strict=False):
        path = path.replace("{" + parameter + "}", name.replace("/", "").replace("?", "").replace("#", "") or "x")
    sent = None if row.method in ("GET", "DELETE") else body
    response = asked(world).ask(row.method, f"{path}?{query}{text}", sent, headers=(("If-Match", "*"),))

    assert response.status < 500
    assert response.status < 400 or response.value()["error"]["code"]


@settings(deadline=None, max_examples=200)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]),
    path=st.lists(SEGMENTS | st.sampled_from([row.path.split("/")[2] for row in ROWS]), max_size=5),
    body=st.binary(max_size=60) | st.sampled_from([b'{"displayName":"\\ud800"}', b"[" * 300, b'{"a":1e999}', b"{}"]),
)
def test_no_path_makes_it_stumble(method: str, path: list[str], body: bytes) -> None:
    response = asked(a_world()).ask(method, "/v1.0/" + "/".join(path), raw=body)

    assert response.status < 500
