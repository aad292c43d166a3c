"""TOML, written: as much of it as a world needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from partnerauth.emulator import moments

BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def write(document: Mapping[str, Any]) -> str:
    """A document whose members are plain values, tables, and lists of tables. Members that are None are left out."""
    plain, tables = [], []
    for key, value in document.items():
        if isinstance(value, Mapping):
            tables += ["", f"[{_key(key)}]", *_members(value)]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for table in value:
                tables += ["", f"[[{_key(key)}]]", *_members(table)]
        elif value is not None:
            plain.append(f"{_key(key)} = {_value(value)}")
    return "\n".join([*plain, *tables]).lstrip("\n") + "\n"


def _members(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case datetime():
            return moments.text(value)
        case str():
            return _text(value)
        case list():
            broken = len(value) > 1 and isinstance(value[0], Mapping)
            return (
                "[\n    " + ",\n    ".join(map(_value, value)) + ",\n]"
                if broken
                else f"[{', '.join(map(_value, value))}]"
            )
        case Mapping():
            return "{" + ", ".join(_members(value)) + "}"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's; of what JSON leaves as it is, TOML forbids but this one.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
