"""A flow run step by step, so that a test can stop it anywhere, let others run meanwhile, go on with it, or end it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from partnerauth.flow import Ask, Effect, Flow, Send, Wait, Work

T = TypeVar("T")


class Process(Generic[T]):
    """One flow in a process of its own; `send` brings its requests, pauses pass at once."""

    def __init__(self, flow: Flow[T], send: Send) -> None:
        self._flow = flow
        self._send = send
        self._result: list[T] = []
        self._effect: Effect | None = next(flow)

    def until(self, label: str, nth: int = 1) -> None:
        """Go on, and stop right before the n-th piece of work of that label."""
        while True:
            nth -= isinstance(self._effect, Work) and self._effect.label == label
            if not nth:
                return
            self._step()

    def after(self, label: str) -> None:
        """Go on, and stop right after the next piece of work of that label."""
        self.until(label)
        self._step()

    def kill(self) -> None:
        """End it where it stands: nothing more is done, and the kernel frees its locks."""
        self._flow.close()

    def finish(self) -> T:
        """Go on to the end. Raises what the flow raises."""
        while self._effect is not None:
            self._step()
        return self._result[0]

    def _step(self) -> None:
        assert self._effect is not None, "it has ended"
        try:
            answer = self._done(self._effect)
        except Exception as error:  # noqa: BLE001  # the flow decides
            self._go(partial(self._flow.throw, error))
        else:
            self._go(partial(self._flow.send, answer))

    def _done(self, effect: Effect) -> Any:
        match effect:
            case Ask(request):
                return self._send(request)
            case Work(function=function):
                return function()
            case Wait():
                return None

    def _go(self, on: Callable[[], Effect]) -> None:
        self._effect = None
        try:
            self._effect = on()
        except StopIteration as end:
            self._result.append(end.value)
