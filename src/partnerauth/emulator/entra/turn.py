"""One request while it is being answered: the world, the moment, and the identifiers that its answer will carry.

Source: recorded answers of Entra ID (headers).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from partnerauth.cloud import GUID, Cloud
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.entra.ledger import Ledger, SignIn
from partnerauth.emulator.world import Tenant, World
from partnerauth.messages import Response

Later: TypeAlias = Callable[[], Response]
"""An answer that is decided and still has to be written: signing happens outside the world's lock."""

LONGEST_COOKIE = 512
UNKEPT = (("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"))
"""Of answers that do not say how long they may be kept."""
COMMON_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-XSS-Protection", "0"),
    ("P3P", 'CP="DSP CUR OTPi IND OTRi ONL FIN"'),
    ("x-ms-ests-server", "2.1.00000.0 - EMU ProdSlices"),
)
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


@dataclass
class Turn:
    """One request and what its answer needs."""

    world: World
    arrival: Arrival
    now: datetime
    trace: str
    correlation: str

    @classmethod
    def begin(cls, world: World, arrival: Arrival) -> Turn:
        """The turn of a request. `client-request-id` becomes the correlation id if it is a GUID."""
        named = arrival.request.header("client-request-id") or _posted_id(arrival)
        correlation = named.lower() if GUID.fullmatch(named) else world.guid()
        return cls(world, arrival, world.now(), world.guid(), correlation)

    @property
    def base(self) -> str:
        """What stands before the path in every URL that is advertised to this caller."""
        return self.arrival.base

    @property
    def cloud(self) -> Cloud:
        """The cloud whose sign-in service is asked."""
        return self.arrival.service.cloud

    def serves(self, tenant: Tenant) -> bool:
        """Whether a tenant lives in the cloud that is asked; the emulator's own pages are of all clouds."""
        return not self.arrival.host or tenant.cloud == self.cloud.name

    @property
    def method(self) -> str:
        """The method in upper case; HEAD is answered as GET."""
        method = self.arrival.request.method.upper()
        return "GET" if method == "HEAD" else method

    @cached_property
    def ledger(self) -> Ledger:
        """What is remembered of conversations."""
        return Ledger.of(self.world)

    @property
    def timestamp(self) -> str:
        """The moment as errors spell it."""
        return self.now.strftime("%Y-%m-%d %H:%M:%SZ")

    @cached_property
    def query(self) -> dict[str, str]:
        """The fields of the query, the first of each name; nothing where it cannot be read."""
        try:
            pairs = parse_qsl(urlsplit(self.arrival.request.url).query, keep_blank_values=True, max_num_fields=200)
        except ValueError:
            return {}
        return dict(reversed(pairs))

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies of the browser."""
        found = {}
        for name, value in self.arrival.request.headers:
            if name.lower() == "cookie":
                for part in value.split(";"):
                    key, _, text = part.strip().partition("=")
                    if len(text) <= LONGEST_COOKIE:
                        found[key] = text
        return found

    def api(self, host: str) -> str:
        """The address of another service of this world, as this caller would address it."""
        request = self.arrival.request
        return f"https://{host}" if address.is_service(request.host) else f"{request.origin}/{host}"

    def log(self, kind: str, code: int, *, upn: str, client: str, resource: str, mfa: bool, tenant: str = "") -> None:
        """Write a row of the sign-in log."""
        row = SignIn(self.now, upn, client, resource, kind, code, mfa, tenant, self.correlation)
        self.ledger.log.append(row)

    def finished(self, response: Response) -> Response:
        """`response` with the headers that every answer carries, as far as it does not set them itself."""
        request = self.arrival.request
        given = {name.lower() for name, _ in response.headers}
        more = [*(() if "cache-control" in given else UNKEPT), *COMMON_HEADERS]
        more.append(("x-ms-request-id", self.trace))
        if request.header("return-client-request-id").lower() == "true":
            more.append(("client-request-id", self.correlation))
        if address.is_service(request.host):
            # Never for localhost: a browser would then refuse every plain loopback redirect on that name.
            more.append(STRICT_TRANSPORT)
        return Response(response.status, (*response.headers, *more), response.body, response.reason)


_NAME = b"client-request-id="
_POSTED = re.compile(rb"(?:^|&)client-request-id=([0-9A-Fa-f-]{36})(?:&|$)")


def _posted_id(arrival: Arrival) -> str:
    """MSAL Node names it in the body and in the query instead of a header."""
    query = urlsplit(arrival.request.url).query.encode("utf-8", "replace")
    for form in (query, arrival.request.body[-100_000:]):
        # Seldom there; to be sure of that by the expression takes longer than anything else in a refresh.
        if _NAME in form and (found := _POSTED.search(form)):
            return found[1].decode()
    return ""
