"""A page of the portal: a template, filled in, and the headers that keep it to itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from partnerauth.emulator import moments
from partnerauth.errors import Misconfigured
from partnerauth.messages import Response

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    # With `no-referrer` browsers would hide the origin of forms, which is looked at.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
FILES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


def page(name: str, facts: Mapping[str, Any], *, status: int = 200, refresh: int = 0) -> Response:
    """The page of that name, with these facts; it asks for itself again after `refresh` seconds, if any.

    Raises `Misconfigured` where the template library is not installed.
    """
    text = _templates().get_template(f"{name}.html").render(facts)
    more = (("Refresh", str(refresh)),) if refresh else ()
    headers = (("Content-Type", "text/html; charset=utf-8"), *HEADERS, *more)
    # A world may hold halves of characters, which no encoding can write.
    return Response(status, headers, text.encode("utf-8", "replace"))


def plain_file(name: str) -> Response:
    """The stylesheet or the icon of all pages."""
    headers = (("Content-Type", FILES[name]), ("Cache-Control", "no-cache"), *HEADERS[-2:])
    return Response(200, headers, files(__package__).joinpath(f"pages/{name}").read_bytes())


@cache
def _templates() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise Misconfigured(
            "the portal needs Jinja2", hint="Install it with: pip install 'partnerauth[emulator]'."
        ) from None

    templates = Environment(
        loader=PackageLoader(__package__ or "", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"day": _day, "hour": _hour, "iso": moments.text, "counted": _counted}
    return templates


def _day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def _hour(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def _counted(number: int, what: str, plural: str = "") -> str:
    """So many of them: `3 people`, `1 person`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"
