"""Text that never prints itself: secrets, passwords, tokens, codes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

MASK = "***"


class Hidden:
    """A secret text. Nothing but `reveal` gives it away.

    It stands up to `repr`, `str`, `format`, `vars`, `dataclasses.asdict` and `copy`; it refuses to be pickled;
    it compares in constant time.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the few rooms that write a request, seal a value or print a token on demand."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hidden):
            return NotImplemented
        from hmac import compare_digest  # loaded late: to print a token from the shelf, nothing is compared

        # A lone surrogate must not raise: the error about it would carry the text.
        own, others = (text.encode("utf-8", "surrogatepass") for text in (self._text, other._text))
        return compare_digest(own, others)

    def __hash__(self) -> int:
        return hash((Hidden, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __copy__(self) -> Hidden:
        return self

    def __deepcopy__(self, memo: Any) -> Hidden:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a hidden text is never pickled: seal it in a store instead")
