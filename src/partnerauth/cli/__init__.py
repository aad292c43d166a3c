"""The command: `partnerauth`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and end the process with its exit code."""
    from partnerauth.cli.again import recall

    printed = recall(sys.argv[1:])
    if printed is None:
        from partnerauth.cli.command import command

        command(prog_name="partnerauth")
    else:
        _print(printed)


def _print(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        from partnerauth.cli.output import nobody_listens

        nobody_listens()
