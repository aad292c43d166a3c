"""Where the demonstration is played: a temporary directory, an emulator as child process, what the audience sees."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.cli.output import printable, table
from partnerauth.cloud import Cloud, emulated
from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import PartnerAuthError, Unavailable
from partnerauth.messages import Request, Response
from partnerauth.transcript import shown, shown_response

STARTING_TIME = 60.0
MOST_TEXT = 320
TELLING = frozenset({"authorization", "x-locale", "www-authenticate", "ismfacompliant"})
"""Headers that the story is about; the others are left away."""


class Stage:
    """Use it as a context manager: the emulator ends, and the directory goes, whatever happens."""

    def __init__(self, *, brief: bool = False) -> None:
        self._brief = brief
        self._console = Console(width=None if sys.stdout.isatty() else 132, highlight=False)
        self._failed: list[str] = []
        self._steps = 0
        self._began = time.monotonic()
        self._watching = False

    def __enter__(self) -> Self:
        self._exit = contextlib.ExitStack()
        try:
            folder = self._exit.enter_context(tempfile.TemporaryDirectory(prefix="partnerauth-demo-"))
            self.directory = Path(folder)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            self._exit.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)
            facts = self._start()
            self.url: str = facts["url"]
            self.control: str = facts["control"]
            self.ca: str = facts["ca"]
            self.cloud: Cloud = emulated(self.url)
            self.clock = WorldClock()
            carrier = SyncCarrier(Trust(self.ca))
            self._exit.callback(carrier.close)
            self._carry = carrier.send
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _start(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTNERAUTH_")}
        environment["HOME"] = str(self.directory)
        child = subprocess.Popen(  # noqa: S603  # our own command
            [
                sys.executable,
                "-m",
                "partnerauth",
                "emulator",
                "--port",
                "0",
                "--json",
                "--directory",
                self.directory / "emulator",
            ],
            stdout=subprocess.PIPE,
            env=environment,
            cwd=self.directory,
        )
        self._exit.callback(_end, child)
        assert child.stdout is not None  # noqa: S101
        line = child.stdout.readline()
        try:
            facts: dict[str, str] = json.loads(line)
        except ValueError:
            raise Unavailable("the emulator did not start", hint="Run `partnerauth emulator` to see why.") from None
        return facts

    def send(self, request: Request) -> Response:
        """Carry a request to the emulator, and show it and its answer, secrets hidden, while a step is watched."""
        response = self._carry(request)
        if self._watching and not self._brief:
            self._show("→", "cyan", shown(request))
            self._show("←", "green" if response.ok else "yellow", shown_response(response))
        return response

    def unseen(self, request: Request) -> Response:
        """Carry a request without showing it (the person's own browser, the control API)."""
        return self._carry(request)

    def order(self, method: str, path: str, value: Any = None) -> Any:
        """Ask the emulator's control API."""
        url = self.control + path
        request = Request(method, url) if value is None else Request.json(method, url, value)
        response = self._carry(request)
        if not response.ok:
            raise Unavailable(f"the emulator's control API answered {response.status} to {method} {path}")
        return response.value() if response.body else None

    def advance(self, days: int) -> None:
        """Let days pass, in the emulated world and for the programs on this stage."""
        self.order("PUT", "/clock", {"advance": f"{days}d"})
        self.clock.advance(timedelta(days=days))

    @contextlib.contextmanager
    def step(self, title: str, source: str) -> Iterator[None]:
        """One step of the story. A failure in it is told, and the story goes on where it can."""
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps:2}  {escape(title)}[/bold]  [dim]{escape(source)}[/dim]")
        self._watching = True
        try:
            yield
        except PartnerAuthError as error:
            self._failed.append(title)
            self._console.print(f"    [red]✗ {escape(printable(error.message))}[/red]  [dim]{escape(error.hint)}[/dim]")
        except AssertionError as error:
            self._failed.append(title)
            self._console.print(f"    [red]✗ {escape(str(error))}[/red]")
        else:
            self._console.print("    [green]✓ held[/green]")
        finally:
            self._watching = False

    def say(self, text: str) -> None:
        """Tell the audience something."""
        self._console.print(f"    {escape(printable(text))}")

    def table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        self._console.print()
        table(heads, rows, title=title)

    def close(self) -> None:
        """Tell how it went."""
        took = time.monotonic() - self._began
        held = self._steps - len(self._failed)
        self._console.print(f"\n{held} of {self._steps} steps held, in {took:.1f} s, on this machine alone.")
        for title in self._failed:
            self._console.print(f"[red]did not hold:[/red] {escape(title)}")

    @property
    def exit_code(self) -> int:
        """0 if every step held."""
        return 1 if self._failed or not self._steps else 0

    def _show(self, mark: str, colour: str, text: str) -> None:
        for number, line in enumerate(condensed(printable(text))):
            start = f"[{colour}]{mark}[/{colour}]" if number == 0 else " "
            self._console.print(f"    {start} [dim]{escape(line)}[/dim]", overflow="ellipsis", no_wrap=True)


def condensed(text: str) -> list[str]:
    """A message in a few lines: what was asked or how it ended, and the beginning of the body."""
    head, _, body = text.strip().partition("\n\n")
    first, *headers = head.splitlines()
    telling = [line for line in headers if line.split(":")[0].lower() in TELLING]
    joined = ("&" if first.startswith("POST") and "=" in body else " ").join(
        part for line in body.splitlines() if (part := line.strip())
    )
    lines = [first, *telling]
    return [*lines, f"{joined[:MOST_TEXT]}{'…' if len(joined) > MOST_TEXT else ''}"] if joined else lines


def expect(held: bool, otherwise: str) -> None:
    """Raise AssertionError, whose text the audience sees, unless it held."""
    if not held:
        raise AssertionError(otherwise)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
