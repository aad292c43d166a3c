"""Granular delegated admin relationships through Graph (the reference of Partner Center, 13)."""

from datetime import timedelta
from typing import Any

import pytest

from partnerauth.apis.graph import groups, relationships
from partnerauth.apis.graph.relationships import LOCK, TERMINATE
from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, REFERRALS_USER
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.partnercenter import PartnerCenter
from partnerauth.emulator.relationships import approve
from partnerauth.emulator.world import Role, World
from partnerauth.errors import ApiRefused, Conflicting, Forbidden
from partnerauth.messages import Request, Response
from tests.emulator.callers import ORIGIN, Caller, a_world, claims, signed
from tests.emulator.graph import Administrator, caller

SCOPE = "DelegatedAdminRelationship.ReadWrite.All Group.Read.All"
FABRIKAM = "c0570000-0000-4000-8000-000000000001"
PATH = "/v1.0/tenantRelationships/delegatedAdminRelationships"
READERS = ["Directory Readers"]


@pytest.fixture
def world() -> World:
    """A world in which nobody may do anything at Fabrikam yet."""
    world = a_world()
    world.customers[FABRIKAM].gdap = set()
    return world


@pytest.fixture
def admin(world: World) -> Administrator:
    return Administrator(world, ADMIN_AGENT, scp=SCOPE)


def users_of_fabrikam(world: World) -> int:
    """What Partner Center answers who asks for the customer's users."""
    facts = claims(world, f"https://{Api.PARTNER_CENTER.value}", ADMIN_AGENT, mfa=True)
    facts["aud"] = "https://api.partnercenter.microsoft.com"
    there = Caller(PartnerCenter(world).answer, "api.partnercenter.microsoft.com", signed(facts))
    return there.ask("GET", f"/v1/customers/{FABRIKAM}/users").status


def test_from_the_request_to_the_customers_users(world: World, admin: Administrator) -> None:
    """Created, asked for, approved by the customer, given to a group; then Partner Center opens, until it ends."""
    assert users_of_fabrikam(world) == 403
    made = admin.do(relationships.create("Readers", [*READERS, "Global Reader"], customer=FABRIKAM, duration="P30D"))
    assert (made.status, made.customer["displayName"]) == ("created", "Fabrikam")
    assert made.invitation.endswith("/granularAdminRelationships/" + made.id)
    with pytest.raises(Conflicting):
        admin.do(relationships.assign(made.id, FABRIKAM, READERS))
    assert admin.do(relationships.request(made.id, LOCK)).action == LOCK
    assert admin.do(relationships.get(made.id)).status == "approvalPending"
    approve(world, made.id)
    active = admin.do(relationships.get(made.id))
    assert (active.status, active.end_date_time[:10]) == ("active", "2026-03-31")
    assert users_of_fabrikam(world) == 403

    [agents] = admin.all(groups.named(groups.ADMIN_AGENTS))
    given = admin.do(relationships.assign(made.id, agents.id, READERS))
    assert given.status == "pending"
    assert users_of_fabrikam(world) == 200
    with pytest.raises(Conflicting):
        admin.do(relationships.assign(made.id, agents.id, READERS))
    with pytest.raises(ApiRefused):
        admin.do(relationships.assign(made.id, agents.id, ["Global Administrator"]))
    assert FABRIKAM in [one.tenant_id for one in admin.all(relationships.customers())]

    world.clock.advance(timedelta(days=30))
    assert admin.do(relationships.get(made.id)).status == "expired"
    assert users_of_fabrikam(world) == 403


def test_it_is_ended(world: World, admin: Administrator) -> None:
    """By taking a group's roles away, or by ending it all."""
    made = admin.do(relationships.create("Readers", READERS, customer=FABRIKAM))
    admin.do(relationships.request(made.id, LOCK))
    approve(world, made.id)
    [agents] = admin.all(groups.named(groups.ADMIN_AGENTS))
    given = admin.do(relationships.assign(made.id, agents.id, READERS))
    with pytest.raises(ApiRefused):
        admin.do(relationships.unassign(made.id, given.id, 'W/"other"'))
    admin.do(relationships.unassign(made.id, given.id, given.etag))
    assert users_of_fabrikam(world) == 403
    admin.do(relationships.assign(made.id, agents.id, READERS))
    assert users_of_fabrikam(world) == 200
    admin.do(relationships.request(made.id, TERMINATE))
    assert users_of_fabrikam(world) == 403
    assert [one.action for one in admin.all(relationships.REQUESTS(relationship=made.id))] == [LOCK, TERMINATE]


