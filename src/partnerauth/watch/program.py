"""Alarms as a command of the operator's: the facts on its standard input, none among its arguments."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

import msgspec

from partnerauth.errors import Misconfigured, Refused, Unreachable
from partnerauth.flow import Flow, work
from partnerauth.watch.alarm import Notice

SECONDS = 60
OURS = "PARTNERAUTH_"


@dataclass(frozen=True, slots=True)
class Program:
    """Runs `arguments` without a shell, the facts as one JSON object on standard input, without our variables."""

    arguments: tuple[str, ...]
    seconds: float = SECONDS
    name: str = "command"

    def __post_init__(self) -> None:
        if not self.arguments or not self.arguments[0]:
            raise Misconfigured("the alarm's command is empty", hint="Set alarm_command, or leave it away.")

    def tell(self, notice: Notice) -> Flow[None]:
        """Run it. Raises `Refused` where it cannot be run or fails, `Unreachable` where it does not end."""
        content = msgspec.json.encode(notice.facts())
        yield from work("command", lambda: self._run(content))

    def _run(self, content: bytes) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        what = os.path.basename(self.arguments[0])[:60]
        try:
            code = subprocess.run(  # noqa: S603  # the operator's own command
                self.arguments,
                input=content,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=self.seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Unreachable(f"the alarm's command {what} did not end in {self.seconds:.0f} s") from None
        except OSError as error:
            raise Refused(f"the alarm's command {what} cannot be run ({error.strerror})", hint=LOOK) from None
        if code != 0:
            raise Refused(f"the alarm's command {what} ended with {code}", hint=LOOK)


LOOK = "Run the command in alarm_command by hand, with a JSON object on its standard input."
