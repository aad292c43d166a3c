"""The shelf of access tokens in use, and the flow that fills it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from partnerauth.clock import Clock
from partnerauth.cloud import Api, Resource
from partnerauth.errors import ConsentNeeded, StoreFailed, Unreachable
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.sources import TokenSource
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Shelf, TellingShelf

EARLY = 300.0
"""A token is renewed so many seconds before its end, or after nine tenths of a short life."""
AGAIN = 30.0
"""Where a token about to end could not be renewed, it is used for so many seconds until that is tried again."""
LOOK = 60.0
"""Every so many seconds it is seen to that the consent behind a token in use is still the same; at once, where a shelf
tells of what other replicas do."""
_PAST = float("-inf")


@dataclass(slots=True)
class Kept:
    """A token on the shelf, to be used until `fresh` (in the clock's ticks).

    `flight` is the hash of the flight that brought it; 0 where no other can ever be in its place.
    """

    fresh: float
    tokens: TokenSet
    flight: int = 0


class Shelving:
    """What both sessions share."""

    def __init__(self, clock: Clock, shelf: Shelf | None, *, listen: bool) -> None:
        self._clock = clock
        self._ticks = clock.ticks
        # By resource, then by who asks: with many tenants, less than half the memory of one table with pairs as keys
        # goes into anything but tokens.
        self._kept: dict[Resource, dict[str, Kept]] = {}
        self._durable = shelf
        self._telling = shelf if listen and isinstance(shelf, TellingShelf) else None
        self._listening: dict[int, Callable[[], None]] = {}
        """What stops it, by process: in a forked child nobody listens yet."""
        self._heard = 0

    def _resource(self, source: TokenSource, target: Resource | Api) -> Resource:
        return source.cloud.resource(target) if isinstance(target, Api) else target

    def _fetch(self, source: TokenSource, resource: Resource, claims: str) -> Flow[TokenSet]:
        """A token from the durable shelf if there is one, else from the source; put on both shelves."""
        heard = self._heard
        try:
            name = yield from source.flight(resource)
        except ConsentNeeded:
            self._drop(source, resource)
            raise
        if not claims and (there := self._still(source, resource, name, heard)) is not None:
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
        self._keep(source, resource, tokens, name, heard)
        return tokens

    def _bearer(self, source: TokenSource, resource: Resource) -> Flow[Hidden]:
        """The access token on the shelf, or a new one."""
        there = self._fresh(source, resource)
        return (there if there is not None else (yield from self._fetch(source, resource, ""))).access_token

    def _fresh(self, source: TokenSource, resource: Resource) -> TokenSet | None:
        """The token on the shelf of this process, unless it is about to end."""
        kept = self._kept.get(resource, {}).get(source.identity)
        return kept.tokens if kept is not None and self._ticks() < kept.fresh else None

    def _still(self, source: TokenSource, resource: Resource, flight: str, heard: int) -> TokenSet | None:
        """The token on the shelf of this process, where it is the same flight's as now and is not about to end."""
        kept = self._kept.get(resource, {}).get(source.identity)
        if kept is None or kept.flight != hash(flight) or _left(kept.tokens, self._clock.now()) <= _margin(kept.tokens):
            return None
        self._keep(source, resource, kept.tokens, flight, heard)
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

    def _keep(self, source: TokenSource, resource: Resource, tokens: TokenSet, flight: str, heard: int) -> None:
        left, mark = _left(tokens, self._clock.now()) - _margin(tokens), 0
        if flight != f"{source.identity}\n{resource.identifier}":  # a consent stands behind it, which others may change
            left, mark = min(left, LOOK), hash(flight)
            self._listen()
        kept = Kept(self._ticks() + left, tokens, mark)
        self._kept.setdefault(resource, {})[source.identity] = kept
        if mark and heard != self._heard:  # since the consent was read
            kept.fresh = _PAST

    def _listen(self) -> None:
        """Be told what other replicas do, where that can be heard."""
        if self._telling is None or os.getpid() in self._listening:
            return
        import weakref

        look = weakref.WeakMethod(self._look_again)

        def told() -> None:
            if (method := look()) is not None:
                method()

        stop = self._telling.listen(told)
        if self._listening.setdefault(os.getpid(), stop) is not stop:
            stop()  # another thread was faster
        weakref.finalize(self, stop)

    def _look_again(self) -> None:
        """See to it that the consent behind each token is looked at before that is used again."""
        self._heard += 1
        for shelved in list(self._kept.values()):
            for kept in list(shelved.values()):
                if kept.flight:
                    kept.fresh = _PAST

    def _listen_no_more(self) -> None:
        stop = self._listening.pop(os.getpid(), None)
        if stop is not None:
            stop()

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


def used_until(tokens: TokenSet) -> datetime:
    """Until when a token is handed out again; then another one is asked for."""
    return tokens.expires_at - timedelta(seconds=_margin(tokens))


def _left(tokens: TokenSet, now: datetime) -> float:
    return (tokens.expires_at - now).total_seconds()


def _margin(tokens: TokenSet) -> float:
    """How many seconds before its end a token is renewed."""
    return min(EARLY, _left(tokens, tokens.received_at) / 10)


def _warn(text: str, error: Exception) -> None:
    import logging

    logging.getLogger("partnerauth.session").warning(text, type(error).__name__)


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
