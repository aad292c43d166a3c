"""The state of a world as text, so that it outlives its process: snapshots written as JSON, and read again.

Records are written by the name of their class and its members, so that a newer version reads what an older one wrote:
members that are gone are left out, new ones have their defaults. Only plain data of this package is read; nothing is
ever executed. People in the middle of signing in are left out: they begin again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from importlib import import_module
from typing import Any

import msgspec

from partnerauth.emulator.snapshot import Snapshot
from partnerauth.hidden import Hidden

VERSION = 1
PACKAGE = "partnerauth."
KIND, CONTENT = "!", "of"
COLLECTIONS: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class _LeftOut(Exception):
    """A value that cannot be written: a function, a lock."""


def written(snapshot: Snapshot) -> bytes:
    """The text of a snapshot. It holds the secrets of the world: write it where only its owner reads."""
    body = {name: _written(getattr(snapshot, name)) for name in ("moment", "frozen", "ahead", "facts", "chance")}
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
    match value:
        case Enum():
            return _kind(type(value), _written(value.value))
        case None | bool() | str() | int() | float():
            return value
        case bytes():
            return {KIND: "bytes", CONTENT: b64encode(value).decode()}
        case datetime():
            return {KIND: "datetime", CONTENT: value.isoformat()}
        case timedelta():
            return {KIND: "timedelta", CONTENT: [value.days, value.seconds, value.microseconds]}
        case Hidden():
            return {KIND: "hidden", CONTENT: value.reveal()}
        case list():
            return [_written(one) for one in value]
        case dict():
            return {KIND: "dict", CONTENT: _pairs(value)}
        case deque():
            return {KIND: "deque", CONTENT: [[_written(one) for one in value], value.maxlen]}
        case tuple() if hasattr(value, "_fields"):
            return _kind(type(value), {name: _written(one) for name, one in zip(value._fields, value, strict=True)})
        case tuple() | set() | frozenset():
            return {KIND: type(value).__name__, CONTENT: [_written(one) for one in value]}
        case _ if is_dataclass(value):
            return _kind(type(value), {one.name: _written(getattr(value, one.name)) for one in fields(value)})
    raise _LeftOut


def _pairs(value: dict[Any, Any]) -> list[Any]:
    pairs = []
    for key, one in value.items():
        try:
            pairs.append([_written(key), _written(one)])
        except _LeftOut:
            continue
    return pairs


def _kind(kind: type, content: Any) -> dict[str, Any]:
    return {KIND: f"{kind.__module__}:{kind.__qualname__}", CONTENT: content}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind, content = value[KIND], value[CONTENT]
    match kind:
        case "bytes":
            return b64decode(content)
        case "datetime":
            return datetime.fromisoformat(content).astimezone(UTC)
        case "timedelta":
            return timedelta(*content)
        case "hidden":
            return Hidden(content)
        case "dict":
            return {_read(key): _read(one) for key, one in content}
        case "deque":
            return deque(map(_read, content[0]), content[1])
        case "tuple" | "set" | "frozenset":
            return COLLECTIONS[kind](map(_read, content))
    return _record(kind, content)


def _record(name: str, content: Any) -> Any:
    module, _, qualified = name.partition(":")
    if not module.startswith(PACKAGE) or not qualified.isidentifier():
        raise ValueError("the state names a class that is none of ours")
    kind: Any = getattr(import_module(module), qualified)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_read(content))
    if isinstance(kind, type) and (is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))):
        known = {one.name for one in fields(kind) if one.init} if is_dataclass(kind) else set(kind._fields)
        return kind(**{member: _read(one) for member, one in content.items() if member in known})
    raise ValueError("the state names a class that is none of ours")
