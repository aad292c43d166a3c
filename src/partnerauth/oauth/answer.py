"""What is read of an answer that says no, whoever gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partnerauth.messages import Response
from partnerauth.oauth.shown import cleaned

REQUEST_IDS = ("client-request-id", "MS-CorrelationId", "request-id", "MS-RequestId", "x-ms-request-id")


def object_in(response: Response) -> Mapping[str, Any]:
    """The JSON object in its body; empty where there is none."""
    try:
        value = response.value()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def request_id(response: Response) -> str:
    """The id of the request, as the other side names it."""
    return next((found for name in REQUEST_IDS if (found := name_in(response.header(name)))), "")


def name_in(value: object) -> str:
    """A text that names something, fit to be shown; empty for what is no text."""
    return cleaned(value)[:64] if isinstance(value, str) else ""
