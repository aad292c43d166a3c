"""Why refresh tokens and sessions end before their time, and which of them each cause ends.

Source: Microsoft "Refresh tokens in the Microsoft identity platform", the table of revocations (edition of May 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Cause(Enum):
    """What happened."""

    PASSWORD_EXPIRED = "password_expired"  # noqa: S105  # no password
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # no password
    """By the person, who knew the old one."""
    SELF_SERVICE_RESET = "self_service_reset"
    ADMIN_RESET_IN_AZURE = "admin_reset_in_azure"
    """By an administrator, in the Azure portal."""
    ADMIN_RESET_IN_ENTRA = "admin_reset_in_entra"
    """By an administrator, in the Entra admin center."""
    USER_REVOKED = "user_revoked"
    """The person signed themselves out everywhere."""
    ADMIN_REVOKED = "admin_revoked"
    """An administrator revoked all sessions (Graph's `revokeSignInSessions`)."""
    SIGNED_OUT = "signed_out"
    """Single sign-out."""


class Kind(Enum):
    """What can be ended."""

    PASSWORD_COOKIE = "password_cookie"  # noqa: S105  # no password
    PASSWORD_TOKEN = "password_token"  # noqa: S105  # no password
    """A public client's refresh token, got with a password."""
    OTHER_COOKIE = "other_cookie"
    OTHER_TOKEN = "other_token"  # noqa: S105  # no password
    """A public client's refresh token, got without a password."""
    CONFIDENTIAL_TOKEN = "confidential_token"  # noqa: S105  # no password
    """Any refresh token of an application with a credential: the one that the Secure Application Model keeps."""


_PASSWORDS = frozenset({Kind.PASSWORD_COOKIE, Kind.PASSWORD_TOKEN})

ENDS: Mapping[Cause, frozenset[Kind]] = {
    Cause.PASSWORD_EXPIRED: frozenset(),
    Cause.PASSWORD_CHANGED: _PASSWORDS,
    Cause.SELF_SERVICE_RESET: _PASSWORDS,
    Cause.ADMIN_RESET_IN_AZURE: _PASSWORDS,
    Cause.ADMIN_RESET_IN_ENTRA: _PASSWORDS | {Kind.OTHER_TOKEN, Kind.CONFIDENTIAL_TOKEN},
    Cause.USER_REVOKED: frozenset(Kind),
    Cause.ADMIN_REVOKED: frozenset(Kind),
    Cause.SIGNED_OUT: frozenset({Kind.PASSWORD_COOKIE, Kind.OTHER_COOKIE}),
}
"""The table. In practice confidential tokens were seen to end with ordinary password changes too; it stands here as
it is documented."""
NEW_PASSWORD = frozenset(
    {Cause.PASSWORD_CHANGED, Cause.SELF_SERVICE_RESET, Cause.ADMIN_RESET_IN_AZURE, Cause.ADMIN_RESET_IN_ENTRA}
)
"""Those that come with a new password."""


def token_kind(amr: tuple[str, ...], confidential: bool) -> Kind:
    """The kind of a refresh token, by the sign-in behind it and the client that has it."""
    if confidential:
        return Kind.CONFIDENTIAL_TOKEN
    return Kind.PASSWORD_TOKEN if "pwd" in amr else Kind.OTHER_TOKEN


def cookie_kind(amr: tuple[str, ...]) -> Kind:
    """The kind of a browser's session."""
    return Kind.PASSWORD_COOKIE if "pwd" in amr else Kind.OTHER_COOKIE
