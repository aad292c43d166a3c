"""Signing out of the browser's session. Refresh tokens live on. Source: OpenID Connect RP-Initiated Logout."""

from __future__ import annotations

from urllib.parse import urlencode

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.browser import signed_out
from partnerauth.emulator.entra.directory import place
from partnerauth.emulator.entra.pages import message
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.messages import Response


def logout(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """Back to the application where its address is a registered redirect URI, else a page. Raises `Denied`."""
    del dialect
    place(turn.world, segment)
    fields = turn.query
    if turn.method == "POST":
        try:
            fields = turn.arrival.request.fields
        except ValueError:
            fields = {}
    back = fields.get("post_logout_redirect_uri", "")
    known = back.startswith(("https://", "http://")) and any(
        back in registration.platforms for registration in turn.world.registrations.values()
    )
    response = message("You signed out of your account", "It's a good idea to close all browser windows.")
    if known:
        state = f"?{urlencode({'state': fields['state']})}" if fields.get("state") else ""
        response = Response(302, (("Location", back + state),))
    gone = signed_out(turn, response)
    return lambda: gone
