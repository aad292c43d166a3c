"""What every store must hold to, whatever it is made of: inherit, and give the fixture `store`.

    from partnerauth.testing.stores import Conditions

    class TestMyStore(Conditions):
        @pytest.fixture
        def store(self) -> MyStore:
            return MyStore()  # empty, and its own for each test

What only some stores can do (`SealingStore`, `OrderingStore`, `SharingStore`, `TellingShelf`) is not asked for: what
that takes depends on what a store is made of.

For messages that show both sides, let a `conftest.py` call `pytest.register_assert_rewrite("partnerauth.testing")`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from partnerauth.errors import Misconfigured, StoreConflict
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from partnerauth.stores.store import SecretStore

NAME = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
TAGS = {"tid": NAME, "epoch": "2026-11-21T10:00:00Z-1f", "note": 'naïve ☂ "quoted" \\ \' ; -- \n'}
OLD, NEW = Hidden("0.ARoA-old" * 150), Hidden("0.ARoA-nëw" * 150)


class Conditions:
    """The conditions, as tests."""

    turns = False
    """Whether who counts must take a lock first: where the store has no compare-and-set of its own."""

    def test_what_was_written_is_read(self, store: SecretStore) -> None:
        written = store.write(NAME, OLD, TAGS, None)

        assert store.read(NAME) == written
        assert (written.name, written.value, written.tags) == (NAME, OLD, TAGS)

    def test_nothing_is_there_before(self, store: SecretStore) -> None:
        assert store.read(NAME) is None
        assert store.list() == []

    def test_who_read_the_current_version_may_write(self, store: SecretStore) -> None:
        first = store.write(NAME, OLD, TAGS, None)

        second = store.write(NAME, NEW, {}, first.version)

        assert store.read(NAME) == second
        assert second.value == NEW
        assert second.version != first.version

    def test_who_read_another_version_may_not(self, store: SecretStore) -> None:
        first = store.write(NAME, OLD, TAGS, None)
        second = store.write(NAME, NEW, TAGS, first.version)

        for expected in (first.version, None, "", "another"):
            with pytest.raises(StoreConflict):
                store.write(NAME, OLD, {}, expected)
            if expected is not None:
                with pytest.raises(StoreConflict):
                    store.mark(NAME, {}, expected)

        assert store.read(NAME) == second

    def test_a_version_of_nothing_is_no_version(self, store: SecretStore) -> None:
        with pytest.raises(StoreConflict):
            store.write(NAME, OLD, {}, "a version")
        with pytest.raises(StoreConflict):
            store.mark(NAME, {}, "a version")

        assert store.read(NAME) is None

    def test_the_same_value_again_is_another_version(self, store: SecretStore) -> None:
        first = store.write(NAME, OLD, TAGS, None)

        assert store.write(NAME, OLD, TAGS, first.version).version != first.version

    def test_a_mark_changes_the_tags_and_the_version(self, store: SecretStore) -> None:
        first = store.write(NAME, OLD, TAGS, None)

        marked = store.mark(NAME, {"lost": "700082"}, first.version)

        assert store.read(NAME) == marked
        assert (marked.value, marked.tags) == (OLD, {"lost": "700082"})
        assert marked.version != first.version
        with pytest.raises(StoreConflict):
            store.write(NAME, NEW, {}, first.version)

    def test_a_list_hides_the_values(self, store: SecretStore) -> None:
        store.write("b", NEW, {"of": "b"}, None)
        store.write("a", OLD, {"of": "a"}, None)

        assert [(entry.name, entry.value, entry.tags) for entry in store.list()] == [
            ("a", Hidden(""), {"of": "a"}),
            ("b", Hidden(""), {"of": "b"}),
        ]

    def test_a_forgotten_entry_is_gone_and_may_come_again(self, store: SecretStore) -> None:
        first = store.write(NAME, OLD, TAGS, None)
        store.write("other", OLD, TAGS, None)

        store.forget(NAME)
        store.forget(NAME)
        store.forget("never-there")

        assert store.read(NAME) is None
        assert [entry.name for entry in store.list()] == ["other"]
        with pytest.raises(StoreConflict):
            store.write(NAME, NEW, {}, first.version)
        assert store.read(NAME) is None
        assert store.write(NAME, NEW, {}, None).version != first.version
        assert [entry.value for entry in [store.read(NAME)] if entry] == [NEW]

    def test_letter_case_makes_no_difference(self, store: SecretStore) -> None:
        written = store.write("RefreshToken", OLD, {}, None)

        assert written.name == "refreshtoken"
        assert store.read("REFRESHTOKEN") == store.read("refreshtoken") == written
        with pytest.raises(StoreConflict):
            store.write("refreshTOKEN", NEW, {}, None)

    @pytest.mark.parametrize("name", ["", "a" * 128, "contoso.com", "a_b", "a b", "ä", "../x", "a/b", "\u0661", "a\n"])
    def test_a_name_that_cannot_be_is_refused(self, store: SecretStore, name: str) -> None:
        with pytest.raises(Misconfigured):
            store.read(name)
        with pytest.raises(Misconfigured):
            store.write(name, OLD, {}, None)
        with pytest.raises(Misconfigured):
            store.forget(name)

    def test_the_longest_name(self, store: SecretStore) -> None:
        store.write("a" * 127, OLD, {}, None)

        assert store.read("a" * 127)

    def test_tags_are_copied(self, store: SecretStore) -> None:
        tags = {"a": "1"}
        entry = store.write(NAME, OLD, tags, None)
        tags["a"] = "2"

        assert entry.tags == {"a": "1"}
        assert store.read(NAME) == entry

    def test_a_fingerprint_tells_values_apart_and_gives_nothing_away(self, store: SecretStore) -> None:
        print_of_old = store.fingerprint(OLD)

        assert print_of_old == store.fingerprint(Hidden(OLD.reveal()))
        assert print_of_old != store.fingerprint(NEW)
        assert len(print_of_old) == 32
        assert OLD.reveal() not in print_of_old

    def test_it_can_be_checked_and_explained(self, store: SecretStore) -> None:
        store.write(NAME, OLD, TAGS, None)

        store.check()

        assert OLD.reveal() not in repr((store.explain(), store, store.list(), store.read(NAME)))
        assert store.explain()["id"] == store.id
        assert [entry.name for entry in store.list()] == [NAME]

    def test_of_many_threads_one_wins_each_round(self, store: SecretStore) -> None:
        store.write(NAME, Hidden("0"), {}, None)
        wins: list[int] = []

        def count() -> None:
            for _ in range(5):
                with_luck(store, wins, self.turns)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        last = store.read(NAME)
        assert last
        assert last.value == Hidden(str(len(wins)))
        assert wins

    def test_a_lock_holds_off_other_threads(self, store: SecretStore) -> None:
        first, second, other = store.lock("a key / of any ☂ text"), store.lock("a key / of any ☂ text"), store.lock("b")
        first.acquire()

        assert not second.attempt()
        assert not first.attempt()
        assert other.attempt()
        order = []

        def wait() -> None:
            second.acquire()
            order.append("second")

        waiting = threading.Thread(target=wait)
        waiting.start()
        order.append("first")
        releasing = threading.Thread(target=first.release)
        releasing.start()
        waiting.join()
        releasing.join()

        assert order == ["first", "second"]
        assert not first.attempt()
        second.release()
        second.release()
        assert first.attempt()
        first.release()
        other.release()


def with_luck(store: SecretStore, wins: list[int], turns: bool) -> None:
    """Count one further, if nobody else does meanwhile."""
    lock = store.lock("turns" if turns else f"thread {threading.get_ident()}")
    lock.acquire()
    try:
        entry = store.read(NAME)
        assert entry
        store.write(NAME, Hidden(str(int(entry.value.reveal()) + 1)), {}, entry.version)
        wins.append(1)
    except StoreConflict:
        pass
    finally:
        lock.release()
