"""The admin consent endpoint: an administrator lets an application act for everybody in the tenant.

No code and no token come back, and nothing in the answer is signed: it is believed only as far as its state goes, and
what was really granted is looked up elsewhere. Source: Microsoft "Admin consent on the Microsoft identity platform".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from partnerauth.cloud import GUID, Authority, Dialect, Resource
from partnerauth.errors import Tampered, WrongTenant
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import Ticket
from partnerauth.oauth.refusals import refused_fields
from partnerauth.oauth.shown import cleaned

LONGEST_SCOPE = 4000


def admin_consent_link(ticket: Ticket, resources: Iterable[Resource]) -> str:
    """The address an administrator's browser is sent to.

    v1 grants all that the registration lists. v2 grants the scopes that are named: all that the registration lists of
    each of `resources`. v1 takes `common` and not `organizations`, v2 the reverse.
    """
    authority = ticket.authority
    fields = {"client_id": ticket.application_id, "redirect_uri": ticket.redirect_uri, "state": ticket.state.reveal()}
    if ticket.dialect is Dialect.V2:
        fields["scope"] = " ".join(resource.scope() for resource in resources)
        return f"{authority.address}/v2.0/adminconsent?{urlencode(fields)}"
    if authority.shared:
        authority = Authority(authority.cloud, "common")
    return f"{authority.address}/adminconsent?{urlencode(fields)}"


@dataclass(frozen=True, slots=True)
class AdminConsent:
    """What the browser brought back from there: the tenant, and the scopes where v2 names them."""

    tenant: str
    scopes: tuple[str, ...] = ()

    @classmethod
    def claim(cls, ticket: Ticket, fields: Mapping[str, str]) -> AdminConsent:
        """The answer in these fields, once it is sure that it answers this ticket.

        Raises `Tampered`, `WrongTenant`, and the error that a refusal stands for.
        """
        if not fields.get("state") or Hidden(fields["state"]) != ticket.state:
            raise Tampered("the answer carries a state that was never sent")
        if "error" in fields:
            raise refused_fields(fields)
        if fields.get("admin_consent", "").lower() != "true":
            raise Tampered("the answer does not say that an administrator consented")
        tenant = fields.get("tenant", "").lower()
        if not GUID.fullmatch(tenant):
            raise Tampered("the answer names no tenant")
        if ticket.expected_tenant and tenant != ticket.expected_tenant.lower():
            raise WrongTenant(f"an administrator consented for tenant {tenant}, not for {ticket.expected_tenant}")
        scopes = cleaned(fields.get("scope", "")[:LONGEST_SCOPE]).split()
        return cls(tenant, tuple(scopes))


def is_admin_consent(fields: Mapping[str, str]) -> bool:
    """Whether a query looks like an answer of this endpoint."""
    return (
        "state" in fields
        and not {"code", "id_token"} & fields.keys()
        and bool({"admin_consent", "error"} & fields.keys())
    )


def at_home(ticket: Ticket, tenant: str) -> Ticket:
    """The ticket for the tenant that was answered for."""
    return replace(ticket, authority=ticket.authority.cloud.authority(tenant))
