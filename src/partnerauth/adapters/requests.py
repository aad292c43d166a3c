"""For requests: `requests.get(url, auth=SourceAuth(source, session))`."""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from partnerauth.adapters.audience import resource_for
from partnerauth.cloud import Api, Resource
from partnerauth.oauth.sources import TokenSource
from partnerauth.session import Session


class SourceAuth(AuthBase):
    """Adds the access token of `source` for the API that the address belongs to; `only` allows one API alone.

    Raises what the source raises, and `Misconfigured` for an address that no token may go to. requests takes the header
    off by itself when it follows a redirect to another host.
    """

    def __init__(self, source: TokenSource, session: Session, *, only: Resource | Api | None = None) -> None:
        self._source = source
        self._session = session
        self._only = only

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests before it sends."""
        resource = resource_for(self._source, request.url or "", self._only)
        token = self._session.token(self._source, resource).access_token
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
        return request
