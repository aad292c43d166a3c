"""The people: who they are, their telephones, their sessions, and who is signed in without being asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from partnerauth.emulator import totp
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.world import Automatic, Person, Tenant


class PersonView(msgspec.Struct):
    """A user of a tenant. `mfa`: has an authenticator; `valid_from`: refresh tokens from before are revoked."""

    upn: str
    id: str
    name: str
    tenant: str
    tenant_name: str
    roles: list[str]
    mfa: bool
    enabled: bool
    password_is_temporary: bool
    valid_from: datetime | None

    @classmethod
    def of(cls, tenant: Tenant, person: Person) -> PersonView:
        """What may be known of a person."""
        return cls(
            upn=person.upn,
            id=person.id,
            name=person.name,
            tenant=tenant.id,
            tenant_name=tenant.name,
            roles=sorted(role.value for role in person.roles),
            mfa=person.totp is not None,
            enabled=person.enabled,
            password_is_temporary=person.password_is_temporary,
            valid_from=person.valid_from,
        )


class Phone(msgspec.Struct):
    """What a person's authenticator shows."""

    upn: str
    code: str
    seconds_left: int
    until: datetime

    @classmethod
    def of(cls, person: Person, now: datetime) -> Phone | None:
        """The code at `now`; none where there is no authenticator."""
        if person.totp is None:
            return None
        left = totp.STEP - int(now.timestamp()) % totp.STEP
        until = now.replace(microsecond=0) + timedelta(seconds=left)
        return cls(person.upn, totp.code(person.totp, now), left, until)


class SignIn(msgspec.Struct):
    """Who is signed in without being asked; nobody where `upn` is null."""

    upn: str | None
    mfa: bool


class SignInChange(msgspec.Struct, forbid_unknown_fields=True):
    """Who is to be signed in without being asked."""

    upn: str
    mfa: Annotated[bool, Meta(description="with a second factor; by itself, if the person has one")] | None = None


def find(call: Call, upn: str) -> tuple[Tenant, Person]:
    """A person by user principal name. Raises `Problem`."""
    found = call.world.person(upn)
    if found is None:
        known = ", ".join(person.upn for _, person in call.world.people())
        raise Problem(HTTPStatus.NOT_FOUND, f"nobody of that name is here; known are {known}")
    return found


def _people(call: Call) -> list[PersonView]:
    with call.world.lock:
        return [PersonView.of(tenant, person) for tenant, person in call.world.people()]


def _person(call: Call) -> PersonView:
    with call.world.lock:
        return PersonView.of(*find(call, call.parts["upn"]))


def _revoke(call: Call) -> PersonView:
    with call.world.lock:
        find(call, call.parts["upn"])[1].valid_from = call.world.now()
        return _person(call)


def _disable(call: Call) -> PersonView:
    with call.world.lock:
        find(call, call.parts["upn"])[1].enabled = False
        return _person(call)


def _enable(call: Call) -> PersonView:
    with call.world.lock:
        find(call, call.parts["upn"])[1].enabled = True
        return _person(call)


def _phone(call: Call) -> Phone:
    _, person = find(call, call.parts["upn"])
    phone = Phone.of(person, call.world.now())
    if phone is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"{person.upn} has no authenticator")
    return phone


def _sign_in(call: Call) -> SignIn:
    automatic = call.world.automatic
    return SignIn(automatic.upn, automatic.mfa) if automatic else SignIn(None, False)


def change_sign_in(call: Call) -> SignIn:
    """Sign whoever comes in as the person that the body (`SignInChange`) names. Raises `Problem`."""
    change: SignInChange = call.body
    with call.world.lock:
        _, person = find(call, change.upn)
        able = person.totp is not None
        if change.mfa and not able:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{person.upn} has no authenticator, so no MFA")
        call.world.automatic = Automatic(person.upn, able if change.mfa is None else change.mfa)
    return _sign_in(call)


def stop_sign_in(call: Call) -> None:
    """Let people sign in by themselves."""
    call.world.automatic = None


ROUTES = (
    Route("GET", "/sign-in", "Who is signed in without being asked", _sign_in, gives=SignIn),
    Route(
        "PUT",
        "/sign-in",
        "Sign whoever comes in as this person, without a page",
        change_sign_in,
        gives=SignIn,
        takes=SignInChange,
    ),
    Route("DELETE", "/sign-in", "Let people sign in by themselves again", stop_sign_in),
    Route("GET", "/phone/{upn}", "The code that a person's authenticator shows now", _phone, gives=Phone),
    Route("GET", "/people", "Everybody", _people, gives=list[PersonView]),
    Route("GET", "/people/{upn}", "One person", _person, gives=PersonView),
    Route("POST", "/people/{upn}/revoke", "Revoke the refresh tokens a person has", _revoke, gives=PersonView),
    Route("POST", "/people/{upn}/disable", "Disable a person's account", _disable, gives=PersonView),
    Route("POST", "/people/{upn}/enable", "Enable a person's account", _enable, gives=PersonView),
)
