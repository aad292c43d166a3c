"""Graph tells who we are to whoever was given the permission to ask."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import graph
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, emulated
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.emulator.graph import Graph
from partnerauth.emulator.world import World
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from tests.emulator.callers import ORIGIN, Caller, a_world, claims, signed

AUDIENCE = "https://graph.microsoft.com"
FABRIKAM = "c0570000-0000-4000-8000-000000000001"
RESOURCE = emulated(ORIGIN).resource(Api.GRAPH)


@pytest.fixture
def world() -> World:
    return a_world()


def caller(world: World, upn: str = "", *, audience: str = AUDIENCE, **changes: Any) -> Caller:
    return Caller(Graph(world).answer, address.GRAPH, signed(claims(world, audience, upn, **changes)))


def refusal(response: Response) -> tuple[int, str]:
    error = response.value()["error"]
    assert error["innerError"].keys() == {"date", "request-id", "client-request-id"}
    return response.status, error["code"]


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
    assert john.ask("GET", "/v1.0/groups").status == 404
    assert john.ask("DELETE", "/v1.0/me").status == 405


@pytest.mark.parametrize("query", ["$top=0", "$top=1000", "$top=x", "$skiptoken=x", "$top=1&$top=2"])
def test_sizes_and_tokens_that_are_none_are_refused(world: World, query: str) -> None:
    assert caller(world, JOHN, scp="User.Read.All").ask("GET", f"/v1.0/users?{query}").status == 400


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 5))
def test_everybody_is_listed_exactly_once(size: int) -> None:
    """By the client's own reading of the links."""
    world = a_world()

    def bearing() -> Flow[Hidden]:
        yield from ()
        return Hidden(signed(claims(world, AUDIENCE, JOHN, scp="User.Read.All User.Read")))

    found = run(pages(graph.users(size), RESOURCE, bearing), send(world))
    assert sorted(person.id for person in found) == sorted(world.tenants[TENANT].people)
    assert run(perform(graph.me(), RESOURCE, bearing), send(world)).user_principal_name == JOHN
    assert run(perform(graph.user(JOHN), RESOURCE, bearing), send(world)).surname == "Doe"
    assert run(perform(graph.organization(), RESOURCE, bearing), send(world)).items[0].display_name == "Contoso"


def send(world: World) -> Callable[[Request], Response]:
    service = Graph(world)

    def carry(request: Request) -> Response:
        arrival = Arrival.at(request)
        assert arrival is not None
        return service.answer(arrival)

    return carry


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.sampled_from(["me", "users", "organization", "users/"]) | st.text(max_size=10),
    text=st.text(max_size=20),
)
def test_no_input_makes_it_stumble(method: str, path: str, text: str) -> None:
    """Whatever a stranger with a token sends is answered, by 4xx at worst."""
    who = caller(a_world(), JOHN, scp="User.Read.All User.Read")

    assert who.ask(method, f"/v1.0/{path}{text}?$skiptoken={text}").status < 500
    assert who.ask(method, f"/v1.0/{path}?$top={text}").status < 500
