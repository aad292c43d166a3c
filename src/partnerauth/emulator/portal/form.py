"""A form that was filled in: its fields, read one by one, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from partnerauth.emulator import moments
from partnerauth.hidden import Hidden

LONGEST = 256
TICKED = "yes"


class Form:
    """What was typed, kept for the page that is shown again, and a sentence for each field that is wrong.

    `usual` is what stands in a form that nobody has filled in yet.
    """

    def __init__(self, typed: Mapping[str, str] | None = None, *, usual: Mapping[str, str] | None = None) -> None:
        self._values = (typed if typed is not None else usual) or {}
        self.wrong: dict[str, str] = {}

    @property
    def status(self) -> int:
        """The status of a page with this form: 422 where something is wrong with it."""
        return 422 if self.wrong else 200

    def value(self, name: str) -> str:
        """What stands in the field."""
        return self._values.get(name, "")

    def ticked(self, name: str) -> bool:
        """Whether the box is ticked."""
        return self.value(name) == TICKED

    def refuse(self, name: str, sentence: str) -> None:
        """Note what is wrong with a field; the first mistake counts."""
        self.wrong.setdefault(name, sentence)

    def text(self, name: str, what: str, *, needed: bool = True, longest: int = LONGEST) -> str:
        """A line of text without space around it; `what` names it in the sentence that says what is wrong."""
        typed = self.value(name).strip()
        if not typed and needed:
            self.refuse(name, f"Type {what}.")
        elif len(typed) > longest:
            self.refuse(name, f"At most {longest} characters, please.")
        elif not typed.isprintable():
            self.refuse(name, "This holds characters that cannot be printed.")
        else:
            return typed
        return ""

    def hidden(self, name: str, what: str) -> Hidden:
        """A text that nobody shall read, as it is."""
        typed = self.value(name)
        if not typed:
            self.refuse(name, f"Type {what}.")
        elif len(typed) > LONGEST:
            self.refuse(name, f"At most {LONGEST} characters, please.")
        return Hidden(typed)

    def choice(self, name: str, known: Collection[str]) -> str:
        """One of the `known` values; the empty text for anything else."""
        typed = self.value(name)
        if typed in known:
            return typed
        self.refuse(name, "Choose one of these.")
        return ""

    def day(self, name: str) -> datetime | None:
        """A day or a moment."""
        try:
            return moments.moment(self.value(name))
        except ValueError:
            self.refuse(name, "Expected a day such as 2027-06-30.")
            return None

    def lines(self, name: str, *, longest: int = LONGEST) -> list[str]:
        """The lines of a text field, without empty ones."""
        lines = [line.strip() for line in self.value(name).splitlines()]
        if any(len(line) > longest or not line.isprintable() for line in lines):
            self.refuse(name, f"Lines of at most {longest} printable characters, please.")
        return [line for line in lines if line]
