"""The trial of a new credential: the sign-in service must know it, and go on knowing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from partnerauth.clock import Clock
from partnerauth.cloud import Api, Authority, Dialect
from partnerauth.errors import InvalidClient, Unreachable, Untrusted
from partnerauth.flow import Flow, wait
from partnerauth.oauth.application import Application, Credential
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import AppItself

SPREADING = frozenset({7000215, 700027, 70002, 50012})
"""What the sign-in service says of a credential that it does not know yet."""
PAUSES = (2.0, 4.0, 8.0, 15.0, 30.0)
"""Between the attempts to use it; the last one again and again."""
PROOFS, AGAIN = 2, 5.0
"""How many times in succession it must work, and the pause between: one server may know what its neighbour does not."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Where and how a credential is tried: each time for a token for Microsoft Graph, which every application gets."""

    application_id: str
    authority: Authority
    dialect: Dialect
    clock: Clock
    patience: timedelta

    def passed(self, credential: Credential) -> Flow[None]:
        """Use it until it works twice in succession. Raises what it is refused with, if that does not pass."""
        until, tries, good = self.clock.now() + self.patience, 0, 0
        while True:
            try:
                yield from self.once(credential)
            except (InvalidClient, Unreachable) as error:
                passing = error.code in SPREADING if isinstance(error, InvalidClient) else True
                if not passing or isinstance(error, Untrusted) or self.clock.now() >= until:
                    raise
                good = 0
                yield from wait(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
            else:
                good += 1
                if good == PROOFS:
                    return
                yield from wait(AGAIN)

    def once(self, credential: Credential) -> Flow[None]:
        """Get a token with this credential alone."""
        alone = Application(self.application_id, credential)
        graph = self.authority.cloud.resource(Api.GRAPH)
        yield from exchange(alone, self.authority, AppItself(), graph, self.clock, dialect=self.dialect)
