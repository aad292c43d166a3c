"""What becomes of app registrations: switched off, deleted, given credentials and losing them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from partnerauth.emulator import moments
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.control.things import CertificateView, RegistrationView
from partnerauth.emulator.entra.directory import directory
from partnerauth.emulator.entra.issue import mark
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.principals import principal, remove
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import AppCertificate, AppSecret, FederatedCredential, Registration, Tenant
from partnerauth.hidden import Hidden

T = TypeVar("T")


class SecretMaking(msgspec.Struct, forbid_unknown_fields=True):
    """A new client secret."""

    value: Annotated[str, Meta(min_length=1, description="made up, where none is given")] | None = None
    ends: Annotated[str, Meta(description="when it expires (ISO 8601)")] | None = None


class SecretMade(msgspec.Struct):
    """A client secret with its value."""

    id: str
    value: str
    ends: datetime | None


class CertificateMaking(msgspec.Struct, forbid_unknown_fields=True):
    """A certificate to be trusted."""

    pem: str


class FederationMaking(msgspec.Struct, forbid_unknown_fields=True):
    """A federated credential."""

    issuer: str
    subject: str
    name: str = ""
    audiences: list[str] = msgspec.field(default_factory=lambda: ["api://AzureADTokenExchange"])


class FederationMade(msgspec.Struct):
    """A federated credential of a registration."""

    id: str
    name: str
    issuer: str
    subject: str
    audiences: list[str]


class AssertionMaking(msgspec.Struct, forbid_unknown_fields=True):
    """What another issuer's token is to say."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"
    lasts: Annotated[float | str, Meta(description="seconds, or a duration such as `10m`")] = "10m"


class AssertionMade(msgspec.Struct):
    """A token to prove an application with."""

    assertion: str


class PrincipalView(msgspec.Struct):
    """An application in one directory; `enabled` is null where the directory does not have it."""

    tenant: str
    application: str
    enabled: bool | None


def registration_of(call: Call) -> Registration:
    """The registration that the path names. Raises `Problem`."""
    found = call.world.registrations.get(call.parts["id"].lower())
    if found is None:
        known = ", ".join(call.world.registrations)
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no such registration; known are {known}")
    return found


def tenant_named(call: Call, name: str) -> Tenant:
    """A directory by its id or domain, a customer's too. Raises `Problem`."""
    found = directory(call.world, name.strip().lower())
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such tenant")
    return found


def _one(call: Call) -> RegistrationView:
    with call.world.lock:
        return RegistrationView.of(registration_of(call))


def _disable(call: Call) -> RegistrationView:
    with call.world.lock:
        registration_of(call).enabled = False
        return _one(call)


def _enable(call: Call) -> RegistrationView:
    with call.world.lock:
        registration_of(call).enabled = True
        return _one(call)


def _delete(call: Call) -> None:
    with call.world.lock:
        del call.world.registrations[registration_of(call).id]


def _add_secret(call: Call) -> SecretMade:
    making: SecretMaking = call.body
    with call.world.lock:
        registration = registration_of(call)
        try:
            ends = None if making.ends is None else moments.moment(making.ends)
        except ValueError as wrong:
            raise Problem(HTTPStatus.BAD_REQUEST, f"ends: {wrong}") from None
        made = base64.urlsafe_b64encode(call.world.bytes(30)).decode() if making.value is None else making.value
        secret = AppSecret(call.world.guid(), Hidden(made), ends)
        registration.secrets.append(secret)
        announce(call.world, "secret", registration.id, secret.id)
    return SecretMade(secret.id, made, ends)


def _remove_secret(call: Call) -> None:
    with call.world.lock:
        registration = registration_of(call)
        secret = call.parts["secret"]
        registration.secrets = _without(registration.secrets, lambda one: one.id == secret, "secret")


def _add_certificate(call: Call) -> CertificateView:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    making: CertificateMaking = call.body
    try:
        certificate = load_pem_x509_certificate(making.pem.encode())
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "pem: expected a certificate in PEM") from None
    der = certificate.public_bytes(Encoding.DER)
    with call.world.lock:
        registration = registration_of(call)
        registration.certificates.append(AppCertificate(der, certificate.not_valid_after_utc))
        announce(call.world, "certificate", registration.id, hashlib.sha256(der).hexdigest())
    return CertificateView(_thumbprint(der), certificate.not_valid_after_utc)


def _remove_certificate(call: Call) -> None:
    with call.world.lock:
        registration, wanted = registration_of(call), call.parts["thumbprint"].upper()
        held = registration.certificates
        registration.certificates = _without(held, lambda one: _thumbprint(one.der) == wanted, "certificate")


