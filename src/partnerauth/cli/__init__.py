"""The command: `partnerauth`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and end the process with its exit code."""
    from partnerauth.cli.again import recall

    printed = recall(sys.argv[1:])
    if printed is None or not _print(printed):
        from partnerauth.cli.command import command

        command(prog_name="partnerauth")


def _print(text: str) -> bool:
    """Whether it could be printed; if not, the command itself has words for that."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (OSError, AttributeError):  # a full disk, nobody who reads, no standard output at all
        return False
    return True
