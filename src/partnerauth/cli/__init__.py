"""The command: `partnerauth`."""

from __future__ import annotations


def main() -> None:
    """Run the command and end the process with its exit code."""
    from partnerauth.cli.command import command

    command(prog_name="partnerauth")
