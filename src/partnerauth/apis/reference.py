"""All the rows of all the tables, for whoever reads them as data: emulator, command line, reference page."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote

from partnerauth.apis import graph, referrals
from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.partnercenter import consents, customers, mfa, profiles, users
from partnerauth.cloud import Api
from partnerauth.errors import Misconfigured
from partnerauth.messages import Headers

TABLES = (customers, users, consents, profiles, mfa, referrals, graph)


@cache
def operations(api: Api | None = None) -> tuple[Operation[Any], ...]:
    """All operations, or those of one API, in the order of the tables."""
    rows: tuple[Operation[Any], ...] = tuple(row for table in TABLES for row in table.OPERATIONS)
    return tuple(row for row in rows if api in (None, row.api))


def find(api: Api, method: str, path: str) -> tuple[Operation[Any], dict[str, str]] | None:
    """The row that a request asks, and its path parameters; the row with the fewest parameters, where several fit."""
    fitting = [(row, found) for row in operations(api) if (found := row.match(method, path)) is not None]
    return min(fitting, key=lambda fit: len(fit[1]), default=None)


def methods(api: Api, path: str) -> tuple[str, ...]:
    """The methods that some row has for this path."""
    known = dict.fromkeys(row.method for row in operations(api))
    return tuple(method for method in known if find(api, method, path))


def any_call(
    api: Api, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None, headers: Headers = ()
) -> Call[Any]:
    """A call by method and path, read as plain JSON; the table says who may ask, where it has the row.

    Raises `Misconfigured` for a path that would not stay below the API's address.
    """
    if not path.startswith("/") or ".." in unquote(path):
        raise Misconfigured(f"'{path[:60]}' is no path of an API", hint="Give it as /v1/customers.")
    found = find(api, method, path)
    access = found[0].access if found else Access.EITHER
    row: Operation[Any] = Operation(method.upper(), path, api, access, dict, "A call that the table does not have.")
    return Call(row, path, _plain, query or {}, body, headers)


def _plain(call: Call[Any], response: Any) -> Any:
    return call.operation.read(call, response) if response.body else None
