"""What the token endpoint answers, in absolute times: v1 sends numbers as text, v2 as numbers.

Sources: RFC 6749 5.1; Microsoft v1 and v2 token responses; samples in the seed documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any

from partnerauth.cloud import Dialect
from partnerauth.errors import Unreadable
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

BACKDATED = timedelta(seconds=300)
"""Entra ID dates a token five minutes before it issues it."""

LONGEST_LIFE = 366 * 86_400

EMULATED_CLAIM = "xms_emulated"
EMULATED_PREFIX = "emulated."
"""How an emulator marks what it issues: its JWTs by a private claim, its codes and refresh tokens by how they begin."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of one answer. Times are in UTC and count from the moment the answer was received."""

    access_token: Hidden
    received_at: datetime
    expires_at: datetime
    refresh_token: Hidden | None = None
    id_token: Hidden | None = None
    resource: str = ""
    scope: tuple[str, ...] = ()
    unsaved: bool = False
    """Handed out although the rotated refresh token could not be stored."""

    def without_refresh_token(self) -> TokenSet:
        """What may leave the house."""
        if self.refresh_token is self.id_token is None:
            return self
        return replace(self, refresh_token=None, id_token=None)

    @classmethod
    def read(cls, response: Response, received_at: datetime) -> TokenSet:
        """The tokens in a successful answer of either dialect.

        The end is counted from the receipt by `expires_in`, since either clock may be wrong; `expires_on` only where
        that is absent. Raises `Unreadable` for anything that is not such an answer.
        """
        try:
            value = response.value()
        except ValueError as error:
            raise Unreadable(f"the token endpoint did not answer with JSON ({error})", status=response.status) from None
        if not isinstance(value, dict):
            raise Unreadable("the token endpoint did not answer with a JSON object", status=response.status)
        if _text(value, "token_type").lower() != "bearer":
            raise Unreadable("the token endpoint answered with a token that is no bearer token")
        if "expires_in" in value:
            expires_at = received_at + timedelta(seconds=_number(value, "expires_in"))
        else:
            expires_at = datetime.fromtimestamp(_number(value, "expires_on", 2**37), UTC)
        return cls(
            access_token=Hidden(_text(value, "access_token")),
            received_at=received_at,
            expires_at=expires_at,
            refresh_token=_hidden(value, "refresh_token"),
            id_token=_hidden(value, "id_token"),
            resource=intern(_text(value, "resource")) if "resource" in value else "",  # one text for all that are kept
            scope=tuple(_text(value, "scope").split()) if "scope" in value else (),
        )

    def write(self, dialect: Dialect, **extra: str | int) -> dict[str, Any]:
        """The answer as the token endpoint writes it in that dialect."""
        lifetime = int((self.expires_at - self.received_at).total_seconds())
        answer: dict[str, Any] = {"token_type": "Bearer"}
        if self.scope:
            answer["scope"] = " ".join(self.scope)
        if dialect is Dialect.V1:
            answer |= {
                "expires_in": str(lifetime),
                "ext_expires_in": str(lifetime),
                "expires_on": str(int(self.expires_at.timestamp())),
                "not_before": str(int((self.received_at - BACKDATED).timestamp())),
            }
            if self.resource:
                answer["resource"] = self.resource
        else:
            answer |= {"expires_in": lifetime, "ext_expires_in": lifetime}
        answer["access_token"] = self.access_token.reveal()
        if self.refresh_token is not None:
            answer["refresh_token"] = self.refresh_token.reveal()
        if self.id_token is not None:
            answer["id_token"] = self.id_token.reveal()
        return answer | extra


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or (not found and name != "scope"):
        raise Unreadable(f"the token endpoint's answer has no usable '{name}'")
    return found


def _hidden(value: Mapping[str, Any], name: str) -> Hidden | None:
    return Hidden(_text(value, name)) if value.get(name) is not None else None


def _number(value: Mapping[str, Any], name: str, most: int = LONGEST_LIFE) -> int:
    found = value.get(name)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 14:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= most:
        raise Unreadable(f"the token endpoint's answer has no usable '{name}'")
    return found
