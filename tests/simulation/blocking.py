"""Blocking work that stops at each of its requests: in a thread of its own, which goes on only when it is told to.

At any time either the simulation runs or one such thread, never both, so that the same seed does the same each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from partnerauth.messages import Request, Response


class Ended(BaseException):
    """The process that does this work is dead."""


@dataclass(frozen=True)
class Question:
    """What the work waits for: the answer to a request, or that so many seconds pass."""

    request: Request | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Done:
    """The work is over, by what it returned or raised."""

    value: Any = None
    error: Exception | None = None


class Blocking:
    """One piece of work."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._told: SimpleQueue[Question | Done] = SimpleQueue()
        self._answers: SimpleQueue[Response | BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> Question | Done:
        """The first question, or the end."""
        self._thread.start()
        return self._told.get()

    def go_on(self, answer: Response | BaseException | None) -> Question | Done:
        """The next question after this answer, or the end."""
        self._answers.put(answer)
        return self._told.get()

    def end(self) -> None:
        """Nothing more of it is done."""
        self._answers.put(Ended())
        self._thread.join()

    def ask(self, question: Question) -> Response | None:
        """Asked from within the work: the answer."""
        self._told.put(question)
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _work(self) -> None:
        _here.work = self
        try:
            done = Done(self._function())
        except Ended:
            return
        except Exception as error:  # noqa: BLE001  # the flow decides
            done = Done(error=error)
        self._told.put(done)


_here = threading.local()


def asked(request: Request) -> Response:
    """The answer to a request of the work that this thread does."""
    answer = _here.work.ask(Question(request))
    assert isinstance(answer, Response)
    return answer


def paused(seconds: float) -> None:
    """A pause of the work that this thread does."""
    _here.work.ask(Question(seconds=seconds))
