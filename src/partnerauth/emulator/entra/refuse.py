"""How the sign-in service says no.

Sources: RFC 6749 5.2; Microsoft "Error codes"; bodies published in issue reports of Microsoft's own libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from partnerauth.cloud import Dialect
from partnerauth.errors import InvalidRequest
from partnerauth.messages import Response
from partnerauth.oauth.codes import REFUSALS, Actor, Refusal

if TYPE_CHECKING:
    from partnerauth.emulator.entra.turn import Turn

REDIRECTED_WORDS = {
    **dict.fromkeys((50020, 50105), "access_denied"),
    50058: "login_required",
    **dict.fromkeys((50072, 50076, 50078, 50079, 50158, 53000, 53003, 530003), "interaction_required"),
    65001: "consent_required",
}
"""Where the authorize endpoint uses another word than the token endpoint."""


class Denied(Exception):
    """The service says no, with an AADSTS code. `error` stands in for the code's usual word."""

    def __init__(self, code: int, text: str = "", *, error: str = "", claims: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or REFUSALS[code].cause
        self.error = error
        self.claims = claims

    @property
    def row(self) -> Refusal:
        """What is known of the code; of one that is not listed, that the request is wrong."""
        return REFUSALS.get(self.code) or Refusal(
            self.code, InvalidRequest, self.error, self.text, Actor.OPERATOR, "", status=400
        )

    def word(self, dialect: Dialect) -> str:
        """The OAuth word at the token endpoint."""
        return self.error or REFUSALS[self.code].word(dialect is Dialect.V1)

    def redirected_word(self) -> str:
        """The OAuth word at the authorize endpoint."""
        return self.error or REDIRECTED_WORDS.get(self.code) or REFUSALS[self.code].error

    def description(self, turn: Turn) -> str:
        """The text with its three lines of identifiers."""
        lines = (
            f"AADSTS{self.code}: {self.text}",
            f"Trace ID: {turn.trace}",
            f"Correlation ID: {turn.correlation}",
            f"Timestamp: {turn.timestamp}",
        )
        return "\r\n".join(lines)


def refusal(denied: Denied, turn: Turn, dialect: Dialect) -> Response:
    """The JSON answer that says no."""
    row = denied.row
    body: dict[str, Any] = {
        "error": denied.word(dialect),
        "error_description": denied.description(turn),
        "error_codes": [denied.code],
        "timestamp": turn.timestamp,
        "trace_id": turn.trace,
        "correlation_id": turn.correlation,
        "error_uri": f"{turn.base}/error?code={denied.code}",
    }
    if row.suberror:
        body["suberror"] = row.suberror
    if denied.claims:
        body["claims"] = denied.claims
    return Response.json(row.status, body, (("x-ms-clitelem", f"1,{denied.code},0,,"),))


def shown(value: str) -> str:
    """What a stranger sent, fit for a message: printable and short."""
    return "".join(character for character in value[:100] if character.isprintable())
