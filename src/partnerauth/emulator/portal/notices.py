"""What a change has to say on the next page: kept here, named by a cookie, and shown just once.

So nothing is in an address, a reload repeats nothing, and a secret that is shown once is really shown once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from partnerauth.hidden import Hidden
from partnerauth.messages import Request

COOKIE = "__Host-emulator-notice"
ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"
MOST = 200
LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, and values with their names that nobody can look up later. `warns`: it is no good news."""

    said: str
    at: datetime
    shown: Mapping[str, Hidden] = field(default_factory=dict)
    warns: bool = False


class Notices:
    """The notices that wait for their page. May be used from many threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Notice] = OrderedDict()
        self._lock = threading.Lock()

    def leave(self, name: str, notice: Notice) -> tuple[str, str]:
        """Keep it under `name`, which nobody can foresee; returns the header that tells the browser."""
        with self._lock:
            self._waiting[name] = notice
            while len(self._waiting) > MOST:
                self._waiting.popitem(last=False)
        return ("Set-Cookie", f"{COOKIE}={name}; {ATTRIBUTES}")

    def take(self, request: Request, now: datetime) -> Notice | None:
        """The notice for this browser, if one waits; it is gone then. Too old ones are not shown."""
        name = _named(request)
        with self._lock:
            notice = self._waiting.pop(name, None) if name else None
        return notice if notice and abs(now - notice.at) <= LIFETIME else None


def _named(request: Request) -> str:
    for header, value in request.headers:
        if header.lower() == "cookie":
            for part in value.split(";"):
                name, _, text = part.strip().partition("=")
                if name == COOKIE:
                    return text
    return ""