def test_those_of_the_default_world_are_listed_and_can_be_ended() -> None:
    world = a_world()
    admin = Administrator(world, ADMIN_AGENT, scp=SCOPE)
    found = admin.all(relationships.listing())
    assert len(found) == len(world.customers)
    assert {one.status for one in found} == {"active"}
    own = next(one for one in found if one.customer["tenantId"] == FABRIKAM)
    assert users_of_fabrikam(world) == 200

    admin.do(relationships.request(own.id, TERMINATE))

    assert users_of_fabrikam(world) == 403
    assert admin.do(relationships.get(own.id)).status == "terminated"
    assert len(admin.all(relationships.listing())) == len(world.customers)


def test_only_what_nobody_was_asked_for_is_changed(world: World, admin: Administrator) -> None:
    """With its etag; 412 for another, 428 for none."""
    made = admin.do(relationships.create("Readers", READERS))
    who = caller(world, ADMIN_AGENT, scp=SCOPE)
    path = f"{PATH}/{made.id}"
    assert who.ask("PATCH", path, {"duration": "P1D"}).status == 428
    assert who.ask("PATCH", path, {"duration": "P1D"}, headers=(("If-Match", "x"),)).status == 412
    world.clock.advance(timedelta(seconds=1))
    changed = who.ask("PATCH", path, {"duration": "P1D"}, headers=(("If-Match", made.etag),)).value()
    assert changed["duration"] == "P1D"
    assert changed["@odata.etag"] != made.etag
    admin.do(relationships.delete(made.id, changed["@odata.etag"]))
    second = admin.do(relationships.create("Readers", READERS))
    admin.do(relationships.request(second.id, LOCK))
    with pytest.raises(Conflicting):
        admin.do(relationships.delete(second.id, "*"))
    world.clock.advance(timedelta(days=90))
    assert admin.do(relationships.get(second.id)).status == "expired"


@pytest.mark.parametrize(
    "change",
    [
        {"displayName": "x" * 51},
        {"duration": "P731D"},
        {"duration": "P0D"},
        {"duration": "two years"},
        {"accessDetails": {"unifiedRoles": []}},
        {"accessDetails": {"unifiedRoles": [{"roleDefinitionId": FABRIKAM}]}},
        {"customer": {"tenantId": "11111111-2222-4333-8444-555555555555"}},
        {"autoExtendDuration": "P1D"},
        {"status": "active"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(world: World, change: dict[str, Any]) -> None:
    body = {"displayName": "x", "duration": "P1D", "accessDetails": relationships.details(READERS)}

    assert caller(world, ADMIN_AGENT, scp=SCOPE).ask("POST", PATH, body | change).status == 400


def test_who_may(world: World, admin: Administrator) -> None:
    """Admin agents; an application by itself may not give roles to a group; a name is taken once."""
    with pytest.raises(Forbidden):
        Administrator(world, REFERRALS_USER, scp=SCOPE).do(relationships.listing())
    john = world.person(JOHN)
    assert john is not None
    john[1].roles.add(Role.ADMIN_AGENT)
    made = Administrator(world, JOHN, scp=SCOPE).do(relationships.create("Readers", READERS))
    with pytest.raises(Conflicting):
        admin.do(relationships.create("readers", READERS))
    program = Administrator(world, roles=["DelegatedAdminRelationship.ReadWrite.All"])
    assert made.id in [one.id for one in program.all(relationships.listing())]
    with pytest.raises(Forbidden):
        program.do(relationships.assign(made.id, FABRIKAM, READERS))


def test_the_customer_says_yes_through_the_control_api(world: World, admin: Administrator) -> None:
    """404 for one that is not there, 409 for one that awaits nothing."""
    emulator = Emulator(world)

    def ask(method: str, path: str) -> Response:
        return emulator.handle(Request(method, f"{ORIGIN}/_emulator{path}"))

    made = admin.do(relationships.create("Readers", READERS))
    approval = f"/relationships/{made.id}/approve?customer={FABRIKAM}"
    assert ask("POST", approval).status == 409
    admin.do(relationships.request(made.id, LOCK))
    assert ask("POST", f"/relationships/{made.id}/approve").status == 409
    assert ask("POST", approval).value()["status"] == "active"
    [one] = ask("GET", "/relationships").value()
    assert one["customer"] == FABRIKAM
    assert ask("POST", "/relationships/x/approve").status == 404
