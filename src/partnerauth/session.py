"""The doors to the network, and the flights for tokens.

`Session` and `AsyncSession` are twins: one asks in place, the other in an event loop. Both keep each access token until
shortly before its end, and ask the sign-in service once, however many threads or tasks want the same token at a time.
With a durable shelf the same holds across the processes of one machine.
"""

from __future__ import annotations

import os
from _thread import LockType, allocate_lock
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Api, Resource
from partnerauth.errors import PartnerAuthError
from partnerauth.flow import AsyncSend, Flow, Send, arun, ask, run, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.sources import AppOnly, TokenSource
from partnerauth.oauth.tokens import TokenSet
from partnerauth.shelving import Shelving
from partnerauth.stores.store import Shelf

if TYPE_CHECKING:
    import asyncio

    from partnerauth.apis.operation import Access, Call
    from partnerauth.apis.page import Page

    _Course = tuple[str, Resource, str, asyncio.AbstractEventLoop]

T = TypeVar("T")

REQUEST_ID = "client-request-id"


class Session(Shelving):
    """A door to the network for threads.

    `ca` is a PEM bundle of authorities to trust instead of the system's; `send` replaces the HTTP client (an emulator's
    `handle`, for one); `shelf` keeps access tokens between processes. Where that also tells what other replicas do, a
    thread listens, unless `listen` says no. Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        *,
        ca: str | None = None,
        clock: Clock = SYSTEM,
        shelf: Shelf | None = None,
        send: Send | None = None,
        listen: bool = True,
    ) -> None:
        super().__init__(clock, shelf, listen=listen)
        self._ca = ca
        self._raw_send = send
        self._close: Callable[[], None] = lambda: None
        self._flights: dict[tuple[str, Resource, str], _Flight] = {}
        self._lock = allocate_lock()
        self._process = os.getpid()

    def token(self, source: TokenSource, target: Resource | Api) -> TokenSet:
        """An access token of `source` for an API: from the shelf, or a new one.

        Raises what the source raises (a subclass of `PartnerAuthError`); all who wait for one flight get the same
        error.
        """
        resource = source.cloud.apis.get(target) if target.__class__ is Api else target
        try:
            kept = self._kept[resource][source.identity]  # type: ignore[index]  # nothing else is ever a key
            if self._ticks() < kept.fresh:
                return kept.tokens
        except KeyError:
            pass
        return self._fly(source, self._resource(source, target), "")

    def challenged(self, source: TokenSource, target: Resource | Api, claims: str) -> TokenSet:
        """A new token that satisfies a claims challenge; the one on the shelf is dropped."""
        resource = self._resource(source, target)
        self._drop(source, resource)
        return self._fly(source, resource, claims)

    def handle(self, source: TokenSource, target: Resource | Api) -> Callable[[], Hidden]:
        """A function that gives the access token of `source` for an API at each call: the shortest way to it."""
        resource = self._resource(source, target)
        ticks, renew, identity = self._ticks, self.token, source.identity
        find = self._kept.setdefault(resource, {}).get

        def bearer() -> Hidden:
            kept = find(identity)
            if kept is not None and ticks() < kept.fresh:
                return kept.tokens.access_token
            return renew(source, resource).access_token

        return bearer

    def call(self, source: TokenSource, call: Call[T]) -> T:
        """What an API answers to `call`, asked with a token of `source`. Raises `ApiRefused` and as `token` does."""
        from partnerauth.apis.perform import perform

        resource = source.cloud.resource(call.api)
        bearer = _bearing(self.token(source, resource))
        return self.run(perform(call, resource, bearer, mode=_mode(source)))

    def pages(self, source: TokenSource, call: Call[Page[T]]) -> list[T]:
        """All items that `call` begins to list, page by page. Raises as `call` does."""
        from partnerauth.apis.perform import pages

        resource = source.cloud.resource(call.api)
        handle = self.handle(source, resource)
        return self.run(pages(call, resource, lambda: work("token", handle), mode=_mode(source)))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow through this door. Its requests carry a `client-request-id`, and an error that of the last one."""
        sent = _Sent()
        try:
            return run(flow, lambda request: self._sender()(sent.named(request)), self._clock.sleep)
        except PartnerAuthError as error:
            sent.name(error)
            raise

    def send(self, request: Request) -> Response:
        """Send one request, named as in `run`."""
        return self.run(ask(request))

    def close(self) -> None:
        """Close all connections."""
        self._listen_no_more()
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sender(self) -> Send:
        if self._raw_send is None:
            from partnerauth.carriers.pooled import SyncCarrier
            from partnerauth.carriers.trust import Trust

            with self._locked():
                if self._raw_send is None:
                    carrier = SyncCarrier(Trust(self._ca))
                    self._raw_send, self._close = carrier.send, carrier.close
        return self._raw_send

    def _fly(self, source: TokenSource, resource: Resource, claims: str) -> TokenSet:
        key = (source.identity, resource, claims)
        while True:
            with self._locked():
                flight = self._flights.get(key)
                leading = flight is None
                if flight is None:
                    there = None if claims else self._fresh(source, resource)
                    if there is not None:
                        return there
                    flight = self._flights[key] = _Flight()
            if leading:
                self._lead(flight, key, source)
            try:
                tokens = flight.wait()
            except PartnerAuthError as error:
                tokens = None if claims else self._in_need(source, resource, error)
                if tokens is None:
                    raise
            if tokens is not None:  # else the leader was interrupted, and somebody else leads
                return tokens

    def _lead(self, flight: _Flight, key: tuple[str, Resource, str], source: TokenSource) -> None:
        tokens: TokenSet | None = None
        failure: Exception | None = None
        try:
            tokens = self.run(self._fetch(source, *key[1:]))
        except Exception as error:  # noqa: BLE001  # raised again for all who wait
            failure = error
        finally:
            with self._locked():
                self._flights.pop(key, None)
            flight.land(tokens, failure)

    def _locked(self) -> LockType:
        """The lock; after a fork a new one, and no flights: the threads that held or led them are not here."""
        if self._process != os.getpid():
            self._process, self._lock, self._flights = os.getpid(), allocate_lock(), {}
        return self._lock


