"""Workload identity federation: another issuer's token in place of a secret, if a federated credential names it.

Issuer, subject and audience are compared as they are written, letter case included.
Source: Microsoft "Workload identity federation", "Error codes".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from partnerauth.emulator.entra.assertion import Assertion
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.keys import WORLD, signing_keys
from partnerauth.emulator.rules.spreading import known
from partnerauth.emulator.world import FederatedCredential, Registration, World

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


def check_federated(turn: Turn, registration: Registration, assertion: Assertion) -> None:
    """Whether one of the registration's federated credentials names this token.

    Raises `Denied` 70021 where there is none (yet), 700211, 700213 and 700212 where none has its issuer, its subject,
    its audience, 900384 where the signature does not hold, 700024 outside of its times.
    """
    issuer, subject = assertion.text("iss"), assertion.text("sub")
    federated = [one for one in registration.federated if known(turn.world, "federated", registration.id, one.id)]
    if not federated:
        raise Denied(70021, "No matching federated identity record found for the presented assertion.")
    matching = _narrowed(federated, lambda one: one.issuer == issuer, 700211, "issuer", issuer)
    matching = _narrowed(matching, lambda one: one.subject == subject, 700213, "subject", subject)
    audiences = assertion.audiences
    _narrowed(matching, lambda one: bool(audiences & set(one.audiences)), 700212, "audience", ", ".join(audiences))
    keys = _keys(turn.world, issuer, assertion)
    if not assertion.algorithm or not any(assertion.holds(key) for key in keys):
        raise Denied(900384, "The client assertion failed signature validation.")
    assertion.check_times(turn)


def _narrowed(
    federated: list[FederatedCredential],
    fits: Callable[[FederatedCredential], bool],
    code: int,
    what: str,
    given: str,
) -> list[FederatedCredential]:
    found = [one for one in federated if fits(one)]
    if not found:
        raise Denied(
            code,
            f"No matching federated identity record found for presented assertion {what} '{shown(given)}'. Check your"
            f" federated identity credential's {what}; letter case counts.",
        )
    return found


def _keys(world: World, issuer: str, assertion: Assertion) -> list[RSAPublicKey]:
    """The keys that may have signed it; none of this emulator's for what another of its worlds issued."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    written = world.issuers.get(issuer)
    if written is None or (not written and assertion.text(WORLD) not in world.ids):
        return []
    keys = [load_pem_public_key(pem.encode()) for pem in written] if written else list(signing_keys().public())
    return [key for key in keys if isinstance(key, RSAPublicKey)]
