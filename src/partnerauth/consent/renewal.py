"""Renewal: each consent is used before its ninety days run out, and the outcome is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from partnerauth.cloud import Resource
from partnerauth.consent.consent import Consent
from partnerauth.consent.user import AppUser
from partnerauth.errors import ConsentNeeded, MfaMissing, NoConsent, PartnerAuthError
from partnerauth.flow import Flow, wait, work

PATIENCE = 5.0
"""How long a renewal is left to another host that has written its intent down."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The stored token is a new one."""

    consent: Consent


@dataclass(frozen=True, slots=True)
class Lost:
    """A person must act."""

    consent: Consent
    error: PartnerAuthError


@dataclass(frozen=True, slots=True)
class NotReached:
    """It did not work this time; again soon."""

    consent: Consent
    error: PartnerAuthError


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody else is at it or was, or it was forgotten: there is nothing left to do."""

    consent: Consent


Outcome: TypeAlias = Renewed | Lost | NotReached
Attended: TypeAlias = Renewed | Lost | NotReached | Skipped


def renew(user: AppUser, consent: Consent, apis: Sequence[Resource]) -> Flow[Outcome]:
    """Renew one consent by asking for a token of the first API that the application may ask for.

    Raises `NoConsent` where it was forgotten meanwhile, `StoreFailed` where not even that can be told.
    """
    owner = replace(user, tenant=consent.tenant, customer="")
    error: PartnerAuthError | None = None
    for resource in apis:
        try:
            tokens = yield from owner.token(resource)
        except PartnerAuthError as failure:
            error = error or failure
            if failure.code in (65001, 650057):
                continue
            break
        after = yield from user.book.find(consent.tenant)
        if not tokens.unsaved and (after.epoch, after.generation) != (consent.epoch, consent.generation):
            return Renewed(after)
        error = PartnerAuthError(
            "no new refresh token came or could be stored; the former one stays",
            hint="Try again in a few days; if it stays so, consent again before the ninety days end.",
        )
        break
    assert error is not None, "an API is named"  # noqa: S101
    after = yield from user.book.find(consent.tenant)
    if isinstance(error, ConsentNeeded | MfaMissing):
        return Lost(after, error)
    return NotReached(after, error)


def attend(
    user: AppUser, consent: Consent, apis: Sequence[Resource], wanted: Callable[[Consent], bool]
) -> Flow[Attended]:
    """Renew one consent unless another thread, process or replica is at it, or has been since `consent` was read.

    `wanted` is asked about the consent as it is now. Where locks are each host's (a plain store), an intent that stands
    there is given a moment: that may save a request, and nothing depends on it. Raises nothing that may happen.
    """
    lock = user.book.lock(consent.tenant, "renewal")
    try:
        try:
            # In here: whatever happens to who waits for the answer, the lock is given back.
            if not (yield from work("lock", lock.attempt)):
                return Skipped(consent)
            now = yield from user.book.find(consent.tenant)
            if now.intent and user.book.store.plain:
                # Another host, whose locks this one does not see, is at it or died there.
                yield from wait(PATIENCE)
                now = yield from user.book.find(consent.tenant)
            if not wanted(now):
                return Skipped(now)
            return (yield from renew(user, now, apis))
        finally:
            lock.release()
    except NoConsent:
        return Skipped(consent)
    except PartnerAuthError as error:
        return NotReached(consent, error)
