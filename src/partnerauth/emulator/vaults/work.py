"""What takes a while: done outside of the world's lock, so that nobody waits for a pair of keys to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from partnerauth.messages import Response

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """`do` touches nothing of the world; `then` answers with what came of it, under the lock again."""

    do: Callable[[], T]
    then: Callable[[T], Response]
