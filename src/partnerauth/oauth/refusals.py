"""Refusals are facts, not strings: an answer that says no becomes the error that tells who must act, and how.

Sources: RFC 6749 5.2 and 4.1.2.1, RFC 8628 3.5; Microsoft "Handling errors and exceptions" and the Partner Center error
bodies (five forms). What the codes mean stands in `oauth.codes`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from partnerauth.errors import (
    ApiRefused,
    Conflicting,
    ConsentNeeded,
    Forbidden,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    MfaMissing,
    Misconfigured,
    NotFound,
    PartnerAuthError,
    Pending,
    PermissionNeeded,
    Refused,
    SignInCancelled,
    Throttled,
    Unauthorized,
    Unavailable,
    Unreachable,
    Unreadable,
    WrongTenant,
)
from partnerauth.hidden import MASK, Hidden
from partnerauth.messages import Response
from partnerauth.oauth.codes import REFUSALS, Actor, Mark, Refusal

__all__ = [
    "REFUSALS",
    "Actor",
    "Mark",
    "Refusal",
    "api_refused",
    "cleaned",
    "explain",
    "mark_of",
    "one_line",
    "refused",
    "refused_fields",
]

LONGEST_MESSAGE = 400
LONGEST_CLAIMS = 8192
LOOP_PAUSE = 60.0
SLOWER = 5.0
"""By how many seconds `slow_down` lengthens the pause between two questions (RFC 8628 3.5)."""
LEGACY_PREFIX = 70002
STALE_ETAG = 2055

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

STATUSES: Mapping[int, type[ApiRefused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflicting,
    412: Conflicting,
}

REQUEST_IDS = ("client-request-id", "MS-CorrelationId", "request-id", "MS-RequestId", "x-ms-request-id")

_CODE = re.compile(r"AADSTS(\d{1,9})(?!\d)")
_ASKED = re.compile(r"\s*(?:AADSTS)?(\d{1,9})(?!\d)", re.IGNORECASE)
_ERROR_URI = re.compile(r"[?&]code=(\d{1,9})(?!\d)")
_TRACES = re.compile(r"\s*\b(?:Trace ID|Correlation ID|Timestamp): [^\r\n]*", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"\b(client_secret|client_assertion|password|passwd|refresh_token|access_token|id_token|assertion|code_verifier"
    r"|device_code|code)(\\*\"?\s*(?:=|:|%3D|%3A)\s*\\*\"?)(?!AADSTS)[^\s\"&\\]+",
    re.IGNORECASE,
)
_OPAQUE = re.compile(r"[A-Za-z0-9_~+/=%.\-]{32,}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HOST = re.compile(r"/{0,2}(?:[a-zA-Z][a-zA-Z0-9\-]{0,40}\.)+[a-zA-Z]{2,10}(?:/[a-zA-Z0-9_.\-]{1,30}){0,4}/?\.?")
_MFA = re.compile(r"\bMFA\b|multi-?\s?factor|MissingMFA", re.IGNORECASE)
_SECONDS = re.compile(r"in (\d{1,6}) second")
_CLAIMS = re.compile(r"\bclaims=\"([A-Za-z0-9+/=_\-]{1,8192})\"")


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
    value = _object(response)
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
        correlation_id=_name(value.get("correlation_id")) or _request_id(response),
        retry_after=pause,
        claims=_challenge(value.get("claims")),
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
        claims=_challenge(fields.get("claims")),
    )


def api_refused(response: Response, resource_name: str) -> PartnerAuthError:
    """The error that a refusal by Partner Center, Referrals, Graph or Key Vault stands for, in any form of body."""
    value = _object(response)
    inner = value.get("error")
    told: Mapping[str, Any] = inner if isinstance(inner, dict) else value
    texts = (told.get("description"), told.get("message"), value.get("error_description"), inner, response.reason)
    text = next((text for text in texts if isinstance(text, str) and text), "")
    code = _api_code(told.get("code"))
    row = REFUSALS.get(code) if isinstance(code, int) else None
    row = row if row and row.api and row.status == response.status else None
    challenge = response.header("WWW-Authenticate")
    kind: type[PartnerAuthError] = row.kind if row else STATUSES.get(response.status, ApiRefused)
    hint = row.remedy if row else ""
    pause = response.retry_after
    if response.status == 429:
        kind = Throttled
        told_pause = _SECONDS.search(text)
        pause = float(told_pause[1]) if pause is None and told_pause else pause
    elif response.status in (500, 502, 503, 504):
        kind = Unavailable
    elif 300 <= response.status < 400:
        kind = Unreadable
    elif response.status in (401, 403) and _lacks_mfa(response, code, text):
        kind, hint = MfaMissing, REFUSALS[900421].remedy
    elif code == STALE_ETAG:
        kind = Conflicting
    shown = ": ".join(part for part in (str(code) if code else "", cleaned(text)) if part)
    return kind(
        f"{resource_name} answered {response.status}{f' ({shown})' if shown else ''}",
        hint=hint,
        code=code,
        correlation_id=_request_id(response),
        retry_after=pause,
        claims=_challenged(challenge),
        status=response.status,
    )


def cleaned(text: str, secrets: Iterable[Hidden] = ()) -> str:
    """`text` fit for a message: one line, bounded, without trace lines, control characters and likely secrets.

    `secrets` are masked wherever they stand: raw, percent-, JSON- or base64-coded.
    """
    shown = _TRACES.sub("", text[: 20 * LONGEST_MESSAGE])
    for secret in secrets:
        for form in _forms(secret.reveal()):
            shown = shown.replace(form, MASK)
    shown = _SECRET_FIELD.sub(rf"\1\2{MASK}", _printable(shown))
    return one_line(_OPAQUE.sub(lambda found: found[0] if _harmless(found[0]) else MASK, shown))


def one_line(text: str) -> str:
    """`text` on one line, bounded, without characters that steer a terminal or turn the direction of writing."""
    shown = " ".join(_printable(text).split())
    return shown if len(shown) <= LONGEST_MESSAGE else shown[: LONGEST_MESSAGE - 1] + "…"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _forms(secret: str) -> list[str]:
    if not secret:
        return []
    raw = secret.encode()
    coded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1], *coded}
    return sorted(forms, key=len, reverse=True)


def _harmless(run: str) -> bool:
    return bool(_GUID.fullmatch(run.rstrip(".")) or _HOST.fullmatch(run) or (run.isalpha() and run.isascii()))


def _object(response: Response) -> Mapping[str, Any]:
    try:
        value = response.value()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _unspoken(response: Response) -> PartnerAuthError:
    """The error for an answer without an OAuth word: a gateway's, a proxy's, a broken one."""
    request_id = _request_id(response)
    if response.status == 429:
        pause = response.retry_after
        return Throttled(
            "the sign-in service is asked too often",
            retry_after=LOOP_PAUSE if pause is None else pause,
            correlation_id=request_id,
            status=429,
        )
    if response.status >= 500:
        return Unavailable(
            f"the sign-in service answered {response.status}",
            retry_after=response.retry_after,
            correlation_id=request_id,
            status=response.status,
        )
    return Unreadable(
        f"the sign-in service answered {response.status} without saying why",
        correlation_id=request_id,
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


def _challenge(claims: object) -> str:
    """A claims challenge, if it is the JSON object that it should be."""
    if not isinstance(claims, str) or not claims or len(claims) > LONGEST_CLAIMS:
        return ""
    try:
        value = json.loads(claims)
    except (ValueError, RecursionError):
        return ""
    return claims if isinstance(value, dict) else ""


def _challenged(header: str) -> str:
    """The claims of a `WWW-Authenticate` header: base64, standard or url-safe, padded or not."""
    found = _CLAIMS.search(header)
    if not found or "insufficient_claims" not in header:
        return ""
    text = found[1].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _challenge(base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode())
    except ValueError:
        return ""


def _lacks_mfa(response: Response, code: int | str | None, text: str) -> bool:
    """Whether a refusal is about MFA: by code, by its text or reason, or in the old form without any body."""
    if code in (900421, 10001) or code == "Unauthorized_MissingMFA":
        return True
    if response.status != 401:
        return False
    if response.header("isMfaCompliant").strip().lower() == "false" or _MFA.search(f"{text} {response.reason}"):
        return True
    challenge = response.header("WWW-Authenticate").strip().lower()
    return not response.body.strip() and challenge == 'bearer error="invalid_token"'


def _api_code(code: object) -> int | str | None:
    if isinstance(code, bool):
        return None
    if isinstance(code, int):
        return code
    if isinstance(code, str) and code:
        return int(code) if code.isascii() and code.isdigit() and len(code) < 10 else _name(code) or None
    return None


def _name(value: object) -> str:
    return cleaned(value)[:64] if isinstance(value, str) else ""


def _request_id(response: Response) -> str:
    return next((found for name in REQUEST_IDS if (found := _name(response.header(name)))), "")
