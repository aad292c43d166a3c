"""The pages of a Partner Center collection (the reference of Partner Center, 7).

A page that is not full is the last and has no `next`. A full one always has, and whoever follows it past the end is
answered 400 with the code 2000: the two ways in which these lists end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from partnerauth.apis.page import CONTINUATION, PAST_THE_END, SEEK
from partnerauth.emulator.partnercenter.answers import collection, link, refuse
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.messages import Request

T = TypeVar("T")
MOST = 500


def page(
    request: Request,
    query: Mapping[str, str],
    items: Iterable[T],
    key: Callable[[T], str],
    show: Callable[[T], Mapping[str, Any]],
) -> dict[str, Any]:
    """The page that `request` asks for. `key` names an item for good. Raises `Refusal`."""
    size = _size(query.get("size", ""))
    after = _after(request) if SEEK.lower() in map(str.lower, query) else None
    chosen, _ = following(items, lambda item: (key(item),), after, size)
    if after is not None and not chosen:
        raise refuse(400, PAST_THE_END)
    path = request.path[request.path.lower().find("/v1/") + 3 :].rstrip("/")
    kept = {name: value for name, value in query.items() if name.lower() != SEEK.lower()}
    links = {"self": link(_address(path, query))}
    if len(chosen) == size:
        token = write_marker(after=key(chosen[-1]))
        links["next"] = link(_address(path, {**kept, SEEK: "Next"}), {CONTINUATION: token})
    return collection(map(show, chosen), links)


def _size(text: str) -> int:
    if not text:
        return MOST
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise refuse(400, 800002, "The size is no number.")
    return min(int(text) or MOST, MOST)


def _after(request: Request) -> tuple[str]:
    try:
        after = read_marker(request.header(CONTINUATION)).get("after")
    except ValueError:
        after = None
    if not isinstance(after, str):
        raise refuse(400, PAST_THE_END)
    return (after,)


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path
