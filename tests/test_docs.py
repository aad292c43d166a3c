"""The pages hold: their Python runs, their transcripts are what the command says, their links lead somewhere.

Each page is a story told from the top: its `python` blocks share one namespace, its `console` blocks one directory.
A transcript's `...` stands for any text; a command that fails ends in a line `exit` and its code. A block that cannot
run here says why in the line before it: `<!-- not run: reason -->`.
"""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import pytest

from partnerauth.emulator import default
from partnerauth.emulator.emulator import Emulator
from partnerauth.serving.emulated import serve_emulator
from partnerauth.serving.server import Server
from tests import browser

ROOT = Path(__file__).resolve().parent.parent
TOLD = [path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if path.exists()]
PAGES = [*TOLD, *sorted(ROOT.glob("*.md"))]
FENCE = re.compile(r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
EXCUSE = re.compile(r"<!-- not run: (?P<reason>[^\n]+) -->\n+\Z")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?P<inline>[^)\s]+)[^)]*\)|^\[[^\]]+\]: (?P<reference>\S+)", re.MULTILINE)
EXTERNAL = ("https://", "http://", "mailto:")
UNTESTED = {"bash": "console", "sh": "console", "shell": "console", "py": "python", "pycon": "python"}
SECONDS = 60


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    excused: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}, line {self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of `page`, from the top."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        excused = EXCUSE.search(text[: match.start()]) is not None
        yield Block(page, line, match["language"], match["text"], excused)


def name(page: Path) -> str:
    """A page as tests call it."""
    return str(page.relative_to(ROOT))


@pytest.fixture
def already_there() -> dict[str, Any]:
    """The names that the Python of every page finds already there."""
    return {"__name__": "__main__"}


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Server]:
    """The emulator that the pages' commands talk to."""
    with serve_emulator(Emulator(), tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def variables(tmp_path: Path, emulator: Server) -> dict[str, str]:
    """The variables that the commands of every page find set: a home of their own, and the emulator as their cloud."""
    settings = {
        "PARTNERAUTH_CLOUD": emulator.url,
        "PARTNERAUTH_CA": str(emulator.ca),
        "PARTNERAUTH_CONTROL": f"{emulator.url}/_emulator",
        "PARTNERAUTH_TENANT": "contoso.com",
        "PARTNERAUTH_CLIENT_ID": default.WEB_APP,
        "PARTNERAUTH_CLIENT_SECRET": default.WEB_APP_SECRET,
        "BROWSER": browser.installed(tmp_path, f"{emulator.url}/_emulator", emulator.ca),
    }
    programs = Path(sys.executable).parent
    home = {variable: str(tmp_path) for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    quiet = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}  # nobody's own keyring
    return (
        settings
        | home
        | quiet
        | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", "NO_COLOR": "1"}
    )


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, already_there: dict[str, Any], variables: dict[str, str]
) -> None:
    runners: dict[str, Callable[[Block], None]] = {
        "python": lambda block: run_python(block, already_there),
        "console": lambda block: run_console(block, variables),
    }

    with chdir(tmp_path):
        for block in blocks(page):
            assert block.language not in UNTESTED, f"{block}: write it as {UNTESTED[block.language]}, so that it is run"
            if block.language in runners and not block.excused:
                runners[block.language](block)


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run a block of Python, where `await` may stand outside functions; `names` are read and written."""
    padded = "\n" * (block.line - 1) + block.text
    code = compile(padded, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:

        async def awaited() -> None:
            coroutine: Coroutine[Any, Any, None] = eval(code, names)
            await coroutine

        anyio.run(awaited)
    else:
        exec(code, names)


def run_console(block: Block, variables: dict[str, str]) -> None:
    """Run a block's commands, each with the lines below it as what it must say."""
    before, *steps = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not before.strip(), f"{block}: a transcript begins with a command"
    for step in steps:
        command, _, expected = re.sub(r"\\\n\s*", "", step).partition("\n")
        assert "partnerauth" in command.split(), f"{block}: only partnerauth can be run, not `{command}`"
        said = subprocess.run(
            command,
            shell=True,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        actual = said.stdout + (f"exit {said.returncode}\n" if said.returncode else "")
        assert matches(expected, actual), f"{block}: `{command}` says\n{actual}\nand the page says\n{expected}"


def matches(expected: str, actual: str) -> bool:
    """Whether `actual` is what `expected` says, where `...` stands for any text; space at line ends does not count."""

    def trimmed(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern = ".*".join(re.escape(part) for part in trimmed(expected).split("..."))
    return re.fullmatch(pattern, trimmed(actual), re.DOTALL) is not None


@pytest.mark.parametrize("page", dict.fromkeys(PAGES), ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    dead = []

    for match in LINK.finditer(prose):
        target = match["inline"] or match["reference"]
        if target.startswith(EXTERNAL):
            continue
        path, _, fragment = unquote(target).partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (fragment and fragment not in anchors(there)):
            dead.append(target)

    assert not dead


def anchors(page: Path) -> set[str]:
    """The fragments that a link into `page` may name, as code hosts make them of headings."""
    found: set[str] = set()
    for heading in HEADING.finditer(FENCE.sub("", page.read_text())):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading["text"])
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
        again = sum(1 for known in found if re.fullmatch(re.escape(anchor) + r"(-\d+)?", known))
        found.add(f"{anchor}-{again}" if again else anchor)
    return found


PROMISED = re.compile(r"(?:^- \[(?P<file>tests/\S+)\])|`(?P<test>test_\w+)`", re.MULTILINE)


def test_each_promise_names_tests_that_exist() -> None:
    """Under the file that they stand in."""
    promises, defined = (ROOT / "docs" / "promises.md").read_text(), set[str]()
    named, missing = 0, list[str]()
    for match in PROMISED.finditer(promises):
        if match["file"]:
            tree = ast.parse((ROOT / match["file"]).read_text())
            defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            continue
        named += 1
        if match["test"] not in defined:
            missing.append(match["test"])

    assert named > 30
    assert missing == []


STORY = """# A page

```python
answer = 41
```

```python
import anyio
await anyio.sleep(0)
answer += 1
```

<!-- not run: nobody has it -->
```console
$ nobody has this
```
"""


def test_examples_are_run_in_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(STORY)
    names: dict[str, Any] = {}
    first, second, third = blocks(page)

    run_python(first, names)
    run_python(second, names)

    assert names["answer"] == 42
    assert third.excused
    assert not second.excused


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("contoso.com    renewed ... days ago", "contoso.com    renewed 12 days ago\n", True),
        ("one\n...\nlast\nexit 3", "one\ntwo  \nthree\nlast\nexit 3\n", True),
        ("one\nexit 3", "one\n", False),
        ("", "something", False),
    ],
)
def test_a_transcript_is_compared_with_what_was_said(expected: str, actual: str, same: bool) -> None:
    assert matches(expected, actual) is same
