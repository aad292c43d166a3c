"""Which APIs a kept consent opens: each one is asked a token for, and it is told what came of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from partnerauth.apis.graph.groups import ADMIN_AGENTS, HELPDESK_AGENTS, SALES_AGENTS
from partnerauth.apis.graph.people import mine
from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.apis.perform import pages
from partnerauth.cloud import Api, Cloud, Resource
from partnerauth.consent.first import PERMISSION_MISSING, judging
from partnerauth.consent.user import AppUser
from partnerauth.errors import Misconfigured, PartnerAuthError, Refused, Unreadable
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.codes import REFUSALS
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.tokens import TokenSet

AGENTS: Mapping[str, str] = {
    ADMIN_AGENTS: "Admin agent",
    HELPDESK_AGENTS: "Helpdesk agent",
    SALES_AGENTS: "Sales agent",
}
USUAL = (Api.PARTNER_CENTER, Api.REFERRALS, Api.GRAPH, Api.MANAGEMENT)
API_NAMES: Mapping[str, str] = {
    "partner-center": "Microsoft Partner Center",
    "referrals": "Partner Center Referrals",
    "graph": "Microsoft Graph",
    "management": "Azure Resource Manager",
    "key-vault": "Azure Key Vault",
}
"""What they are called, for people."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking a token for one API, by its name: the permissions in it, or the refusal."""

    api: str
    permissions: tuple[str, ...] = ()
    error: PartnerAuthError | None = None
    token: Hidden = field(default=Hidden(""), repr=False)

    @property
    def open(self) -> bool:
        """Whether there was a token."""
        return self.error is None

    @property
    def unasked(self) -> bool:
        """Whether it was refused because the application has no permission there at all."""
        return self.error is not None and self.error.code in PERMISSION_MISSING

    def facts(self) -> dict[str, object]:
        """What is told of it; nothing secret."""
        if self.error is None:
            return {"api": self.api, "open": True, "permissions": list(self.permissions)}
        row = REFUSALS.get(self.error.code) if isinstance(self.error.code, int) else None
        return {
            "api": self.api,
            "open": False,
            "code": self.error.code,
            "cause": row.cause if row else self.error.message,
            "remedy": self.error.hint,
        }


def reach(user: AppUser, apis: Mapping[str, Resource]) -> Flow[list[Reached]]:
    """What the stored consent opens of `apis`, each by its name; rotated tokens are stored on the way.

    A refusal is told, and changes nothing: what it marks the next success mends, and if it was the last, an API that
    the consent does open is asked once more.
    """
    last = user.cloud.apis.get(Api.PARTNER_CENTER)
    found: dict[str, Reached] = {}
    for name, resource in sorted(apis.items(), key=lambda pair: pair[1] == last):
        found[name] = yield from _tried(user, name, resource)
    if found and not found[list(found)[-1]].open:
        opened = [apis[name] for name, one in found.items() if one.open]
        for resource in [*opened[:1], *judging(user.cloud)]:
            if (yield from _tried(user, "", resource)).open:
                break
    return [found[name] for name in apis]


def roles_seen(reached: Iterable[Reached], cloud: Cloud, told: tuple[str, ...] = ()) -> Flow[tuple[str, ...]]:
    """The partner roles and directory roles of the person, as far as they can be seen; `told` are those of the token.

    Partner Center's agents are groups of the directory, and Microsoft Graph names them to whoever may read it; where it
    does not, there are none more.
    """
    graph = next((one for one in reached if one.api == Api.GRAPH.value and one.open), None)
    if graph is None:
        return told
    resource, token = cloud.resource(Api.GRAPH), graph.token

    def bearer() -> Flow[Hidden]:
        yield from ()
        return token

    try:
        members = yield from pages(mine(), resource, bearer)
    except PartnerAuthError:
        return told
    known = {*AGENTS, *TEMPLATES}
    return (*told, *sorted({AGENTS.get(m.display_name, m.display_name) for m in members if m.display_name in known}))


def _tried(user: AppUser, name: str, resource: Resource) -> Flow[Reached]:
    try:
        tokens = yield from user.token(resource)
    except PartnerAuthError as error:
        return Reached(name, error=error)
    return Reached(name, _permissions(tokens), token=tokens.access_token)


def named(cloud: Cloud, text: str) -> dict[str, Resource]:
    """The APIs that a text names, separated by commas or spaces; without one, the usual ones of the cloud.

    Raises `Misconfigured` for what is no API of this cloud.
    """
    names = text.replace(",", " ").split()
    known = {api.value: api for api in Api if api is not Api.AZURE_AD_GRAPH}
    if not names:
        return {api.value: cloud.apis[api] for api in USUAL if api in cloud.apis}
    if unknown := [name for name in names if name not in known]:
        raise Misconfigured(f"there is no API '{unknown[0][:40]}'", hint=f"Name some of: {', '.join(sorted(known))}.")
    return {name: cloud.resource(known[name]) for name in names}


def _permissions(tokens: TokenSet) -> tuple[str, ...]:
    """The permissions that the token carries; where it is not for our eyes, those that the sign-in service told."""
    try:
        return read_access_token(tokens.access_token).scopes
    except (Refused, Unreadable):
        return tokens.scope
