"""The lookout: which alarms hold, given the consents, the credentials and the store as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from partnerauth.consent.consent import Consent, State
from partnerauth.consent.plan import Plan, Why
from partnerauth.errors import PartnerAuthError
from partnerauth.oauth.codes import REFUSALS, Actor, Refusal
from partnerauth.oauth.credential_end import CredentialEnd, last_end
from partnerauth.watch.alarm import Alarm, Cause

BEFORE_AN_END = timedelta(days=14)
BEFORE_A_CREDENTIALS_END = timedelta(days=30)
SILENCE = timedelta(days=14)

CONSENT = "Let an admin agent run `partnerauth consent` again."
LOOK = "Look at the log of `partnerauth watch`, and run `partnerauth renew --all` by hand."
EXEMPT = "Let the person consent again before that day; renewing does not help against this policy."
THEIRS = "Find out which other tool writes there: it must have the same application and a sign-in with MFA."
ROTATE = "Run `partnerauth credential rotate`, or add a new secret or certificate by hand; the consents stay good."


@dataclass(frozen=True, slots=True)
class Lookout:
    """From when on an end is near, and for how long no success is silence."""

    plan: Plan
    before_an_end: timedelta = BEFORE_AN_END
    before_a_credentials_end: timedelta = BEFORE_A_CREDENTIALS_END
    silence: timedelta = SILENCE

    def over_consent(self, consent: Consent, now: datetime) -> Iterator[Alarm]:
        """What is wrong with it."""
        if consent.state is State.LOST:
            row = _row(consent.code)
            why = row.cause.rstrip(".") if row else "its token opens nothing any more"
            yield _alarm(
                consent,
                Cause.LOST,
                f"the consent of {consent.username} is lost: {why}",
                (row.actor if row else Actor.PERSON).value,
                row.remedy if row else CONSENT,
                code=consent.code,
                consentable=True,
            )
            return
        if consent.alarm:
            yield _alarm(
                consent,
                Cause.MFA,
                f"a token of {consent.username} does not show MFA any more: {consent.alarm}",
                Actor.PERSON.value,
                "Let the person consent again with MFA; refreshing the same token never helps.",
                consentable=True,
            )
        end = self.plan.ends(consent)[0]
        if consent.state is State.SUSPENDED:
            row = _row(consent.code)
            why = row.cause.rstrip(".") if row else f"refused with {consent.code}"
            yield _alarm(
                consent,
                Cause.SUSPENDED,
                f"the consent of {consent.username} is suspended: {why}",
                (row.actor if row else Actor.OPERATOR).value,
                row.remedy if row else LOOK,
                code=consent.code,
                ends=end.at,
                consentable=row is not None and row.needs_consent,
            )
        elif consent.age(now) >= self.silence:
            days = consent.age(now).days
            yield _alarm(
                consent,
                Cause.SILENCE,
                f"no renewal of the consent of {consent.username} succeeded for {days} days ({consent.outcome})",
                Actor.OPERATOR.value,
                LOOK,
                ends=end.at,
            )
        if end.why is not Why.CREDENTIAL and end.at - now <= self.before_an_end:
            mine = end.why is Why.IDLE
            yield _alarm(
                consent,
                Cause.ENDING,
                f"the consent of {consent.username} ends on {end.at:%Y-%m-%d}: {end.why.value}",
                (Actor.OPERATOR if mine else Actor.PERSON).value,
                f"{LOOK} If that does not help: {CONSENT}" if mine else EXEMPT,
                ends=end.at,
                consentable=True,
            )

    def over_adoption(self, tenant: str, username: str, refusal: PartnerAuthError) -> Iterator[Alarm]:
        """That another tool wrote a token over a consent, and it is refused."""
        row = REFUSALS.get(refusal.code) if isinstance(refusal.code, int) else None
        yield Alarm(
            Cause.OVERWRITTEN,
            tenant,
            f"another tool wrote a token over the consent of {username or tenant}, which is refused: {refusal.message}",
            (row.actor if row else Actor.PERSON).value,
            f"{CONSENT} {THEIRS}",
            tenant,
            username,
            str(refusal.code or type(refusal).__name__),
            consentable=True,
        )

    def over_credentials(
        self, application: str, credentials: Sequence[CredentialEnd], now: datetime
    ) -> Iterator[Alarm]:
        """What ends without another that lives on, or may: the last of them counts, where all ends are known."""
        ends = last_end(credentials)
        if ends is not None and ends - now <= self.before_a_credentials_end:
            name = next(one.name for one in credentials if one.ends == ends)
            verb = "ended" if ends <= now else "ends"
            yield Alarm(
                Cause.CREDENTIAL,
                application,
                f"{name} {verb} on {ends:%Y-%m-%d}; without it nothing can be renewed",
                Actor.ADMINISTRATOR.value,
                ROTATE,
                ends=ends,
            )

    def over_store(self, store: str, failure: PartnerAuthError) -> Iterator[Alarm]:
        """That the store fails."""
        yield Alarm(Cause.STORE, store, failure.message, Actor.OPERATOR.value, failure.hint)


def _row(code: str) -> Refusal | None:
    return REFUSALS.get(int(code)) if code.isascii() and code.isdigit() else None


def _alarm(
    consent: Consent,
    cause: Cause,
    what: str,
    who: str,
    remedy: str,
    *,
    code: str = "",
    ends: datetime | None = None,
    consentable: bool = False,
) -> Alarm:
    return Alarm(cause, consent.tenant, what, who, remedy, consent.tenant, consent.username, code, ends, consentable)
