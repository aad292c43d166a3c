"""The journal: what was asked of this world, by whom, and how it ended; never a secret.

An entry holds facts only, each of a shape that no secret has. What was really said is added, without its secrets, while
`Journal.detailed` is on: rendering costs far more than the facts.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode, urlsafe_b64decode
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from partnerauth.emulator.address import Arrival
from partnerauth.messages import FORM, Request, Response
from partnerauth.transcript import shown, shown_response, without_tokens

MOST_ENTRIES = 10_000
LONGEST_PATH = 300

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
GRANT_TYPES = frozenset(
    {"authorization_code", "client_credentials", "device_code", "jwt-bearer", "password", "refresh_token"}
)
AADSTS = re.compile(r"AADSTS([0-9]{4,10})")
API_CODE = re.compile(rb'"code":\s*"?([0-9A-Za-z_.]{1,64})[",}\s]')
SUSPICIOUS = re.compile(r"eyJ|emulated|=|%3[dD]|[\w-]{60}")
CORRELATION_HEADERS = frozenset(
    {"client-request-id", "ms-correlationid", "x-ms-correlation-id", "x-ms-client-request-id"}
)


class Entry(NamedTuple):
    """One request and its answer.

    `number` counts from 1; `client_id` is what the request or its token says, unchecked; `grant_type` is its
    short form; `code` is the AADSTS or API code of a refusal; `asked` and `answered` are the messages as text, where
    detailed.
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


class Journal:
    """The last entries, oldest first. May be used from many threads."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self.detailed = False
        self._entries: deque[Entry] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._last = 0

    def add(self, moment: datetime, arrival: Arrival, response: Response) -> None:
        """Note that `arrival` was answered by `response` at `moment`."""
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
            _client(request, headers, form),
            _grant_type(form),
            _code(response) if response.status >= 300 else "",
            _correlation(headers),
            *((shown(request), shown_response(response)) if self.detailed else ("", "")),
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
    ) -> list[Entry]:
        """The newest `limit` entries that fit, oldest first.

        `service` is a host name, `path` any part of a path, `status` a number or a class such as `4xx`; `since`
        the number of an entry (those after it) or a moment (those from it on).
        """
        with self._lock:
            entries = list(self._entries)
        wanted = str(status).lower().rstrip("x")
        found: Iterator[Entry] = (
            entry
            for entry in reversed(entries)
            if (not service or entry.service == service)
            and (not path or path in entry.path)
            and str(entry.status).startswith(wanted)
            and (entry.moment >= since if isinstance(since, datetime) else entry.number > since)
        )
        return list(islice(found, limit))[::-1]

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        with self._lock:
            self._entries.clear()


class _Claims(msgspec.Struct):
    appid: str = ""
    azp: str = ""


_read_claims = msgspec.json.Decoder(_Claims).decode


def _client(request: Request, headers: dict[str, str], form: bytes) -> str:
    """Who the request says it comes from: in its form, its query, or the token or name it carries."""
    named = _field(form, b"client_id") or _field(request.url.partition("?")[2].encode("utf-8", "replace"), b"client_id")
    if named:
        return named if GUID.fullmatch(named) else ""
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    try:
        match scheme.lower():
            case "bearer":
                payload = credential.split(".")[1]
                claims = _read_claims(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                name = claims.appid or claims.azp
            case "basic":
                name = b64decode(credential).partition(b":")[0].decode("ascii")
            case _:
                return ""
    except (ValueError, IndexError, RecursionError):
        return ""
    return name if GUID.fullmatch(name) else ""


def _grant_type(form: bytes) -> str:
    name = _field(form, b"grant_type").replace("%3A", ":").rpartition(":")[2]
    return name if not name or name in GRANT_TYPES else "other"


def _field(form: bytes, name: bytes) -> str:
    """The first field of that name, as it is coded. A search, since reading the whole form would cost far more."""
    sign = b"&" + name + b"="
    form = b"&" + form
    start = form.find(sign)
    return form[start + len(sign) :].partition(b"&")[0].decode("ascii", "replace") if start >= 0 else ""


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
