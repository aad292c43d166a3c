"""Tokens without signatures: to sign takes longer than all else in a simulation, and who spends them never looks.

The sign-in service's v1 id_tokens are unsigned in life too; access tokens are read, and verified only by the APIs.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from partnerauth.consent import first
from partnerauth.emulator.entra import issue
from partnerauth.messages import Response


class NoKeys:
    """In the place of the emulator's signing keys."""

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, str] | None = None) -> str:
        """The claims as a token: an access token with a signature that holds nowhere, an id_token with none."""
        access = "scp" in claims or "roles" in claims
        return f"{SIGNED if access else UNSIGNED}.{_coded(claims)}.{'AAAA' if access else ''}"


def with_claims(response: Response, **changed: Any) -> Response:
    """A token endpoint's answer, whose access token says something else."""
    value = response.value()
    head, claims, signature = value["access_token"].split(".")
    said = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))) | changed
    value["access_token"] = f"{head}.{_coded(said)}.{signature}"
    return Response.json(200, value)


class Known(random.Random):
    """In the place of `secrets`, where an epoch takes what nobody foresees."""

    def token_hex(self, count: int) -> str:
        """So many bytes in hexadecimal."""
        return self.randbytes(count).hex()


EPOCHS = Known()


@contextmanager
def repeatable() -> Iterator[None]:
    """Let every emulator of this process issue unsigned tokens, and every epoch be told by a seed."""
    before = issue.signing_keys, first.secrets  # type: ignore[attr-defined]
    issue.signing_keys, first.secrets = NoKeys, EPOCHS  # type: ignore[assignment,attr-defined]
    try:
        yield
    finally:
        issue.signing_keys, first.secrets = before  # type: ignore[attr-defined]


def _coded(claims: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()


SIGNED, UNSIGNED = _coded({"typ": "JWT", "alg": "RS256"}), _coded({"typ": "JWT", "alg": "none"})
