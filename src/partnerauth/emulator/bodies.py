"""The JSON body of a request, with a bound on its size."""

from typing import Any

from partnerauth.messages import Request

MOST = 256 * 1024


class TooLarge(ValueError):
    """The body is larger than any sensible request's (413)."""


def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises `TooLarge`, ValueError."""
    value = read_json(request)
    if not isinstance(value, dict):
        raise ValueError("the body is no JSON object")
    return value


def read_json(request: Request) -> Any:
    """The JSON value in the body. Raises `TooLarge`, ValueError."""
    if len(request.body) > MOST:
        raise TooLarge(f"the body is larger than {MOST} bytes")
    return request.value()
