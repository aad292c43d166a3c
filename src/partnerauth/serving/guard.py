"""Who may use what is not part of the emulated services: the control API and the portal, once others can reach them.

On a loopback address only this machine's own programs can, and pages of other origins are kept out there by `Host` and
`Origin`. On any other address a key is needed: in `Authorization`, as Bearer, or as the password of Basic.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from ipaddress import ip_address
from pathlib import Path

from partnerauth.emulator.address import Arrival
from partnerauth.errors import Misconfigured
from partnerauth.flow import AsyncSend
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Cut
from partnerauth.serving.front import Layer

LEAST_KEY = 16
MOST_KEY = 4096
REFUSED = Response(
    401,
    (("WWW-Authenticate", 'Basic realm="partnerauth", charset="UTF-8"'), ("Content-Type", "text/plain")),
    b"The control API and the portal ask for the key.\n",
)


def key_from(path: Path | str) -> Hidden:
    """The key in a file, without white space around it. Raises `Misconfigured` where it is none."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_KEY + 1).decode("ascii").strip()
    except OSError as error:
        raise Misconfigured(f"the key file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        text = ""
    if not LEAST_KEY <= len(text) <= MOST_KEY or not text.isprintable() or " " in text:
        raise Misconfigured(
            f"the key file holds no key of at least {LEAST_KEY} printable ASCII characters",
            hint="Write one with: openssl rand -hex 32",
        )
    return Hidden(text)


def require_key(host: str, key: Hidden | None) -> None:
    """Let nobody but this machine in without a key. Raises `Misconfigured`."""
    if key is None and not is_loopback(host):
        raise Misconfigured(
            f"on {host} others could drive this world", hint="Listen on a loopback address, or name a --key-file."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def shows(authorization: str, key: Hidden) -> bool:
    """Whether the value of an `Authorization` or `Proxy-Authorization` holds the key."""
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), key.reveal().encode())


def guarded(key: Hidden, layer: Layer | None) -> Layer:
    """A layer over `layer` that asks for the key where a request is for the emulator's own pages."""

    async def through(request: Request, inwards: AsyncSend) -> Response | Cut:
        try:
            arrival = Arrival.at(request)
        except ValueError:
            arrival = None  # refused further in
        if arrival is not None and arrival.host == "" and not shows(request.header("Authorization"), key):
            return REFUSED
        outcome = layer(request, inwards) if layer else None
        return await (inwards(request) if outcome is None else outcome)

    return through
