"""Secrets and certificates of an app registration, added and removed (the reference of app registration, 4.3, 4.4)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from partnerauth.apis.graph import applications
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import Denied, bad, context, no_such
from partnerauth.emulator.graph.applications import owned, show_secret
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.certificates import MOST, check_proof, key_id, read, show_certificate
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import AppSecret, Registration
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

USUAL_LIFETIME = timedelta(days=731)
SECRET_BYTES = 30
MOST_SECRETS = 100


def _add_secret(asked: Asked) -> Response:
    registration = _registration(asked)
    asked_for = asked.body("addPassword").inner("passwordCredential", "PasswordCredential") or Body({}, "")
    asked_for.only("displayName", "startDateTime", "endDateTime", "customKeyIdentifier")
    begins = asked_for.moment("startDateTime") or asked.world.now()
    try:
        ends = asked_for.moment("endDateTime") or begins.replace(year=begins.year + 2)
    except ValueError:  # the 29th of February
        ends = begins + USUAL_LIFETIME if begins.year < 9990 else begins
    if ends <= begins:
        raise bad("The end of a credential must lie behind its beginning.", target="endDateTime")
    longest = asked.tenant.secrets_last
    if longest is not None and not longest:
        raise _policy(
            "CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy 'password'."
        )
    if longest is not None and ends - begins > longest:
        raise _policy(
            "CredentialInvalidLifetimeAsPerAppPolicy",
            f"Credential lifetime exceeds the max value allowed as per assigned policy: {longest.days} days.",
        )
    if len(registration.secrets) >= MOST_SECRETS:
        raise bad("The size of the application object has exceeded its limit.", "DirectoryQuotaExceeded")
    text = base64.urlsafe_b64encode(asked.world.bytes(SECRET_BYTES)).decode()
    name = asked_for.text("displayName", longest=120) or ""
    secret = AppSecret(asked.world.guid(), Hidden(text), ends, name, begins)
    registration.secrets.append(secret)
    registration.public = False
    announce(asked.world, "secret", registration.id, secret.id)
    shown = {**show_secret(secret), "secretText": text}
    return Response.json(200, {"@odata.context": context(asked.arrival, "microsoft.graph.passwordCredential"), **shown})


def _remove_secret(asked: Asked) -> Response:
    registration, wanted = _registration(asked), asked.body("removePassword").guid("keyId")
    left = [secret for secret in registration.secrets if secret.id.lower() != wanted]
    if len(left) == len(registration.secrets):
        raise bad(f"No password credential found with keyId '{wanted}'.", target="keyId")
    registration.secrets = left
    _settle(registration)
    return Response(204)


def rolls_its_own(asked: Asked) -> bool:
    """Whether an application asks for a change of its own keys, by proof: it takes no permission for that."""
    if asked.operation not in (applications.ADD_KEY, applications.REMOVE_KEY) or not asked.bearer.app_only:
        return False
    return asked.registration(asked.parameters["application"]).id == asked.bearer.application


def _add_key(asked: Asked) -> Response:
    registration, body = _rolled(asked), asked.body("addKey")
    check_proof(asked, registration, body.needed("proof", longest=16_384))
    key = body.inner("keyCredential", "KeyCredential")
    if key is None:
        raise bad("A value is required for parameter 'keyCredential'.", target="keyCredential")
    made = read(asked, registration, key)
    if len(registration.certificates) >= MOST or any(one.der == made.der for one in registration.certificates):
        raise bad("The keyCredentials are too many, or hold this one already.", target="keyCredentials")
    registration.certificates.append(made)
    shown = show_certificate(made)
    return Response.json(200, {"@odata.context": context(asked.arrival, "microsoft.graph.keyCredential"), **shown})


def _remove_key(asked: Asked) -> Response:
    registration, body = _rolled(asked), asked.body("removeKey")
    check_proof(asked, registration, body.needed("proof", longest=16_384))
    wanted = body.guid("keyId")
    left = [one for one in registration.certificates if key_id(one) != wanted]
    if len(left) == len(registration.certificates):
        raise no_such(wanted)
    registration.certificates = left
    _settle(registration)
    return Response(204)


def _rolled(asked: Asked) -> Registration:
    registration = asked.registration(asked.parameters["application"])
    return registration if rolls_its_own(asked) else owned(asked, registration)


def _registration(asked: Asked) -> Registration:
    return owned(asked, asked.registration(asked.parameters["application"]))


def _settle(registration: Registration) -> None:
    """An application that has no credential any more is public, if it is so where nothing else decides."""
    registration.public = registration.fallback_public and not (registration.secrets or registration.certificates)


def _policy(code: str, message: str) -> Denied:
    return Denied(400, code, message)


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    applications.ADD_SECRET: _add_secret,
    applications.REMOVE_SECRET: _remove_secret,
    applications.ADD_KEY: _add_key,
    applications.REMOVE_KEY: _remove_key,
}
