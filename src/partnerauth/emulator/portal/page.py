"""The pages of the portal: see the templates in `pages/`."""

from __future__ import annotations

from datetime import datetime

from partnerauth.emulator import moments
from partnerauth.pages import Pages


def day(moment: datetime) -> str:
    """The day of a moment, for people."""
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def hour(moment: datetime) -> str:
    """Its hour."""
    return f"{moment:%H:%M:%S}"


def counted(number: int, what: str, plural: str = "") -> str:
    """So many of them: `3 people`, `1 person`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


PAGES = Pages(
    "partnerauth.emulator.portal",
    "emulator",
    {"day": day, "hour": hour, "iso": moments.text, "counted": counted},
    {"site": "Emulator", "base": "/portal/"},
)
