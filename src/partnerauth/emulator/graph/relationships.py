"""Granular delegated admin relationships with customers (the reference of Partner Center, 13).

What `Customer.gdap` says is shown as one relationship, which can be ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from partnerauth.apis.graph import relationships
from partnerauth.apis.graph.relationships import LOCK, TERMINATE
from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import Denied, bad, forbidden, moment, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.groups import groups
from partnerauth.emulator.relationships import LONGEST, AccessAssignment, Relationship, lasting
from partnerauth.emulator.world import Customer
from partnerauth.messages import Response

SET = "tenantRelationships/delegatedAdminRelationships"
IDS = uuid.UUID("9da90000-0000-4000-8000-000000000000")
NAMES = {template: name for name, template in TEMPLATES.items()}
LONGEST_NAME = 50
EXTENSIONS = ("P0D", "PT0S", "P180D")
PAGE = 300
WRITABLE = ("displayName", "duration", "accessDetails", "customer", "autoExtendDuration")


def _list(asked: Asked) -> Response:
    return listed(asked, SET, [_show(asked, one) for one in _all(asked)], size=PAGE)


def _get(asked: Asked) -> Response:
    return shown_one(asked, SET, _show(asked, _found(asked)))


def _create(asked: Asked) -> Response:
    _at_home(asked)
    now = asked.world.now()
    made = Relationship(f"{asked.world.guid()}-{asked.world.guid()}", "", "", "", LONGEST, set(), now, now)
    body = asked.body("DelegatedAdminRelationship")
    for name in ("displayName", "duration", "accessDetails"):
        if body.raw(name) is None:
            raise bad(f"A value is required for property '{name}' of resource '{body.kind}'.", target=name)
    made = _changed(asked, made, body)
    asked.world.relationships[made.id] = made
    return asked.created(SET, _show(asked, made))


def _update(asked: Asked) -> Response:
    found = _fresh(asked)
    changed = _changed(asked, found, asked.body("DelegatedAdminRelationship"))
    asked.world.relationships[found.id] = changed
    return Response.json(200, asked.entity(SET, _show(asked, changed)))


def _delete(asked: Asked) -> Response:
    del asked.world.relationships[_fresh(asked).id]
    return Response(204)


def _requests(asked: Asked) -> Response:
    return listed(asked, "requests", [_request_shown(*one) for one in _found(asked).requests])


def _request(asked: Asked) -> Response:
    _at_home(asked)
    found, body = _found(asked), asked.body("DelegatedAdminRelationshipRequest")
    body.only("action")
    action, now = body.needed("action"), asked.world.now()
    state = found.state(now)
    if action not in (LOCK, TERMINATE):
        raise body.wrong("action")
    if (action, state) not in ((LOCK, "created"), (TERMINATE, "active"), (TERMINATE, "approvalPending")):
        raise _conflict(f"The action '{action}' is not possible while the relationship is '{state}'.")
    found.status, found.modified = "approvalPending" if action == LOCK else "terminated", now
    if found.id not in asked.world.relationships:
        asked.world.customers[found.customer].gdap.clear()
        asked.world.relationships[found.id] = found
    entry = (asked.world.guid(), action, now)
    found.requests.append(entry)
    return asked.created("requests", _request_shown(*entry))


def _assignments(asked: Asked) -> Response:
    found = _found(asked)
    return listed(asked, "accessAssignments", [_assignment_shown(asked, found, one) for one in _held(found)])


def _assignment(asked: Asked) -> Response:
    found = _found(asked)
    return shown_one(asked, "accessAssignments", _assignment_shown(asked, found, _one_of(asked, found)))


def _assign(asked: Asked) -> Response:
    _at_home(asked)
    found, now = _active(asked), asked.world.now()
    body = asked.body("DelegatedAdminAccessAssignment")
    body.only("accessContainer", "accessDetails")
    container = body.inner("accessContainer")
    if container is None or container.text("accessContainerType") != "securityGroup":
        raise body.wrong("accessContainer")
    group = asked.group(container.guid("accessContainerId"))
    if any(one.group == group.id for one in found.assignments.values()):
        raise _conflict("There is an active access assignment for this access container.")
    made = AccessAssignment(asked.world.guid(), group.id, _within(found, body), now, now)
    found.assignments[made.id] = made
    return asked.created("accessAssignments", _assignment_shown(asked, found, made))


def _reassign(asked: Asked) -> Response:
    found = _active(asked)
    one, body = _one_of(asked, found), asked.body("DelegatedAdminAccessAssignment")
    _match(asked, _etag(one.modified))
    body.only("accessDetails")
    one.roles, one.modified = _within(found, body), asked.world.now()
    return Response(204)


def _unassign(asked: Asked) -> Response:
    found = _active(asked)
    one = _one_of(asked, found)
    _match(asked, _etag(one.modified))
    del found.assignments[one.id]
    return Response(204)


def _customers(asked: Asked) -> Response:
    known = dict.fromkeys(one.customer for one in _all(asked) if one.customer)
    shown = [
        {"id": tid, "tenantId": tid, "displayName": customer.name}
        for tid in known
        if (customer := asked.world.customers.get(tid)) is not None
    ]
    return listed(asked, "tenantRelationships/delegatedAdminCustomers", shown, size=PAGE)


def _at_home(asked: Asked) -> None:
    if not asked.tenant.partner:
        raise forbidden()


def _all(asked: Asked) -> list[Relationship]:
    _at_home(asked)
    world = asked.world
    implied = [_implied(asked, customer) for customer in world.customers.values() if customer.gdap]
    return [*world.relationships.values(), *(one for one in implied if one.id not in world.relationships)]


def _implied(asked: Asked, customer: Customer) -> Relationship:
    """What `Customer.gdap` says, as a relationship that began with the world's year."""
    roles = set(customer.gdap)
    begun = asked.world.now().replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    made = uuid.uuid5(IDS, customer.id)
    found = Relationship(
        f"{customer.id}-{made}", f"Default_{customer.name}"[:LONGEST_NAME], customer.id, "P730D", LONGEST, roles,
        begun, begun, "active", begun, "P180D",
    )  # fmt: skip
    agents = next((group.id for group in groups(asked.tenant).values() if group.agents == "admin_agent"), "")
    if agents:
        found.assignments[str(made)] = AccessAssignment(str(made), agents, roles, begun, begun)
    return found


