"""A page of the portal: a template, filled in, and the headers that keep it to itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from partnerauth.errors import Misconfigured
from partnerauth.messages import Response

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    # With `no-referrer` browsers would hide the origin of forms, which is looked at.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


def page(name: str, facts: Mapping[str, Any], *, status: int = 200, refresh: int = 0) -> Response:
    """The page of that name, with these facts; it asks for itself again after `refresh` seconds, if any.

    Raises `Misconfigured` where the template library is not installed.
    """
    text = _templates().get_template(f"{name}.html").render(facts, page=name)
    headers = (*HEADERS, ("Refresh", str(refresh))) if refresh else HEADERS
    return Response.html(status, text, headers)


def stylesheet() -> Response:
    """The stylesheet of all pages."""
    text = files(__package__).joinpath("pages/style.css").read_bytes()
    headers = (("Content-Type", "text/css; charset=utf-8"), ("Cache-Control", "no-cache"), *HEADERS[-2:])
    return Response(200, headers, text)


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
    templates.filters |= {"day": _day, "hour": _hour, "iso": datetime.isoformat}
    return templates


def _day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def _hour(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
