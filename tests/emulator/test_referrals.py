"""Referrals are seen and changed as their reference says (its sections are named beside the tests)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import referrals
from partnerauth.apis.odata import And, AnyOf, Eq
from partnerauth.apis.patch import Change
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, emulated
from partnerauth.emulator import address
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, REFERRALS_USER
from partnerauth.emulator.referrals import Referrals
from partnerauth.emulator.world import Role, World
from partnerauth.errors import Conflicting, NotFound
from partnerauth.flow import Flow, Send, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from tests.emulator.callers import NOON, ORIGIN, Caller, a_world, carrier, claims, signed

AUDIENCE = "https://api.partner.microsoft.com"
PATH = "/v1.0/engagements/referrals"
FABRIKAM, TAILSPIN, WINGTIP, WOODGROVE = (f"4ef00000-0000-4000-8000-{n:012d}" for n in range(1, 5))
RESOURCE = emulated(ORIGIN).resource(Api.REFERRALS)
MINIMAL = {
    "type": "Independent",
    "customerProfile": {"name": "Litware", "address": {"country": "US"}},
    "consent": {"consentToContact": True},
    "details": {"dealValue": 10, "currency": "USD"},
}


@pytest.fixture
def world() -> World:
    return a_world()


def caller(world: World, upn: str = JOHN, *, audience: str = AUDIENCE, **changes: Any) -> Caller:
    return Caller(Referrals(world).answer, address.REFERRALS, signed(claims(world, audience, upn, **changes)))


def refusal(response: Response) -> tuple[int, str]:
    error = response.value()["error"]
    assert error.keys() == {"code", "message", "target", "innerError"}, error
    return response.status, error["code"]


def replacing(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


class TestRoles:
    """S0.2: Referrals Admin creates, updates and reads all; Referrals User reads only where the team holds them."""

    def test_s0_2_a_referrals_admin_does_everything(self, world: World) -> None:
        """S0.2."""
        john = caller(world)
        assert john.get(PATH)["@odata.count"] == 4
        assert john.get(f"{PATH}/{WOODGROVE}")["name"] == "Woodgrove data estate"
        assert john.ask("POST", PATH, MINIMAL).status == 201
        assert john.ask("PATCH", f"{PATH}/{WINGTIP}", [replacing("/name", "Rooms")]).status == 204

    def test_s0_2_a_referrals_user_reads_where_the_team_holds_them(self, world: World) -> None:
        """S0.2, in the default world; an invisible referral is not found (2.2)."""
        user = caller(world, REFERRALS_USER)
        assert {deal["id"] for deal in user.get(PATH)["value"]} == {TAILSPIN, WOODGROVE}
        assert user.get(f"{PATH}/{TAILSPIN}")["id"] == TAILSPIN
        assert refusal(user.ask("GET", f"{PATH}/{FABRIKAM}")) == (404, "itemNotFound")
        assert refusal(user.ask("POST", PATH, MINIMAL)) == (403, "accessDenied")
        assert refusal(user.ask("PATCH", f"{PATH}/{TAILSPIN}", [replacing("/name", "x")])) == (403, "accessDenied")
        assert refusal(user.ask("PATCH", f"{PATH}/{FABRIKAM}", [replacing("/name", "x")])) == (404, "itemNotFound")

    def test_a_referrals_user_writes_where_the_policy_says_so(self, world: World) -> None:
        """2.2: the newer table of roles, as a dated policy."""
        world.policies.referrals_users_write = NOON
        user = caller(world, REFERRALS_USER)

        assert user.ask("PATCH", f"{PATH}/{TAILSPIN}", [replacing("/name", "x")]).status == 204
        assert user.ask("POST", PATH, MINIMAL).status == 201
        assert refusal(user.ask("PATCH", f"{PATH}/{WINGTIP}", [replacing("/name", "x")])) == (404, "itemNotFound")

    def test_somebody_without_a_role_is_refused(self, world: World) -> None:
        """2.2: of the older pages, Global Admin is let in; an admin agent is not for that alone."""
        admin = claims(world, AUDIENCE, ADMIN_AGENT)
        who = caller(world, ADMIN_AGENT)
        assert who.get(PATH)["@odata.count"] == 4

        world.tenants[admin["tid"]].people[admin["oid"]].roles = {Role.ADMIN_AGENT}

        assert refusal(who.ask("GET", PATH)) == (403, "accessDenied")


class TestTokens:
    """2.1."""

    def test_an_application_by_itself_is_refused(self, world: World) -> None:
        """Only user access is supported."""
        assert refusal(caller(world, "").ask("GET", PATH)) == (403, "accessDenied")

    def test_another_audience_is_refused_by_the_gateway(self, world: World) -> None:
        """Form C: `statusCode` and `message`."""
        response = caller(world, audience="https://api.partnercenter.microsoft.com").ask("GET", PATH)

        assert response.status == 401
        assert response.value()["statusCode"] == 401
        assert "incorrect audience" in response.value()["message"]

    @pytest.mark.parametrize("audience", [AUDIENCE, AUDIENCE + "/", APPLICATION_IDS[Api.REFERRALS]])
    def test_its_own_audience_is_accepted(self, world: World, audience: str) -> None:
        assert caller(world, audience=audience).ask("GET", PATH).status == 200

    def test_no_token_or_a_bad_one_is_refused(self, world: World) -> None:
        """8: `unauthenticated`."""
        for who in (caller(world, exp=1), Caller(Referrals(world).answer, address.REFERRALS)):
            response = who.ask("GET", PATH)
            assert refusal(response) == (401, "unauthenticated")
            assert response.header("WWW-Authenticate") == "Bearer"


class TestList:
    """5."""

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("$filter=status eq 'Active'", [TAILSPIN, WINGTIP]),
            ("$filter=status eq 'Active' and direction eq 'Incoming'", []),
            ("$filter=(substatus eq 'Won' and (status eq 'Closed'))", [WOODGROVE]),
            (f"$filter=team/any(t:t/email eq '{REFERRALS_USER}')", [TAILSPIN, WOODGROVE]),
            (f"$filter=status eq 'Active' and team/any(member:member/email eq '{JOHN}')", [TAILSPIN]),
            ("$filter=customerProfile/address/country eq 'US'&$top=1", [FABRIKAM]),
            ("$filter=updatedDateTime eq 2026-03-01T12:00:00Z&$orderby=createdDateTime desc&$top=1", [WOODGROVE]),
            ("$filter=updatedDateTime gt 2026-03-01T12:00:00Z", []),
            ("$filter=updatedDateTime ge 2026-03-01T12:00:00Z and status ne 'Active'", [FABRIKAM, WOODGROVE]),
            ("$filter=status eq 'New' or status eq 'Closed'", [FABRIKAM, WOODGROVE]),
            ("$filter=engagementId eq 'e2900000-0000-4000-8000-000000000002'", [TAILSPIN]),
            ("$filter=", [FABRIKAM, TAILSPIN, WINGTIP, WOODGROVE]),
            ("$skip=3", [WOODGROVE]),
            ("$top=0", []),
        ],
    )
    def test_is_filtered_and_ordered(self, world: World, query: str, ids: list[str]) -> None:
        """The documented fields and operators."""
        assert [deal["id"] for deal in caller(world).get(f"{PATH}?{query}")["value"]] == ids

    def test_shows_only_the_fields_that_are_selected(self, world: World) -> None:
        [first] = caller(world).get(f"{PATH}?$select=id, name&$top=1")["value"]

        assert first == {"id": FABRIKAM, "name": "Fabrikam moves to Azure"}

    @pytest.mark.parametrize(
        "query",
        [
            "$filter=status",
            "$filter=status has 'New'",
            "$filter=not status eq 'New'",
            "$filter=name eq 'x'",
            "$filter=status eq 'New",
            "$filter=team/any(t:x/email eq 'a')",
            "$filter=" + "(" * 100,
            "$orderby=name",
            "$orderby=createdDateTime sideways",
            "$select=secret",
            "$top=x",
            "$top=-1",
            "$expand=team",
            "$skiptoken=x",
            "$skiptoken=e30",
            "$top=1&$top=2",
        ],
    )
    def test_refuses_what_is_not_documented(self, world: World, query: str) -> None:
        """8: `invalidRequest`."""
        assert refusal(caller(world).ask("GET", f"{PATH}?{query}")) == (400, "invalidRequest")

    def test_goes_on_by_a_link_after_a_hundred(self, world: World) -> None:
        """At the address it was asked at; the shorter path of the documents' sample works too; the context is http."""
        for number in range(100):
            caller(world).ask("POST", PATH, MINIMAL | {"name": str(number)})
        first = caller(world).get(f"{PATH}?$filter=status eq 'New'")
        assert (len(first["value"]), first["@odata.count"]) == (100, 101)
        assert first["@odata.context"].startswith("http://localhost:8443/api.partner.microsoft.com/")
        link = first["@odata.nextLink"]
        assert link.startswith(f"{ORIGIN}/api.partner.microsoft.com{PATH}?$skiptoken=")

        token = link.partition("?")[2]
        last = caller(world).get(f"/v1.0/referrals?{token}")
        assert len(last["value"]) == 1
        assert "@odata.nextLink" not in last

    @settings(deadline=None, max_examples=25)
    @given(count=st.integers(0, 230), top=st.none() | st.integers(0, 230), descending=st.booleans())
    def test_every_referral_comes_exactly_once(self, count: int, top: int | None, descending: bool) -> None:
        """By the client's own reading of the links, in either order."""
        world = a_world()
        sample = world.referrals[WINGTIP]
        made = {str(n): sample | {"id": str(n), "createdDateTime": moment(n // 3)} for n in range(count)}
        world.referrals = made
        order = "createdDateTime desc" if descending else "createdDateTime"
        found = run(pages(referrals.listing(order=order, top=top), RESOURCE, lambda: bearing(world)), send(world))

        expected = sorted(made, key=lambda n: (made[n]["createdDateTime"], n), reverse=descending)
        assert [deal.id for deal in found] == expected[:top]


class TestCreate:
    """6."""

    def test_answers_with_the_populated_referral(self, world: World) -> None:
        """201; the links are spelt as the documents' samples spell them."""
        response = caller(world).ask("POST", PATH, MINIMAL)
        deal = response.value()
        assert response.status == 201
        assert (deal["status"], deal["substatus"], deal["direction"]) == ("New", "Pending", "Outgoing")
        assert deal["createdDateTime"] == "2026-03-01T12:00:00.0000000Z"
        assert response.header("ETag") == deal["eTag"]
        assert deal["eTag"].startswith('"')
        assert "/engagments/referrals" in deal["links"]["self"]["uri"]

        assert caller(world).get(f"{PATH}/{deal['id']}") == deal

    def test_groups_by_the_engagement(self, world: World) -> None:
        """A shared deal is two calls with one `engagementId`."""
        first = caller(world).ask("POST", PATH, MINIMAL | {"type": "Shared"}).value()
        second = {"type": "Shared", "engagementId": first["engagementId"], "target": [{"id": "msft"}]}
        caller(world).ask("POST", PATH, MINIMAL | second)

        query = f"$filter=engagementId eq '{first['engagementId']}'"
        assert caller(world).get(f"{PATH}?{query}")["@odata.count"] == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"type": None},
            {"customerProfile": None},
            {"consent": None},
            {"details": None},
            {"type": "Odd"},
            {"details": "x"},
            {"details": {"dealValue": "lots"}},
            {"status": "Active", "substatus": "Pending"},
            {"status": ["New"]},
            {"substatus": {}},
            {"team": {}},
            {"team": [1]},
            {"team": [{}]},
            {"name": 1},
            {"favorite": 1},
            {"engagementId": 5},
        ],
        ids=str,
    )
    def test_refuses_what_no_referral_can_hold(self, world: World, changes: dict[str, Any]) -> None:
        """4 and 6: required members, types, choices, a status and a substatus that fit."""
        assert refusal(caller(world).ask("POST", PATH, MINIMAL | changes)) == (400, "invalidRequest")

    def test_refuses_a_body_that_is_none(self, world: World) -> None:
        """Too large, too deep, no JSON, no object."""
        john = caller(world)
        assert refusal(john.ask("POST", PATH, raw=b" " * 300_000)) == (413, "invalidRequest")
        for body in (b"", b"x", b"[]", b'{"details":' + b"[" * 100 + b"]" * 100 + b"}", b"[" * 100_000):
            assert refusal(john.ask("POST", PATH, raw=body)) == (400, "invalidRequest")


class TestUpdate:
    """7 and 4.4."""

    def test_answers_204_or_the_referral(self, world: World) -> None:
        """As `Prefer` says; a deal value may be a text, as in the documents' samples."""
        before = caller(world).get(f"{PATH}/{WINGTIP}")
        changes = [replacing("/details/dealValue", "45000"), replacing("/details/notes", "more rooms")]
        changes.append({"op": "add", "path": "/team/-", "value": {"firstName": "Kim", "email": "kim@contoso.com"}})
        world.clock.advance(timedelta(hours=1))
        quiet = caller(world).ask("PATCH", f"{PATH}/{WINGTIP}", changes)
        told = caller(world).ask(
            "PATCH",
            f"{PATH}/{WINGTIP}",
            [replacing("/salesStage", "Develop")],
            headers=(("Prefer", "return=representation"),),
        )

        assert (quiet.status, quiet.body) == (204, b"")
        after = told.value()
        assert told.status == 200
        assert after["details"] == before["details"] | {"dealValue": 45000, "notes": "more rooms"}
        assert after["team"][-1]["email"] == "kim@contoso.com"
        assert after["updatedDateTime"] == "2026-03-01T13:00:00.0000000Z"
        assert after["createdDateTime"] == before["createdDateTime"]
        assert after["eTag"] not in (before["eTag"], quiet.header("ETag"))

    def test_is_refused_when_somebody_else_was_first(self, world: World) -> None:
        """412 `preconditionFailed`; nothing is changed."""
        old = caller(world).get(f"{PATH}/{WINGTIP}")["eTag"]
        assert (
            caller(world).ask("PATCH", f"{PATH}/{WINGTIP}", [replacing("/name", "a")], headers=(("If-Match", old),)).ok
        )

        again = caller(world).ask("PATCH", f"{PATH}/{WINGTIP}", [replacing("/name", "b")], headers=(("If-Match", old),))
        assert refusal(again) == (412, "preconditionFailed")
        assert caller(world).get(f"{PATH}/{WINGTIP}")["name"] == "a"

    def test_status_and_substatus_change_together(self, world: World) -> None:
        """New → Active → Closed; a closed referral is never edited again."""
        here = f"{PATH}/{FABRIKAM}"

        def patch(*changes: tuple[str, str]) -> Response:
            return caller(world).ask("PATCH", here, [replacing(path, value) for path, value in changes])

        assert refusal(patch(("/status", "Active"))) == (400, "invalidRequest")
        assert patch(("/status", "Active"), ("/substatus", "Accepted")).status == 204
        assert caller(world).get(here)["acceptedDateTime"] == "2026-03-01T12:00:00.0000000Z"
        assert refusal(patch(("/status", "New"), ("/substatus", "Pending"))) == (400, "invalidRequest")
        assert patch(("/status", "Closed"), ("/substatus", "Won")).status == 204
        assert refusal(patch(("/name", "again"))) == (400, "invalidRequest")

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            [],
            [1],
            [{"op": "remove", "path": "/name"}],
            [{"op": "test", "path": "/name", "value": 1}],
            [{"op": "replace", "path": "/name"}],
            [replacing("name", "x")],
            [replacing("", {})],
            [replacing("/id", "x")],
            [replacing("/eTag", "x")],
            [replacing("/organizationId", "x")],
            [replacing("/unknown", "x")],
            [replacing("/details", 5)],
            [replacing("/details/dealValue", True)],
            [replacing("/details/none/at/all", 5)],
            [replacing("/team/7", {})],
            [replacing("/team/-", {})],
            [replacing("/team/00", {})],
            [replacing("/team", [5])],
            [replacing("/status", {"a": 1})],
            [replacing("/customerProfile", None)],
            [replacing("/name", "a"), replacing("/status", "Odd")],
        ],
        ids=str,
    )
    def test_refuses_other_changes_as_a_whole(self, world: World, changes: Any) -> None:
        """All or none."""
        before = caller(world).get(f"{PATH}/{WINGTIP}")
        assert refusal(caller(world).ask("PATCH", f"{PATH}/{WINGTIP}", changes)) == (400, "invalidRequest")
        assert caller(world).get(f"{PATH}/{WINGTIP}") == before

    def test_the_older_put_needs_the_etag(self, world: World) -> None:
        """REST22: a full referral without links, `If-Match` mandatory."""
        whole = caller(world).get(f"{PATH}/{WINGTIP}")
        body = {name: value for name, value in whole.items() if name != "links"} | {"name": "Rooms"}
        matching = (("If-Match", whole["eTag"]),)
        assert refusal(caller(world).ask("PUT", f"{PATH}/{WINGTIP}", body)) == (412, "preconditionFailed")
        assert caller(world).ask("PUT", f"{PATH}/{WINGTIP}", body, headers=matching).value()["name"] == "Rooms"
        assert refusal(caller(world).ask("PUT", f"{PATH}/{WINGTIP}", body, headers=matching)) == (
            412,
            "preconditionFailed",
        )
        latest = (("If-Match", "*"),)
        assert refusal(caller(world).ask("PUT", f"{PATH}/{WINGTIP}", {}, headers=latest)) == (400, "invalidRequest")


