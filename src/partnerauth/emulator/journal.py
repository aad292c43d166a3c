"""The journal: what was asked of this world, by whom, and how it ended; never a secret.

An entry holds facts only, each of a shape that no secret has. What was really said is added, without its secrets, while
`Journal.detailed` is on: rendering costs far more than the facts.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.facts import GUID, client_of, grant_type_of, serves
from partnerauth.messages import FORM, Response
from partnerauth.transcript import shown, shown_response, without_tokens

MOST_ENTRIES = 10_000
FACTS = ("method", "client_id", "grant_type", "code", "correlation_id", "fault")
"""Members of an entry that a search may name."""
LONGEST_PATH = 300

AADSTS = re.compile(r"AADSTS([0-9]{4,10})")
API_CODE = re.compile(rb'"code":\s*"?([0-9A-Za-z_.]{1,64})[",}\s]')
SUSPICIOUS = re.compile(r"eyJ|emulated|=|%3[dD]|[\w-]{60}")
CORRELATION_HEADERS = frozenset(
    {"client-request-id", "ms-correlationid", "x-ms-correlation-id", "x-ms-client-request-id"}
)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One request and its answer.

    `number` counts from 1; `client_id` is what the request or its token says, unchecked; `grant_type` is its
    short form; `code` is the AADSTS or API code of a refusal; `asked` and `answered` are the messages as text, where
    detailed; `fault` is the id of the rule that struck. A `status` of 0: the world never saw it, and nobody answered.
    """

    number: int
    moment: datetime
    service: str
    method: str
    path: str
    status: int
    client_id: str = ""
    grant_type: str = ""
    code: str = ""
    correlation_id: str = ""
    asked: str = ""
    answered: str = ""
    fault: str = ""

    def __str__(self) -> str:
        fault = f"by {self.fault}" if self.fault else ""
        more = " ".join(filter(None, (self.grant_type, self.client_id, self.code, fault)))
        moment = f"{self.moment:%Y-%m-%d %H:%M:%S}"
        return f"#{self.number} {moment} {self.status} {self.method} {self.service}{self.path} {more}".rstrip()


class Journal:
    """The last entries, oldest first. May be used from many threads."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self.detailed = False
        self._entries: deque[Entry] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._last = 0

    def add(self, moment: datetime, arrival: Arrival, response: Response, fault: str = "") -> None:
        """Note that `arrival` was answered by `response` at `moment`, and the id of the rule that struck it."""
        request = arrival.request
        headers = {name.lower(): value for name, value in request.headers}
        form = request.body if headers.get("content-type", "").startswith(FORM) else b""
        path = arrival.path[:LONGEST_PATH]
        if SUSPICIOUS.search(path):
            path = without_tokens(path)
        facts = (
            arrival.host,
            request.method[:20],
            path,
            response.status,
            client_of(request, headers, form),
            grant_type_of(form),
            _code(response) if response.status >= 300 else "",
            _correlation(headers),
            *((shown(request), shown_response(response)) if self.detailed else ("", "")),
            fault,
        )
        with self._lock:
            self._last += 1
            self._entries.append(Entry(self._last, moment, *facts))

    @property
    def last(self) -> int:
        """The number of the newest entry; entries that were forgotten since count."""
        return self._last

    def entries(
        self,
        *,
        service: str = "",
        path: str = "",
        status: str | int = "",
        since: int | datetime = 0,
        limit: int | None = None,
        **facts: str,
    ) -> list[Entry]:
        """The newest `limit` entries that fit, oldest first.

        `service` is a host or a service's name (`entra`, `key-vault`), `path` any part of a path, `status` a number or
        a class such as `4xx`; `since` the number of an entry (those after it) or a moment (those from it on). `facts`
        are members of an entry: `method`, `client_id`, `grant_type`, `code`, `correlation_id`, `fault`.
        Raises TypeError for others.
        """
        if unknown := facts.keys() - set(FACTS):
            raise TypeError(f"an entry has no '{min(unknown)}'; there are {', '.join(FACTS)}")
        with self._lock:
            entries = list(self._entries)
        wanted = str(status).lower().rstrip("x")
        found: Iterator[Entry] = (
            entry
            for entry in reversed(entries)
            if (not service or serves(service, entry.service))
            and (not path or path in entry.path)
            and all(not fact or getattr(entry, name) == fact for name, fact in facts.items())
            and str(entry.status).startswith(wanted)
            and (entry.moment >= since if isinstance(since, datetime) else entry.number > since)
        )
        return list(islice(found, limit))[::-1]

    def count(self, **facts: Any) -> int:
        """How many entries fit; `facts` as in `entries`."""
        return len(self.entries(**facts))

    def assert_asked(self, times: int | None = None, **facts: Any) -> list[Entry]:
        """The entries that fit (`facts` as in `entries`): exactly so many, or at least one where no number is given.

        Raises AssertionError, telling what was asked instead.
        """
        found = self.entries(**facts)
        if len(found) == times if times is not None else found:
            return found
        wanted = " ".join(f"{name}={fact}" for name, fact in facts.items()) or "anything"
        expected = f"{times} times" if times is not None else "at least once"
        asked = "\n".join(f"  {entry}" for entry in self.entries(limit=20)) or "  nothing"
        raise AssertionError(f"{wanted} was asked {len(found)} times, not {expected}; the last requests were:\n{asked}")

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        with self._lock:
            self._entries.clear()


def _code(response: Response) -> str:
    """The code of a refusal: in a redirect, an error page, a JSON error or a challenge."""
    body = response.body[:8192]
    entra = AADSTS.search(response.header("Location")) or AADSTS.search(body.decode("utf-8", "replace"))
    if entra:
        return entra[1]
    api = API_CODE.search(body) if response.status >= 400 else None
    return api[1].decode() if api else ""


def _correlation(headers: dict[str, str]) -> str:
    named = next((headers[name] for name in CORRELATION_HEADERS if name in headers), "")
    return named if GUID.fullmatch(named) else ""
