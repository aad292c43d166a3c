"""Policies: dated facts about the services as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Policies:
    """Dated facts on the world's clock: each holds from its moment on, and never where that is None."""

    mfa_at_the_apis: datetime | None = None
    """Partner Center refuses app+user tokens without MFA (401, 900421)."""
    azure_ad_graph_refused: datetime | None = None
    """Partner Center refuses the audience `https://graph.windows.net` (401, 900420)."""
    password_on_common_refused: datetime | None = None
    """The v1 endpoint refuses the password grant on `/common` (9001023)."""
    password_grant_refused: datetime | None = None
    """Security defaults: the password grant is refused for everybody who is not exempt (50076 or 50079)."""
    nonce_demanded: datetime | None = None
    """The authorize endpoint refuses `id_token` without a nonce (900144)."""
    refresh_omits_refresh_token: datetime | None = None
    """The v1 endpoint answers a refresh without a new refresh token, as the 2019 sample shows."""
    referrals_users_write: datetime | None = None
    """A Referrals User creates deals, and edits those whose team holds them; before, they only read."""
    mfa_demanded: datetime | None = None
    """Entra ID demands a second factor of everybody, always (50076, or 50079 where there is none)."""
    security_defaults: datetime | None = None
    """Everybody must have a second factor (50079); administrators and agents must use it every time (50076)."""

    FIELDS = (
        "mfa_at_the_apis",
        "azure_ad_graph_refused",
        "password_on_common_refused",
        "password_grant_refused",
        "nonce_demanded",
        "refresh_omits_refresh_token",
        "referrals_users_write",
        "mfa_demanded",
        "security_defaults",
    )

    def holds(self, name: str, now: datetime) -> bool:
        """Whether the policy of that name holds at `now`."""
        begins: datetime | None = getattr(self, name)
        return begins is not None and now >= begins
