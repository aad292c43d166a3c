"""docs/reference.md says what the code has: settings, commands, exit codes, errors, operations."""

import re

import pytest

from partnerauth.apis import reference
from partnerauth.apis.operation import Operation
from partnerauth.cli.command import command
from tests.reference import PAGE, PARTS, written

HINT = "python -m tests.reference writes the tables anew"


@pytest.mark.parametrize("heading", PARTS)
def test_the_tables_are_those_of_the_code(heading: str) -> None:
    """Row by row."""
    page = PAGE.read_text()
    section = {part.partition("\n")[0]: part for part in re.split(r"^## ", page, flags=re.MULTILINE)}
    wanted = {part.partition("\n")[0]: part for part in re.split(r"^## ", written(page), flags=re.MULTILINE)}

    assert heading in section, f"the page has no section {heading}"
    assert section[heading].splitlines() == wanted[heading].splitlines(), HINT


def test_every_command_is_in_the_page() -> None:
    """An option may be left to `--help`, a command may not."""
    page = PAGE.read_text()

    missing = [name for name in command.list_commands(None) if f"`partnerauth {name}" not in page]  # type: ignore[arg-type]

    assert not missing


@pytest.mark.parametrize("operation", reference.operations(), ids=str)
def test_no_row_hides_another(operation: Operation[object]) -> None:
    """Each is found by its own path, whatever stands in it."""
    path = operation.path
    for name in operation.parameters:
        path = path.replace("{" + name + "}", "x-1")

    found = reference.find(operation.api, operation.method, path)

    assert found is not None
    assert found[0] is operation
    assert found[1] == dict.fromkeys(operation.parameters, "x-1")


def test_the_generator_changes_tables_alone() -> None:
    """What it writes once it writes again."""
    page = PAGE.read_text()
    again = written(page.replace("| 7 | the store failed |", "| 8 | something else |"))

    assert again == written(page)
    assert written(again) == again
