"""Groups and their members (the reference of app registration, 4.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partnerauth.apis.graph import groups
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import Denied, bad, forbidden, no_such, without
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.graph.objects import object_in, referred, show_group, show_object
from partnerauth.emulator.groups import Group, join, leave, members
from partnerauth.emulator.groups import groups as all_of
from partnerauth.messages import Response

BIND = "members@odata.bind"
MOST_AT_ONCE = 20
TYPE = "@odata.type"
ROLE_GRANTERS = ("RoleManagement.ReadWrite.Directory", "Directory.AccessAsUser.All")
USUAL = (TYPE, "id", "displayName", "userPrincipalName", "appId")


def _list(asked: Asked) -> Response:
    if asked.customer is not None:
        return listed(asked, "groups", ())
    return listed(asked, "groups", [_show(group) for group in all_of(asked.tenant).values()])


def _get(asked: Asked) -> Response:
    return shown_one(asked, "groups", _show(asked.group(asked.parameters["group"])))


def _create(asked: Asked) -> Response:
    asked.own_only()
    body = asked.body("Group")
    body.only("displayName", "description", "mailEnabled", "mailNickname", "securityEnabled", "isAssignableToRole",
              "groupTypes", "visibility")  # fmt: skip
    name, nickname = body.needed("displayName", longest=256), body.needed("mailNickname", longest=64)
    for member in ("mailEnabled", "securityEnabled"):
        if body.flag(member) is None:
            raise bad(f"A value is required for property '{member}' of resource 'Group'.", target=member)
    if body.flag("mailEnabled") or body.texts("groupTypes"):
        raise bad("The service does not currently support writes of mail-enabled groups.", target="mailEnabled")
    assignable = bool(body.flag("isAssignableToRole"))
    if assignable:
        _check_assignable(asked)
    group = Group(
        asked.world.guid(),
        name,
        nickname,
        body.text("description") or "",
        security=bool(body.flag("securityEnabled")),
        role_assignable=assignable,
        created=asked.world.now(),
    )
    asked.tenant.groups[group.id] = group
    return asked.created("groups", _show(group))


def _update(asked: Asked) -> Response:
    group, body = asked.group(asked.parameters["group"]), asked.body("Group")
    body.only("displayName", "description", "mailNickname")
    name = body.needed("displayName", longest=256) if "displayName" in body else group.name
    links = body.texts(BIND)
    if len(links) > MOST_AT_ONCE:
        raise bad(f"At most {MOST_AT_ONCE} members can be added at once.", target="members")
    added = [_joining(asked, group, object_in(link)) for link in links]
    if len(set(added)) != len(added):
        raise _already("members")
    if "displayName" in body and group.agents:
        raise forbidden()
    group.name = name
    if "description" in body:
        group.description = body.text("description") or ""
    for member in added:
        join(asked.tenant, group, member)
    return Response(204)


def _delete(asked: Asked) -> Response:
    group = asked.group(asked.parameters["group"])
    if group.agents:
        raise forbidden("The groups of a partner's agents cannot be removed.")
    for other in all_of(asked.tenant).values():
        if group.id in other.members:
            other.members.remove(group.id)
    del asked.tenant.groups[group.id]
    return Response(204)


def _members(asked: Asked) -> Response:
    found = []
    for member in members(asked.tenant, asked.group(asked.parameters["group"])):
        try:
            shown = show_object(asked, member)
        except Denied:
            continue
        found.append({name: shown.get(name) for name in USUAL})
    return listed(asked, "directoryObjects", found)


def _add(asked: Asked) -> Response:
    group = asked.group(asked.parameters["group"])
    join(asked.tenant, group, _joining(asked, group, referred(asked)))
    return Response(204)


def _remove(asked: Asked) -> Response:
    group, member = asked.group(asked.parameters["group"]), asked.parameters["member"].lower()
    if group.role_assignable:
        _check_assignable(asked)
    if member not in members(asked.tenant, group):
        raise no_such(member)
    leave(asked.tenant, group, member)
    return Response(204)


def _joining(asked: Asked, group: Group, member: str) -> str:
    show_object(asked, member)
    if group.role_assignable:
        _check_assignable(asked)
    if member == group.id:
        raise bad("A group cannot be a member of itself.", target="members")
    if member in members(asked.tenant, group):
        raise _already("members")
    return member


def _already(name: str) -> Denied:
    return bad(f"One or more added object references already exist for the following modified properties: '{name}'.")


def _check_assignable(asked: Asked) -> None:
    carried = asked.bearer.application_roles if asked.bearer.app_only else asked.bearer.scopes
    if not carried & set(ROLE_GRANTERS):
        raise forbidden()


def _show(group: Group) -> dict[str, Any]:
    return without(show_group(group), TYPE)


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    groups.LIST: _list,
    groups.GET: _get,
    groups.CREATE: _create,
    groups.UPDATE: _update,
    groups.DELETE: _delete,
    groups.MEMBERS: _members,
    groups.ADD_MEMBER: _add,
    groups.REMOVE_MEMBER: _remove,
}
