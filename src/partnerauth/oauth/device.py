"""The device code flow: a person signs in on another device, and we ask until they have.

Sources: RFC 8628; Microsoft "device authorization grant" (v2), and what the v1 endpoint answers instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from partnerauth.clock import Clock
from partnerauth.cloud import Authority, Dialect, Resource
from partnerauth.errors import InvalidRequest, PartnerAuthError, Pending, SignInCancelled, Unreachable, Unreadable
from partnerauth.flow import Flow, insist, wait
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import DeviceCode, required
from partnerauth.oauth.refusals import SLOWER, refused
from partnerauth.oauth.shown import one_line
from partnerauth.oauth.tokens import TokenSet

SHORTEST, LONGEST = 1, 60
LONGEST_LIFE = 3600


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What the device code endpoint is asked. Written by the client, read by the emulator, through the same class."""

    application_id: str
    dialect: Dialect = Dialect.V2
    resource: str = ""
    scope: tuple[str, ...] = ()

    def to(self, authority: Authority) -> Request:
        """The request, addressed to the device code endpoint of `authority`."""
        fields = {"client_id": self.application_id, "resource": self.resource, "scope": " ".join(self.scope)}
        fields = {name: value for name, value in fields.items() if value}
        return Request.form(authority.device_code_endpoint(self.dialect), fields, (("Accept", "application/json"),))

    @classmethod
    def read(cls, request: Request) -> DeviceRequest:
        """What `request` asks. Raises `InvalidRequest` with the AADSTS code that Entra ID gives for it."""
        try:
            fields = request.fields
        except ValueError as error:
            raise InvalidRequest(f"The request is not well formed: {error}.", code=9002313) from None
        dialect = Dialect.V2 if "/oauth2/v2.0/" in request.path.lower() else Dialect.V1
        if dialect is Dialect.V2 and fields.get("resource"):
            raise InvalidRequest("The parameter 'resource' is not supported here; use 'scope'.", code=901002)
        scope = tuple(fields.get("scope", "").split())
        return cls(required(fields, "client_id"), dialect, fields.get("resource", ""), scope)


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """What to show the person: an address and a code to enter there, and how long that is good."""

    device_code: Hidden
    user_code: str = field(repr=False)
    address: str
    message: str = field(repr=False)
    interval: int
    received_at: datetime
    expires_at: datetime

    @classmethod
    def read(cls, response: Response, received_at: datetime) -> DeviceLogin:
        """The answer of the device code endpoint, in either dialect. Raises `Unreadable`."""
        try:
            value = response.value()
        except ValueError:
            raise Unreadable("the device code endpoint did not answer with JSON", status=response.status) from None
        if not isinstance(value, dict):
            raise Unreadable("the device code endpoint did not answer with a JSON object", status=response.status)
        address = one_line(_text(value, "verification_uri" if "verification_uri" in value else "verification_url"))
        if urlsplit(address).scheme != "https":
            raise Unreadable("the device code endpoint names no https address to sign in at")
        user_code = one_line(_text(value, "user_code"))
        told = value.get("message")
        message = one_line(told) if isinstance(told, str) else ""
        return cls(
            device_code=Hidden(_text(value, "device_code")),
            user_code=user_code,
            address=address,
            message=message or f"To sign in, open {address} in a browser and enter the code {user_code}.",
            interval=max(SHORTEST, min(LONGEST, _number(value, "interval", 5))),
            received_at=received_at,
            expires_at=received_at + timedelta(seconds=min(LONGEST_LIFE, _number(value, "expires_in", None))),
        )

    def write(self, dialect: Dialect) -> dict[str, Any]:
        """The answer as the device code endpoint writes it in that dialect."""
        lifetime = int((self.expires_at - self.received_at).total_seconds())
        v1 = dialect is Dialect.V1
        return {
            "user_code": self.user_code,
            "device_code": self.device_code.reveal(),
            "verification_url" if v1 else "verification_uri": self.address,
            "expires_in": str(lifetime) if v1 else lifetime,
            "interval": str(self.interval) if v1 else self.interval,
            "message": self.message,
        }


def begin(
    application: Application, authority: Authority, resource: Resource, clock: Clock, dialect: Dialect = Dialect.V2
) -> Flow[DeviceLogin]:
    """Ask for a device code for `resource`. Raises what the refusal stands for, `Unreadable`, `Unreachable`."""
    if dialect is Dialect.V2:
        asked = DeviceRequest(application.id, dialect, scope=(resource.scope(), "openid", "profile", "offline_access"))
    else:
        asked = DeviceRequest(application.id, dialect, resource.identifier)
    response = yield from insist(asked.to(authority))
    if response.status != 200:
        raise refused(response)
    return DeviceLogin.read(response, clock.now())


def poll(
    login: DeviceLogin,
    application: Application,
    authority: Authority,
    resource: Resource,
    clock: Clock,
    dialect: Dialect = Dialect.V2,
) -> Flow[TokenSet]:
    """Ask for the tokens until the person has signed in.

    Passing faults are waited out, more slowly each time. Raises `SignInCancelled` where the person declined or did not
    come in time, and what any other refusal stands for.
    """
    grant = DeviceCode(login.device_code)
    pause = float(login.interval)
    last: PartnerAuthError | None = None
    while True:
        left = (login.expires_at - clock.now()).total_seconds()
        if left <= 0:
            raise last or SignInCancelled("nobody entered the code in time", hint="Start again and enter the new code.")
        yield from wait(min(pause, left))
        try:
            return (
                yield from exchange(
                    application, authority, grant, resource, clock, dialect=dialect, scope=("openid", "profile")
                )
            )
        except Pending as error:
            last, pause = None, pause + (error.retry_after or 0.0)
        except Unreadable:
            raise
        except Unreachable as error:
            last, pause = error, min(float(LONGEST), max(pause + SLOWER, error.retry_after or 0.0))


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise Unreadable(f"the device code endpoint's answer has no usable '{name}'")
    return found


def _number(value: dict[str, Any], name: str, default: int | None) -> int:
    found = value.get(name, default)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 9:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise Unreadable(f"the device code endpoint's answer has no usable '{name}'")
    return found
