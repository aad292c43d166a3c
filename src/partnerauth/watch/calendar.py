"""The ends of consents, secrets and certificates as an iCalendar, for whoever plans by a calendar.

Source: RFC 5545: lines end in CRLF and are folded at 75 octets (3.1), text is escaped (3.3.11), moments are in UTC; an
event keeps its UID, so that a calendar that subscribes moves it instead of adding another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from partnerauth.watch.dates import Kind, Span

PRODUCT = "-//partnerauth//status//EN"
WARNED = ("P14D", "P3D")
FOLD = 75


def calendar(spans: Iterable[Span], now: datetime) -> str:
    """The calendar, as a text that is written as it stands (its line ends are CRLF)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    lines += ["X-WR-CALNAME:partnerauth"]
    for span in spans:
        lines += _event(span, now)
    lines.append("END:VCALENDAR")
    return "".join(folded(line) for line in lines)


def _event(span: Span, now: datetime) -> Iterator[str]:
    what = "Consent" if span.kind is Kind.CONSENT else "Credential"
    yield "BEGIN:VEVENT"
    yield f"UID:{span.id}@partnerauth"
    yield f"DTSTAMP:{moment(now)}"
    yield f"DTSTART:{moment(span.ends)}"
    yield f"SUMMARY:{escaped(f'{what} ends: {span.name}')}"
    details = [f"Why: {span.why}.", f"State: {span.state.value}."]
    if span.renews is not None:
        details.append(f"To be renewed: {span.renews:%Y-%m-%d %H:%M} UTC.")
    yield f"DESCRIPTION:{escaped(chr(10).join(details))}"
    yield f"CATEGORIES:{what.upper()}"
    yield "TRANSP:TRANSPARENT"
    for before in WARNED:
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:-{before}")
        yield f"DESCRIPTION:{escaped(f'{what} ends: {span.name}')}"
        yield "END:VALARM"
    yield "END:VEVENT"


def moment(at: datetime) -> str:
    """A moment in UTC (3.3.5, form 2)."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """A text as a value of type TEXT (3.3.11); other control characters have no place in one and go."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c == "\n" or (c.isprintable() or ord(c) >= 0xA0))
    text = text.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def folded(line: str) -> str:
    """A line with its end, folded so that no part is longer than 75 octets and no character is cut in two (3.1)."""
    parts, part, size = [], "", 0
    for character in line:
        length = len(character.encode())
        if size + length > FOLD:
            parts.append(part)
            part, size = " ", 1
        part += character
        size += length
    return "\r\n".join([*parts, part]) + "\r\n"
