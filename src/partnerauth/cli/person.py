"""A person at a browser, without a browser: follows redirects, fills in forms, reads a code from the phone.

Fields are told by their `autocomplete` words (HTML 4.10.18.7: `username`, `current-password`, `new-password`,
`one-time-code`), as a password manager does. Only for emulated sign-in pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urljoin, urlsplit

from partnerauth.errors import Refused
from partnerauth.flow import Send
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response, read_form

MOST_PAGES = 15


@dataclass(slots=True)
class Form:
    """A form on a page: where it goes, its fields with their values, and what each is for."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.shown = ""
        self._in_shown = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_shown = tag == "textarea"
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif self.forms and tag in ("input", "button") and given.get("name"):
            form, kind = self.forms[-1], given.get("type", "submit" if tag == "button" else "text")
            if kind == "submit" and any(purpose == "submit" for purpose in form.purposes.values()):
                return  # the first button is the one that goes on
            form.fields[given["name"]] = given.get("value", "")
            form.purposes[given["name"]] = "submit" if kind == "submit" else given.get("autocomplete", kind)

    def handle_endtag(self, tag: str) -> None:
        self._in_shown = False

    def handle_data(self, data: str) -> None:
        if self._in_shown:
            self.shown += data


@dataclass
class Person:
    """Somebody with a user name, a password and perhaps a phone, whose browser sends by `send`.

    `new_password` takes the place of the password where a page asks for one.
    """

    username: str
    password: Hidden
    send: Send
    phone: Callable[[], str] | None = None
    new_password: Hidden = Hidden("")
    _cookies: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def sign_in(self, link: str, redirect_uri: str) -> dict[str, str]:
        """Go to `link` and do what the pages ask; the fields that come back to `redirect_uri`, or are shown instead.

        Raises `Refused` where the pages lead nowhere.
        """
        request = Request("GET", link)
        for _ in range(MOST_PAGES):
            response = self._browse(request)
            location = response.header("Location")
            if location:
                target = urljoin(request.url, location)
                if _leads_to(target, redirect_uri):
                    return _carried(target)
                request = Request("GET", target)
                continue
            reader = _Reader()
            reader.feed(response.body.decode("utf-8", "replace"))
            if not reader.forms:
                if _leads_to(reader.shown, redirect_uri):
                    return _carried(reader.shown)
                raise Refused(f"the sign-in page asks nothing more (status {response.status})")
            form = reader.forms[0]
            target = urljoin(request.url, form.action or request.url)
            if _leads_to(target, redirect_uri):
                return {name: value for name, value in form.fields.items() if form.purposes[name] != "submit"}
            origin = ("Origin", request.origin)
            request = Request.form(target, self._filled(form), (origin,))
        raise Refused("the sign-in pages lead in a circle")

    def _filled(self, form: Form) -> Mapping[str, str]:
        answers = {
            "username": lambda: self.username,
            "current-password": self.password.reveal,
            "new-password": self.new_password.reveal,
            "one-time-code": self.phone or (lambda: ""),
        }
        return {
            name: answers[form.purposes[name]]() if form.purposes[name] in answers else value
            for name, value in form.fields.items()
        }

    def _browse(self, request: Request) -> Response:
        known = "; ".join(f"{name}={value}" for (host, name), value in self._cookies.items() if host == request.host)
        response = self.send(request.having(("Cookie", known)) if known else request)
        for header, text in response.headers:
            if header.lower() == "set-cookie":
                try:
                    cookies = SimpleCookie(text)
                except CookieError:
                    continue
                for name, morsel in cookies.items():
                    self._cookies[request.host, name] = morsel.value
        return response


def _carried(address: str) -> dict[str, str]:
    parts = urlsplit(address)
    return read_form(parts.query or parts.fragment)


def _leads_to(target: str, redirect_uri: str) -> bool:
    if redirect_uri.startswith("urn:"):
        return target.startswith(redirect_uri)
    asked, wanted = urlsplit(target), urlsplit(redirect_uri)
    return (asked.scheme, asked.netloc) == (wanted.scheme, wanted.netloc)
