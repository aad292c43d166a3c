"""What ends when: every consent, secret and certificate, for calendars and drawings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from partnerauth.consent.consent import Consent, State
from partnerauth.consent.plan import Plan, Why
from partnerauth.oauth.credential_end import CredentialEnd


class Kind(Enum):
    """What it is that ends."""

    CONSENT = "consent"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lives from `begins` to `ends`, if nobody does anything. `id` stays the same over its renewals."""

    kind: Kind
    id: str
    name: str
    begins: datetime
    ends: datetime
    why: str
    state: State = State.LIVE
    renews: datetime | None = None
    """When it is to be used next."""


def spans(
    consents: Sequence[Consent], credentials: Sequence[CredentialEnd], plan: Plan, application: str, now: datetime
) -> Iterator[Span]:
    """All of these whose end is known, in its order; a consent's is its own, whatever the application's secret does."""
    found = [_of_consent(consent, plan, now) for consent in consents]
    for credential in credentials:
        if credential.ends is None:
            continue
        name = _id(application, "credential", credential.name)
        begins = credential.begins or min(now, credential.ends)
        found.append(Span(Kind.CREDENTIAL, name, credential.name, begins, credential.ends, "it ends"))
    yield from sorted(found, key=lambda span: (span.ends, span.id))


def _of_consent(consent: Consent, plan: Plan, now: datetime) -> Span:
    end = Plan(plan.sign_in_lasts).ends(consent)[0]
    why = "it is lost: only a new consent helps" if consent.state is State.LOST else end.why.value
    due = plan.due(consent, now)
    name = f"{consent.username} for {consent.tenant}"
    identity = _id(consent.cloud, consent.tenant, consent.application_id)
    # From the consent on where a policy ends it, from the last renewal on where only disuse would.
    begins = consent.obtained_at if end.why is Why.IDLE else consent.consented_at
    ends = min(end.at, consent.attempted_at or now) if consent.state is State.LOST else end.at
    return Span(Kind.CONSENT, identity, name, begins, ends, why, consent.state, due.at)


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
