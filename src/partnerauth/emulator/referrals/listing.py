"""The list of referrals: OData's options, and its pages (the reference of Referrals, 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from partnerauth.apis.odata import Filter, fields_of, read_filter
from partnerauth.emulator.referrals.answers import refuse
from partnerauth.emulator.referrals.deal import FIELDS
from partnerauth.emulator.slices import following, read_marker, write_marker

PAGE = 100
FILTERABLE = frozenset(
    {
        "engagementId",
        "status",
        "substatus",
        "qualification",
        "type",
        "direction",
        "updatedDateTime",
        "customerProfile/address/country",
        "team/email",
    }
)
ORDERS = ("createdDateTime", "updatedDateTime")
OPTIONS = ("$filter", "$orderby", "$select", "$top", "$skip", "$count", "$skiptoken")
KEPT = ("filter", "order", "select", "left")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list request asks. `after` is the key behind which the page begins, `left` how many are still wanted."""

    condition: Filter | None
    order: str
    down: bool
    select: tuple[str, ...]
    skip: int
    left: int | None
    after: tuple[str, str] | None
    asked: Mapping[str, str]

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Listing:
        """The listing that a query asks. Raises `Refusal` for options, fields or values that the API does not take."""
        after: tuple[str, str] | None = None
        if "$skiptoken" in query:
            query, after = _continued(query["$skiptoken"])
        for name in query:
            if name.startswith("$") and name not in OPTIONS:
                raise refuse(400, f"The query option '{name[:40]}' is not supported.", name[:40])
        order, down = _order(query.get("$orderby", ""))
        return cls(
            condition=_condition(query.get("$filter", "")),
            order=order,
            down=down,
            select=_select(query.get("$select", "")),
            skip=_number(query, "$skip") or 0,
            left=_number(query, "$top"),
            after=after,
            asked={name: query[name] for name in ("$filter", "$orderby", "$select") if name in query},
        )

    def page(self, deals: Iterable[Mapping[str, Any]], address: str) -> dict[str, Any]:
        """The page of these referrals; `address` is where the list is asked."""
        matching = [deal for deal in deals if self.condition is None or self.condition.holds(deal)]
        size = PAGE if self.left is None else min(PAGE, self.left)
        chosen, more = following(matching, self._key, self.after, self.skip + size, down=self.down)
        chosen = chosen[self.skip :]
        answer: dict[str, Any] = {
            "@odata.context": f"{address.replace('https:', 'http:', 1)}/$metadata#referrals",
            "@odata.count": len(matching),
            "value": [self._selected(deal) for deal in chosen],
        }
        left = None if self.left is None else self.left - len(chosen)
        if more and chosen and left != 0:
            asked = dict(self.asked) | ({} if left is None else {"$top": str(left)})
            answer["@odata.nextLink"] = f"{address}?$skiptoken={write_marker(after=self._key(chosen[-1]), asked=asked)}"
        return answer

    def _key(self, deal: Mapping[str, Any]) -> tuple[str, ...]:
        return (str(deal.get(self.order, "")), str(deal["id"]))

    def _selected(self, deal: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: deal[name] for name in self.select if name in deal} if self.select else deal


def _continued(token: str) -> tuple[Mapping[str, str], tuple[str, str]]:
    try:
        facts = read_marker(token)
    except ValueError as error:
        raise refuse(400, f"The skip token is not valid: {error}.", "$skiptoken") from None
    after, asked = facts.get("after"), facts.get("asked")
    if not isinstance(after, list) or len(after) != 2 or not isinstance(asked, dict):
        raise refuse(400, "The skip token is not valid.", "$skiptoken")
    if not all(isinstance(text, str) for text in (*after, *asked.values())):
        raise refuse(400, "The skip token is not valid.", "$skiptoken")
    return asked, (after[0], after[1])


def _condition(text: str) -> Filter | None:
    if not text.strip():
        return None
    try:
        condition = read_filter(text)
    except ValueError as error:
        raise refuse(400, f"The filter is not valid: {error}.", "$filter") from None
    for field in fields_of(condition):
        if field not in FILTERABLE:
            raise refuse(400, f"One cannot filter by '{field[:60]}'.", "$filter")
    return condition


def _order(text: str) -> tuple[str, bool]:
    words = text.split()
    if not words:
        return ORDERS[0], False
    if words[0] not in ORDERS or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise refuse(400, f"One can order by {' and '.join(ORDERS)}, asc or desc.", "$orderby")
    return words[0], words[-1] == "desc"


def _select(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = next((name for name in names if name not in FIELDS), None)
    if unknown is not None:
        raise refuse(400, f"There is no field '{unknown[:60]}'.", "$select")
    return names


def _number(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    text = query[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise refuse(400, f"{name} is a number.", name)
    return int(text)
