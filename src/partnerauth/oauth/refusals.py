"""Refusals are facts, not strings: an answer that says no becomes the error that tells who must act, and how.

The sign-in service's stand here, an API's in `oauth.api_refusals`; what the codes mean in `oauth.codes`.

Sources: RFC 6749 5.2 and 4.1.2.1, RFC 8628 3.5; Microsoft "Handling errors and exceptions".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from partnerauth.errors import (
    ConsentNeeded,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    MfaMissing,
    Misconfigured,
    PartnerAuthError,
    Pending,
    PermissionNeeded,
    Refused,
    SignInCancelled,
    Throttled,
    Unavailable,
    Unreachable,
    Unreadable,
    WrongTenant,
)
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.answer import name_in, object_in, request_id
from partnerauth.oauth.challenge import challenge
from partnerauth.oauth.codes import REFUSALS, Mark, Refusal
from partnerauth.oauth.shown import cleaned

LOOP_PAUSE = 60.0
SLOWER = 5.0
"""By how many seconds `slow_down` lengthens the pause between two questions (RFC 8628 3.5)."""
LEGACY_PREFIX = 70002

WORDS: Mapping[str, type[PartnerAuthError]] = {
    "authorization_pending": Pending,
    "slow_down": Pending,
    "authorization_declined": SignInCancelled,
    "access_denied": SignInCancelled,
    "permission_denied": SignInCancelled,
    "expired_token": SignInCancelled,
    "code_expired": SignInCancelled,
    "bad_verification_code": InvalidGrant,
    "invalid_grant": InvalidGrant,
    "invalid_client": InvalidClient,
    "unauthorized_client": InvalidClient,
    "invalid_request": InvalidRequest,
    "invalid_scope": InvalidRequest,
    "invalid_resource": InvalidRequest,
    "invalid_instance": InvalidRequest,
    "unsupported_grant_type": InvalidRequest,
    "unsupported_response_type": InvalidRequest,
    "invalid_tenant": WrongTenant,
    "interaction_required": ConsentNeeded,
    "login_required": ConsentNeeded,
    "consent_required": PermissionNeeded,
    "server_error": Unavailable,
    "temporarily_unavailable": Unavailable,
}
"""What the OAuth words mean where no code is known."""

NEEDING_SIGN_IN = ("basic_action", "additional_action", "bad_token", "token_expired", "user_password_expired")

_CODE = re.compile(r"AADSTS(\d{1,9})(?!\d)")
_ASKED = re.compile(r"\s*(?:AADSTS)?(\d{1,9})(?!\d)", re.IGNORECASE)
_ERROR_URI = re.compile(r"[?&]code=(\d{1,9})(?!\d)")


def explain(code: int | str) -> Refusal:
    """What a code means: `50076`, `"AADSTS50076"`, or a whole message that starts with it.

    Raises `Misconfigured` for a code that is not known here.
    """
    found = _ASKED.match(str(code))
    row = REFUSALS.get(int(found[1])) if found else None
    if row is None:
        raise Misconfigured(
            f"'{cleaned(str(code))[:60]}' is no code known here",
            hint="Look it up at https://login.microsoftonline.com/error?code=, with its number at the end.",
        )
    return row


def mark_of(error: PartnerAuthError) -> Mark:
    """What a refusal by the home authority means for the refresh token that was spent.

    Where no code is known, a plain `invalid_grant` speaks about the token (RFC 6749 5.2) and all else about something
    beside it; no answer, or a fault of the service, means nothing.
    """
    if isinstance(error, Unreachable):
        return Mark.NONE
    row = REFUSALS.get(error.code) if isinstance(error.code, int) else None
    if row is not None:
        return row.mark
    if isinstance(error, InvalidGrant):
        return Mark.SPENT if error.code is None else Mark.SUSPENDED
    return Mark.SUSPENDED if isinstance(error, (ConsentNeeded, MfaMissing, InvalidClient)) else Mark.NONE


def refused(response: Response, *, secrets: Iterable[Hidden] = ()) -> PartnerAuthError:
    """The error that a refusal by the token, device code, keys or metadata endpoint stands for.

    Any answer goes in, also a gateway's page; the error is returned, not raised. `secrets` are the texts that the
    request carried: where the other side repeats one, it is masked.
    """
    value = object_in(response)
    word = value.get("error")
    if not isinstance(word, str) or not word:
        return _unspoken(response)
    description = value.get("error_description")
    text = description if isinstance(description, str) else ""
    row, code = _found(_codes(value.get("error_codes"), text, value.get("error_uri")))
    kind = _kind(row, word, value.get("suberror"))
    if response.status == 429:
        kind = Throttled
    elif response.status >= 500 and kind is not Throttled:
        kind = Unavailable
    pause = response.retry_after
    if pause is None:
        pause = LOOP_PAUSE if kind is Throttled else SLOWER if word == "slow_down" else None
    return kind(
        _message(row, code, word, text, secrets),
        hint=row.remedy if row else "",
        code=code,
        correlation_id=name_in(value.get("correlation_id")) or request_id(response),
        retry_after=pause,
        claims=challenge(value.get("claims")),
        status=response.status,
    )


def refused_fields(fields: Mapping[str, str]) -> PartnerAuthError:
    """The error that a refusal by the authorize endpoint stands for, from the fields that the browser brought."""
    word, text = fields.get("error", ""), fields.get("error_description", "")
    row, code = _found(_codes(None, text, fields.get("error_uri", "")))
    kind = _kind(row, word, fields.get("suberror"))
    if fields.get("error_subcode", "").lower() == "cancel":
        kind = SignInCancelled
    return kind(
        _message(row, code, word, text, ()),
        hint=row.remedy if row else "",
        code=code,
        claims=challenge(fields.get("claims")),
    )


def _unspoken(response: Response) -> PartnerAuthError:
    """The error for an answer without an OAuth word: a gateway's, a proxy's, a broken one."""
    asked = request_id(response)
    if response.status == 429:
        pause = response.retry_after
        return Throttled(
            "the sign-in service is asked too often",
            retry_after=LOOP_PAUSE if pause is None else pause,
            correlation_id=asked,
            status=429,
        )
    if response.status >= 500:
        return Unavailable(
            f"the sign-in service answered {response.status}",
            retry_after=response.retry_after,
            correlation_id=asked,
            status=response.status,
        )
    return Unreadable(
        f"the sign-in service answered {response.status} without saying why",
        correlation_id=asked,
        status=response.status,
    )


def _codes(listed: object, text: str, uri: object) -> list[int]:
    """The codes of an answer, the most telling first; old bodies put a generic AADSTS70002 before the real one."""
    numbers = [n for n in listed if isinstance(n, int) and not isinstance(n, bool)] if isinstance(listed, list) else []
    written = [int(n) for n in _CODE.findall(text[:4000])]
    at_uri = _ERROR_URI.search(uri[:400]) if isinstance(uri, str) else None
    codes = [*reversed(numbers), *written, *([int(at_uri[1])] if at_uri else [])]
    telling = [code for code in codes if code != LEGACY_PREFIX]
    return [code for code in telling or codes if 0 < code < 10**9]


def _found(codes: list[int]) -> tuple[Refusal | None, int | None]:
    if not codes:
        return None, None
    row = REFUSALS.get(codes[0])
    return (row if row and not row.api else None), codes[0]


def _kind(row: Refusal | None, word: str, suberror: object) -> type[PartnerAuthError]:
    if row is not None:
        if row.kind is InvalidGrant and word == "invalid_request":
            return InvalidRequest
        return row.kind
    if suberror == "consent_required":
        return PermissionNeeded
    if suberror in NEEDING_SIGN_IN:
        return ConsentNeeded
    return WORDS.get(word, Refused)


def _message(row: Refusal | None, code: int | None, word: str, text: str, secrets: Iterable[Hidden]) -> str:
    shown = cleaned(text, secrets)
    label = f"AADSTS{code}" if code else ""
    if label and label in shown:
        return shown
    said = shown or (row.cause if row else "") or cleaned(word)
    return f"{label}: {said}" if label else said or "refused without a reason"
