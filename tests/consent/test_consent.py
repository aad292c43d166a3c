"""A consent as a value: what it says of its age, and how it rides along as the tags of a store's entry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.consent.consent import FORMAT, IDLE_LIFETIME, LONGEST_TAG, Consent, Former, State, behind
from partnerauth.consent.first import new_epoch
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)

moments = st.integers(0, 120 * 366 * 86_400_000).map(lambda number: NOON + timedelta(milliseconds=number))
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80).map(str.strip)
outcomes = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), max_size=60)

consents = st.builds(
    Consent,
    cloud=st.sampled_from(["global", "china", "https://localhost:8443"]),
    tenant=st.uuids().map(str),
    application_id=st.uuids().map(str),
    person=st.uuids().map(str),
    username=texts,
    epoch=moments.map(new_epoch),
    generation=st.integers(0, 10**9),
    refresh_token=st.text(min_size=1).map(Hidden),
    mfa=st.sampled_from(Mfa),
    consented_at=moments,
    obtained_at=moments,
    attempted_at=st.none() | moments,
    outcome=outcomes,
    state=st.sampled_from(State),
    code=words,
    since=st.none() | moments,
    lasted=st.none() | st.integers(0, 10**8).map(lambda seconds: timedelta(seconds=seconds)),
    former=st.lists(st.builds(Former, st.text(min_size=1).map(Hidden), moments), max_size=3).map(tuple),
    beside=st.none() | st.text(min_size=1).map(Hidden),
    without_mfa=st.booleans(),
    alarm=texts,
    intent=st.sampled_from(["", "0123456789abcdef" * 2]),
)


@given(consents)
def test_the_tags_say_all_but_the_token(consent: Consent) -> None:
    tags = consent.tags()

    read = Consent.read(Entry("name", consent.value(), "version 1", tags))

    assert read == replace(consent, version="version 1")
    assert read.tags() == tags
    assert all(len(value) <= LONGEST_TAG for value in tags.values()), "Key Vault's limit"
    assert len(tags) <= 15, "Key Vault's limit"


@given(consents)
def test_a_store_that_drops_empty_tags_loses_nothing(consent: Consent) -> None:
    kept = {name: value for name, value in consent.tags().items() if value}

    assert Consent.read(Entry("name", consent.value(), "", kept)) == consent


@given(consents)
def test_no_tag_holds_the_token(consent: Consent) -> None:
    consent = replace(consent, refresh_token=Hidden("emulated.rt.a-token-that-stands-nowhere-else"))

    assert "stands-nowhere-else" not in str(consent.tags())


@given(st.dictionaries(st.sampled_from(["format", "mfa", "obtained", "state", "generation", "attempted"]), texts))
def test_tags_are_read_or_refused_and_nothing_else(changes: dict[str, str]) -> None:
    """Whatever somebody writes there: a consent, another tool's entry, or corrupt."""
    from partnerauth.errors import StoreCorrupt

    tags = example().tags() | changes
    try:
        read = Consent.read(Entry("name", Hidden("token"), "", tags))
    except StoreCorrupt:
        return
    assert read is None or isinstance(read, Consent)
    assert (read is None) == (tags["format"] != FORMAT)


def example() -> Consent:
    """A consent of today."""
    return Consent(
        cloud="global",
        tenant=TENANT,
        application_id=WEB_APP,
        person="99990000-0000-4000-8000-000000000002",
        username=ADMIN_AGENT,
        epoch=new_epoch(NOON),
        generation=3,
        refresh_token=Hidden("token"),
        mfa=Mfa.SHOWN,
        consented_at=NOON,
        obtained_at=NOON,
    )


@pytest.mark.parametrize(
    ("passed", "left"),
    [
        (timedelta(), 90),
        (timedelta(seconds=1), 89),
        (timedelta(days=89), 1),
        (timedelta(days=89, hours=23), 0),
        (timedelta(days=90), 0),
        (timedelta(days=400), 0),
    ],
)
def test_the_days_left_are_whole_and_never_negative(passed: timedelta, left: int) -> None:
    assert example().days_left(NOON + passed) == left


def test_an_age_is_never_negative_whatever_a_clock_did() -> None:
    assert example().age(NOON - timedelta(days=3)) == timedelta()
    assert example().age(NOON + timedelta(days=3)) == timedelta(days=3)


def test_the_end_is_ninety_days_after_the_stored_token_was_received() -> None:
    assert timedelta(days=90) == IDLE_LIFETIME
    assert replace(example(), obtained_at=NOON + timedelta(days=1)).idle_end == NOON + timedelta(days=91)


@given(moments, moments)
def test_an_epoch_sorts_behind_every_former_one(first: datetime, second: datetime) -> None:
    """Even where a clock went back in between: in Key Vault the greatest one counts."""
    former, later = new_epoch(first), new_epoch(second)

    assert behind(later, former) > former
    assert second <= first or behind(later, former) == later
    assert new_epoch(first) != former


def test_an_epoch_that_somebody_else_wrote_is_no_reason_to_fail() -> None:
    assert behind("01780920000000-aa", "zzz") == "01780920000000-aa"


def test_nothing_shows_the_token() -> None:
    store = MemoryStore()
    store.write("name", example().refresh_token, example().tags(), None)

    assert "token='token'" not in repr(example())
    assert "refresh_token=***" in repr(example())
    assert "'token'" not in repr(store.read("name"))
