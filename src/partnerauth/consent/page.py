"""A page of the desk: a template, filled in, and the headers that keep it to itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from partnerauth.errors import Misconfigured
from partnerauth.messages import Headers, Response

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action "
HEADERS: Headers = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
FILES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


def page(name: str, facts: Mapping[str, Any], *, status: int = 200, forms: str = "", refresh: str = "") -> Response:
    """The page of that name, with these facts. Its forms lead to this desk, and on to the origin `forms`, if any.

    `refresh` is the header of that name: after how many seconds it goes on by itself, and where to. Raises
    `Misconfigured` where the template library is not installed.
    """
    text = templates().get_template(f"{name}.html").render(facts)
    targets = f"'self' {forms}".strip() if forms else "'self'"
    more = (("Refresh", refresh),) if refresh else ()
    # With `no-referrer` browsers would hide the origin of forms, which is looked at.
    own = (("Content-Security-Policy", POLICY + targets), ("Referrer-Policy", "same-origin"))
    headers = (("Content-Type", "text/html; charset=utf-8"), *own, *HEADERS, *more)
    return Response(status, headers, text.encode("utf-8", "replace"))


def plain_file(name: str) -> Response:
    """The stylesheet or the icon of all pages."""
    headers = (("Content-Type", FILES[name]), ("Cache-Control", "max-age=300"), *HEADERS[2:])
    return Response(200, headers, files(__package__).joinpath(f"pages/{name}").read_bytes())


@cache
def templates() -> Environment:
    """The templates. Raises `Misconfigured` where Jinja2 is not installed."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise Misconfigured(
            "the consent page needs Jinja2", hint="Install it with: pip install 'partnerauth[web]'."
        ) from None

    found = Environment(
        loader=PackageLoader(__package__ or "", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"day": _day, "moment": _moment, "spoken": _spoken}
    return found


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _spoken(text: str) -> Markup:
    """A hint, in which commands stand between backticks."""
    from markupsafe import Markup, escape

    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )
