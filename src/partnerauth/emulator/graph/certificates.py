"""Certificates of app registrations, and the proof of having one (the reference of app registration, 4.4)."""

from __future__ import annotations

import base64
import hashlib
import uuid
from datetime import timedelta
from typing import Any

from partnerauth.apis.graph.applications import PROOF_AUDIENCE
from partnerauth.emulator.graph.answers import Denied, bad, moment
from partnerauth.emulator.graph.asked import Asked, object_id
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import AppCertificate, Registration

KEYS = uuid.UUID("ce470000-0000-4000-8000-000000000000")
MOST = 50
LONGEST = 16_384
LONGEST_PROOF = timedelta(minutes=10)
SKEW = timedelta(minutes=5)


def key_id(certificate: AppCertificate) -> str:
    """The id of a certificate."""
    return certificate.id or str(uuid.uuid5(KEYS, certificate.der.hex()))


def show_certificate(certificate: AppCertificate, *, with_key: bool = False) -> dict[str, Any]:
    """A certificate; with its bytes only where they are asked for by name."""
    return {
        "customKeyIdentifier": hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest().upper(),
        "displayName": certificate.name or None,
        "endDateTime": moment(certificate.ends),
        "key": base64.b64encode(certificate.der).decode() if with_key else None,
        "keyId": key_id(certificate),
        "startDateTime": moment(_loaded(certificate.der).not_valid_before_utc),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def replaced(asked: Asked, registration: Registration, given: list[Body]) -> list[AppCertificate]:
    """The certificates that take the place of all there were; one that was there may come without its bytes."""
    known = {key_id(one): one for one in registration.certificates}
    found = []
    for body in given:
        earlier = known.get((body.text("keyId") or "").lower())
        found.append(earlier if earlier and body.raw("key") is None else read(asked, registration, body))
    if len(found) > MOST or len({one.der for one in found}) != len(found):
        raise bad("The keyCredentials are too many, or hold one twice.", target="keyCredentials")
    return found


def read(asked: Asked, registration: Registration, body: Body) -> AppCertificate:
    """The new certificate in a body. Raises `Denied`."""
    body.only("type", "usage", "key", "keyId", "displayName", "startDateTime", "endDateTime", "customKeyIdentifier")
    if body.needed("type") != "AsymmetricX509Cert" or body.needed("usage") != "Verify":
        raise bad(
            "Key credential type must be AsymmetricX509Cert, and its usage Verify.",
            "KeyCredentialsInvalidType",
            "keyCredentials",
        )
    try:
        der = base64.b64decode(body.needed("key", longest=LONGEST), validate=True)
        certificate = _loaded(der)
    except ValueError:
        raise bad("Key credential must have valid value.", "KeyCredentialsInvalid", "key") from None
    ends = body.moment("endDateTime") or certificate.not_valid_after_utc
    if ends > certificate.not_valid_after_utc:
        raise bad(
            "Key credential end date is invalid: it is behind that of the certificate.",
            "KeyCredentialsInvalidEndDate",
            "endDateTime",
        )
    made = AppCertificate(der, ends, asked.world.guid(), body.text("displayName", longest=120) or "")
    announce(asked.world, "certificate", registration.id, hashlib.sha256(der).hexdigest())
    return made


def check_proof(asked: Asked, registration: Registration, proof: str) -> None:
    """Whether a proof was signed by a certificate of the registration, for this, just now. Raises `Denied` 401."""
    from partnerauth.errors import Tampered, Unreadable
    from partnerauth.oauth import jwt

    refused = Denied(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
    now = asked.world.now()
    for certificate in registration.certificates:
        try:
            token = jwt.verify(proof, _loaded(certificate.der).public_key(), ("RS256", "PS256"))
            begins, ends = token.moment("nbf"), token.moment("exp")
        except Tampered:
            continue
        except Unreadable:
            raise refused from None
        fits = token.text("aud") == PROOF_AUDIENCE and token.text("iss").lower() == object_id(registration)
        timely = begins and ends and begins - SKEW <= now < ends <= begins + LONGEST_PROOF
        if fits and timely and now < certificate.ends:
            return
    raise refused


def _loaded(der: bytes) -> Any:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(der)
