"""A refresh token held elsewhere: alone, in a token endpoint's answer, or in a cache of MSAL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from partnerauth.cloud import Cloud
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden

MOST_TEXT = 1_000_000


def read_held(text: str, application_id: str, cloud: Cloud) -> Hidden:
    """The refresh token in `text` for this application and cloud.

    MSAL's cache is a JSON object whose `RefreshToken` holds entries with `client_id`, `environment` and `secret`.
    Raises `Misconfigured` where there is no such token, or more than one.
    """
    text = text.strip()
    if not text or len(text) > MOST_TEXT:
        raise Misconfigured("there is no refresh token in what was given")
    if not text.startswith("{"):
        if any(character.isspace() or not character.isprintable() for character in text):
            raise Misconfigured(
                "what was given is more than one word, and no JSON",
                hint="Give the refresh token alone, without line breaks, or a cache file of MSAL.",
            )
        return Hidden(text)
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Misconfigured("what was given begins like JSON and is none") from None
    found = set(_tokens(value, application_id.lower(), cloud))
    if len(found) != 1:
        raise Misconfigured(
            f"there are {len(found) or 'no'} refresh tokens of this application and cloud in what was given",
            hint="Give the one token alone.",
        )
    return Hidden(found.pop())


def _tokens(value: Mapping[str, Any], application_id: str, cloud: Cloud) -> Iterator[str]:
    if isinstance(value.get("refresh_token"), str):
        yield value["refresh_token"]
    entries = value.get("RefreshToken")
    for entry in entries.values() if isinstance(entries, dict) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("secret"), str):
            continue
        own = str(entry.get("client_id", "")).lower() == application_id
        host = str(entry.get("environment", "")).lower()
        if own and any(host == known.split(":")[0] for known in cloud.sign_in_hosts):
            yield entry["secret"]
