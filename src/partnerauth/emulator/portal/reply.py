"""Reply addresses, where answers of a sign-in may be sent. Source: "Redirect URI restrictions and limitations"."""

from __future__ import annotations

from urllib.parse import urlsplit

from partnerauth.emulator.portal.form import Form

PLATFORMS = {
    "web": "Web",
    "public": "Public client (mobile, desktop; the documents' Native)",
    "spa": "Single-page application",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
LONGEST = 256
FORBIDDEN = "!$'(),;"


def checked_address(form: Form, name: str, address: str) -> None:
    """Note in the form what is wrong with a reply address, if anything."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        form.refuse(name, "Expected a whole address such as https://localhost:44395/.")
        return
    if parts.scheme == "urn" and parts.path:
        return
    if not parts.scheme or not (parts.netloc or parts.scheme not in ("http", "https")):
        form.refuse(name, "Expected a whole address such as https://localhost:44395/.")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        form.refuse(name, "Only localhost and 127.0.0.1 may be http; all else must be https.")
    elif parts.fragment or "#" in address or parts.username or parts.password:
        form.refuse(name, "No fragment (#) and no user name may stand in it.")
    elif not address.isascii() or " " in address or any(sign in address for sign in FORBIDDEN):
        form.refuse(name, f"No spaces, no letters beyond ASCII, and none of {' '.join(FORBIDDEN)} may stand in it.")
    elif len(address) > LONGEST:
        form.refuse(name, f"At most {LONGEST} characters, please.")
