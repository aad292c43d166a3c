"""When a credential of the application ends, and from where that is known. No secret, and no question to anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class CredentialKind(Enum):
    """The kinds of credentials that settings may name, by the name that `credentials` calls them."""

    CERTIFICATE = "certificate"
    FEDERATED = "federated"
    SECRET = "secret"  # noqa: S105  # a kind, no secret


class KnownFrom(Enum):
    """Who says when a credential ends."""

    CERTIFICATE = "certificate"
    """The certificate itself."""
    ROTATION = "rotation"
    """We made it, and noted it."""
    DIRECTORY = "directory"
    """The app registration, when it was last looked at."""
    ISSUER = "issuer"
    """Another issuer, with an end in each of its tokens."""
    SETTING = "setting"
    """The operator, by the setting `client_secret_ends`."""
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class CredentialEnd:
    """A credential of the application: its kind, its key id in the directory where that is known, and its end.

    `place` says where it lies, for people. `ends` is None where it has no end or nobody has told it yet: see
    `known_from`.
    """

    kind: CredentialKind
    place: str
    key_id: str = ""
    ends: datetime | None = None
    known_from: KnownFrom = KnownFrom.NOBODY
    begins: datetime | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"the application's {'federated token' if self.kind is CredentialKind.FEDERATED else self.kind.value}"

    def days_left(self, now: datetime) -> int | None:
        """Whole days until the end; zero when it is over, None where no end is known."""
        return None if self.ends is None else max(0, (self.ends - now).days)


def last_end(ends: Iterable[CredentialEnd]) -> datetime | None:
    """When the last of these credentials ends, and nothing can prove the application any more; None if not known."""
    moments = [one.ends for one in ends]
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None
