"""The tables of docs/reference.md, as the code has them.

`python -m tests.reference` writes them into the page; a test holds the page against them.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from partnerauth import errors
from partnerauth.apis import reference
from partnerauth.apis.operation import Operation
from partnerauth.cli.command import EXIT_CODES
from partnerauth.config import NOT_FROM_HERE, SETTINGS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
TREE = re.compile(r"(?<=^```text\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def settings() -> Iterator[str]:
    """A row for each setting."""
    yield "| setting | what it is | also in `./partnerauth.toml` |"
    yield "| --- | --- | --- |"
    for name, what in SETTINGS.items():
        here = "no: it says where secrets go" if name in NOT_FROM_HERE else "yes"
        yield f"| `{name}` | {what} | {here} |"


def exit_codes() -> Iterator[str]:
    """A row for each exit code."""
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code, meaning in EXIT_CODES.items():
        yield f"| {code} | {meaning} |"


def operations() -> Iterator[str]:
    """A row for each operation of each API."""
    yield "| API | operation | takes | needs | what |"
    yield "| --- | --- | --- | --- | --- |"
    for row in reference.operations():
        yield f"| {row.api.value} | `{row}` | {row.access.value} | {_needs(row)} | {row.summary} |"


def tree() -> Iterator[str]:
    """The tree of errors, as the code's own page draws it."""
    drawn = inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    yield from inspect.cleandoc(drawn).splitlines()


def _needs(row: Operation[object]) -> str:
    """The least of the permissions, or the roles of which the person needs one."""
    if row.permissions:
        return f"`{row.permissions[0]}`"
    return ", ".join(row.roles) or "no role"


PARTS: dict[str, tuple[re.Pattern[str], Callable[[], Iterator[str]]]] = {
    "Settings": (TABLE, settings),
    "Exit codes": (TABLE, exit_codes),
    "Errors": (TREE, tree),
    "Operations": (TABLE, operations),
}


def written(page: str) -> str:
    """The page with its tables as they should be."""
    sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    for place, section in enumerate(sections):
        heading = section.partition("\n")[0].removeprefix("## ")
        if heading in PARTS:
            pattern, lines = PARTS[heading]
            text = "".join(f"{line}\n" for line in lines())
            sections[place] = pattern.sub(lambda _, text=text: text, section, count=1)
    return "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
