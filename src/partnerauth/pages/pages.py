"""The pages of one site: templates, filled in, and the headers that keep a page to itself.

Sources: Content Security Policy level 3. Chromium follows `form-action` through redirects, so an origin that a form
leads on to is named there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from partnerauth.errors import Misconfigured
from partnerauth.messages import Headers, Response

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    Filter = Callable[..., object]

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
KEPT_APART: Headers = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # With `no-referrer` browsers would hide the origin of forms, which is looked at.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
HEADERS: Headers = (("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"), *KEPT_APART)
"""Of every answer that is for one person only."""
FILES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
"""The files that all pages name, and what they are."""


class Pages:
    """The pages of a site, whose templates and style lie in `package`, in the folder `pages`.

    A template extends `document.html`; the style comes after the one that all sites share. `known` is what every
    template knows: `site`, for the title, and `base`, the path that links begin with, unless a page's facts name it.
    `extra` is what to install for Jinja2, where that is missing.
    """

    def __init__(self, package: str, extra: str, filters: Mapping[str, Filter], known: Mapping[str, str]) -> None:
        self._package = package
        self._extra = extra
        self._filters = filters
        self._known = known

    def page(
        self, name: str, facts: Mapping[str, Any], *, status: int = 200, forms: str = "", refresh: str = ""
    ) -> Response:
        """The page of that name, with these facts. Its forms lead to this site, and on to the origin `forms`, if any.

        `refresh` is the header of that name: after how many seconds it goes on by itself, and where to. Raises
        `Misconfigured` where Jinja2 is not installed.
        """
        text = self.templates.get_template(f"{name}.html").render(facts)
        policy = ("Content-Security-Policy", f"{POLICY} {forms}".strip())
        more = (("Refresh", refresh),) if refresh else ()
        headers = (("Content-Type", "text/html; charset=utf-8"), policy, *HEADERS[1:], *more)
        # What is shown may hold halves of characters, which no encoding can write.
        return Response(status, headers, text.encode("utf-8", "replace"))

    def file(self, name: str) -> Response:
        """The style or the icon of all pages; `name` is one of `FILES`."""
        body = files(__package__).joinpath("base", name).read_bytes()
        if name == "style.css":
            body += b"\n" + files(self._package).joinpath("pages", name).read_bytes()
        return Response(200, (("Content-Type", FILES[name]), ("Cache-Control", "max-age=300"), *KEPT_APART), body)

    @cached_property
    def templates(self) -> Environment:
        """The templates. Raises `Misconfigured` where Jinja2 is not installed."""
        try:
            from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
        except ImportError:
            raise Misconfigured(
                "these pages need Jinja2", hint=f"Install it with: pip install 'partnerauth[{self._extra}]'."
            ) from None

        found = Environment(
            loader=ChoiceLoader([PackageLoader(self._package, "pages"), PackageLoader(__package__ or "", "base")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        found.filters |= {"spoken": spoken, **self._filters}
        found.globals |= self._known
        return found


def spoken(text: str) -> Markup:
    """A hint, in which commands stand between backticks."""
    from markupsafe import Markup, escape

    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )
