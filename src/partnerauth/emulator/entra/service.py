"""The sign-in service's front door: which of its pages or endpoints a request is for.

Paths count without regard to letter case.
Sources: Microsoft's metadata documents and "OpenID Connect on the Microsoft identity platform".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import unquote

from partnerauth.cloud import Dialect
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.entra import metadata
from partnerauth.emulator.entra.admin_consent import admin_consent
from partnerauth.emulator.entra.authorize import authorize
from partnerauth.emulator.entra.device import device_code, device_page
from partnerauth.emulator.entra.logout import logout
from partnerauth.emulator.entra.pages import code_page, native_client, refusal_page
from partnerauth.emulator.entra.refuse import Denied, refusal
from partnerauth.emulator.entra.sign_in import proceed
from partnerauth.emulator.entra.token import token
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.entra.userinfo import userinfo
from partnerauth.emulator.origins import permission, readable
from partnerauth.emulator.world import World
from partnerauth.messages import Response

Handler: TypeAlias = Callable[[Turn, str, Dialect], Later]
V1, V2 = Dialect.V1, Dialect.V2

ENDPOINTS: Mapping[str, tuple[Handler, Dialect]] = {
    ".well-known/openid-configuration": (metadata.openid_configuration, V1),
    "v2.0/.well-known/openid-configuration": (metadata.openid_configuration, V2),
    "discovery/keys": (metadata.keys, V1),
    "discovery/v2.0/keys": (metadata.keys, V2),
    "oauth2/token": (token, V1),
    "oauth2/v2.0/token": (token, V2),
    "oauth2/devicecode": (device_code, V1),
    "oauth2/v2.0/devicecode": (device_code, V2),
    "openid/userinfo": (userinfo, V1),
}
"""What follows the tenant in the path, for programs: says no with JSON."""

PAGES: Mapping[str, tuple[Handler, Dialect]] = {
    "oauth2/authorize": (authorize, V1),
    "oauth2/v2.0/authorize": (authorize, V2),
    "oauth2/logout": (logout, V1),
    "oauth2/v2.0/logout": (logout, V2),
    "oauth2/deviceauth": (device_page, V2),
    "adminconsent": (admin_consent, V1),
    "v2.0/adminconsent": (admin_consent, V2),
    "login": (proceed, V2),
    "oauth2/nativeclient": (native_client, V1),
}
"""The same, for browsers: says no with a page."""

READABLE = {
    ".well-known/openid-configuration": "GET",
    "v2.0/.well-known/openid-configuration": "GET",
    "discovery/keys": "GET",
    "discovery/v2.0/keys": "GET",
    "discovery/instance": "GET",
    "oauth2/token": "POST",
    "oauth2/v2.0/token": "POST",
}
"""What a script of any site may ask, and by which method. Metadata says so by itself."""
EXPOSED = "Content-Length, Content-Encoding, x-ms-request-id, x-ms-clitelem"
DEVICE_PAGES = ("device", "devicelogin")
"""The short addresses of the page for device codes."""
POSTABLE = frozenset({"token", "devicecode", "authorize", "logout", "deviceauth", *DEVICE_PAGES, "login", "userinfo"})
LONGEST_BODY = 256 * 1024


class Entra:
    """The sign-in service of a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, arrival: Arrival) -> Response:
        """The answer to a request: decided under the world's lock, signed and written outside it."""
        with self.world.lock:
            turn = Turn.begin(self.world, arrival)
            segments = arrival.path.strip("/").split("/")
            segment, rest = unquote(segments[0]), "/".join(map(unquote, segments[1:])).lower()
            later = self._decide(turn, segments, segment, rest)
        response = later()
        if turn.method == "POST" and READABLE.get(rest) == "POST":
            response = readable(arrival.request, response, "POST", exposed=EXPOSED)
        return turn.finished(response)

    def _decide(self, turn: Turn, segments: list[str], segment: str, rest: str) -> Later:
        if turn.method == "OPTIONS" and rest in READABLE:
            return partial(permission, turn.arrival.request, READABLE[rest])
        if rest in PAGES:
            handler, dialect = PAGES[rest]
            return self._careful(turn, partial(handler, turn, segment, dialect), dialect, page=True)
        if rest in ENDPOINTS:
            handler, dialect = ENDPOINTS[rest]
            return self._careful(turn, partial(handler, turn, segment, dialect), dialect)
        if rest == "discovery/instance":
            return self._careful(turn, partial(metadata.instance, turn), V2)
        if rest.startswith("userrealm/") and len(segments) == 3:
            return self._careful(turn, partial(metadata.user_realm, turn, segments[2]), V2)
        if segment.lower() == "error" and not rest:
            return partial(code_page, turn)
        if segment.lower() in DEVICE_PAGES and not rest:
            return self._careful(turn, partial(device_page, turn, segment, V2), V2, page=True)
        return lambda: Response(404, (("Content-Type", "text/plain; charset=utf-8"),), b"There is nothing here.\n")

    def _careful(self, turn: Turn, decide: Callable[[], Later], dialect: Dialect, *, page: bool = False) -> Later:
        name = turn.arrival.path.rstrip("/").rpartition("/")[2].lower()
        known = turn.method == "GET" or (turn.method == "POST" and name in POSTABLE)
        if not known and name != "token":
            allow = (("Allow", "GET, POST" if name in POSTABLE else "GET"),)
            return lambda: Response(405, allow)
        try:
            _measured(turn)
            return decide()
        except Denied as denied:
            return partial(refusal_page if page else refusal, denied, turn, dialect)


def _measured(turn: Turn) -> None:
    if len(turn.arrival.request.body) > LONGEST_BODY:
        raise Denied(90013, "The request body is too large.")