def _add_federation(call: Call) -> FederationMade:
    making: FederationMaking = call.body
    with call.world.lock:
        registration = registration_of(call)
        made = FederatedCredential(
            call.world.guid(), making.name or making.subject, making.issuer, making.subject, making.audiences
        )
        registration.federated.append(made)
        call.world.issuers.setdefault(making.issuer, [])
        announce(call.world, "federated", registration.id, made.id)
    return FederationMade(made.id, made.name, made.issuer, made.subject, made.audiences)


def _remove_federation(call: Call) -> None:
    with call.world.lock:
        registration = registration_of(call)
        credential = call.parts["credential"]
        registration.federated = _without(registration.federated, lambda one: one.id == credential, "credential")


def _assertion(call: Call) -> AssertionMade:
    making: AssertionMaking = call.body
    if call.world.issuers.get(making.issuer) != [] or "://" not in making.issuer:
        raise Problem(HTTPStatus.CONFLICT, "no federated credential names this issuer, or it has keys of its own")
    try:
        ends = call.world.now() + moments.duration(making.lasts)
    except ValueError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, f"lasts: {wrong}") from None
    issued = int(call.world.now().timestamp())
    # Without `tid`, `appid` and `upn`, so that no API takes it for an access token.
    claims = {
        "iss": making.issuer,
        "sub": making.subject,
        "aud": making.audience,
        "iat": issued,
        "nbf": issued,
        "exp": int(ends.timestamp()),
        **mark(call.world),
    }
    return AssertionMade(signing_keys().sign(claims))


def _principal(call: Call) -> PrincipalView:
    with call.world.lock:
        tenant, application = tenant_named(call, call.parts["tenant"]), call.parts["id"].lower()
        found = principal(call.world, tenant, application)
        return PrincipalView(tenant.id, application, found.enabled if found else None)


def _switch(call: Call, *, enabled: bool) -> PrincipalView:
    with call.world.lock:
        tenant = tenant_named(call, call.parts["tenant"])
        found = principal(call.world, tenant, call.parts["id"].lower())
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "the tenant does not have this application")
        found.enabled = enabled
        return _principal(call)


def _disable_principal(call: Call) -> PrincipalView:
    return _switch(call, enabled=False)


def _enable_principal(call: Call) -> PrincipalView:
    return _switch(call, enabled=True)


def _remove_principal(call: Call) -> None:
    with call.world.lock:
        remove(tenant_named(call, call.parts["tenant"]), call.parts["id"].lower())


def _without(held: list[T], gone: Callable[[T], bool], what: str) -> list[T]:
    """What is left of a registration's credentials. Raises `Problem` where there is no such one."""
    left = [one for one in held if not gone(one)]
    if len(left) == len(held):
        raise Problem(HTTPStatus.NOT_FOUND, f"the registration has no such {what}")
    return left


def _thumbprint(der: bytes) -> str:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


HERE, THERE = "/registrations/{id}", "/tenants/{tenant}/applications/{id}"

ROUTES = (
    Route("GET", HERE, "One app registration", _one, gives=RegistrationView),
    Route("DELETE", HERE, "Delete an app registration", _delete),
    Route("POST", f"{HERE}/disable", "Disable an application everywhere", _disable, gives=RegistrationView),
    Route("POST", f"{HERE}/enable", "Enable it again", _enable, gives=RegistrationView),
    Route("POST", f"{HERE}/secrets", "Add a client secret", _add_secret, gives=SecretMade, takes=SecretMaking),
    Route("DELETE", HERE + "/secrets/{secret}", "Remove a client secret", _remove_secret),
    Route(
        "POST",
        f"{HERE}/certificates",
        "Add a certificate",
        _add_certificate,
        gives=CertificateView,
        takes=CertificateMaking,
    ),
    Route("DELETE", HERE + "/certificates/{thumbprint}", "Remove a certificate", _remove_certificate),
    Route(
        "POST",
        f"{HERE}/federated",
        "Add a federated credential",
        _add_federation,
        gives=FederationMade,
        takes=FederationMaking,
    ),
    Route("DELETE", HERE + "/federated/{credential}", "Remove a federated credential", _remove_federation),
    Route(
        "POST",
        "/assertions",
        "A token of another issuer, to prove an application with",
        _assertion,
        gives=AssertionMade,
        takes=AssertionMaking,
    ),
    Route("GET", THERE, "An application in one tenant", _principal, gives=PrincipalView),
    Route("DELETE", THERE, "Remove it from the tenant, with all consents", _remove_principal),
    Route("POST", f"{THERE}/disable", "Disable it in the tenant", _disable_principal, gives=PrincipalView),
    Route("POST", f"{THERE}/enable", "Enable it again", _enable_principal, gives=PrincipalView),
)