def _found(asked: Asked) -> Relationship:
    wanted = asked.parameters["relationship"].lower()
    found = next((one for one in _all(asked) if one.id == wanted), None)
    if found is None:
        raise no_such(wanted)
    return found


def _fresh(asked: Asked) -> Relationship:
    """One that nobody was asked for yet, at the state that the caller knows."""
    found = _found(asked)
    _match(asked, _etag(found.modified))
    if found.state(asked.world.now()) != "created":
        raise _conflict("Only a relationship in the status 'created' can be changed or removed.")
    return found


def _active(asked: Asked) -> Relationship:
    found = _found(asked)
    if found.id not in asked.world.relationships or found.state(asked.world.now()) != "active":
        raise _conflict("The relationship is not active, or not one whose assignments can be changed.")
    return found


def _changed(asked: Asked, found: Relationship, body: Body) -> Relationship:
    body.only(*WRITABLE)
    changes: dict[str, Any] = {"modified": asked.world.now()}
    if "displayName" in body:
        name = body.needed("displayName", longest=LONGEST_NAME)
        if any(one.name.lower() == name.lower() and one.id != found.id for one in _all(asked)):
            raise _conflict("There is a relationship of this name.")
        changes["name"] = name
    if "duration" in body:
        changes["duration"] = body.needed("duration")
        changes["lasts"] = _duration(body)
    if "autoExtendDuration" in body:
        changes["auto_extend"] = body.needed("autoExtendDuration")
        if changes["auto_extend"] not in EXTENSIONS:
            raise body.wrong("autoExtendDuration")
    if "accessDetails" in body:
        changes["roles"] = _roles(body)
    customer = body.inner("customer")
    if customer is not None:
        tid = customer.guid("tenantId")
        if tid not in asked.world.customers:
            raise body.wrong("customer")
        changes["customer"] = tid
    return replace(found, **changes)


