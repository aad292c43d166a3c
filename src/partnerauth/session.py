"""The doors to the network, and the shelf of access tokens in use.

`Session` and `AsyncSession` are twins: one asks in place, the other in an event loop. Both keep each access token until
shortly before its end, and ask the sign-in service once, however many threads or tasks want the same token at a time.
With a durable shelf the same holds across the processes of one machine.
"""

from __future__ import annotations

import os
from _thread import LockType, allocate_lock
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Api, Resource
from partnerauth.errors import ConsentNeeded, PartnerAuthError, StoreFailed, Unreachable
from partnerauth.flow import AsyncSend, Flow, Send, arun, ask, run, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.sources import AppOnly, TokenSource
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Shelf

if TYPE_CHECKING:
    import asyncio

    from partnerauth.apis.operation import Access, Call
    from partnerauth.apis.page import Page

    _Course = tuple[str, Resource, str, asyncio.AbstractEventLoop]

T = TypeVar("T")

REQUEST_ID = "client-request-id"
EARLY = 300.0
"""A token is renewed so many seconds before its end, or after nine tenths of a short life."""
AGAIN = 30.0
"""Where a token about to end could not be renewed, it is used for so many seconds until that is tried again."""
LOOK = 60.0
"""Every so many seconds it is seen to that the consent behind a token in use is still the same."""


@dataclass(slots=True)
class Kept:
    """A token on the shelf, to be used until `fresh` (in the clock's ticks).

    `flight` is the hash of the flight that brought it; 0 where no other can ever be in its place.
    """

    fresh: float
    tokens: TokenSet
    flight: int = 0


class _Shelving:
    """What both sessions share: the shelf, and the flow that fills it."""

    def __init__(self, clock: Clock, shelf: Shelf | None) -> None:
        self._clock = clock
        self._ticks = clock.ticks
        # By resource, then by who asks: with many tenants, less than half the memory of one table with pairs as keys
        # goes into anything but tokens.
        self._kept: dict[Resource, dict[str, Kept]] = {}
        self._durable = shelf

    def _resource(self, source: TokenSource, target: Resource | Api) -> Resource:
        return source.cloud.resource(target) if isinstance(target, Api) else target

    def _fetch(self, source: TokenSource, resource: Resource, claims: str) -> Flow[TokenSet]:
        """A token from the durable shelf if there is one, else from the source; put on both shelves."""
        try:
            name = yield from source.flight(resource)
        except ConsentNeeded:
            self._drop(source, resource)
            raise
        if not claims and (there := self._still(source, resource, name)) is not None:
            return there
        shelf = self._durable
        if shelf is None:
            tokens = yield from source.token(resource, claims)
        else:
            lock = shelf.lock(name)
            try:
                # In here: a cancellation waits for the lock to be taken, and then it must be given back.
                yield from work("flight", lock.acquire, waits=True)
                if claims:
                    yield from self._shelve(shelf, name, None)
                there = None if claims else (yield from work("shelf", lambda: self._shelved(shelf, name)))
                tokens = there if there is not None else (yield from source.token(resource, claims))
                if there is None:
                    yield from self._shelve(shelf, name, tokens)
            finally:
                lock.release()
        self._keep(source, resource, tokens, name)
        return tokens

    def _bearer(self, source: TokenSource, resource: Resource) -> Flow[Hidden]:
        """The access token on the shelf, or a new one."""
        there = self._fresh(source, resource)
        return (there if there is not None else (yield from self._fetch(source, resource, ""))).access_token

    def _fresh(self, source: TokenSource, resource: Resource) -> TokenSet | None:
        """The token on the shelf of this process, unless it is about to end."""
        kept = self._kept.get(resource, {}).get(source.identity)
        return kept.tokens if kept is not None and self._ticks() < kept.fresh else None

    def _still(self, source: TokenSource, resource: Resource, flight: str) -> TokenSet | None:
        """The token on the shelf of this process, where it is the same flight's as now and is not about to end."""
        kept = self._kept.get(resource, {}).get(source.identity)
        if kept is None or kept.flight != hash(flight) or _left(kept.tokens, self._clock.now()) <= _margin(kept.tokens):
            return None
        self._keep(source, resource, kept.tokens, flight)
        return kept.tokens

    def _shelved(self, shelf: Shelf, name: str) -> TokenSet | None:
        """The token on the durable shelf, unless it is about to end."""
        now = self._clock.now()
        found = shelf.get(name, now)
        tokens = _thawed(found) if found is not None else None
        return tokens if tokens is not None and _left(tokens, now) > _margin(tokens) else None

    def _shelve(self, shelf: Shelf, name: str, tokens: TokenSet | None) -> Flow[None]:
        """Put the token on the durable shelf in place of the former one; None: only drop that."""
        now = self._clock.now()
        frozen, ends = (_frozen(tokens), tokens.expires_at) if tokens is not None else (Hidden(""), now)
        try:
            yield from work("shelve", lambda: shelf.put(name, frozen, ends, now))
        except StoreFailed as error:
            _warn("the access token could not be shelved (%s); the next process asks for one", error)

    def _keep(self, source: TokenSource, resource: Resource, tokens: TokenSet, flight: str) -> None:
        left, mark = _left(tokens, self._clock.now()) - _margin(tokens), 0
        if flight != f"{source.identity}\n{resource.identifier}":  # a consent stands behind it, which others may change
            left, mark = min(left, LOOK), hash(flight)
        self._kept.setdefault(resource, {})[source.identity] = Kept(self._ticks() + left, tokens, mark)

    def _drop(self, source: TokenSource, resource: Resource) -> None:
        self._kept.get(resource, {}).pop(source.identity, None)

    def _in_need(self, source: TokenSource, resource: Resource, error: Exception) -> TokenSet | None:
        """The token in use, where no new one could be had or looked for but this one still opens doors."""
        kept = self._kept.get(resource, {}).get(source.identity)
        left = _left(kept.tokens, self._clock.now()) if kept is not None else 0
        if kept is None or not isinstance(error, (Unreachable, StoreFailed)) or left <= 0:
            return None
        _warn("no new token now (%s); the present one is used while it lasts", error)
        kept.fresh = self._ticks() + min(AGAIN, left)
        return kept.tokens

    def forget_tokens(self) -> None:
        """Empty the shelf of this process, and the durable one."""
        for kept in self._kept.values():
            kept.clear()
        if self._durable is not None:
            self._durable.empty()


