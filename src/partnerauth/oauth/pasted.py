"""A token as people paste it."""

from __future__ import annotations

from partnerauth.hidden import Hidden
from partnerauth.messages import Response


def pasted(text: str) -> Hidden:
    """The token in what people have at hand: alone, as a header, after `Bearer`, or in the token endpoint's answer.

    Of such an answer it is the access token, else the refresh token. Empty where there is none.
    """
    text = text.strip()
    if text.startswith("{"):
        try:
            value = Response(200, body=text.encode("utf-8", "replace")).value()
        except ValueError:
            value = None
        if isinstance(value, dict):
            found = value.get("access_token") or value.get("refresh_token")
            return Hidden(found if isinstance(found, str) else "")
    return Hidden(text.split()[-1] if text else "")
