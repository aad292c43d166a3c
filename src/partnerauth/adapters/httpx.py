"""For httpx: `httpx.Client(auth=SourceAuth(source, session=session))`, and the same for `AsyncClient`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from partnerauth.adapters.audience import demanded_claims, resource_for
from partnerauth.cloud import Api, Resource
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.oauth.sources import TokenSource
from partnerauth.session import AsyncSession, Session


class SourceAuth(httpx.Auth):
    """Adds the access token of `source` for the API that each address belongs to; answers one claims challenge.

    Give `session` for a `Client`, `async_session` for an `AsyncClient`. `only` allows one API alone. Raises what the
    source raises, and `Misconfigured` for an address that no token may go to.
    """

    def __init__(
        self,
        source: TokenSource,
        *,
        session: Session | None = None,
        async_session: AsyncSession | None = None,
        only: Resource | Api | None = None,
    ) -> None:
        self._source = source
        self._session = session
        self._async_session = async_session
        self._only = only

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Called by `httpx.Client`."""
        if self._session is None:
            raise Misconfigured("this authentication has no session", hint="Give it as session=Session().")
        resource = resource_for(self._source, str(request.url), self._only)
        _authorise(request, self._session.token(self._source, resource).access_token)
        response = yield request
        claims = _demanded(response)
        if claims:
            _authorise(request, self._session.challenged(self._source, resource, claims).access_token)
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Called by `httpx.AsyncClient`."""
        if self._async_session is None:
            raise Misconfigured("this authentication has no session", hint="Give it as async_session=AsyncSession().")
        resource = resource_for(self._source, str(request.url), self._only)
        _authorise(request, (await self._async_session.token(self._source, resource)).access_token)
        response = yield request
        claims = _demanded(response)
        if claims:
            _authorise(request, (await self._async_session.challenged(self._source, resource, claims)).access_token)
            yield request


def _authorise(request: httpx.Request, token: Hidden) -> None:
    request.headers["Authorization"] = f"Bearer {token.reveal()}"


def _demanded(response: httpx.Response) -> str:
    return demanded_claims(response.headers.get("WWW-Authenticate", "")) if response.status_code == 401 else ""
