"""Whoever can get a token for a resource. Three ways to be someone; `consent.user.AppUser` is the fourth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Authority, Cloud, Dialect, Resource
from partnerauth.errors import Misconfigured
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.tokens import TokenSet

if TYPE_CHECKING:
    from partnerauth.oauth.grants import Grant


class TokenSource(Protocol):
    """Anything that can get a token for a resource."""

    @property
    def identity(self) -> str:
        """Who asks, as one text: two sources of the same identity share one flight and one shelf."""
        ...

    @property
    def cloud(self) -> Cloud:
        """The cloud it signs in to."""
        ...

    def flight(self, resource: Resource) -> Flow[str]:
        """The name under which a token for `resource` lies on a shelf that outlives the process."""
        ...

    def token(self, resource: Resource, claims: str = "") -> Flow[TokenSet]:
        """A new token for `resource`; `claims` is what an API's challenge demanded. Never a refresh token."""
        ...


def identity(kind: str, authority: Authority, application: Application, dialect: Dialect, *more: str) -> str:
    """One text for all that distinguishes a source; its parts cannot run into each other."""
    return "\n".join(
        (kind, authority.cloud.name, authority.tenant.lower(), application.id.lower(), dialect.value, *more)
    )


class Standalone(ABC):
    """A source that needs nothing from a store: it asks with the same grant each time."""

    __slots__ = ()
    application: Application
    authority: Authority
    dialect: Dialect
    clock: Clock
    identity: str

    @property
    def cloud(self) -> Cloud:
        """The cloud it signs in to."""
        return self.authority.cloud

    @abstractmethod
    def grant(self) -> Grant:
        """What it asks with."""

    def flight(self, resource: Resource) -> Flow[str]:
        """The identity, and the resource."""
        yield from ()
        return f"{self.identity}\n{resource.identifier}"

    def token(self, resource: Resource, claims: str = "") -> Flow[TokenSet]:
        """A new token. Raises what `exchange` raises."""
        from partnerauth.oauth.exchange import exchange  # loaded late: a token from the shelf needs none of it

        tokens = yield from exchange(
            self.application, self.authority, self.grant(), resource, self.clock, dialect=self.dialect, claims=claims
        )
        return tokens.without_refresh_token()


@dataclass(frozen=True, slots=True)
class AppOnly(Standalone):
    """The application itself, for nobody: client credentials.

    What .NET and Java called `GenerateByApplicationCredentials`, and PowerShell `Connect-PartnerCenter
    -ServicePrincipal`.
    """

    application: Application
    authority: Authority
    dialect: Dialect = Dialect.V1
    clock: Clock = field(default=SYSTEM, repr=False, compare=False)
    identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.authority.shared:
            raise Misconfigured(
                f"an application alone cannot sign in at '{self.authority.tenant}'", hint="Name the partner's tenant."
            )
        text = identity("app", self.authority, self.application, self.dialect)
        object.__setattr__(self, "identity", text)

    def grant(self) -> Grant:
        """Nothing but the application's own proof."""
        from partnerauth.oauth.grants import AppItself

        return AppItself()


@dataclass(frozen=True, slots=True)
class PasswordUser(Standalone):
    """A person by user name and password: the old recipe of "Referrals API authentication".

    Works where Entra ID still allows it and no MFA is demanded; a token got so never shows MFA. Where it is refused for
    MFA, `AppUser` is the way.
    """

    application: Application
    authority: Authority
    username: str
    password: Hidden
    dialect: Dialect = Dialect.V1
    clock: Clock = field(default=SYSTEM, repr=False, compare=False)
    identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = identity("password", self.authority, self.application, self.dialect, self.username.lower())
        object.__setattr__(self, "identity", text)

    def grant(self) -> Grant:
        """The user name and the password."""
        from partnerauth.oauth.grants import Password

        return Password(self.username, self.password)
