"""What of another side's text may be shown: no secret, no trace, nothing that steers a terminal."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from partnerauth.hidden import MASK, Hidden

LONGEST_MESSAGE = 400
_TRACES = re.compile(r"\s*\b(?:Trace ID|Correlation ID|Timestamp): [^\r\n]*", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"\b(client_secret|client_assertion|password|passwd|refresh_token|access_token|id_token|assertion|code_verifier"
    r"|device_code|code)(\\*\"?\s*(?:=|:|%3D|%3A)\s*\\*\"?)(?!AADSTS)[^\s\"&\\]+",
    re.IGNORECASE,
)
_OPAQUE = re.compile(r"[A-Za-z0-9_~+/=%.\-]{32,}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HOST = re.compile(r"/{0,2}(?:[a-zA-Z][a-zA-Z0-9\-]{0,40}\.)+[a-zA-Z]{2,10}(?:/[a-zA-Z0-9_.\-]{1,30}){0,4}/?\.?")


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
