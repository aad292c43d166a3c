"""A store that fails while a consent is spent: what is handed out, and what is not even asked for."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from partnerauth.consent.user import STORE_PAUSES
from partnerauth.errors import ConsentLost, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.partner import NOON, Partner, spent_tokens


class FailingStore(MemoryStore):
    """A store that cannot be written while `broken` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Callable[[str], bool] = lambda operation: False
        self.attempts: list[str] = []

    def _try(self, operation: str) -> None:
        self.attempts.append(operation)
        if self.broken(operation):
            raise StoreUnwritable("no space left on device")

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """As in memory, or not at all."""
        self._try("write")
        return super().write(name, value, tags, expected)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """As in memory, or not at all."""
        self._try("mark")
        entry = self.read(name)
        assert entry is not None
        return super().write(name, entry.value, tags, expected)


@pytest.fixture
def failing() -> tuple[Partner, FailingStore]:
    """Contoso with a consent in a store that can be made to fail."""
    store = FailingStore()
    partner = Partner(store)
    partner.consent()
    store.attempts.clear()
    return partner, store


def test_nothing_is_redeemed_when_the_intent_cannot_be_written(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    store.broken = lambda operation: True

    with pytest.raises(StoreUnwritable):
        partner.token()

    assert not partner.asked


def test_a_store_that_fails_for_a_moment_is_tried_again(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    store.broken = lambda operation: operation == "write" and store.attempts.count("write") < 4

    tokens = partner.token()

    assert not tokens.unsaved
    assert partner.kept().generation == 1
    assert store.attempts.count("write") == 4
    assert partner.clock.now() - NOON == timedelta(seconds=sum(STORE_PAUSES[:3]))


def test_a_token_is_handed_out_unsaved_when_the_store_fails_for_good(
    failing: tuple[Partner, FailingStore], caplog: pytest.LogCaptureFixture
) -> None:
    """After half a minute; the stored token is good for weeks yet."""
    partner, store = failing
    before = partner.kept()
    store.broken = lambda operation: operation == "write"

    tokens = partner.token()

    assert tokens.unsaved
    assert tokens.access_token
    assert tokens.refresh_token is None
    assert partner.clock.now() - NOON == timedelta(seconds=30)
    kept = partner.kept()
    assert (kept.refresh_token, kept.generation, kept.obtained_at) == (before.refresh_token, 0, NOON)
    assert kept.intent == store.fingerprint(before.refresh_token), "what was redeemed without a result is known"
    assert "the rotated refresh token could not be stored (StoreUnwritable); the stored one stays" in caplog.messages


def test_nothing_more_is_redeemed_until_the_store_works_and_then_it_mends(
    failing: tuple[Partner, FailingStore],
) -> None:
    partner, store = failing
    before = partner.kept().refresh_token.reveal()
    store.broken = lambda operation: operation == "write"
    partner.token()
    store.broken = lambda operation: True
    asked = len(partner.asked)
    with pytest.raises(StoreUnwritable):
        partner.token()
    assert len(partner.asked) == asked

    store.broken = lambda operation: False
    partner.token()

    assert spent_tokens(partner)[-1] == before, "an intent without its result is mended by redeeming the same again"
    assert (partner.kept().generation, partner.kept().intent) == (1, "")


@pytest.mark.parametrize(("age", "handed_out"), [(75.9, True), (76.1, False), (89.9, False)])
def test_unsaved_tokens_are_handed_out_only_while_the_stored_one_lasts_two_weeks(
    failing: tuple[Partner, FailingStore], age: float, *, handed_out: bool
) -> None:
    """Afterwards somebody must see that the store fails, while there is time."""
    partner, store = failing
    partner.days(age)
    store.broken = lambda operation: operation == "write"

    if handed_out:
        assert partner.token().unsaved
    else:
        with pytest.raises(StoreUnwritable):
            partner.token()
    assert partner.kept().obtained_at == NOON


def test_a_refusal_is_told_although_it_cannot_be_noted(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    partner.revoke()
    store.broken = lambda operation: len(store.attempts) > 1

    with pytest.raises(ConsentLost) as caught:
        partner.token()

    assert caught.value.code == 50173
