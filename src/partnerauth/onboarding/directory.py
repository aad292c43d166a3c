"""The app registration as the directory shows it, and whoever of us may change it.

Sources: the reference of app registration, 4.2 to 4.4; Microsoft Graph "application: addPassword", "addKey" (an
application rolls its own keys without a permission, by proof of one that it has), "removeKey".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from partnerauth.apis.graph import applications
from partnerauth.apis.operation import Call
from partnerauth.apis.perform import perform
from partnerauth.clock import Clock
from partnerauth.cloud import Api
from partnerauth.errors import ConsentNeeded, Forbidden, MfaMissing, PartnerAuthError, Unauthorized
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Certificate
from partnerauth.oauth.credential_end import CredentialKind
from partnerauth.oauth.sources import TokenSource
from partnerauth.onboarding.notebook import moment

T = TypeVar("T")

PROOF_LIFETIME = timedelta(minutes=10)
NOT_ALLOWED = (Forbidden, ConsentNeeded, MfaMissing)
"""What says that this caller may not, while another one perhaps may."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A credential in the app registration. `marks` are how it is recognised: a hint, or thumbprints."""

    kind: CredentialKind
    key_id: str
    name: str
    ends: datetime | None
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Registration:
    """An app registration: the directory's id for it, and its credentials."""

    object_id: str
    credentials: tuple[Registered, ...]
    keys: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """Its certificates as they came, to be sent back when the list is replaced."""

    def find(self, kind: CredentialKind, key_id: str) -> Registered | None:
        """The credential with this key id."""
        return next((one for one in self.credentials if (one.kind, one.key_id) == (kind, key_id)), None)

    def secret(self, text: Hidden, now: datetime) -> Registered | None:
        """The secret whose beginning is shown as this one's; None where that fits none, or several."""
        return self._only(CredentialKind.SECRET, text.reveal()[:3], now)

    def certificate(self, own: Certificate, now: datetime) -> Registered | None:
        """The entry of this certificate."""
        return self._only(CredentialKind.CERTIFICATE, thumbprint(own), now)

    def _only(self, kind: CredentialKind, mark: str, now: datetime) -> Registered | None:
        found = [one for one in self.credentials if one.kind is kind and mark in one.marks]
        found = [one for one in found if one.ends is None or one.ends > now] or found
        return found[0] if len(found) == 1 else None


