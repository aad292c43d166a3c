"""What a browser asks of the desk, doubted once; whoever asks for something else is turned away with a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from partnerauth.consent.problems import turned
from partnerauth.messages import Headers, Request

MOST_BODY = 65_536
MOST_ADDRESS = 8_192
MOST_FIELD = 32_768


class Turned(Exception):
    """A request that nothing is done for, and the page that says so."""

    def __init__(self, status: int, title: str, message: str, advice: str, headers: Headers = ()) -> None:
        super().__init__(title)
        self.told = turned(status, title, message, advice)
        self.headers = headers


def place_below(request: Request, url: str) -> str:
    """The path below the desk's own address. Raises `Turned` for whoever came by another name."""
    try:
        here, asked = urlsplit(url), urlsplit(request.url)
        same = asked.scheme == here.scheme and _authority(asked.netloc) == _authority(here.netloc)
    except ValueError:
        raise Turned(400, "This address cannot be read", "It is broken.", "Check the link.") from None
    if not same:  # a stranger's name may lead here too (DNS rebinding)
        raise Turned(421, "This is another page's address", "This desk does not answer under that name.", "")
    if len(request.url) > MOST_ADDRESS:
        raise Turned(414, "This address is too long", "Nothing was done.", "Check the link you were given.")
    if not asked.path.startswith(here.path):
        raise Turned(404, "There is no such page", "Nothing is at this address.", "Check the link you were given.")
    return asked.path.removeprefix(here.path)


def only(request: Request, *methods: str) -> None:
    """Raises `Turned` for any other method."""
    if request.method not in methods:
        allowed = (("Allow", ", ".join(methods)),)
        raise Turned(405, "That cannot be done here", "This page takes no such request.", "Go back.", allowed)


def require_own(request: Request, url: str) -> None:
    """Only our own page starts something: by its origin, and by what the browser says of the site. Raises `Turned`."""
    here = urlsplit(url)
    origin, site = request.header("Origin"), request.header("Sec-Fetch-Site")
    try:
        asked = urlsplit(origin)
        own = (asked.scheme, _authority(asked.netloc)) == (here.scheme, _authority(here.netloc))
    except ValueError:
        own = False
    if (origin and not own) or (site and site != "same-origin") or not (origin or site):
        raise Turned(
            403,
            "This was sent by another page",
            "Only this page's own button starts a sign-in.",
            "Open the link you were given, and use its button.",
        )


def form(request: Request) -> Mapping[str, str]:
    """The fields of a form. Raises `Turned`."""
    if len(request.body) > MOST_BODY:
        raise Turned(413, "That is too long", "More was sent than a sign-in ever sends.", "Start again.")
    return _fields(lambda: request.fields)


def query(request: Request) -> Mapping[str, str]:
    """The fields of the address. Raises `Turned`."""
    return _fields(lambda: request.query)


def cookies(request: Request) -> dict[str, str]:
    """The cookies, by name."""
    text = ";".join(value for name, value in request.headers if name.lower() == "cookie")
    pairs = (pair.strip().partition("=") for pair in text.split(";"))
    return {name: value for name, _, value in pairs}


def _fields(read: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    try:
        fields = read()
    except ValueError:
        fields = None
    if fields is None or any(len(value) > MOST_FIELD for value in fields.values()):
        raise Turned(
            400,
            "What was sent cannot be read",
            "It is no form, has a field twice, or is not written in UTF-8. Nothing was done.",
            "Start again from the beginning.",
        )
    return fields


def _authority(netloc: str) -> str:
    """A host and port, so that two spellings of the same compare equal."""
    return netloc.lower().removesuffix(":443")
