"""A refresh token held elsewhere: alone, in a token endpoint's answer, in a cache of MSAL, in settings, in a vault.

The layouts are those of others: Microsoft's samples keep one secret a partner tenant, named by its id, with the bare
token; CIPP keeps `RefreshToken` beside `ApplicationID` and `TenantID`, in a vault, as variables or as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from partnerauth.cloud import GUID, Cloud
from partnerauth.consent.consent import client_of
from partnerauth.errors import Misconfigured
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from partnerauth.stores.store import SecretStore

MOST_TEXT = 1_000_000
TOKEN, APPLICATION = "RefreshToken", "ApplicationID"
"""The names that CIPP uses; letter case makes no difference."""
PLACEHOLDERS = frozenset({"refreshtoken", "longapplicationid", "appsecret", "tenantid"})
"""What stands in a vault of CIPP's until it is set up."""
_LINE = re.compile(r"^\s*(?:export\s+|\$env:)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*$", re.MULTILINE | re.ASCII)


def read_held(text: str, application_id: str, cloud: Cloud) -> Hidden:
    """The refresh token in `text` for this application and cloud.

    MSAL's cache is a JSON object whose `RefreshToken` holds entries with `client_id`, `environment` and `secret`.
    Settings are a JSON object with `RefreshToken` as text, alone or under `Values`; a JSON list of objects with `name`
    and `value`; or lines `RefreshToken=…`. Raises `Misconfigured` where there is no such token, or more than one, or
    where settings name another application.
    """
    text = text.strip()
    if not text or len(text) > MOST_TEXT:
        raise Misconfigured("there is no refresh token in what was given")
    lines = {found["name"].lower(): found["value"].strip("\"'") for found in _LINE.finditer(text)}
    if TOKEN.lower() in lines:
        return _in_settings(lines, application_id)
    if not text.startswith(("{", "[")):
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
    settings = _settings(value)
    if TOKEN.lower() in settings:
        return _in_settings(settings, application_id)
    found = set(_tokens(value, application_id.lower(), cloud)) if isinstance(value, dict) else set()
    if len(found) != 1:
        raise Misconfigured(
            f"there are {len(found) or 'no'} refresh tokens of this application and cloud in what was given",
            hint="Give the one token alone.",
        )
    return Hidden(found.pop())


def held_in_vault(vault: SecretStore, application_id: str, cloud: Cloud, tenant: str, secret: str = "") -> Flow[Hidden]:
    """The refresh token in another tool's vault: in the `secret` of that name, else in one named as `tenant` (its id).

    Where another application's consent lies there, in the one with this application's id behind it. Else in
    `RefreshToken`, where `ApplicationID` beside it is this application. Raises `Misconfigured` where there is
    none, or where it belongs to another application; `StoreFailed` where the vault cannot be read.
    """
    owner = ""
    usual = (tenant, f"{tenant}-{application_id}") if GUID.fullmatch(tenant) else ()
    for name in (secret,) if secret else usual:
        entry = yield from work("read", partial(vault.read, name))
        if entry is not None and client_of(entry) in ("", application_id.lower()):
            if client_of(entry) and entry.tags.get("cloud") != cloud.name:
                raise Misconfigured(
                    f"the refresh token belongs to the cloud {entry.tags.get('cloud')}, and cloud is {cloud.name}",
                    hint="A refresh token goes to its own cloud only: set the cloud it belongs to.",
                )
            return _proper(entry.value)
        owner = owner or (client_of(entry) if entry is not None else "")
    _check_application(owner, application_id)
    if not secret:
        token = yield from work("read", partial(vault.read, TOKEN))
        if token is not None:
            named = yield from work("read", partial(vault.read, APPLICATION))
            owner = named.value.reveal() if named is not None else ""
            return _in_settings({TOKEN.lower(): token.value.reveal(), APPLICATION.lower(): owner}, application_id)
    names = secret or f"{tenant or 'the tenant'} or {TOKEN}"
    raise Misconfigured(
        f"there is no refresh token in that vault, under the name {names}",
        hint="Name the secret: https://NAME.vault.azure.net/secrets/SECRET.",
    )


def _in_settings(settings: Mapping[str, str], application_id: str) -> Hidden:
    """The token in settings, their names in lower case."""
    _check_application(settings.get(APPLICATION.lower(), ""), application_id)
    return _proper(Hidden(settings[TOKEN.lower()]))


def _check_application(owner: str, application_id: str) -> None:
    owner = owner.strip()
    if owner.lower() in PLACEHOLDERS:
        raise _not_set_up()
    if owner and owner.lower() != application_id.lower():
        shown = owner if GUID.fullmatch(owner) else "another one"
        raise Misconfigured(
            f"the refresh token belongs to the application {shown}, and client_id is {application_id}",
            hint="A refresh token works for its own application only: set client_id and the credential of that one.",
        )


def _proper(token: Hidden) -> Hidden:
    text = token.reveal().strip()
    if text.lower() in PLACEHOLDERS:
        raise _not_set_up()
    if not text or any(character.isspace() or not character.isprintable() for character in text):
        raise Misconfigured("what is kept there as the refresh token is none: it is empty, or more than one word")
    return Hidden(text)


def _not_set_up() -> Misconfigured:
    return Misconfigured(
        "a placeholder is kept there in place of a refresh token", hint="That tool was never set up; consent instead."
    )


def _settings(value: Any) -> dict[str, str]:
    """The settings in JSON, their names in lower case: an object, one under `Values`, or a list of names and values."""
    if isinstance(value, list):
        pairs = [(one.get("name"), one.get("value")) for one in value if isinstance(one, dict)]
    elif isinstance(value, dict):
        inner = value.get("Values")
        pairs = list((inner if isinstance(inner, dict) else value).items())
    else:
        pairs = []
    return {name.lower(): text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


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