def _duration(body: Body) -> timedelta:
    try:
        return lasting(body.needed("duration"))
    except ValueError:
        raise body.wrong("duration") from None


def _roles(body: Body) -> set[str]:
    details = body.inner("accessDetails")
    named = [one.guid("roleDefinitionId") for one in details.inners("unifiedRoles", "UnifiedRole")] if details else []
    if not named or not set(named) <= NAMES.keys():
        raise body.wrong("accessDetails")
    return {NAMES[template] for template in named}


def _within(found: Relationship, body: Body) -> set[str]:
    roles = _roles(body)
    if not roles <= found.roles:
        raise bad("The access details hold a role that the relationship does not have.", target="accessDetails")
    return roles


def _held(found: Relationship) -> list[AccessAssignment]:
    return list(found.assignments.values())


def _one_of(asked: Asked, found: Relationship) -> AccessAssignment:
    one = found.assignments.get(asked.parameters["assignment"].lower())
    if one is None:
        raise no_such(asked.parameters["assignment"])
    return one


def _match(asked: Asked, etag: str) -> None:
    given = asked.arrival.request.header("If-Match").strip()
    if not given:
        raise Denied(428, "PreconditionRequired", "The request needs an If-Match header with the etag of the object.")
    if given not in (etag, "*"):
        raise Denied(412, "PreconditionFailed", "The object was changed: its etag is another one.")


def _conflict(message: str) -> Denied:
    return Denied(409, "Conflict", message)


def _etag(modified: Any) -> str:
    return f'W/"{modified.timestamp():.6f}"'


def _access(roles: set[str]) -> dict[str, Any]:
    return {"unifiedRoles": [{"roleDefinitionId": TEMPLATES[role]} for role in sorted(roles) if role in TEMPLATES]}


def _show(asked: Asked, found: Relationship) -> dict[str, Any]:
    customer = asked.world.customers.get(found.customer)
    return {
        "@odata.etag": _etag(found.modified),
        "id": found.id,
        "displayName": found.name,
        "duration": found.duration,
        "customer": {"tenantId": found.customer, "displayName": customer.name} if customer else None,
        "accessDetails": _access(found.roles),
        "status": found.state(asked.world.now()),
        "autoExtendDuration": found.auto_extend,
        "createdDateTime": moment(found.created),
        "lastModifiedDateTime": moment(found.modified),
        "activatedDateTime": moment(found.activated),
        "endDateTime": moment(found.ends),
    }


def _assignment_shown(asked: Asked, found: Relationship, one: AccessAssignment) -> dict[str, Any]:
    active = found.state(asked.world.now()) == "active"
    # The answer to the making says pending; it is active from the next moment on.
    pending = asked.operation is relationships.ASSIGN
    return {
        "@odata.etag": _etag(one.modified),
        "id": one.id,
        "status": "pending" if pending else one.status if active else "deleted",
        "createdDateTime": moment(one.created),
        "lastModifiedDateTime": moment(one.modified),
        "accessContainer": {"accessContainerId": one.group, "accessContainerType": "securityGroup"},
        "accessDetails": _access(one.roles),
    }


def _request_shown(identifier: str, action: str, at: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "action": action,
        "status": "succeeded",
        "createdDateTime": moment(at),
        "lastModifiedDateTime": moment(at),
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    relationships.LIST: _list,
    relationships.GET: _get,
    relationships.CREATE: _create,
    relationships.UPDATE: _update,
    relationships.DELETE: _delete,
    relationships.REQUESTS: _requests,
    relationships.REQUEST: _request,
    relationships.ASSIGNMENTS: _assignments,
    relationships.ASSIGNMENT: _assignment,
    relationships.ASSIGN: _assign,
    relationships.REASSIGN: _reassign,
    relationships.UNASSIGN: _unassign,
    relationships.CUSTOMERS: _customers,
}