class AsyncSession(Shelving):
    """A door to the network for tasks; otherwise as `Session`.

    A flight is a task of its own: who is cancelled leaves it, and the others still get their token.
    """

    def __init__(
        self,
        *,
        ca: str | None = None,
        clock: Clock = SYSTEM,
        shelf: Shelf | None = None,
        send: AsyncSend | None = None,
        listen: bool = True,
    ) -> None:
        super().__init__(clock, shelf, listen=listen)
        self._ca = ca
        self._raw_send = send
        self._carrier_close: Callable[[], object] | None = None
        self._flights: dict[_Course, asyncio.Task[TokenSet]] = {}

    async def token(self, source: TokenSource, target: Resource | Api) -> TokenSet:
        """An access token of `source` for an API: from the shelf, or a new one. Raises as `Session.token` does."""
        resource = source.cloud.apis.get(target) if target.__class__ is Api else target
        try:
            kept = self._kept[resource][source.identity]  # type: ignore[index]  # nothing else is ever a key
            if self._ticks() < kept.fresh:
                return kept.tokens
        except KeyError:
            pass
        return await self._fly(source, self._resource(source, target), "")

    async def challenged(self, source: TokenSource, target: Resource | Api, claims: str) -> TokenSet:
        """A new token that satisfies a claims challenge; the one on the shelf is dropped."""
        resource = self._resource(source, target)
        self._drop(source, resource)
        return await self._fly(source, resource, claims)

    async def call(self, source: TokenSource, call: Call[T]) -> T:
        """What an API answers to `call`, asked with a token of `source`. Raises as `Session.call` does."""
        from partnerauth.apis.perform import perform

        resource = source.cloud.resource(call.api)
        bearer = _bearing(await self.token(source, resource))
        return await self.run(perform(call, resource, bearer, mode=_mode(source)))

    async def pages(self, source: TokenSource, call: Call[Page[T]]) -> list[T]:
        """All items that `call` begins to list, page by page. Raises as `call` does."""
        from partnerauth.apis.perform import pages

        resource = source.cloud.resource(call.api)
        await self.token(source, resource)
        return await self.run(pages(call, resource, lambda: self._bearer(source, resource), mode=_mode(source)))

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow through this door. Its requests carry a `client-request-id`, and an error that of the last one."""
        sent = _Sent()
        try:
            return await arun(flow, lambda request: self._sender()(sent.named(request)), self._clock.asleep)
        except PartnerAuthError as error:
            sent.name(error)
            raise

    async def send(self, request: Request) -> Response:
        """Send one request, named as in `run`."""
        return await self.run(ask(request))

    async def close(self) -> None:
        """Let the flights end, then close all connections."""
        import asyncio

        self._listen_no_more()
        here = asyncio.get_running_loop()
        flights = [flight for (*_, loop), flight in self._flights.items() if loop is here]
        await asyncio.gather(*flights, return_exceptions=True)
        if self._carrier_close is not None:
            await self._carrier_close()  # type: ignore[misc]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _sender(self) -> AsyncSend:
        if self._raw_send is None:
            from partnerauth.carriers.looped import AsyncCarrier
            from partnerauth.carriers.trust import Trust

            carrier = AsyncCarrier(Trust(self._ca))
            self._raw_send, self._carrier_close = carrier.send, carrier.close
        return self._raw_send

    async def _fly(self, source: TokenSource, resource: Resource, claims: str) -> TokenSet:
        import asyncio

        loop = asyncio.get_running_loop()
        key = (source.identity, resource, claims, loop)
        flight = self._flights.get(key)
        if flight is None:
            flight = loop.create_task(self.run(self._fetch(source, resource, claims)))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        try:
            return await asyncio.shield(flight)
        except PartnerAuthError as error:
            in_need = None if claims else self._in_need(source, resource, error)
            if in_need is None:
                raise
            return in_need

    def _landed(self, key: _Course, flight: asyncio.Task[TokenSet]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # seen, even where all who waited have been cancelled


class _Flight:
    """A token being asked for: whoever leads lands it, the others wait."""

    __slots__ = ("_error", "_landing", "_tokens")

    def __init__(self) -> None:
        self._tokens: TokenSet | None = None
        self._error: Exception | None = None
        self._landing = allocate_lock()
        self._landing.acquire()

    def land(self, tokens: TokenSet | None = None, error: Exception | None = None) -> None:
        """Let those who wait have the answer; neither means that there is none."""
        self._tokens, self._error = tokens, error
        self._landing.release()

    def wait(self) -> TokenSet | None:
        """The answer, when it is there; None where the leader was interrupted. Raises the leader's error."""
        with self._landing:
            pass
        if self._error is not None:
            raise self._error
        return self._tokens


class _Sent:
    """The id of the last request of a flow."""

    def __init__(self) -> None:
        self._id = ""

    def named(self, request: Request) -> Request:
        """The request with an id; its own, if it has one."""
        self._id = request.header(REQUEST_ID)
        if self._id:
            return request
        self._id = _random_id()
        return Request(request.method, request.url, (*request.headers, (REQUEST_ID, self._id)), request.body)

    def name(self, error: PartnerAuthError) -> None:
        """Put the id into an error to which nobody gave a better one."""
        error.correlation_id = error.correlation_id or self._id


def _random_id() -> str:
    # RFC 9562, version 4. The standard library's module for it takes longer to load than to read a token from a file.
    drawn = bytearray(os.urandom(16))
    drawn[6], drawn[8] = drawn[6] & 0x0F | 0x40, drawn[8] & 0x3F | 0x80
    text = drawn.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _bearing(tokens: TokenSet) -> Callable[[], Flow[Hidden]]:
    def bearer() -> Flow[Hidden]:
        yield from ()
        return tokens.access_token

    return bearer


def _mode(source: TokenSource) -> Access:
    from partnerauth.apis.operation import Access

    return Access.APP_ONLY if isinstance(source, AppOnly) else Access.APP_USER
