"""Signing in on another device: the device code endpoint, and the page where its code is entered.

Sources: RFC 8628; Microsoft "OAuth 2.0 device authorization grant"; ADAL for the v1 names.
"""

from __future__ import annotations

from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.directory import client, place
from partnerauth.emulator.entra.grants import DEVICE_LIFETIME
from partnerauth.emulator.entra.issue import opaque
from partnerauth.emulator.entra.ledger import Authentication, Device, Visit, digest, people, remember
from partnerauth.emulator.entra.pages import device_entry, message
from partnerauth.emulator.entra.permissions import OIDC_WORDS, Wanted, by_resource, by_scope, one_of
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import log_refusal
from partnerauth.emulator.entra.sign_in import begin
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.rules.access import Channel
from partnerauth.messages import Response

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 signs, so that a byte's lowest five bits choose one evenly."""
USER_CODE_LENGTH = 9
DEVICE_CODE_BYTES = 150
INTERVAL = 5


def device_code(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """A device code, and the code that a person is to enter. Raises `Denied`."""
    if turn.method != "POST":
        raise Denied(900561, f"The endpoint only accepts POST requests. Received a {turn.method[:10]} request.")
    try:
        fields = turn.arrival.request.fields
    except ValueError as error:
        raise Denied(9002313, f"The request is not well formed: {error}.", error="invalid_request") from None
    v1 = dialect is Dialect.V1
    for name in ("client_id", "resource" if v1 else "scope"):
        if not fields.get(name):
            raise Denied(900144, f"The request body must contain the following parameter: '{name}'.")
    if not v1 and fields.get("resource"):
        raise Denied(901002, "The 'resource' request parameter is not supported.")
    where = place(turn, segment)
    registration = client(turn.world, fields["client_id"], where)
    words, wanted = _asked(turn, fields, v1)
    code = opaque(turn.world, DEVICE_CODE_BYTES)
    user_code = "".join(ALPHABET[byte % len(ALPHABET)] for byte in turn.world.bytes(USER_CODE_LENGTH))
    device = Device(user_code, registration.id, dialect, where.segment, wanted, words, turn.now)
    remember(turn.ledger.devices, digest(code), device)
    remember(turn.ledger.user_codes, user_code, digest(code))
    seconds = int(DEVICE_LIFETIME.total_seconds())
    page = f"{turn.base}/common/oauth2/deviceauth"
    answer = {
        "user_code": user_code,
        "device_code": code,
        "verification_url" if v1 else "verification_uri": page,
        "expires_in": str(seconds) if v1 else seconds,
        "interval": str(INTERVAL) if v1 else INTERVAL,
        "message": f"To sign in, use a web browser to open the page {page} and enter the code {user_code}"
        " to authenticate.",
    }
    return lambda: Response.json(200, answer)


def device_page(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The page for the code; with a good one, the first page of the sign-in."""
    del segment, dialect
    if turn.method != "POST":
        return partial(device_entry, turn, turn.query.get("otc", "")[:20])
    try:
        given = turn.arrival.request.fields.get("otc", "")
    except ValueError as error:
        raise Denied(9002313, f"The form is not well formed: {error}.") from None
    name = turn.ledger.user_codes.get("".join(given.split()).replace("-", "").upper())
    device = turn.ledger.devices.get(name) if name else None
    stale = device is None or device.who or device.declined or turn.now - device.issued >= DEVICE_LIFETIME
    if device is None or name is None or stale:
        return partial(device_entry, turn, given[:20], "That code didn't work. Check the code and try again.")
    visit = Visit(
        browser=b"",
        segment=device.segment,
        client=device.client,
        began=turn.now,
        finish=_approved,
        refuse=_declined,
        wanted=(device.wanted,) if device.wanted else (),
        resources=frozenset({device.wanted.api}) if device.wanted else frozenset(),
        channel=Channel.DEVICE_CODE,
        device=name,
    )
    return begin(turn, visit, choosing=True)


def _asked(turn: Turn, fields: dict[str, str], v1: bool) -> tuple[frozenset[str], Wanted | None]:
    scope = fields.get("scope", "").split()
    if v1:
        return frozenset(scope) & frozenset(OIDC_WORDS), by_resource(turn, fields["resource"])
    words, wanted = by_scope(turn, scope)
    return words, one_of(wanted)


def _approved(turn: Turn, visit: Visit, who: Authentication) -> Later:
    device = turn.ledger.devices.get(visit.device)
    if device is None:
        return partial(message, "You have not signed in", "The code has expired. Start again on your device.")
    device.who = who
    found = people(turn.world, who)
    upn = found[1].upn if found else ""
    resource = device.wanted.audience if device.wanted else ""
    turn.log("interactive", 0, upn=upn, client=visit.client, resource=resource, mfa=who.mfa, tenant=who.tenant)
    app = turn.world.registrations[visit.client].name
    return partial(
        message, "You have signed in", f"You have signed in to {app} on your device. You may close this window."
    )


def _declined(turn: Turn, visit: Visit, denied: Denied) -> Later:
    device = turn.ledger.devices.get(visit.device)
    if device is not None:
        device.declined = True
    log_refusal(turn, visit, denied.code)
    return partial(message, "You have not signed in", f"AADSTS{denied.code}: {denied.text} You may close this window.")
