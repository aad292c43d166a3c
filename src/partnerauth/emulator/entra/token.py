"""The token endpoint: a grant comes in, tokens or a refusal go out.

Source: RFC 6749 3.2 and 5.
"""

from __future__ import annotations

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.directory import place
from partnerauth.emulator.entra.grants import Attempt
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.errors import InvalidRequest
from partnerauth.oauth.exchange import TokenRequest

MALFORMED = 9002313


def token(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The answer to a token request. Raises `Denied`; what a client asked in vain stands in the sign-in log."""
    del dialect  # the request knows it by its path
    if turn.method != "POST":
        raise Denied(900561, f"The endpoint only accepts POST requests. Received a {turn.method[:10]} request.")
    where = place(turn, segment)
    attempt = Attempt(turn, where, read(turn))
    try:
        issued = attempt.decide()
    except Denied as denied:
        _log(attempt, denied.code)
        raise
    _log(attempt, 0)
    return issued.write


def read(turn: Turn) -> TokenRequest:
    """What the request asks. Raises `Denied` with the code that the shared vocabulary found for it."""
    try:
        return TokenRequest.read(turn.arrival.request)
    except InvalidRequest as error:
        code = error.code if isinstance(error.code, int) else MALFORMED
        raise Denied(code, error.message, error="invalid_request" if code == MALFORMED else "") from None


def _log(attempt: Attempt, code: int) -> None:
    if code == 70016:
        return
    asked = attempt.asked
    attempt.turn.log(
        asked.grant.name,
        code,
        upn=attempt.upn,
        client=asked.application_id[:100],
        resource=attempt.resource[:200],
        mfa=bool(attempt.who and attempt.who.mfa),
        tenant=attempt.where.name,
    )
