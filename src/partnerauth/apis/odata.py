"""The filter of an OData list: comparisons, `and`, `or`, parentheses, `any` over a list.

Our APIs document `eq` and `and`; a date is of use only with the other comparisons. Graph has `startswith` besides.
Written by the client, read and applied by the emulator, through the same classes (the references of Referrals, 5, and
of app registration, 4).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Literal: TypeAlias = str | int | float | bool | None

LONGEST = 4000
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time, which OData writes without quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Eq:
    """A field (`customerProfile/address/country`) has this value."""

    field: str
    value: Literal | Moment

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object."""
        found = lookup(record, self.field)
        if isinstance(self.value, Moment):
            return isinstance(found, str) and _instant(found) == _instant(self.value.text)
        if isinstance(found, bool) or isinstance(self.value, bool):
            return found is self.value
        return bool(found == self.value)

    def __str__(self) -> str:
        return f"{self.field} eq {_written(self.value)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A field is not equal to, greater or less than this value (`ne`, `gt`, `ge`, `lt`, `le`)."""

    field: str
    operator: str
    value: Literal | Moment

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object; what cannot be compared is neither greater nor less."""
        if self.operator == "ne":
            return not Eq(self.field, self.value).holds(record)
        found, value = lookup(record, self.field), self.value
        if isinstance(value, Moment):
            found, value = _instant(found) if isinstance(found, str) else None, _instant(value.text)
        pair = (found, value)
        if not (all(isinstance(one, str) for one in pair) or all(_is_number(one) for one in pair)):
            return False
        return bool(ORDERINGS[self.operator](found, value))

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {_written(self.value)}"


@dataclass(frozen=True, slots=True)
class StartsWith:
    """A field begins so, in any letter case."""

    field: str
    value: str

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object."""
        found = lookup(record, self.field)
        return isinstance(found, str) and found.lower().startswith(self.value.lower())

    def __str__(self) -> str:
        return f"startswith({self.field},{_written(self.value)})"


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple[Filter, ...]

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object."""
        return all(part.holds(record) for part in self.parts)

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """One of these."""

    parts: tuple[Filter, ...]

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object."""
        return any(part.holds(record) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A list in `field` has a member that `inside` holds for; inside, fields are named from the member on."""

    field: str
    inside: Filter

    def holds(self, record: Any) -> bool:
        """Whether it is so in this JSON object."""
        members = lookup(record, self.field)
        return isinstance(members, list) and any(self.inside.holds(member) for member in members)

    def __str__(self) -> str:
        return f"{self.field}/any(t:{_prefixed(self.inside, 't')})"


Filter: TypeAlias = Eq | Compared | StartsWith | And | Or | AnyOf


def lookup(record: Any, field: str) -> Any:
    """The value at a path of names in a JSON object; None where there is none."""
    for name in field.split("/"):
        if not isinstance(record, Mapping):
            return None
        record = record.get(name)
    return record


def read_filter(text: str, *, functions: bool = False) -> Filter:
    """The filter that `text` says, with `functions` also `startswith`.

    Raises ValueError for anything but the documented part of the language.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the filter is longer than {LONGEST} characters")
    return _Reader(text, functions=functions).whole()


def fields_of(condition: Filter) -> tuple[str, ...]:
    """The fields that a filter looks at; those of a list's members behind the list's own name."""
    match condition:
        case Eq(field, _) | Compared(field, _, _) | StartsWith(field, _):
            return (field,)
        case And(parts) | Or(parts):
            return tuple(field for part in parts for field in fields_of(part))
        case AnyOf(field, inside):
            return tuple(f"{field}/{name}" for name in fields_of(inside))


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<number>-?\d{1,15}(?:\.\d{1,15})?(?![\w.]))"
    r"|(?P<name>[A-Za-z_@][\w.]*(?:/[A-Za-z_@][\w.]*)*)"
    r"|(?P<mark>[():,]))",
    re.ASCII,
)
_WORDS: Mapping[str, Literal] = {"true": True, "false": False, "null": None}


