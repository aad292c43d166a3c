"""App registrations, and what they prove themselves with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from partnerauth.hidden import Hidden


@dataclass(slots=True)
class AppSecret:
    """A client secret of a registration."""

    id: str
    value: Hidden
    ends: datetime | None = None
    name: str = ""
    begins: datetime | None = None


@dataclass(slots=True)
class FederatedCredential:
    """Another issuer's tokens by which a registration proves itself; its keys stand in `World.issuers`."""

    id: str
    name: str
    issuer: str
    subject: str
    audiences: list[str] = field(default_factory=lambda: ["api://AzureADTokenExchange"])


@dataclass(slots=True)
class AppCertificate:
    """A certificate of a registration, by its DER bytes; `id` is empty where the bytes shall make it."""

    der: bytes
    ends: datetime
    id: str = ""
    name: str = ""


@dataclass(slots=True)
class Registration:
    """An app registration in its home tenant.

    `permissions` are the delegated ones: application id of the API → names. `platforms` says for each redirect URI
    whether it is `web`, `public` or `spa`.
    """

    id: str
    name: str
    tenant: str
    multi_tenant: bool = False
    public: bool = False
    secrets: list[AppSecret] = field(default_factory=list)
    certificates: list[AppCertificate] = field(default_factory=list)
    platforms: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, set[str]] = field(default_factory=dict)
    id_tokens: bool = True
    access_tokens: bool = False
    """Whether the authorize endpoint itself issues access tokens (the implicit flow)."""
    enabled: bool = True
    in_partner_center: bool = True
    """Registered in Partner Center's App management, as app-only calls require."""
    object_id: str = ""
    """What the directory calls it; empty where the client id shall make it."""
    application_permissions: dict[str, set[str]] = field(default_factory=dict)
    """Those that it wants for itself: application id of the API → names."""
    fallback_public: bool = False
    """Public where no redirect URI decides (`isFallbackPublicClient`), though it may have a credential."""
    created: datetime | None = None
    owner: str = ""
    """The client id of the application that created it, if one did."""
    details: dict[str, Any] = field(default_factory=dict)
    """What Graph shows of it and nobody else looks at."""
    federated: list[FederatedCredential] = field(default_factory=list)
    exposes: set[str] = field(default_factory=set)
    """As an API, at `api://` and its id: the delegated permissions that it offers."""
    logout_url: str = ""
    """Where it wants to hear of a sign-out (front-channel logout)."""
