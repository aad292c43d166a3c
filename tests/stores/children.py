"""Child processes for tests: forked, so that hundreds of them cost little; they never return into the test."""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from partnerauth.errors import PartnerAuthError
from tests.needs import could_not_run

NOBODY = 65534


def start(work: Callable[[], object]) -> int:
    """A child that does `work` and ends, with 1 where it failed; returns its process id."""
    process = os.fork()
    if process == 0:
        _end(work)
    return process


def finish(process: int) -> int:
    """Wait for a child's end; returns its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill(process: int) -> int:
    """End a child as a power cut does; returns its exit code."""
    os.kill(process, signal.SIGKILL)
    return finish(process)


def result(work: Callable[[], Any], user: int | None = None) -> Any:
    """What `work` returns when done in a child (as another user), or the class of our error that it ended in."""
    if user is not None and os.geteuid() != 0:
        could_not_run("root, to become another user")
    reading, writing = os.pipe()

    def told() -> None:
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        try:
            answer = work()
        except PartnerAuthError as error:
            answer = type(error)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)

    process = start(told)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    assert finish(process) == 0
    return pickle.loads(answer)


def _end(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - told, and the child ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
