"""What an API's answer that says no becomes: the error that tells who must act, and how.

Sources: the Partner Center error bodies (five forms); Microsoft Graph and Key Vault error bodies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from partnerauth.errors import (
    ApiRefused,
    Conflicting,
    Forbidden,
    MfaMissing,
    NotFound,
    PartnerAuthError,
    Throttled,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from partnerauth.messages import Response
from partnerauth.oauth.answer import name_in, object_in, request_id
from partnerauth.oauth.challenge import challenged
from partnerauth.oauth.codes import REFUSALS
from partnerauth.oauth.shown import cleaned

STALE_ETAG = 2055
STATUSES: Mapping[int, type[ApiRefused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflicting,
    412: Conflicting,
}
_MFA = re.compile(r"\bMFA\b|multi-?\s?factor|MissingMFA", re.IGNORECASE)
_SECONDS = re.compile(r"in (\d{1,6}) second")


def api_refused(response: Response, resource_name: str) -> PartnerAuthError:
    """The error that a refusal by Partner Center, Referrals, Graph or Key Vault stands for, in any form of body."""
    value = object_in(response)
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
        correlation_id=request_id(response),
        retry_after=pause,
        claims=challenged(challenge),
        status=response.status,
    )


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
        return int(code) if code.isascii() and code.isdigit() and len(code) < 10 else name_in(code) or None
    return None
