"""Faults put into the code on purpose: what the simulation would find if somebody made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from partnerauth.consent import book, first, user
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.user import AppUser
from partnerauth.errors import PartnerAuthError, StoreConflict
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth import exchange as oauth_exchange
from partnerauth.oauth.codes import Mark
from partnerauth.oauth.evidence import Evidence, Mfa, read_access_token
from partnerauth.oauth.refusals import mark_of
from partnerauth.oauth.tokens import TokenSet
from partnerauth.shelving import Shelving
from partnerauth.stores.store import Entry


@dataclass(frozen=True)
class Mutant:
    """A fault: what takes the place of `where.name`, and the rules of which one must be seen broken."""

    said: str
    where: Any
    name: str
    wrong: Any
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return self.said

    @contextmanager
    def at_large(self) -> Iterator[None]:
        """While this lasts, the code is wrong."""
        right = getattr(self.where, self.name)
        setattr(self.where, self.name, self.wrong)
        try:
            yield
        finally:
            setattr(self.where, self.name, right)


ROTATE, KEEP, SPEND, EXCHANGE = ConsentBook.rotate, ConsentBook.keep, AppUser._spend, oauth_exchange.exchange


def _nothing(self: AppUser, *_: Any) -> Flow[None]:
    return
    yield


def _stored_at_last(self: AppUser, consent: Consent, *asked_for: Any) -> Flow[TokenSet]:
    """Customers' tenants count as the home authority."""
    got: list[TokenSet] = []

    def exchange(*asked: Any, **more: Any) -> Flow[TokenSet]:
        got.append((yield from EXCHANGE(*asked, **more)))
        return got[-1]

    vars(user)["exchange"] = exchange
    try:
        tokens = yield from SPEND(self, consent, *asked_for)
    finally:
        vars(user)["exchange"] = EXCHANGE
    if self.customer:
        now = yield from self.book.find(consent.tenant)
        yield from ROTATE(self.book, now, now.refresh_token, got[-1].refresh_token, self.clock.now(), Mfa.UNSEEN)
    return tokens


def _without_fence(self: ConsentBook, spent: Consent, result: Callable[[Consent], Consent]) -> Flow[Consent]:
    current = spent
    while True:
        try:
            return (yield from self._write(self.name(spent.tenant), result(current), current.version))
        except StoreConflict:
            current = yield from self.find(spent.tenant)


def _without_intent(self: ConsentBook, consent: Consent, token: Hidden | None = None) -> Flow[Consent]:
    return consent
    yield


def _absent_wins(
    self: ConsentBook, spent: Consent, redeemed: Hidden, token: Hidden | None, now: datetime, seen: Mfa
) -> Flow[Consent]:
    return ROTATE(self, spent, redeemed, token, now, Mfa.UNSEEN if seen is Mfa.ABSENT else seen)


def _always_younger(
    self: ConsentBook, spent: Consent, redeemed: Hidden, token: Hidden | None, now: datetime, seen: Mfa
) -> Flow[Consent]:
    return ROTATE(self, replace(spent, obtained_at=now), redeemed, token, now, seen)


def _marks_whatever_lies_there(
    self: ConsentBook, spent: Consent, state: State | None, code: str, now: datetime
) -> Flow[Consent]:
    there = yield from self.find(spent.tenant)
    marked = replace(there, state=state or there.state, code=code, intent="")
    return (yield from self._mark(self.name(spent.tenant), marked))


def _anybody(self: ConsentBook, consent: Consent, **_: Any) -> Flow[Consent]:
    return KEEP(self, consent, replacing=True)


def _forgetful(self: ConsentBook, spent: Consent, state: State | None, code: str, now: datetime) -> Flow[Consent]:
    yield from work("forget", lambda: self.store.forget(self.name(spent.tenant)))
    return spent


def _sure(token: Hidden | str) -> Evidence:
    return replace(read_access_token(token), mfa=Mfa.SHOWN)


class _Open:
    """A lock that holds nobody off."""

    def acquire(self) -> None:
        """At once."""

    def release(self) -> None:
        """Nothing."""


def _any_refusal_is_a_reason(error: PartnerAuthError) -> Mark:
    return Mark.SPENT if mark_of(error) is Mark.LOST else mark_of(error)


def _usual_for_all(self: ConsentBook, tenant: str) -> Flow[tuple[str, Entry | None]]:
    return self.name(tenant), (yield from work("read", lambda: self.store.read(self.name(tenant))))


def _uncleared(self: FirstConsent, pending: Any) -> Flow[None]:
    return
    yield


MUTANTS = [
    Mutant("tokens are handed out before they are stored", AppUser, "_rotate", _nothing, ("5",)),
    Mutant("the token of a customer's tenant is stored", AppUser, "_spend", _stored_at_last, ("3", "6")),
    Mutant("a write is not fenced by the epoch", ConsentBook, "_settle", _without_fence, ("3", "6", "7")),
    Mutant("no intent is written", ConsentBook, "intend", _without_intent, ("5",)),
    Mutant("absent replaces shown", ConsentBook, "rotate", _absent_wins, ("3",)),
    Mutant("every answer restarts the idle clock", ConsentBook, "rotate", _always_younger, ("9",)),
    Mutant("a refusal marks whatever lies there", ConsentBook, "refuse", _marks_whatever_lies_there, ("8",)),
    Mutant("what is refused is forgotten", ConsentBook, "refuse", _forgetful, ("8",)),
    Mutant("a refusal of any kind is final", user, "STATES", dict.fromkeys(user.STATES, State.LOST), ("8",)),
    Mutant("a colleague replaces without being told to", ConsentBook, "keep", _anybody, ("4",)),
    Mutant("any sign-in counts as one with MFA", first, "read_access_token", _sure, ("2",)),
    Mutant("the store is not tried for half a minute", user, "STORE_PAUSES", (), ("5",)),
    Mutant("everybody spends at once", ConsentBook, "lock", lambda *_: _Open(), ("flight",)),
    Mutant("the shelf is never looked at", Shelving, "_shelved", lambda *_: None, ("flight",)),
    Mutant("earlier tokens are tried after a revocation", user, "mark_of", _any_refusal_is_a_reason, ("7", "8")),
    Mutant("a slot is never cleared", FirstConsent, "_clear", _uncleared, ("2",)),
    Mutant("what is set aside keeps its earlier tokens", Consent, "alone", lambda consent: consent, ("7",)),
    Mutant("all applications have one name", ConsentBook, "place", _usual_for_all, ("4", "end")),
    Mutant("an epoch does not follow its former", book, "behind", lambda epoch, former: epoch, ("6",)),
]
