"""What the policies of a directory demand, held against what a sign-in has proven.

Sources: Microsoft "Error codes", "Claims challenges", "On-behalf-of flow" (its sample of a refusal); bodies published
in issue reports of Microsoft's own libraries (53003 with `capolids`, 70043).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from partnerauth.emulator.entra.ledger import Authentication
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.rules.access import Channel, Control, Demands, Situation, demands
from partnerauth.emulator.world import Person

MFA_NOW = (
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
    " use multi-factor authentication to access the resource."
)
ENROL_NOW = (
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
    " enroll in multi-factor authentication to access the resource."
)
MFA_STALE = (
    "Presented multi-factor authentication has expired due to policies configured by your administrator, you must"
    " refresh your multi-factor authentication to access the resource."
)
EXTERNAL = "External security challenge was not satisfied."


def refused_outright(demanded: Demands, device: str) -> Denied | None:
    """The refusal of somebody who cannot do anything about it now: blocked, or on the wrong device."""
    if demanded.block is not None:
        return Denied(
            53003,
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            claims=claims_for("capolids", demanded.block),
        )
    if demanded.device is Control.COMPLIANT_DEVICE and device != "compliant":
        return Denied(53000, "Device is not in required device state: compliant. Conditional Access policy requires a"
                      " compliant device, and the device is not compliant.")  # fmt: skip
    if demanded.device is Control.MANAGED_DEVICE and device not in ("compliant", "managed"):
        return Denied(530003, "Your device is required to be managed to access this resource.")
    return None


def second_factor_lacking(demanded: Demands, who: Authentication, person: Person, turn: Turn) -> Denied | None:
    """The refusal of a sign-in without the second factor that is demanded, or with one from too long ago."""
    if demanded.mfa is not None and not who.mfa:
        return Denied(50076, MFA_NOW) if person.second_factor else Denied(50079, ENROL_NOW)
    if demanded.enrolment and not person.second_factor:
        return Denied(50079, ENROL_NOW)
    lasts = turn.world.measures.mfa_lasts
    if lasts is not None and who.mfa and turn.now - who.proven_at >= lasts:
        return Denied(50078, MFA_STALE)
    if demanded.external is not None and not who.external:
        return Denied(50158, EXTERNAL)
    return None


def admit(
    turn: Turn, situation: Situation, who: Authentication, *, issued: datetime | None = None, v1: bool = False
) -> None:
    """Let a redemption pass, or raise `Denied`; `issued` is when the refresh token was, where one is spent."""
    demanded = demands(turn.world, situation)
    denied = refused_outright(demanded, who.device)
    frequency = demanded.frequency
    if denied is None and issued is not None and frequency is not None and turn.now - who.at >= frequency:
        denied = Denied(
            70043,
            "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access. The"
            f" token was issued on {iso(issued)} and the maximum allowed lifetime for this request is"
            f" {int(frequency.total_seconds())}.",
        )
    if denied is None:
        denied = second_factor_lacking(demanded, who, situation.person, turn)
        if denied is not None and denied.code == 50079 and v1 and situation.channel is not Channel.PASSWORD:
            denied.claims = claims_for("polids", demanded.mfa or "")
    if denied is not None:
        raise denied


def claims_for(name: str, policy: str) -> str:
    """What a client is to ask the person's sign-in for; nothing where no policy of the directory has a name."""
    value = {"access_token": {name: {"essential": True, "values": [policy]}}}
    return msgspec.json.encode(value).decode() if policy else ""


def iso(moment: datetime) -> str:
    """A moment as refusals spell it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
