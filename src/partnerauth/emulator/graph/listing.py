"""Lists and what may be asked of them: `$filter`, `$select`, `$top`, `$count`, and pages.

Source: Microsoft "Use query parameters", "Advanced query capabilities on directory objects".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from partnerauth.apis.odata import And, AnyOf, Compared, Eq, Filter, Or, StartsWith, fields_of, read_filter
from partnerauth.emulator.graph.answers import Denied, context, shown
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.messages import Response

PAGE, MOST = 100, 999
OWN = ("$skiptoken",)


def listed(
    asked: Asked, what: str, items: Iterable[Mapping[str, Any]], *, usual: Sequence[str] = (), size: int = PAGE
) -> Response:
    """The page of a list that is asked for. `usual` are the members shown where `$select` does not choose.

    Raises `Denied` for options, members or values that the list does not take.
    """
    query = asked.query
    for name in query:
        if name.startswith("$") and name not in (*asked.operation.query, *OWN):
            raise _unsupported(f"The query option '{shown(name)}' is not supported here.")
    records = list(items)
    condition = _condition(query.get("$filter", ""), records)
    matching = [record for record in records if condition is None or condition.holds(_folded(record))]
    chosen, more = following(matching, _key, _after(query), _size(query, size))
    names = _names(query, records) or usual
    answer: dict[str, Any] = {"@odata.context": context(asked.arrival, what)}
    if query.get("$count", "").lower() == "true" and _eventual(asked):
        answer["@odata.count"] = len(matching)
    if more:
        kept = {name: value for name, value in query.items() if name not in OWN}
        kept["$skiptoken"] = write_marker(after=chosen[-1]["id"])
        path = quote(asked.arrival.path.rstrip("/"), safe="/%$()'=")
        answer["@odata.nextLink"] = f"{asked.arrival.base}{path}?{urlencode(kept, quote_via=quote, safe='$')}"
    answer["value"] = [_chosen(record, names) for record in chosen]
    return Response.json(200, answer)


def shown_one(asked: Asked, what: str, record: Mapping[str, Any], *, usual: Sequence[str] = ()) -> Response:
    """One entity, as far as `$select` wants it. Raises `Denied`."""
    names = _names(asked.query, [record]) or usual
    return Response.json(200, asked.entity(what, _chosen(record, names)))


def selects(asked: Asked, name: str) -> bool:
    """Whether `$select` names this member."""
    return name.lower() in (one.strip().lower() for one in asked.query.get("$select", "").split(","))


def _condition(text: str, records: Sequence[Mapping[str, Any]]) -> Filter | None:
    if not text:
        return None
    try:
        condition = read_filter(text, functions=True)
    except ValueError as error:
        raise Denied(400, "BadRequest", f"Invalid filter clause: {shown(str(error))}.") from None
    for field in fields_of(condition):
        if records and field.partition("/")[0] not in records[0]:
            raise Denied(400, "BadRequest", f"Invalid filter clause: Could not find a property named '{shown(field)}'.")
    return _fold(condition)


def _fold(condition: Filter) -> Filter:
    """The condition in lower case: Graph compares texts without regard to it."""
    match condition:
        case Eq(field, str(value)):
            return Eq(field, value.lower())
        case And(parts):
            return And(tuple(map(_fold, parts)))
        case Or(parts):
            return Or(tuple(map(_fold, parts)))
        case Compared(field):
            raise _unsupported(f"Unsupported or invalid query filter clause specified for property '{shown(field)}'.")
        case AnyOf(field, inside):
            return AnyOf(field, _fold(inside))
        case StartsWith() | Eq():
            return condition


def _folded(value: Any) -> Any:
    match value:
        case str():
            return value.lower()
        case Mapping():
            return {name: _folded(member) for name, member in value.items()}
        case list() | tuple():
            return [_folded(member) for member in value]
    return value


def _key(record: Mapping[str, Any]) -> tuple[str]:
    return (record["id"],)


def _after(query: Mapping[str, str]) -> tuple[str] | None:
    if "$skiptoken" not in query:
        return None
    try:
        return (str(read_marker(query["$skiptoken"]).get("after")),)
    except ValueError as error:
        raise Denied(400, "Request_BadRequest", f"Invalid query: {error}.") from None


def _size(query: Mapping[str, str], usual: int) -> int:
    top = query.get("$top", str(usual))
    if not (top.isascii() and top.isdigit() and 0 < len(top) < 4 and 0 < int(top) <= MOST):
        raise _unsupported("Invalid page size specified. Must be between 1 and 999 inclusive.")
    return int(top)


def _names(query: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    wanted = [name.strip() for name in query.get("$select", "").split(",") if name.strip()]
    if "*" in wanted:
        return ()
    known = {name.lower(): name for name in (records[0] if records else ())}
    for name in wanted:
        if known and name.lower() not in known:
            raise Denied(400, "BadRequest", f"Parsing OData Select failed: no property named '{shown(name)}'.")
    return [known.get(name.lower(), name) for name in wanted]


def _chosen(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return dict(record)
    return {name: value for name, value in record.items() if name in names or name.startswith("@")}


def _eventual(asked: Asked) -> bool:
    return asked.arrival.request.header("ConsistencyLevel").strip().lower() == "eventual"


def _unsupported(message: str) -> Denied:
    return Denied(400, "Request_UnsupportedQuery", message)
