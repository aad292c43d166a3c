"""Azure Resource Manager, as far as `az login` goes: the caller's tenant, and no subscriptions."""

from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, TENANT
from partnerauth.emulator.resourcemanager import ResourceManager
from partnerauth.emulator.world import World
from partnerauth.messages import Response
from tests.emulator.callers import Caller, a_world, claims, signed

HOST = "management.azure.com"
VERSION = "?api-version=2022-12-01"
FABRIKAM = "c0570000-0000-4000-8000-000000000001"


@pytest.fixture
def world() -> World:
    return a_world()


def caller(world: World, audience: str = f"https://{HOST}/", **changes: Any) -> Caller:
    return Caller(ResourceManager(world).answer, HOST, signed(claims(world, audience, ADMIN_AGENT, **changes)))


def code(response: Response) -> tuple[int, str]:
    return response.status, response.value()["error"]["code"]


@pytest.mark.parametrize(
    "audience",
    [f"https://{HOST}", f"https://{HOST}/", "https://management.core.windows.net/",
     "797f4846-ba00-4fd7-ba43-dac1f8f63013"],
)  # fmt: skip
def test_it_tells_the_tenant_and_no_subscription(world: World, audience: str) -> None:
    asking = caller(world, audience)

    assert asking.get(f"/tenants{VERSION}")["value"] == [
        {
            "id": f"/tenants/{TENANT}",
            "tenantId": TENANT,
            "countryCode": "US",
            "displayName": "Contoso",
            "domains": ["contoso.com", "contoso.onmicrosoft.com"],
            "tenantCategory": "Home",
            "defaultDomain": "contoso.com",
            "tenantType": "AAD",
        }
    ]
    assert asking.get(f"/subscriptions{VERSION}") == {"value": [], "count": {"type": "Total", "value": 0}}


def test_it_knows_a_customers_tenant(world: World) -> None:
    issuer = f"https://sts.windows.net/{FABRIKAM}/"

    told = caller(world, tid=FABRIKAM, iss=issuer).get(f"/tenants{VERSION}")

    assert [one["displayName"] for one in told["value"]] == ["Fabrikam"]


def test_it_refuses_what_is_no_token_for_it(world: World) -> None:
    refused = {
        "AuthenticationFailed": Caller(ResourceManager(world).answer, HOST),
        "InvalidAuthenticationToken": Caller(ResourceManager(world).answer, HOST, "x"),
        "InvalidAuthenticationTokenAudience": caller(world, "https://graph.microsoft.com"),
        "InvalidAuthenticationTokenTenant": caller(world, tid="11110000-0000-4000-8000-000000000001"),
        "ExpiredAuthenticationToken": caller(world, exp=1),
    }
    for expected, asking in refused.items():
        response = asking.ask("GET", f"/tenants{VERSION}")
        assert code(response) == (401, expected)
        assert response.header("WWW-Authenticate").startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/tenants", (400, "MissingApiVersionParameter")),
        ("GET", "/tenants?api-version=1&api-version=2", (400, "MissingApiVersionParameter")),
        ("GET", f"/subscriptions/1/resourceGroups{VERSION}", (404, "SubscriptionNotFound")),
        ("GET", f"/{VERSION}", (404, "InvalidResourceType")),
        ("GET", f"/providers/Microsoft.KeyVault/..%2f..{VERSION}", (404, "InvalidResourceType")),
        ("PUT", f"/subscriptions/1{VERSION}", (405, "MethodNotAllowed")),
    ],
)
def test_it_says_what_it_has_not(world: World, method: str, path: str, expected: tuple[int, str]) -> None:
    assert code(caller(world).ask(method, path)) == expected