class Session(_Shelving):
    """A door to the network for threads.

    `ca` is a PEM bundle of authorities to trust instead of the system's; `send` replaces the HTTP client (an emulator's
    `handle`, for one); `shelf` keeps access tokens between processes. Use it as a context manager, or call `close`.
    """

    def __init__(
        self, *, ca: str | None = None, clock: Clock = SYSTEM, shelf: Shelf | None = None, send: Send | None = None
    ) -> None:
        super().__init__(clock, shelf)
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


class AsyncSession(_Shelving):
    """A door to the network for tasks; otherwise as `Session`.

    A flight is a task of its own: who is cancelled leaves it, and the others still get their token.
    """

    def __init__(
        self, *, ca: str | None = None, clock: Clock = SYSTEM, shelf: Shelf | None = None, send: AsyncSend | None = None
    ) -> None:
        super().__init__(clock, shelf)
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


def _warn(text: str, error: Exception) -> None:
    import logging

    logging.getLogger("partnerauth.session").warning(text, type(error).__name__)


def used_until(tokens: TokenSet) -> datetime:
    """Until when a token is handed out again; then another one is asked for."""
    return tokens.expires_at - timedelta(seconds=_margin(tokens))


def _left(tokens: TokenSet, now: datetime) -> float:
    return (tokens.expires_at - now).total_seconds()


def _margin(tokens: TokenSet) -> float:
    """How many seconds before its end a token is renewed."""
    return min(EARLY, _left(tokens, tokens.received_at) / 10)


def _bearing(tokens: TokenSet) -> Callable[[], Flow[Hidden]]:
    def bearer() -> Flow[Hidden]:
        yield from ()
        return tokens.access_token

    return bearer


def _mode(source: TokenSource) -> Access:
    from partnerauth.apis.operation import Access

    return Access.APP_ONLY if isinstance(source, AppOnly) else Access.APP_USER


def _frozen(tokens: TokenSet) -> Hidden:
    import json

    times = (tokens.received_at.isoformat(), tokens.expires_at.isoformat())
    return Hidden(json.dumps((tokens.access_token.reveal(), *times, tokens.resource, tokens.scope)))


def _thawed(text: Hidden) -> TokenSet | None:
    import json

    try:
        token, received_at, expires_at, resource, scope = json.loads(text.reveal())
        times = (datetime.fromisoformat(received_at), datetime.fromisoformat(expires_at))
    except (ValueError, TypeError):
        return None
    return TokenSet(Hidden(token), *times, resource=resource, scope=tuple(scope))
