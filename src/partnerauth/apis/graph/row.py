"""A row of Graph's table, and the options that its lists take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from partnerauth.apis.odata import Filter
from partnerauth.apis.operation import Access, Operation
from partnerauth.cloud import Api

T = TypeVar("T")
LISTED = ("$filter", "$select", "$top", "$count")
"""What every list takes; `$count` counts only beside the header `ConsistencyLevel: eventual`."""
SELECTED = ("$select",)


def row(
    method: str,
    path: str,
    returns: type[T],
    summary: str,
    permissions: tuple[str, ...],
    *,
    roles: tuple[str, ...] = (),
    query: tuple[str, ...] = (),
    access: Access = Access.EITHER,
) -> Operation[T]:
    """A row; `path` is what follows the version."""
    return Operation(
        method, "/v1.0" + path, Api.GRAPH, access, returns, summary, query=query, roles=roles, permissions=permissions
    )


def options(where: Filter | str = "", *, fields: Iterable[str] = (), top: int | None = None) -> dict[str, str]:
    """The query of a list: a filter or its text, the only fields wanted, how many a page."""
    query = {}
    if where:
        query["$filter"] = str(where)
    if chosen := tuple(fields):
        query["$select"] = ",".join(dict.fromkeys(("id", *chosen)))
    if top is not None:
        query["$top"] = str(top)
    return query
