"""People: read, made, changed, removed, and their sessions revoked (the reference of app registration, 4.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from partnerauth.apis.graph import people, roles
from partnerauth.apis.operation import Operation
from partnerauth.emulator.entra.revocation import new_password, revoke
from partnerauth.emulator.graph.answers import bad, context, forbidden, moment, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.graph.objects import groups_of, roles_of, show_group, show_role
from partnerauth.emulator.groups import leave
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import CustomerUser, Person, Role, Tenant
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

USUAL = ("id", "userPrincipalName", "displayName", "givenName", "surname", "mail")
NAME = re.compile(r"[A-Za-z0-9'.\-_!#^~]{1,64}", re.ASCII)
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
SHORTEST, LONGEST = 8, 256
KINDS_NEEDED = 3
KINDS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")
WRITABLE = (
    "accountEnabled",
    "displayName",
    "mailNickname",
    "userPrincipalName",
    "passwordProfile",
    "givenName",
    "surname",
    "usageLocation",
)


def _me(asked: Asked) -> Response:
    return shown_one(asked, "users", show(_self(asked)), usual=USUAL)


def _mine(asked: Asked) -> Response:
    return _memberships(asked, _self(asked))


def _users(asked: Asked) -> Response:
    return listed(asked, "users", _everybody(asked), usual=USUAL)


def _user(asked: Asked) -> Response:
    wanted = asked.parameters["user"].lower()
    for person in _everybody(asked):
        if wanted in (person["id"].lower(), person["userPrincipalName"].lower()):
            return shown_one(asked, "users", person, usual=USUAL)
    raise no_such(wanted)


def _create(asked: Asked) -> Response:
    asked.own_only()
    body = asked.body("User")
    body.only(*WRITABLE)
    enabled = body.flag("accountEnabled")
    if enabled is None:
        raise bad("A value is required for property 'accountEnabled' of resource 'User'.", target="accountEnabled")
    body.needed("mailNickname", longest=64)
    name, upn = body.needed("displayName", longest=256), _upn(asked, body)
    profile = body.inner("passwordProfile")
    password, temporary = _password(profile) if profile else (None, None)
    if password is None:
        raise bad("A password must be specified to create a new user.", target="passwordProfile")
    person = Person(
        asked.world.guid(),
        upn,
        body.text("givenName", longest=64) or "",
        body.text("surname", longest=64) or "",
        password,
        enabled=enabled,
        display_name=name,
        usage_location=_country(body),
    )
    asked.tenant.people[person.id] = person
    new_password(asked.world, asked.tenant, person, password, Cause.ADMIN_RESET_IN_ENTRA, temporary=bool(temporary))
    person.revoked.clear()
    return asked.created("users", {name: value for name, value in show(person).items() if name in USUAL})


def _update(asked: Asked) -> Response:
    asked.own_only()
    person = _within_reach(asked, asked.person(asked.parameters["user"]))
    body = asked.body("User")
    body.only(*WRITABLE)
    # All is read before anything is changed.
    upn = _upn(asked, body, person) if "userPrincipalName" in body else person.upn
    name = body.needed("displayName", longest=256) if "displayName" in body else person.display_name
    given = body.text("givenName", longest=64) or "" if "givenName" in body else person.given_name
    surname = body.text("surname", longest=64) or "" if "surname" in body else person.family_name
    country = _country(body) if "usageLocation" in body else person.usage_location
    enabled, profile = body.flag("accountEnabled"), body.inner("passwordProfile")
    password, temporary = _password(profile) if profile else (None, None)
    if password is not None:
        new_password(asked.world, asked.tenant, person, password, Cause.ADMIN_RESET_IN_ENTRA, temporary=bool(temporary))
    elif temporary is not None:
        person.password_is_temporary = temporary
    person.upn, person.display_name, person.given_name, person.family_name = upn, name, given, surname
    person.usage_location = country
    person.enabled = person.enabled if enabled is None else enabled
    return Response(204)


def _delete(asked: Asked) -> Response:
    asked.own_only()
    person = _within_reach(asked, asked.person(asked.parameters["user"]))
    tenant = asked.tenant
    for group in groups_of(tenant, person.id):
        leave(tenant, group, person.id)
    for key in [key for key in tenant.grants if key[2] == person.id]:
        del tenant.grants[key]
    del tenant.people[person.id]
    return Response(204)


def _revoke(asked: Asked) -> Response:
    asked.own_only()
    return _revoked(asked, asked.tenant, asked.person(asked.parameters["user"]), Cause.ADMIN_REVOKED)


def _revoke_mine(asked: Asked) -> Response:
    asked.own_only()
    return _revoked(asked, asked.tenant, _self(asked), Cause.USER_REVOKED)


def _revoked(asked: Asked, home: Tenant, person: Person, cause: Cause) -> Response:
    revoke(asked.world, home, person, cause)
    return Response.json(200, {"@odata.context": context(asked.arrival, "Edm.Boolean"), "value": True})


def _member_of(asked: Asked) -> Response:
    if asked.customer is not None:
        return listed(asked, "directoryObjects", ())
    return _memberships(asked, asked.person(asked.parameters["user"]))


def _memberships(asked: Asked, person: Person) -> Response:
    if asked.customer is not None:
        return listed(asked, "directoryObjects", ())
    found = [show_group(group) for group in groups_of(asked.tenant, person.id)]
    held = [show_role(asked.tenant, role) for role in roles_of(person)]
    return listed(asked, "directoryObjects", [*found, *held], usual=("id", "displayName", "description"))


def show(person: Person) -> dict[str, Any]:
    """A person, whole."""
    return {
        "id": person.id,
        "userPrincipalName": person.upn,
        "displayName": person.name,
        "givenName": person.given_name or None,
        "surname": person.family_name or None,
        "mail": person.upn,
        "mailNickname": person.upn.partition("@")[0],
        "accountEnabled": person.enabled,
        "usageLocation": person.usage_location or None,
        "userType": "Member",
        "signInSessionsValidFromDateTime": moment(person.valid_from),
    }


def _customers(user: CustomerUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "userPrincipalName": user.upn,
        "displayName": f"{user.first_name} {user.last_name}",
        "givenName": user.first_name,
        "surname": user.last_name,
        "mail": user.upn,
        "mailNickname": user.upn.partition("@")[0],
        "accountEnabled": True,
        "usageLocation": user.usage_location or None,
        "userType": "Member",
        "signInSessionsValidFromDateTime": None,
    }


def _everybody(asked: Asked) -> Iterator[Mapping[str, Any]]:
    if asked.customer is not None:
        return (_customers(user) for user in asked.customer.users.values() if user.active)
    return map(show, asked.tenant.people.values())


def _self(asked: Asked) -> Person:
    if asked.bearer.person is None:
        raise no_such(asked.bearer.object_id)
    return asked.bearer.person


def _within_reach(asked: Asked, person: Person) -> Person:
    """Nobody but a global administrator changes administrators; an application does by its permission."""
    administrator = bool(person.directory_roles) or Role.GLOBAL_ADMIN in person.roles
    if administrator and not asked.bearer.app_only and roles.GLOBAL not in asked.roles:
        raise forbidden()
    return person


def _upn(asked: Asked, body: Body, own: Person | None = None) -> str:
    written = body.needed("userPrincipalName", longest=300)
    name, _, domain = written.rpartition("@")
    if domain.lower() not in map(str.lower, asked.tenant.domains):
        raise bad(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain"
            " names in your organization.",
            "InvalidValue",
            "userPrincipalName",
        )
    if not NAME.fullmatch(name):
        raise body.wrong("userPrincipalName")
    if asked.tenant.person(written) not in (None, own):
        raise bad(
            "Another object with the same value for property userPrincipalName already exists.",
            "ObjectConflict",
            "userPrincipalName",
        )
    return written


def _password(profile: Body) -> tuple[Hidden | None, bool | None]:
    """The password, and whether it must be changed at the next sign-in; None for what is not said."""
    profile.only("password", "forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa")
    flags = [profile.flag(f"forceChangePasswordNextSignIn{ending}") for ending in ("", "WithMfa")]
    temporary = None if flags == [None, None] else any(flags)
    text = profile.text("password", longest=LONGEST)
    if text is None:
        return None, temporary
    if len(text) < SHORTEST or sum(bool(re.search(kind, text)) for kind in KINDS) < KINDS_NEEDED:
        raise bad(
            "The specified password does not comply with password complexity requirements. Please provide a different"
            " password.",
            "PasswordTooWeak",
            "password",
        )
    return Hidden(text), temporary


def _country(body: Body) -> str:
    written = body.text("usageLocation", longest=2) or ""
    if written and not COUNTRY.fullmatch(written.upper()):
        raise body.wrong("usageLocation")
    return written.upper()


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    people.ME: _me,
    people.MINE: _mine,
    people.REVOKE_MINE: _revoke_mine,
    people.USERS: _users,
    people.USER: _user,
    people.CREATE: _create,
    people.UPDATE: _update,
    people.DELETE: _delete,
    people.REVOKE_SESSIONS: _revoke,
    people.MEMBER_OF: _member_of,
}
