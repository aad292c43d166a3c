"""People of a tenant: who they are, how they prove it, and what ended their sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from partnerauth.emulator.rules.causes import Cause
from partnerauth.hidden import Hidden


class Role(Enum):
    """A role of Partner Center, or the directory role that the documents name beside them."""

    GLOBAL_ADMIN = "global_admin"
    ADMIN_AGENT = "admin_agent"
    SALES_AGENT = "sales_agent"
    HELPDESK_AGENT = "helpdesk_agent"
    REFERRALS_ADMIN = "referrals_admin"
    REFERRALS_USER = "referrals_user"


class Method(Enum):
    """How a person can prove themselves, besides a password and an authenticator's code."""

    PUSH = "push"
    """The telephone asks for a number that the page shows."""
    SECURITY_KEY = "security_key"
    """In the place of a password; it counts as two factors."""
    EXTERNAL = "external"
    """Another company's second factor (Entra ID's custom controls)."""


AGENTS = frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT, Role.HELPDESK_AGENT})


@dataclass(slots=True)
class Person:
    """A user of a tenant. `totp` is the shared secret of the authenticator (raw ASCII); without it, no MFA."""

    id: str
    upn: str
    given_name: str
    family_name: str
    password: Hidden
    roles: set[Role] = field(default_factory=set)
    totp: Hidden | None = None
    enabled: bool = True
    password_is_temporary: bool = False
    valid_from: datetime | None = None
    """Refresh tokens issued before this moment are revoked."""
    directory_roles: set[str] = field(default_factory=set)
    """Directory roles by name, such as `Application Administrator`; Global Administrator is among `roles`."""
    display_name: str = ""
    usage_location: str = ""
    methods: set[Method] = field(default_factory=set)
    device: str = ""
    """What they sign in from: `compliant`, `managed`, or nothing that an administrator knows."""
    password_ends: datetime | None = None
    """When the password expires."""
    revoked: dict[Cause, datetime] = field(default_factory=dict)
    """What ended refresh tokens and sessions from before, and when it happened last."""

    @property
    def second_factor(self) -> bool:
        """Whether there is one to ask for."""
        return self.totp is not None or bool(self.methods & {Method.PUSH, Method.SECURITY_KEY})

    @property
    def privileged(self) -> bool:
        """Whether security defaults ask for a second factor every time: administrators, and partners' agents."""
        return bool(self.directory_roles or self.roles & {Role.GLOBAL_ADMIN, *AGENTS})

    @property
    def name(self) -> str:
        """The display name."""
        return self.display_name or f"{self.given_name} {self.family_name}"
