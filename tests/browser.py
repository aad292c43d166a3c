"""A browser for commands that open one, named by the variable BROWSER and called with the link.

It does at the emulator's pages what a person would, reads the code from the phone, and posts what comes back.
"""

import shlex
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.cli.person import Person
from partnerauth.emulator import default
from partnerauth.hidden import Hidden
from partnerauth.messages import Request


def installed(directory: Path, control: str, ca: Path | str, upn: str = default.ADMIN_AGENT) -> str:
    """The value of the variable BROWSER: a program in `directory` (a value with colons in it would be split)."""
    program = directory / "browser"
    words = shlex.join([sys.executable, str(Path(__file__).resolve()), control, str(ca), upn])
    program.write_text(f'#!/bin/sh\nexec {words} "$1"\n')
    program.chmod(0o700)
    return str(program)


def main(control: str, ca: str, upn: str, link: str) -> None:
    """Sign in at `link` and bring the answer back."""
    carrier = SyncCarrier(Trust(ca))

    def phone() -> str:
        return str(carrier.send(Request("GET", f"{control}/phone/{upn}")).value()["code"])

    redirect_uri = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["redirect_uri"][0]
    fields = Person(upn, Hidden(default.PASSWORD), carrier.send, phone).sign_in(link, redirect_uri)
    carrier.close()
    with urllib.request.urlopen(redirect_uri, urllib.parse.urlencode(fields).encode(), timeout=30) as answer:
        answer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
