"""Settings of the world that a body names some of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from msgspec import UNSET

from partnerauth.emulator.control.route import Call, Problem


def change(call: Call, settings: object, names: Iterable[str], read: Callable[[str, Any], Any]) -> None:
    """Change those of the world's `settings` that the body names, all or none.

    `read` makes the value of what is written. Raises `Problem` where it cannot.
    """
    values = {}
    for name in names:
        written = getattr(call.body, name)
        if written is not UNSET:
            try:
                values[name] = read(name, written)
            except ValueError as wrong:
                raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: {wrong}") from None
    with call.world.lock:
        for name, value in values.items():
            setattr(settings, name, value)
