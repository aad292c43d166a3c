"""The people: who they are, their telephones, their sessions, and who is signed in without being asked."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from partnerauth.emulator import totp
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.entra.approvals import answer, waiting
from partnerauth.emulator.entra.revocation import new_password, revoke
from partnerauth.emulator.rules.causes import NEW_PASSWORD, Cause
from partnerauth.emulator.world import Automatic, Person, Tenant
from partnerauth.hidden import Hidden

NUMBER = {"number": "the number that the page shows; where none is given, the newest question is meant"}


class PersonView(msgspec.Struct):
    """A user of a tenant. `mfa`: has a second factor; `valid_from`: refresh tokens from before are revoked."""

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
    methods: list[str]
    password_ends: datetime | None

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
            mfa=person.second_factor,
            enabled=person.enabled,
            password_is_temporary=person.password_is_temporary,
            valid_from=person.valid_from,
            methods=sorted(method.value for method in person.methods),
            password_ends=person.password_ends,
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


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """A new password, and how it came about."""

    cause: Annotated[
        Literal["password_changed", "self_service_reset", "admin_reset_in_azure", "admin_reset_in_entra"],
        Meta(description="who changed it, and where: that decides which refresh tokens end"),
    ] = "password_changed"
    password: Annotated[str, Meta(min_length=1, description="made up, where none is given")] | None = None
    temporary: Annotated[bool, Meta(description="to be changed at the next sign-in")] = False


class Password(msgspec.Struct):
    """A person's password."""

    upn: str
    password: str
    temporary: bool


class Approval(msgspec.Struct):
    """A question on a person's telephone, and the number that the sign-in page shows."""

    application: str
    number: str
    at: datetime


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
    written = call.query.get("cause") or Cause.ADMIN_REVOKED.value
    causes = {cause.value: cause for cause in Cause if cause not in NEW_PASSWORD}
    if written not in causes:
        known = ", ".join(causes)
        raise Problem(HTTPStatus.BAD_REQUEST, f"cause: expected one of {known}; a new password has its own route")
    with call.world.lock:
        revoke(call.world, *find(call, call.parts["upn"]), causes[written])
        return _person(call)


def _set_password(call: Call) -> Password:
    change: PasswordChange = call.body
    with call.world.lock:
        tenant, person = find(call, call.parts["upn"])
        made = base64.b32encode(call.world.bytes(10)).decode() if change.password is None else change.password
        new_password(call.world, tenant, person, Hidden(made), Cause(change.cause), temporary=change.temporary)
    return Password(person.upn, made, change.temporary)


def _delete(call: Call) -> None:
    with call.world.lock:
        tenant, person = find(call, call.parts["upn"])
        del tenant.people[person.id]
        if call.world.automatic is not None and call.world.automatic.upn == person.upn:
            call.world.automatic = None


def _approvals(call: Call) -> list[Approval]:
    with call.world.lock:
        _, person = find(call, call.parts["upn"])
        return [Approval(one.application, one.number, one.at) for one in waiting(call.world, person)]


def _approve(call: Call) -> None:
    _answered(call, approve=True)


def _deny(call: Call) -> None:
    _answered(call, approve=False)


def _answered(call: Call, *, approve: bool) -> None:
    with call.world.lock:
        _, person = find(call, call.parts["upn"])
        try:
            answer(call.world, person, approve=approve, number=call.query.get("number", ""))
        except ValueError as wrong:
            raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None


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
        able = person.second_factor
        if change.mfa and not able:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{person.upn} has no second factor, so no MFA")
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
    Route("DELETE", "/people/{upn}", "Delete a person", _delete),
    Route(
        "POST",
        "/people/{upn}/revoke",
        "End the refresh tokens and sessions of a person",
        _revoke,
        gives=PersonView,
        asks={"cause": "why: " + ", ".join(cause.value for cause in Cause if cause not in NEW_PASSWORD)},
    ),
    Route(
        "POST",
        "/people/{upn}/password",
        "Give a person a new password",
        _set_password,
        gives=Password,
        takes=PasswordChange,
    ),
    Route("GET", "/people/{upn}/approvals", "What a person's telephone is asked", _approvals, gives=list[Approval]),
    Route("POST", "/people/{upn}/approve", "Approve what the telephone is asked", _approve, asks=NUMBER),
    Route("POST", "/people/{upn}/deny", "Deny it", _deny, asks=NUMBER),
    Route("POST", "/people/{upn}/disable", "Disable a person's account", _disable, gives=PersonView),
    Route("POST", "/people/{upn}/enable", "Enable a person's account", _enable, gives=PersonView),
)
