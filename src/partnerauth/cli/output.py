"""What people and programs see: tables, JSON, and failures with their remedy."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from partnerauth.errors import Misconfigured, PartnerAuthError

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""
UNWRITTEN = "Look at where standard output leads: a full disk, perhaps. What the command did is done."
WIDTH = 160
"""Of a table that goes into a file or a pipe."""


def failed(error: PartnerAuthError, exit_code: int | None = None) -> int:
    """Tell a failure on standard error: as JSON where the command was asked for JSON. Returns the exit code."""
    facts: dict[str, Any] = {
        "error": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "code": error.code,
        "correlation_id": error.correlation_id,
        "exit_code": error.exit_code if exit_code is None else exit_code,
    }
    if _asked_for_json():
        _say(json.dumps({name: fact for name, fact in facts.items() if fact not in (None, "")}))
        return int(facts["exit_code"])
    code = f" [{error.code}]" if error.code and str(error.code) not in error.message else ""
    _say(f"{click.style('error:', fg='red', bold=True)} {printable(error.message)}{code}")
    _say(f"{click.style('hint:', fg='cyan')} {printable(error.hint)}")
    if error.correlation_id:
        _say(click.style(f"correlation id: {printable(error.correlation_id)}", dim=True))
    return int(facts["exit_code"])


def misused(error: click.ClickException) -> int:
    """Tell of arguments that make no sense. Returns the exit code."""
    if not _asked_for_json():
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    return failed(Misconfigured(error.format_message(), hint=f"{context.command_path} --help" if context else ""))


def broken_off(end: click.Abort) -> int:
    """Tell that a person broke it off, or that nobody was there to be asked. Returns the exit code."""
    cause = end.__cause__ or end.__context__
    if isinstance(cause, KeyboardInterrupt):
        _say("broken off")
        return INTERRUPTED
    if isinstance(cause, EOFError):
        return failed(Misconfigured("something was asked, and standard input had ended"))
    _say("Aborted!")
    return 1


def crashed(fault: Exception) -> int:
    """Tell of a fault of our own: its kind and its place; its text may hold anything. Returns the exit code."""
    place, name, trace = "", "", fault.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        place = f" in {name}, line {trace.tb_lineno}" if name.startswith("partnerauth") else place
        trace = trace.tb_next
    if isinstance(fault, OSError) and name.startswith(("click.", "rich.")):
        nobody_listens(sys.stdout)
        return failed(
            PartnerAuthError(f"what was to be printed could not be written ({fault.strerror})", hint=UNWRITTEN)
        )
    return failed(PartnerAuthError(f"an internal fault: {type(fault).__name__}{place}"))


def nobody_listens(*streams: TextIO) -> None:
    """Send what is still to be said nowhere, so that the interpreter's own end does not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


def let_go() -> None:
    """At the end: what still waits to be printed and cannot be is no concern of the interpreter's."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        nobody_listens(sys.stdout)


def open_streams() -> None:
    """Stand in for standard streams that were closed: what is opened next would else be taken for one of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until the end


def coloured() -> bool | None:
    """False where the person wants no colours (no-color.org) or the terminal has none; None: as the stream is."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _asked_for_json() -> bool:
    ours = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    return "--json" in ours


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the exit code tells it where standard error cannot
        click.echo(text, err=True, color=coloured())


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(as_text(value))


def as_text(value: Any) -> str:
    """`value` as JSON; moments as ISO 8601."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=plain)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Print a table: with rules and colour on a terminal, plain columns elsewhere.

    Where the terminal is too narrow each row is a list of its own, unless a column has no head.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    terminal = console.is_terminal
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = (max(map(cell_len, column)) for column in zip(heads, *cells, strict=True))
    if terminal and all(heads) and sum(widths) + 3 * len(heads) + 1 > console.width:
        click.echo("\n\n".join([*([title] if title else ()), *(listed(zip(heads, row, strict=True)) for row in cells)]))
        return
    drawn = Table(title=title or None, box=box.ROUNDED if terminal else box.SIMPLE_HEAD, title_justify="left")
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(drawn)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def listed(facts: Iterable[tuple[str, object]]) -> str:
    """Names and what they are, a line each."""
    pairs = [(f"{name}:", printable(str(fact))) for name, fact in facts]
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:<{width}} {fact}".rstrip() for name, fact in pairs)


def printable(text: str) -> str:
    """The text without control characters: what a server or a file says never steers a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def plain(value: Any) -> str:
    """What JSON has no form for: moments as ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