class _Reader:
    def __init__(self, text: str, *, functions: bool) -> None:
        self._functions = functions
        self._tokens: list[tuple[str, str]] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise ValueError(f"the filter cannot be read at position {place}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        self._place = 0

    def whole(self) -> Filter:
        found = self._all("", 0)
        if self._place != len(self._tokens):
            raise ValueError(f"the filter goes on unexpectedly with '{self._tokens[self._place][1][:40]}'")
        return found

    def _all(self, variable: str, depth: int) -> Filter:
        if depth > DEEPEST:
            raise ValueError("the filter is nested too deeply")
        parts = [self._every(variable, depth)]
        while self._peek() == ("name", "or"):
            self._place += 1
            parts.append(self._every(variable, depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _every(self, variable: str, depth: int) -> Filter:
        parts = [self._one(variable, depth)]
        while self._peek() == ("name", "and"):
            self._place += 1
            parts.append(self._one(variable, depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, variable: str, depth: int) -> Filter:
        kind, text = self._next()
        if (kind, text) == ("mark", "("):
            inside = self._all(variable, depth + 1)
            self._expect("mark", ")")
            return inside
        if kind != "name" or text in _WORDS:
            raise ValueError("the filter lacks the name of a field")
        name, slash, last = text.rpartition("/")
        if slash and last == "any" and self._peek() == ("mark", "("):
            return self._any(self._own(name, variable), depth)
        if self._functions and text == "startswith" and self._peek() == ("mark", "("):
            return self._startswith(variable)
        field = self._own(text, variable)
        if self._peek()[0] == "name" and self._peek()[1] in ("ne", *ORDERINGS):
            return Compared(field, self._next()[1], self._literal())
        self._expect("name", "eq")
        return Eq(field, self._literal())

    def _any(self, field: str, depth: int) -> Filter:
        self._expect("mark", "(")
        kind, variable = self._next()
        if kind != "name" or "/" in variable:
            raise ValueError("any() needs the name of a variable")
        self._expect("mark", ":")
        inside = self._all(variable, depth + 1)
        self._expect("mark", ")")
        return AnyOf(field, inside)

    def _startswith(self, variable: str) -> Filter:
        self._expect("mark", "(")
        kind, name = self._next()
        if kind != "name" or name in _WORDS:
            raise ValueError("startswith() needs the name of a field")
        self._expect("mark", ",")
        value = self._literal()
        self._expect("mark", ")")
        if not isinstance(value, str):
            raise ValueError("startswith() needs a text")
        return StartsWith(self._own(name, variable), value)

    def _own(self, name: str, variable: str) -> str:
        if not variable:
            return name
        first, slash, rest = name.partition("/")
        if first != variable or not slash:
            raise ValueError(f"inside any() a field begins with '{variable[:40]}/'")
        return rest

    def _literal(self) -> Literal | Moment:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "moment":
            return Moment(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "name" and text in _WORDS:
            return _WORDS[text]
        raise ValueError("the filter lacks a value: texts stand in single quotes")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        if not found[0]:
            raise ValueError("the filter ends too early")
        self._place += 1
        return found

    def _expect(self, kind: str, text: str) -> None:
        found = self._peek()
        if found != (kind, text):
            raise ValueError(f"the filter lacks '{text}' before '{found[1][:40]}'")
        self._place += 1


def _prefixed(condition: Filter, variable: str) -> str:
    match condition:
        case Eq(field, value):
            return f"{variable}/{field} eq {_written(value)}"
        case Compared(field, word, value):
            return f"{variable}/{field} {word} {_written(value)}"
        case StartsWith(field, value):
            return f"startswith({variable}/{field},{_written(value)})"
        case And(parts):
            written = ((part, _prefixed(part, variable)) for part in parts)
            return " and ".join(f"({text})" if isinstance(part, And | Or) else text for part, text in written)
        case Or(parts):
            written = ((part, _prefixed(part, variable)) for part in parts)
            return " or ".join(f"({text})" if isinstance(part, Or) else text for part, text in written)
        case AnyOf(field, inside):
            return f"{variable}/{field}/any({variable}t:{_prefixed(inside, variable + 't')})"


def _written(value: Literal | Moment) -> str:
    match value:
        case Moment(text):
            return text
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _instant(text: str) -> str:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.rstrip('0')}"
