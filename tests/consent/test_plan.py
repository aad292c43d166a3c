"""The plan: consents that work are used weekly, those that fail often, and the nearer the end the more often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from partnerauth.consent.consent import IDLE_LIFETIME, Consent, State
from partnerauth.consent.plan import (
    BLIND,
    CHANCES,
    HURRY,
    PATIENCE,
    REGULARLY,
    SKEW,
    SPREAD,
    Plan,
    Why,
    by_deadline,
    next_use,
    share,
)
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECONDS = IDLE_LIFETIME.total_seconds()

moments = st.timedeltas(timedelta(days=-2000), timedelta(days=5000)).map(NOON.__add__)
spans = st.timedeltas(timedelta(), timedelta(days=400))


def kept(obtained: datetime = NOON, attempted: datetime | None = None, **more: object) -> Consent:
    """A consent."""
    consent = Consent(
        cloud="global",
        tenant="aaaabbbb-0000-cccc-1111-dddd2222eeee",
        application_id="00001111-aaaa-2222-bbbb-3333cccc4444",
        person="person",
        username="admin.agent@contoso.com",
        epoch="00000000000001-aa",
        generation=3,
        refresh_token=Hidden("token"),
        mfa=Mfa.SHOWN,
        consented_at=obtained,
        obtained_at=obtained,
        attempted_at=attempted or obtained,
    )
    return replace(consent, **more)  # type: ignore[arg-type]


def due_in(
    consent: Consent,
    now: datetime,
    plan: Plan | None = None,
    *,
    tried: datetime | None = None,
) -> timedelta:
    """How long it is until the consent is due."""
    at = (plan or Plan()).due(consent, now, tried=tried).at
    assert at is not None
    return at - now


def test_a_consent_that_works_is_used_about_weekly() -> None:
    due = due_in(kept(), NOON)

    assert REGULARLY * (1 - SPREAD) <= due <= REGULARLY


def test_after_a_failure_the_pauses_double_up_to_a_day() -> None:
    consent = kept()
    first = NOON + due_in(consent, NOON)
    pauses = []
    at = first
    for _ in range(14):
        pause = due_in(replace(consent, attempted_at=at), at)
        pauses.append(pause)
        at += pause

    assert HURRY * (1 - SPREAD) <= pauses[0] <= HURRY
    assert all(later <= 2.2 * earlier for earlier, later in pairwise(pauses))
    assert PATIENCE * (1 - SPREAD) <= pauses[-1] <= PATIENCE


def test_near_the_end_attempts_grow_dense_and_after_it_rare_again() -> None:
    end = NOON + IDLE_LIFETIME
    pauses = [due_in(kept(attempted=end - left), end - left) for left in (20 * DAY, 6 * DAY, DAY, DAY / 4, DAY / 24)]
    after = [due_in(kept(attempted=end + past), end + past) for past in (DAY / 24, 5 * DAY, 20 * DAY)]

    assert pauses == sorted(pauses, reverse=True)
    assert pauses[2] <= timedelta(hours=2)
    assert pauses[-1] <= HURRY
    assert after == sorted(after), "an end by our clock is not the end: only a refusal is"
    assert after[-1] <= PATIENCE


def test_a_lost_consent_is_never_due() -> None:
    due = Plan().due(kept(state=State.LOST), NOON + 200 * DAY)

    assert due.at is None
    assert not due.now(NOON + 200 * DAY)


def test_a_suspended_consent_is_tried_again_soon_then_daily() -> None:
    """It heals by itself; who looks early learns of it early."""
    consent = kept(attempted=NOON + DAY, state=State.SUSPENDED)

    since = replace(consent, since=NOON + DAY)

    assert due_in(since, NOON + DAY) <= HURRY
    assert due_in(replace(since, attempted_at=NOON + 2 * DAY), NOON + 2 * DAY) <= PATIENCE
    assert due_in(consent, NOON + DAY) <= PATIENCE, "also where nobody knows since when"


def test_a_failure_of_a_program_before_it_is_due_changes_nothing() -> None:
    consent = kept(attempted=NOON + DAY)

    assert Plan().due(consent, NOON + DAY).at == Plan().due(kept(), NOON).at


def test_an_attempt_that_could_not_be_written_down_counts() -> None:
    late = NOON + 30 * DAY

    assert due_in(kept(), late) < timedelta()
    assert due_in(kept(), late, tried=late) > timedelta()


def test_the_earliest_end_is_predicted() -> None:
    """Ninety idle days, the directory's policy, what was seen before, the application's own credential."""
    consent = kept()

    assert Plan().ends(consent)[0].why is Why.IDLE
    assert Plan(sign_in_lasts=30 * DAY).ends(consent)[0].at == NOON + 30 * DAY
    assert Plan(sign_in_lasts=30 * DAY).ends(replace(consent, lasted=20 * DAY))[0].why is Why.HISTORY
    assert Plan(credential_ends=NOON + 5 * DAY).ends(consent)[0].why is Why.CREDENTIAL


def test_an_end_that_the_token_outlived_was_none() -> None:
    """A policy that was lifted, a secret that was replaced: the setting is old."""
    consent = kept(consented_at=NOON - 40 * DAY)
    plan = Plan(sign_in_lasts=30 * DAY, credential_ends=NOON - DAY)

    assert [end.why for end in plan.ends(consent)] == [Why.IDLE]


def test_before_a_fixed_end_a_consent_is_used_daily() -> None:
    """So that the ninety days are nearly whole when the credential is replaced late."""
    plan = Plan(credential_ends=NOON + 5 * DAY)

    assert PATIENCE * (1 - SPREAD) <= due_in(kept(), NOON, plan) <= PATIENCE


@pytest.mark.parametrize(
    "consent", [replace(kept(NOON + 300 * DAY), attempted_at=None), kept(attempted=NOON + 300 * DAY)]
)
def test_a_clock_that_was_wrong_makes_due_and_not_hectic(consent: Consent) -> None:
    """A time from the future tells nothing of an age; while that cannot be mended, an hour lies between attempts."""
    assert due_in(consent, NOON) == timedelta()
    assert due_in(consent, NOON, tried=NOON) == BLIND


def test_clocks_that_differ_by_minutes_do_not_matter() -> None:
    due = due_in(kept(NOON + timedelta(minutes=5)), NOON)

    assert due > REGULARLY * (1 - SPREAD)


def test_whose_end_is_nearest_comes_first() -> None:
    plan = Plan()
    consents = [kept(NOON - days * DAY, tenant=f"t{days}") for days in (10, 80, 40)]

    order = [due.consent.tenant for due in by_deadline(plan.due(consent, NOON) for consent in consents)]

    assert order == ["t80", "t40", "t10"]


def test_a_fleet_is_spread_and_replicas_agree() -> None:
    fleet = [kept(tenant=f"{number:036}") for number in range(1000)]
    shares = sorted(map(share, fleet))
    again = [share(replace(consent, refresh_token=Hidden("other"))) for consent in fleet]
    later = [share(replace(consent, generation=4)) for consent in fleet]

    assert [share(consent) for consent in fleet] == again
    assert all(0 <= one < 1 for one in shares)
    assert all(sum(low / 10 <= one < (low + 1) / 10 for one in shares) > 60 for low in range(10)), "evenly"
    assert all(one != other for one, other in zip(again, later, strict=True))


@given(obtained=moments, past=spans, fixed=st.none() | spans, part=st.floats(0, 1))
def test_the_next_use_always_lies_ahead_and_never_too_far(
    obtained: datetime, past: timedelta, fixed: timedelta | None, part: float
) -> None:
    start = obtained.timestamp()
    attempted = start + past.total_seconds()
    end = start + (SECONDS if fixed is None else min(SECONDS, max(1.0, fixed.total_seconds())))

    at = next_use(start, attempted, end, part)

    assert at > attempted
    assert at - attempted <= REGULARLY.total_seconds()
    if attempted > start + REGULARLY.total_seconds():
        assert HURRY.total_seconds() * (1 - SPREAD) <= at - attempted <= PATIENCE.total_seconds() + 1e-3
        assert attempted >= end or at - attempted <= max(HURRY.total_seconds(), (end - attempted) / CHANCES) + 1e-3


@given(past=st.timedeltas(timedelta(), IDLE_LIFETIME), back=st.timedeltas(timedelta(), timedelta(days=4000)))
def test_a_clock_that_goes_back_never_postpones_what_was_due(past: timedelta, back: timedelta) -> None:
    """Whoever only sees the clock: a token from more than a day ahead is due, one from less has not aged."""
    consent = kept()
    now = NOON + past - back
    assume(back > timedelta())

    at = Plan().due(consent, now).at

    assert at is not None
    assert at <= NOON + REGULARLY
    if NOON - now > SKEW:
        assert at == now


@given(st.lists(moments, min_size=1, max_size=30), st.integers(0, 400))
def test_however_attempts_fail_twelve_fit_before_the_end(begins: list[datetime], late: int) -> None:
    """From any moment on at which the watch is up: the pause is at most a twelfth of what is left."""
    start = begins[0].timestamp()
    end = start + SECONDS
    at = start + REGULARLY.total_seconds() + late * 3600.0
    assume(at < end - CHANCES * HURRY.total_seconds())
    attempts = 0
    while at < end:
        attempts += 1
        at = next_use(start, at, end, 0.0)

    assert attempts >= CHANCES
