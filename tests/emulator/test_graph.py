"""Graph tells who we are to whoever was given the permission to ask."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import graph, reference
from partnerauth.apis.operation import Operation
from partnerauth.cloud import Api
from partnerauth.emulator import address
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP
from partnerauth.emulator.entra.issue import pairwise
from partnerauth.emulator.graph import Graph
from partnerauth.emulator.graph.service import ANSWERS
from partnerauth.emulator.world import World
from tests.emulator.callers import ORIGIN, Caller, a_world
from tests.emulator.graph import Administrator, caller, refusal

FABRIKAM = "c0570000-0000-4000-8000-000000000001"


@pytest.fixture
def world() -> World:
    return a_world()


def test_who_am_i(world: World) -> None:
    """`User.Read` is enough for oneself, and for the name of the tenant."""
    john = caller(world, JOHN, scp="User.Read")
    assert john.get("/v1.0/me")["userPrincipalName"] == JOHN

    [organization] = john.get("/v1.0/organization")["value"]
    assert organization["id"] == TENANT
    assert [domain["name"] for domain in organization["verifiedDomains"]] == ["contoso.com", "contoso.onmicrosoft.com"]


def test_the_directory_needs_its_own_permission(world: World) -> None:
    """403 `Authorization_RequestDenied` without it; by id or by name with it; application roles count for app only."""
    denied = caller(world, JOHN, scp="User.Read").ask("GET", "/v1.0/users")
    assert refusal(denied) == (403, "Authorization_RequestDenied")
    assert refusal(caller(world).ask("GET", "/v1.0/users")) == (403, "Authorization_RequestDenied")

    allowed = caller(world, JOHN, scp="User.Read Directory.Read.All")
    assert allowed.get(f"/v1.0/users/{ADMIN_AGENT}")["displayName"] == "Admin Agent"
    assert refusal(allowed.ask("GET", "/v1.0/users/nobody")) == (404, "Request_ResourceNotFound")
    assert len(caller(world, roles=["User.Read.All"]).get("/v1.0/users")["value"]) == 3


def test_an_application_by_itself_is_nobody(world: World) -> None:
    """400 for `/me`."""
    assert refusal(caller(world, roles=["Directory.Read.All"]).ask("GET", "/v1.0/me")) == (400, "BadRequest")


def test_in_a_customers_directory_the_customer_is_shown(world: World) -> None:
    """With a token that the customer's tenant issued for the partner's person."""
    issuer = f"https://sts.windows.net/{FABRIKAM}/"
    there = caller(world, ADMIN_AGENT, tid=FABRIKAM, iss=issuer, scp="User.Read.All User.Read")

    assert there.get("/v1.0/organization")["value"][0]["displayName"] == "Fabrikam"
    assert {user["surname"] for user in there.get("/v1.0/users")["value"]} == {"Bowman", "Walters", "Thomas"}


def test_a_page_of_another_site_may_ask(world: World) -> None:
    """As single-page applications do: the browser asks first, without a token, and shows them refusals too."""
    asks = (("Origin", "https://spa.example.com"), ("Access-Control-Request-Headers", "authorization"))
    stranger = Caller(Graph(world).answer, address.GRAPH)

    preflight = stranger.ask("OPTIONS", "/v1.0/me", headers=asks)
    refusal = stranger.ask("GET", "/v1.0/me", headers=asks[:1])

    assert (preflight.status, preflight.header("Access-Control-Allow-Headers")) == (200, "authorization")
    assert refusal.status == 401
    for answer in (preflight, refusal, caller(world, JOHN).ask("GET", "/v1.0/me", headers=asks[:1])):
        assert answer.header("Access-Control-Allow-Origin") == "*"
    assert caller(world, JOHN).ask("GET", "/v1.0/me").header("Access-Control-Allow-Origin") == ""


def test_userinfo_tells_what_an_id_token_does(world: World) -> None:
    """OpenID Connect Core 5.3.2: `sub` is that of the application's id_token; to an application by itself, nothing."""
    john = caller(world, JOHN, scp="User.Read openid email")
    oid = world.person(JOHN)[1].id  # type: ignore[index]

    assert john.get("/oidc/userinfo") == {
        "sub": pairwise(WEB_APP, oid),
        "name": "John Doe",
        "family_name": "Doe",
        "given_name": "John",
        "picture": f"{ORIGIN}/{address.GRAPH}/v1.0/me/photo/$value",
        "email": JOHN,
    }
    assert "email" not in caller(world, JOHN, scp="openid").get("/oidc/userinfo")
    assert john.ask("POST", "/oidc/userinfo").status == 200
    assert john.ask("PUT", "/oidc/userinfo").status == 405
    assert caller(world).ask("GET", "/oidc/userinfo").status == 403
    stranger = Caller(Graph(world).answer, address.GRAPH).ask("GET", "/oidc/userinfo")
    assert stranger.status == 401
    assert 'client_id="00000003-0000-0000-c000-000000000000"' in stranger.header("WWW-Authenticate")