def test_an_incoming_referral_waits_fourteen_days(world: World) -> None:
    """4.4: then it is Closed and Expired; an outgoing one waits on."""
    world.clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert caller(world).get(f"{PATH}/{FABRIKAM}")["status"] == "New"

    world.clock.advance(timedelta(seconds=1))

    deal = caller(world).get(f"{PATH}/{FABRIKAM}")
    assert (deal["status"], deal["substatus"]) == ("Closed", "Expired")
    assert deal["expirationDateTime"] == "2026-03-15T12:00:00.0000000Z"


def test_other_paths_and_methods(world: World) -> None:
    """8: 404 and 405; headers of 3 on every answer."""
    assert refusal(caller(world).ask("GET", "/v1.0/engagements")) == (404, "itemNotFound")
    response = caller(world).ask("DELETE", f"{PATH}/{FABRIKAM}")
    assert response.status == 405
    assert response.header("Allow") == "GET, PATCH, PUT"
    assert response.header("request-id")
    assert response.header("client-request-id")
    assert response.header("timestamp") == "2026-03-01T12:00:00.000000" + "0Z"


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def bearing(world: World, upn: str = JOHN) -> Flow[Hidden]:
    yield from ()
    return Hidden(signed(claims(world, AUDIENCE, upn)))


