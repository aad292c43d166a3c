"""A page of a longer list, and the call for the next one.

Partner Center goes on by a continuation header, and ends either with no such header or with 400 and the code 2000, as
Microsoft's own tool expects it to. OData goes on by a link.
Source: the references of Partner Center, 7, and of Referrals, 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from partnerauth.apis.record import Record
from partnerauth.errors import Unreadable
from partnerauth.messages import Response

if TYPE_CHECKING:
    from partnerauth.apis.operation import Call

T = TypeVar("T")

CONTINUATION = "MS-ContinuationToken"
SEEK = "seekOperation"
PAST_THE_END = 2000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list. `total` is what the service calls the total (Partner Center: the number on this page)."""

    items: tuple[T, ...]
    total: int | None = None
    next: Call[Page[T]] | None = None

    @classmethod
    def read(cls, kind: type[T], call: Call[Page[T]], response: Response, value: Any) -> Page[T]:
        """The page in `value`, the JSON answer to `call`. Raises `Unreadable`."""
        if ends(call, response):
            return cls(())
        if not isinstance(value, Mapping):
            raise Unreadable(f"{call.operation} answered without a collection", status=response.status)
        if isinstance(value.get("items"), list):
            return cls(_items(kind, value["items"]), _total(value.get("totalCount")), _continued(call, value))
        if isinstance(value.get("value"), list):
            return cls(_items(kind, value["value"]), _total(value.get("@odata.count")), _linked(call, value))
        raise Unreadable(f"{call.operation} answered without a collection", status=response.status)


def ends(call: Call[Any], response: Response) -> bool:
    """Whether a refusal only says that the pages are at their end: 400 with code 2000 to a request for the next one."""
    if response.status != 400 or not any(name == CONTINUATION for name, _ in call.headers):
        return False
    try:
        value = response.value()
    except ValueError:
        return False
    return isinstance(value, Mapping) and str(value.get("code")) == str(PAST_THE_END)


def _items(kind: type[T], values: list[Any]) -> tuple[T, ...]:
    if issubclass(kind, Record):
        return tuple(kind.read(value) for value in values)
    return tuple(values)


def _total(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _continued(call: Call[Page[T]], value: Mapping[str, Any]) -> Call[Page[T]] | None:
    token = _continuation(value)
    if not token:
        return None
    kept = tuple(pair for pair in call.headers if pair[0] != CONTINUATION)
    return replace(call, query={**call.query, SEEK: "Next"}, headers=(*kept, (CONTINUATION, token)))


def _continuation(value: Mapping[str, Any]) -> str:
    try:
        headers = value["links"]["next"]["headers"]
        found = next(header["value"] for header in headers if header["key"].lower() == CONTINUATION.lower())
    except (KeyError, TypeError, AttributeError, StopIteration):
        found = value.get("continuationToken")
    return found if isinstance(found, str) and found.isprintable() else ""


def _linked(call: Call[Page[T]], value: Mapping[str, Any]) -> Call[Page[T]] | None:
    link = value.get("@odata.nextLink")
    return replace(call, link=link) if isinstance(link, str) and link else None
