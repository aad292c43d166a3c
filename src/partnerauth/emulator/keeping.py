"""The state of a world as text, so that it outlives its process: snapshots written as JSON, and read again.

Records are written by the name of their class and its members, so that a newer version reads what an older one wrote:
members that are gone are left out, new ones have their defaults. Only plain data of this package is read; nothing is
ever executed. People in the middle of signing in are left out: they begin again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import msgspec

from partnerauth.emulator.snapshot import Snapshot
from partnerauth.hidden import Hidden

VERSION = 1
PACKAGE = "partnerauth."
KIND, CONTENT = "!", "of"


class _LeftOut(Exception):
    """A value that cannot be written: a function, a lock."""


def written(snapshot: Snapshot) -> bytes:
    """The text of a snapshot. It holds the secrets of the world: write it where only its owner reads."""
    body = {name: _written(getattr(snapshot, name)) for name in ("moment", "frozen", "ahead", "facts", "sequence")}
    return msgspec.json.encode({"version": VERSION, **body})


def read(text: bytes) -> Snapshot:
    """The snapshot of a text (from `written`). Raises ValueError for anything else."""
    try:
        body = msgspec.json.decode(text)
        if body.pop("version") != VERSION:
            raise ValueError("another version wrote this state")
        return Snapshot(**{name: _read(value) for name, value in body.items()})
    except (AttributeError, KeyError, TypeError, ImportError, RecursionError, msgspec.DecodeError) as wrong:
        raise ValueError(f"this is no state of a world ({type(wrong).__name__})") from None


def _written(value: Any) -> Any:
    kind: Any = type(value)
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """How values of exactly this type are written: looked up once, since a world may hold a million of them."""
    if kind in PLAIN:
        return lambda value: value
    if kind is list:
        return _all
    if kind in SIMPLE:
        name, simply = kind.__name__.lower(), SIMPLE[kind]
        return lambda value: {KIND: name, CONTENT: simply(value)}
    if issubclass(kind, Enum):
        return lambda value: _kind(kind, _written(value.value))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names: tuple[str, ...] = kind._fields
        return lambda value: _kind(kind, {name: _written(one) for name, one in zip(names, value, strict=True)})
    if is_dataclass(kind):
        members = [one.name for one in fields(kind)]
        return lambda value: _kind(kind, {name: _written(getattr(value, name)) for name in members})
    return _left_out


def _left_out(value: Any) -> NoReturn:
    raise _LeftOut(type(value))


def _all(value: Iterable[Any]) -> list[Any]:
    return [_written(one) for one in value]


def _pairs(value: dict[Any, Any]) -> list[Any]:
    pairs = []
    for key, one in value.items():
        try:
            pairs.append([_written(key), _written(one)])
        except _LeftOut:
            continue
    return pairs


def _kind(kind: Any, content: Any) -> dict[str, Any]:
    return {KIND: f"{kind.__module__}:{kind.__qualname__}", CONTENT: content}


PLAIN = frozenset({type(None), bool, str, int, float})
SIMPLE: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: b64encode(value).decode(),
    datetime: datetime.isoformat,
    timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    Hidden: Hidden.reveal,
    dict: _pairs,
    deque: lambda value: [_all(value), value.maxlen],
    tuple: _all,
    set: _all,
    frozenset: _all,
}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    return _reader(value[KIND])(value[CONTENT])


@cache
def _reader(name: str) -> Callable[[Any], Any]:
    """How what was written under this name is read. Raises ValueError for what is none of ours."""
    if name in READERS:
        return READERS[name]
    module, _, qualified = name.partition(":")
    if not module.startswith(PACKAGE) or not qualified.isidentifier():
        raise ValueError("the state names a class that is none of ours")
    kind: Any = getattr(import_module(module), qualified)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda content: kind(_read(content))
    if isinstance(kind, type) and (is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))):
        known = {one.name for one in fields(kind) if one.init} if is_dataclass(kind) else set(kind._fields)
        return lambda content: kind(**{member: _read(one) for member, one in content.items() if member in known})
    raise ValueError("the state names a class that is none of ours")


READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": b64decode,
    "datetime": lambda content: datetime.fromisoformat(content).astimezone(UTC),
    "timedelta": lambda content: timedelta(*content),
    "hidden": Hidden,
    "dict": lambda content: {_read(key): _read(one) for key, one in content},
    "deque": lambda content: deque(map(_read, content[0]), content[1]),
    "tuple": lambda content: tuple(map(_read, content)),
    "set": lambda content: set(map(_read, content)),
    "frozenset": lambda content: frozenset(map(_read, content)),
}