def send(world: World) -> Send:
    return carrier(Referrals(world))


class TestTheClient:
    """The client's own calls against this service: one table, both sides."""

    @staticmethod
    def ask(world: World, call: Any) -> Any:
        return run(perform(call, RESOURCE, lambda: bearing(world)), send(world))

    def test_creates_finds_changes_and_replaces(self, world: World) -> None:
        made = self.ask(world, referrals.create(MINIMAL | {"name": "Litware's bakery"}))
        assert self.ask(world, referrals.get(made.id)) == made
        assert made.details.deal_value == 10

        where = And((Eq("status", "New"), Eq("customerProfile/address/country", "US"), Eq("direction", "Outgoing")))
        assert [deal.id for deal in self.ask(world, referrals.listing(where, fields=["name"])).items] == [made.id]
        mine = AnyOf("team", Eq("email", JOHN))
        assert len(self.ask(world, referrals.listing(mine)).items) == 2

        changed = self.ask(world, referrals.update(made.id, [Change("/details/notes", "x")], etag=made.e_tag))
        assert changed.details.notes == "x"
        with pytest.raises(Conflicting):
            self.ask(world, referrals.update(made.id, [Change("/details/notes", "y")], etag=made.e_tag))
        replaced = self.ask(world, referrals.replace(made.id, changed.raw | {"name": "z"}, etag=changed.e_tag))
        assert replaced.name == "z"
        with pytest.raises(NotFound):
            self.ask(world, referrals.get("nobody"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STEPS = ["details", "team", "0", "-", "status", "substatus", "name", "dealValue", "customerProfile", "consent", "type"]


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    place=st.sampled_from(["", f"/{WINGTIP}", f"/{FABRIKAM}", "/x"]),
    query=st.sampled_from(["$filter=", "$orderby=", "$select=", "$top=", "$skiptoken=", ""]),
    text=st.text(max_size=30) | st.text("()':=/ eqandtmil", max_size=30),
    body=JSON
    | st.lists(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "replace"]),
                "path": st.lists(st.sampled_from(STEPS), max_size=3).map(lambda steps: "/" + "/".join(steps)),
                "value": JSON,
            }
        ),
        max_size=3,
    )
    | st.dictionaries(st.sampled_from([*STEPS, *MINIMAL]), JSON, max_size=6).map(lambda more: MINIMAL | more),
    etag=st.sampled_from(["", "*"]) | st.text(max_size=8),
)
def test_no_input_makes_it_stumble(method: str, place: str, query: str, text: str, body: Any, etag: str) -> None:
    """Whatever a stranger with a token sends is answered, by 4xx at worst, and the list can be read afterwards."""
    world = a_world()
    response = caller(world).ask(method, f"{PATH}{place}?{query}{text}", body, headers=(("If-Match", etag),))
    assert response.status < 500

    assert caller(world).ask("GET", f"{PATH}?$filter=team/any(t:t/email eq 'x') and status eq 'New'").status == 200
