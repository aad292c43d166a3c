"""Renewal: each consent is used before its ninety days run out, and the outcome is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from partnerauth.cloud import Resource
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.user import AppUser
from partnerauth.errors import ConsentNeeded, MfaMissing, PartnerAuthError
from partnerauth.flow import Flow

RENEW_AFTER = timedelta(days=7)
"""A consent is due when its token is this old: twelve chances before it dies."""


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


Outcome: TypeAlias = Renewed | Lost | NotReached


def is_due(consent: Consent, now: datetime) -> bool:
    """Whether this consent should be renewed now."""
    return consent.state is not State.LOST and consent.age(now) >= RENEW_AFTER


def renew(user: AppUser, consent: Consent, apis: Sequence[Resource]) -> Flow[Outcome]:
    """Renew one consent by asking for a token of the first API that the application may ask for."""
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
        if not tokens.unsaved and after.obtained_at != consent.obtained_at:
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
