"""Somebody who looks at the portal and fills in its forms, without a browser: keeps cookies, follows redirects."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import World
from partnerauth.messages import Request, Response

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at_noon() -> World:
    """The default world, standing still at noon, with repeatable randomness."""
    return contoso(WorldClock(frozen_at=NOON), seed=1)


class Seen(HTMLParser):
    """The elements of a page, which nest well, and its text."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.told: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.told.append(data)

    @property
    def text(self) -> str:
        """What can be read, on one line."""
        return " ".join(" ".join(self.told).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of that name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def usable(self) -> None:
        """Raises AssertionError where somebody without eyes or mouse would be lost."""
        fields = [one for tag in ("input", "select", "textarea") for one in self.all(tag)]
        fields = [one for one in fields if one.get("type") != "hidden"]
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        named = {name for _, one in self.elements for name in one.get("aria-labelledby", "").split()}
        named |= {name for _, one in self.elements for name in one.get("aria-describedby", "").split()}
        targets = {link["href"][1:] for link in self.all("a") if link["href"].startswith("#")}
        assert self.all("html") == [{"lang": "en"}]
        assert len(self.all("h1")) == len(self.all("main")) == len(self.all("title")) == 1
        assert {one["id"] for one in fields} <= {label["for"] for label in self.all("label")}
        assert len(ids) == len(set(ids))
        assert named | targets <= set(ids)
        assert all(cell["scope"] for cell in self.all("th"))
        assert len(self.all("caption")) == len(self.all("table"))
        assert len([one for one in self.all("a") if one.get("aria-current") == "page"]) <= 2
        assert not any("style" in one or name == "script" for name, one in self.elements)


@dataclass
class Visitor:
    """A visitor of an emulator's portal."""

    emulator: Emulator = field(default_factory=lambda: Emulator(at_noon()))
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The world that is looked at."""
        return self.emulator.world

    def send(self, request: Request) -> Response:
        """The answer to any request, with this visitor's cookies."""
        known = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.emulator.handle(request.having(("Cookie", known)) if known else request)
        for name, value in response.headers:
            if name == "Set-Cookie":
                key, _, text = value.partition(";")[0].partition("=")
                self.cookies[key] = text
        return response

    def look(self, path: str = "/", status: int = 200) -> Seen:
        """A page."""
        response = self.send(Request("GET", ORIGIN + path))
        assert response.status == status, response.body
        return Seen(response.body.decode())

    def post(self, path: str, fields: dict[str, str] | None = None, **more: str) -> Response:
        """The answer to a form of the portal's own."""
        return self.send(Request.form(ORIGIN + path, (fields or {}) | more, (("Origin", ORIGIN),)))

    def do(self, path: str, fields: dict[str, str] | None = None, **more: str) -> Seen:
        """Fill in a form; the page that is shown then."""
        response = self.post(path, fields, **more)
        assert response.status == 303, response.body
        return self.look(response.header("Location").partition("#")[0])

    def fail(self, path: str, fields: dict[str, str] | None = None, **more: str) -> dict[str, str]:
        """Fill in a form wrongly; what is said beside each field."""
        response = self.post(path, fields, **more)
        assert response.status == 422, (response.status, response.body)
        Seen(response.body.decode()).usable()
        return Mistakes(response.body.decode()).said

    def ask(self, path: str, status: int = 200, /, **fields: str) -> Response:
        """Ask a service of this world, as a program would."""
        response = self.emulator.handle(Request.form(ORIGIN + path, fields))
        assert response.status == status, response.body
        return response


class Mistakes(HTMLParser):
    """What is said to be wrong, by the id of the field."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self._here = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._here = (given.get("id") or "").removesuffix("-wrong") if given.get("class") == "wrong" else ""

    def handle_endtag(self, tag: str) -> None:
        self._here = ""

    def handle_data(self, data: str) -> None:
        if self._here:
            self.said[self._here] = data
