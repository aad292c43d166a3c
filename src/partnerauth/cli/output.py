"""What people and programs see: tables, JSON, and failures with their remedy."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from partnerauth.errors import PartnerAuthError


def failed(error: PartnerAuthError) -> int:
    """Tell a failure on standard error: as JSON where the command was asked for JSON. Returns the exit code."""
    facts: dict[str, Any] = {
        "error": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "code": error.code,
        "correlation_id": error.correlation_id,
        "exit_code": error.exit_code,
    }
    if "--json" in sys.argv:
        click.echo(json.dumps({name: fact for name, fact in facts.items() if fact not in (None, "")}), err=True)
        return error.exit_code
    code = f" [{error.code}]" if error.code and str(error.code) not in error.message else ""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {printable(error.message)}{code}", err=True)
    click.echo(f"{click.style('hint:', fg='cyan')} {printable(error.hint)}", err=True)
    if error.correlation_id:
        click.echo(click.style(f"correlation id: {printable(error.correlation_id)}", dim=True), err=True)
    return error.exit_code


def crashed(fault: Exception) -> int:
    """Tell of a fault of our own: its kind and its place; its text may hold anything. Returns the exit code."""
    place, trace = "", fault.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        place = f" in {name}, line {trace.tb_lineno}" if name.startswith("partnerauth") else place
        trace = trace.tb_next
    return failed(PartnerAuthError(f"an internal fault: {type(fault).__name__}{place}"))


def nobody_listens() -> None:
    """Send what is still to be said nowhere, so that the interpreter's own end does not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(as_text(value))


def as_text(value: Any) -> str:
    """`value` as JSON; moments as ISO 8601."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=plain)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Print a table: with rules and colour on a terminal, plain columns elsewhere."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 160)
    terminal = console.is_terminal
    drawn = Table(title=title or None, box=box.ROUNDED if terminal else box.SIMPLE_HEAD, title_justify="left")
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    console.print(drawn)


def printable(text: str) -> str:
    """The text without control characters: what a server or a file says never steers a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def plain(value: Any) -> str:
    """What JSON has no form for: moments as ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
