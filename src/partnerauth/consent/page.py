"""The pages of the desk: see the templates in `pages/`."""

from __future__ import annotations

from datetime import datetime

from partnerauth.pages import Pages


def day(text: str) -> str:
    """The day of a moment, for people."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def moment(text: str) -> str:
    """A moment, for people."""
    return f"{day(text)}, {datetime.fromisoformat(text):%H:%M} UTC"


PAGES = Pages("partnerauth.consent", "web", {"day": day, "moment": moment}, {"site": "Consent"})
