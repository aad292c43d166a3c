"""What a caller may put into a secret or a key (the reference of Key Vault, 2 and 2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from partnerauth.emulator.bodies import TooLarge, read_object
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.messages import Request

NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
VERSIONS = frozenset(
    ("2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-06-01", "2025-07-01", "2026-04-01")
)
PREVIEW = re.compile(r"-preview(\.\d{1,3})?\Z")
LARGEST_VALUE = 25 * 1024
LONGEST_TYPE = 255
MOST_TAGS = 15
LONGEST_TAG = 512
LATEST = 253_402_300_799
"""The last second of the year 9999."""


def read_query(request: Request) -> Mapping[str, str]:
    """The query; it names an api-version that there is. Raises `Refusal`."""
    try:
        query = request.query
    except ValueError as error:
        raise refuse(400, f"The query is not valid: {error}.") from None
    version = query.get("api-version", "")
    if not version:
        raise refuse(400, "api-version must be specified.")
    if PREVIEW.sub("", version) not in VERSIONS:
        raise refuse(400, f"The specified version ({version[:40]}) is not recognized.")
    return query


def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises `Refusal`."""
    try:
        return read_object(request)
    except TooLarge:
        raise refuse(413, "The request body is too large.") from None
    except ValueError as error:
        raise refuse(400, f"The request body is not valid: {error}.") from None


def checked_name(name: str) -> str:
    """The name of a secret or key. Raises `Refusal`."""
    if not NAME.fullmatch(name):
        raise refuse(400, "The request URI contains an invalid name.")
    return name


def read_value(body: Mapping[str, Any], name: str = "value") -> str:
    """The value that is set. Raises `Refusal`."""
    value = body.get(name)
    if not isinstance(value, str):
        raise refuse(400, f"The parameter {name} is not specified or is not a text.")
    if len(value.encode("utf-8", "replace")) > LARGEST_VALUE:
        raise refuse(400, f"The secret is larger than {LARGEST_VALUE} bytes.")
    return value


def read_facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body says of a version besides what it holds, by the names of its class. Raises `Refusal`."""
    facts: dict[str, Any] = {}
    if (content_type := body.get("contentType")) is not None:
        if not isinstance(content_type, str) or len(content_type) > LONGEST_TYPE:
            raise refuse(400, f"contentType is a text of at most {LONGEST_TYPE} characters.")
        facts["content_type"] = content_type
    if (tags := body.get("tags")) is not None:
        facts["tags"] = _tags(tags)
    attributes = body.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise refuse(400, "attributes is an object.")
    for name, ours in (("nbf", "not_before"), ("exp", "expires")):
        moment = (attributes or {}).get(name)
        if moment is None:
            continue
        if not isinstance(moment, int) or isinstance(moment, bool) or not 0 <= moment <= LATEST:
            raise refuse(400, f"attributes/{name} is a number of seconds since 1970.")
        facts[ours] = moment
    enabled = (attributes or {}).get("enabled")
    if enabled is not None:
        if not isinstance(enabled, bool):
            raise refuse(400, "attributes/enabled is true or false.")
        facts["enabled"] = enabled
    return facts


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, dict) or len(tags) > MOST_TAGS:
        raise refuse(400, f"tags is an object of at most {MOST_TAGS} members.")
    for name, value in tags.items():
        if not isinstance(value, str) or not 0 < len(name) <= LONGEST_TAG or len(value) > LONGEST_TAG:
            raise refuse(400, f"A tag is a text of at most {LONGEST_TAG} characters.")
    return tags
