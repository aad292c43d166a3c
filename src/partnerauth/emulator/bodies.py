"""The JSON body of a request, with bounds on its size and depth."""

from collections.abc import Iterable
from typing import Any

from partnerauth.messages import Request

MOST = 256 * 1024
DEEPEST = 64


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
    value = request.value()
    level, depth = [value], 0
    while level := [inner for outer in level for inner in _members(outer)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"the body is nested more than {DEEPEST} levels deep")
    return value


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
