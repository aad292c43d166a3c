"""For any Azure SDK client: our sources as `TokenCredential` and `AsyncTokenCredential`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

from partnerauth.cloud import Cloud, Resource
from partnerauth.errors import Misconfigured
from partnerauth.oauth.sources import TokenSource
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import AsyncSession, Session

DEFAULT = "/.default"


class SourceCredential:
    """A `TokenCredential` (with `get_token_info`) over a source and a `Session`.

    A tenant that a challenge hints at is not followed: the source knows its own.
    """

    def __init__(self, source: TokenSource, session: Session) -> None:
        self._source = source
        self._session = session

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token for one scope, `{resource}/.default`. Raises `Misconfigured` for any other number of them."""
        tokens = self._tokens(scopes, claims)
        return AccessToken(tokens.access_token.reveal(), int(tokens.expires_at.timestamp()))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """As `get_token`, in the newer form."""
        tokens = self._tokens(scopes, (options or {}).get("claims"))
        return AccessTokenInfo(tokens.access_token.reveal(), int(tokens.expires_at.timestamp()))

    def _tokens(self, scopes: tuple[str, ...], claims: str | None) -> TokenSet:
        resource = resource_of(scopes, self._source.cloud)
        if claims:
            return self._session.challenged(self._source, resource, claims)
        return self._session.token(self._source, resource)

    def close(self) -> None:
        """Nothing: the session is its owner's to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSourceCredential:
    """An `AsyncTokenCredential` (with `get_token_info`) over a source and an `AsyncSession`."""

    def __init__(self, source: TokenSource, session: AsyncSession) -> None:
        self._source = source
        self._session = session

    async def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token for one scope, `{resource}/.default`. Raises `Misconfigured` for any other number of them."""
        tokens = await self._tokens(scopes, claims)
        return AccessToken(tokens.access_token.reveal(), int(tokens.expires_at.timestamp()))

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """As `get_token`, in the newer form."""
        tokens = await self._tokens(scopes, (options or {}).get("claims"))
        return AccessTokenInfo(tokens.access_token.reveal(), int(tokens.expires_at.timestamp()))

    async def _tokens(self, scopes: tuple[str, ...], claims: str | None) -> TokenSet:
        resource = resource_of(scopes, self._source.cloud)
        if claims:
            return await self._session.challenged(self._source, resource, claims)
        return await self._session.token(self._source, resource)

    async def close(self) -> None:
        """Nothing: the session is its owner's to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()


def resource_of(scopes: tuple[str, ...], cloud: Cloud) -> Resource:
    """The resource of a scope; of a doubled slash before `.default`, one belongs to it (Entra "scopes-oidc").

    Raises `Misconfigured` for anything but one scope of that form.
    """
    if len(scopes) != 1 or not scopes[0].endswith(DEFAULT) or scopes[0] == DEFAULT:
        raise Misconfigured(
            f"a token is for one '{{resource}}{DEFAULT}', not for {', '.join(scopes)[:80] or 'no scope'}",
            hint="Give the application its permissions in the app registration, and ask for all of them.",
        )
    identifier = scopes[0].removesuffix(DEFAULT)
    known = (resource for resource in cloud.apis.values() if resource.identifier == identifier)
    return next(known, Resource(identifier, identifier))
