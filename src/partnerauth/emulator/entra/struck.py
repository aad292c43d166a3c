"""A refusal out of nothing: what the sign-in service would say to a request, were it of this code."""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote

from partnerauth.cloud import Dialect
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.entra.directory import client, place
from partnerauth.emulator.entra.pages import refusal_page
from partnerauth.emulator.entra.redirects import chosen
from partnerauth.emulator.entra.refuse import Denied, refusal
from partnerauth.emulator.entra.reply import deliver, refusal_fields
from partnerauth.emulator.entra.service import ENDPOINTS, PAGES
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.world import World
from partnerauth.errors import InvalidRequest
from partnerauth.messages import Response
from partnerauth.oauth.authorize import AuthorizeRequest
from partnerauth.oauth.codes import REFUSALS

UNLISTED = "The service refuses the request."
"""The text of a code that nobody has listed."""


def struck(world: World, arrival: Arrival, code: int, text: str = "") -> Response:
    """The refusal with this AADSTS code, in the form that the endpoint and its dialect have for it.

    The authorize endpoint sends it to the application's redirect URI, where the request names a registered one.
    """
    known = code in REFUSALS
    denied = Denied(code, text or ("" if known else UNLISTED), error="" if known else "invalid_request")
    _, _, rest = arrival.path.strip("/").partition("/")
    name = unquote(rest).lower()
    with world.lock:
        turn = Turn.begin(world, arrival)
        later: Later = partial(refusal, denied, turn, ENDPOINTS.get(name, ("", Dialect.V2))[1])
        if name in PAGES:
            later = _sent(turn, denied, PAGES[name][1]) or partial(refusal_page, denied, turn, PAGES[name][1])
    return turn.finished(later())


def _sent(turn: Turn, denied: Denied, dialect: Dialect) -> Later | None:
    """The refusal on its way to the application, if the request is one that can be answered there."""
    try:
        asked = AuthorizeRequest.read(turn.arrival.request)
        where = place(turn, unquote(turn.arrival.path.strip("/").partition("/")[0]))
        redirect, _ = chosen(client(turn.world, asked.application_id, where), asked.redirect_uri, dialect)
    except (InvalidRequest, Denied):
        return None
    mode = asked.response_mode.lower()
    if mode not in ("query", "fragment", "form_post"):
        mode = "query" if set(asked.response_type) == {"code"} else "fragment"
    return partial(deliver, turn, redirect, mode, refusal_fields(turn, denied, asked.state))