@dataclass
class Directory:
    """The directory, asked by the first of `callers` that may: the application itself, a person's consent.

    `own` is a certificate that the application holds and the directory knows: by it keys are rolled without a
    permission.
    """

    application_id: str
    callers: Sequence[TokenSource]
    clock: Clock
    own: Certificate | None = None
    _bearers: dict[str, Hidden] = field(default_factory=dict, init=False, repr=False)

    def find(self) -> Flow[Registration]:
        """The app registration. Raises `Forbidden` where none of us may see it."""
        fields = ("id", "appId", "passwordCredentials", "keyCredentials")
        found = yield from self._ask(applications.by_app_id(self.application_id, fields=fields))
        return Registration(found.id, tuple(_registered(found)), tuple(found.raw.get("keyCredentials") or ()))

    def add_secret(self, object_id: str, name: str, ends: datetime) -> Flow[applications.Secret]:
        """A new secret; its text comes this once. Raises `Forbidden` and as `perform` does."""
        return self._ask(applications.add_secret(object_id, name, ends))

    def add_certificate(self, object_id: str, certificate: Certificate, name: str) -> Flow[str]:
        """A further certificate: by proof of the one we have, else by replacing the list; its key id, if that is told.

        Raises as `add_secret` does.
        """
        key = applications.certificate(der(certificate), name)
        if self.own is not None:
            proof = self._proof(self.own, object_id)
            try:
                return (yield from self._ask(applications.add_key(object_id, key, proof))).key_id
            except (Forbidden, Unauthorized):
                pass  # a proof is doubted where the present certificate is not known yet, or not any more
        registration = yield from self.find()
        kept = [without_bytes(one) for one in registration.keys]
        yield from self._ask(applications.update(object_id, {"keyCredentials": [*kept, key]}))
        return ""

    def remove(self, object_id: str, gone: Registered, by: Certificate | None = None) -> Flow[None]:
        """Take a credential away; a certificate by proof of another one (`by`, else our own), else from the list."""
        if gone.kind is CredentialKind.SECRET:
            yield from self._ask(applications.remove_secret(object_id, gone.key_id))
            return
        prover = by or self.own
        if prover is not None and thumbprint(prover) not in gone.marks:
            try:
                yield from self._ask(applications.remove_key(object_id, gone.key_id, self._proof(prover, object_id)))
            except (Forbidden, Unauthorized):
                pass
            else:
                return
        registration = yield from self.find()
        kept = [without_bytes(one) for one in registration.keys if one.get("keyId") != gone.key_id]
        if len(kept) < len(registration.keys):
            yield from self._ask(applications.update(object_id, {"keyCredentials": kept}))

    def _ask(self, call: Call[T]) -> Flow[T]:
        """What is answered to the first caller that may ask; a refusal did nothing, so another one may try."""
        refusals: list[PartnerAuthError] = []
        for caller in self.callers:
            try:
                bearer = partial(self._bearer, caller)
                return (yield from perform(call, caller.cloud.resource(Api.GRAPH), bearer))
            except NOT_ALLOWED as error:
                refusals.append(error)
        raise Forbidden(
            f"nobody here may do this in the directory: {'; '.join(one.message for one in refusals) or 'nobody asks'}",
            hint="Grant the application Application.ReadWrite.OwnedBy and make it an owner of its own registration, or "
            "Application.ReadWrite.All; or let an application administrator consent to Application.ReadWrite.All.",
            code=refusals[0].code if refusals else None,
            correlation_id=refusals[0].correlation_id if refusals else "",
        )

    def _bearer(self, caller: TokenSource) -> Flow[Hidden]:
        if caller.identity not in self._bearers:
            tokens = yield from caller.token(caller.cloud.resource(Api.GRAPH))
            self._bearers[caller.identity] = tokens.access_token
        return self._bearers[caller.identity]

    def _proof(self, certificate: Certificate, object_id: str) -> str:
        """The proof of possession that `addKey` and `removeKey` take."""
        begins = int(self.clock.now().timestamp())
        claims = {
            "aud": applications.PROOF_AUDIENCE,
            "iss": object_id,
            "nbf": begins,
            "exp": begins + int(PROOF_LIFETIME.total_seconds()),
        }
        return replace(certificate, sha1=True).signed(claims).reveal()  # RS256, as the documents' own sample


def der(certificate: Certificate) -> bytes:
    """The certificate alone, in the form that the directory takes."""
    return certificate.certificate.public_bytes(Encoding.DER)


def thumbprint(certificate: Certificate) -> str:
    """The SHA-1 thumbprint, in hexadecimal: by it the directory calls a certificate."""
    from cryptography.hazmat.primitives.hashes import SHA1

    return certificate.certificate.fingerprint(SHA1()).hex().upper()  # noqa: S303  # a name, no signature


def without_bytes(key: dict[str, Any]) -> dict[str, Any]:
    """A certificate of the list as it is sent back: its key id keeps it, without the bytes."""
    return {name: value for name, value in key.items() if name != "key" and value is not None}


def _registered(found: applications.Application) -> Iterator[Registered]:
    for secret in found.password_credentials:
        marks = frozenset({secret.hint} if secret.hint else ())
        ends = moment(secret.end_date_time)
        yield Registered(CredentialKind.SECRET, secret.key_id, secret.display_name, ends, marks)
    for key in found.key_credentials:
        ends = moment(key.end_date_time)
        yield Registered(CredentialKind.CERTIFICATE, key.key_id, key.display_name, ends, frozenset(_thumbprints(key)))


def _thumbprints(key: applications.Key) -> Iterator[str]:
    """The thumbprint in hexadecimal: it is told so, or in base64."""
    told = key.custom_key_identifier
    yield told.upper()
    try:
        yield base64.b64decode(told, validate=True).hex().upper()
    except (binascii.Error, ValueError):
        return