def test_other_tokens_and_paths_are_refused(world: World) -> None:
    """401 `InvalidAuthenticationToken`, 404, 405."""
    for who in (
        caller(world, JOHN, audience="https://api.partner.microsoft.com"),
        caller(world, JOHN, exp=1),
        Caller(Graph(world).answer, address.GRAPH),
        Caller(Graph(world).answer, address.GRAPH, "x.y.z"),
    ):
        response = who.ask("GET", "/v1.0/me")
        assert refusal(response) == (401, "InvalidAuthenticationToken")
        assert response.header("WWW-Authenticate").startswith("Bearer ")
    john = caller(world, JOHN, scp="User.Read")
    assert refusal(john.ask("GET", "/v1.0/sites")) == (404, "ResourceNotFound")
    assert refusal(john.ask("GET", "/v1.0/groups")) == (403, "Authorization_RequestDenied")
    assert john.ask("DELETE", "/v1.0/me").status == 405


@pytest.mark.parametrize("query", ["$top=0", "$top=1000", "$top=x", "$skiptoken=x", "$top=1&$top=2"])
def test_sizes_and_tokens_that_are_none_are_refused(world: World, query: str) -> None:
    assert caller(world, JOHN, scp="User.Read.All").ask("GET", f"/v1.0/users?{query}").status == 400


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 5))
def test_everybody_is_listed_exactly_once(size: int) -> None:
    """By the client's own reading of the links."""
    world = a_world()

    john = Administrator(world, JOHN, scp="User.Read.All User.Read")

    assert sorted(person.id for person in john.all(graph.users(size))) == sorted(world.tenants[TENANT].people)
    assert john.do(graph.me()).user_principal_name == JOHN
    assert john.do(graph.user(JOHN)).surname == "Doe"
    assert john.do(graph.organization()).items[0].display_name == "Contoso"


class TestQueries:
    """`$filter`, `$select`, `$top`, `$count`, pages."""

    def test_a_filter_compares_without_letter_case(self, world: World) -> None:
        """`eq`, `and`, `startswith`, `any`."""
        who = caller(world, JOHN, scp="User.Read.All Application.Read.All")

        def found(filter_: str, where: str = "users") -> list[str]:
            value = who.get(f"/v1.0/{where}?$filter={quote(filter_)}")["value"]
            return sorted(one["displayName"] for one in value)

        assert found("userPrincipalName eq 'JOHN.DOE@contoso.com'") == ["John Doe"]
        assert found("startswith(displayName,'re') and surname eq 'User'") == ["Referrals User"]
        assert found("displayName eq 'Nobody'") == []
        secret = world.registrations["00001111-aaaa-2222-bbbb-3333cccc4444"].secrets[0].id
        assert found(f"passwordCredentials/any(c:c/keyId eq '{secret}')", "applications") == [
            "Partner Center Access App"
        ]

    @pytest.mark.parametrize(
        "query",
        ["$filter=x eq 'y'", "$filter=displayName ne 'y'", "$filter=(", "$select=password", "$orderby=displayName",
         "$expand=manager", "$search=\"x\""],
    )  # fmt: skip
    def test_what_is_not_understood_is_refused(self, world: World, query: str) -> None:
        response = caller(world, JOHN, scp="User.Read.All").ask("GET", f"/v1.0/users?{quote(query, safe='$=')}")

        assert response.status == 400

    def test_select_chooses(self, world: World) -> None:
        """A list of people tells names only, unless more is asked for."""
        who = caller(world, JOHN, scp="User.Read.All")

        assert "accountEnabled" not in who.get(f"/v1.0/users/{JOHN}")
        chosen = who.get(f"/v1.0/users/{JOHN}?$select=id,accountEnabled")
        assert chosen.keys() == {"@odata.context", "id", "accountEnabled"}
        [one, *_] = who.get("/v1.0/users?$select=displayName&$top=1")["value"]
        assert one.keys() == {"displayName"}

    def test_counting_needs_its_header(self, world: World) -> None:
        """`ConsistencyLevel: eventual`; the next link keeps what was asked."""
        who = caller(world, JOHN, scp="User.Read.All")
        page = who.get("/v1.0/users?$count=true&$top=2&$select=id", ("ConsistencyLevel", "eventual"))

        assert page["@odata.count"] == 3
        assert "%24" not in page["@odata.nextLink"]
        assert "$select=id" in page["@odata.nextLink"]
        assert "@odata.count" not in who.get("/v1.0/users?$count=true")


@pytest.mark.parametrize("operation", reference.operations(Api.GRAPH), ids=str)
def test_every_row_is_answered_and_asks_for_a_permission(operation: Operation[object]) -> None:
    """A row that the emulator did not know would be no row of both sides."""
    world = a_world()
    path = operation.path
    for name in operation.parameters:
        path = path.replace("{" + name + "}", "11111111-2222-4333-8444-555555555555")
    body: dict[str, str] | None = None if operation.method in ("GET", "DELETE") else {}
    user = caller(world, ADMIN_AGENT, scp=" ".join(operation.permissions)).ask(operation.method, path, body)
    nobody = caller(world, ADMIN_AGENT, scp="nothing").ask(operation.method, path, body)

    assert operation.permissions
    assert operation in ANSWERS or "appId=" in operation.path
    assert user.status in (200, 400, 404, 428), user.body
    assert nobody.status == 403
