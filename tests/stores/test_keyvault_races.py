"""Several hosts and applications at one secret of a key vault, which knows no write on condition."""

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.keyvault.secrets import SecretClient

from partnerauth.errors import StoreConflict
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.stores.keyvault import CONTENT_TYPE, KeyVaultStore
from tests.stores.conditions import NAME, NEW, OLD
from tests.stores.desk import Desk

ANN, JOHN, OTHER_APP = ("app", "ann"), ("app", "john"), ("other", "ann")


@pytest.fixture
def open_vault(vault_client: SecretClient, tmp_path: Path) -> Callable[[], KeyVaultStore]:
    """The store, as another host opens it."""
    return lambda: KeyVaultStore(vault_client, str(tmp_path / "locks"), lambda _: None)


@pytest.fixture
def store(open_vault: Callable[[], KeyVaultStore]) -> KeyVaultStore:
    return open_vault()


def tags(epoch: str, generation: int = 0, owner: tuple[str, str] = ANN) -> dict[str, str]:
    """Tags that order versions, and say whose they are."""
    client, person = owner
    return {"epoch": epoch, "generation": str(generation), "client": client, "person": person}


def enabled(desk: Desk) -> list[str]:
    """The values that can be read without enabling anything, the oldest first."""
    return [version.value.reveal() for version in desk.versions(NAME) if version.enabled]


def at(desk: Desk, method: str, path: str, then: Callable[[], None]) -> None:
    """Once, right after the first such request that is answered."""
    done: list[int] = []

    def afterwards(request: Request) -> None:
        if request.method == method and path in request.path and not done:
            done.append(1)
            then()

    desk.afterwards = afterwards


# --- who has lost


def test_a_losers_version_does_not_stay_enabled_below_the_winners(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, tags("1", 1), None)
    at(desk, "PUT", "", lambda: desk.add(NAME, "winner", tags("1", 3), CONTENT_TYPE))

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("1", 2), first.version)

    assert NEW.reveal() not in enabled(desk)
    assert "winner" in enabled(desk)


def test_a_loser_on_top_is_disabled_once_the_winner_lies_above_it(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, tags("1", 1), None)

    def below() -> None:
        mine = desk.versions(NAME).pop()
        desk.add(NAME, "winner", tags("1", 3), CONTENT_TYPE)
        desk.versions(NAME).append(mine)

    at(desk, "PUT", "", below)
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("1", 2), first.version)

    found = store.read(NAME)
    assert found is not None
    assert found.value == Hidden("winner")
    assert NEW.reveal() not in enabled(desk)


def test_who_writes_on_disables_the_copies_of_those_before(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, OLD, tags("1", 1), None)
    desk.add(NAME, "a copy", tags("1", 1), CONTENT_TYPE)
    there = store.read(NAME)
    assert there is not None

    store.write(NAME, NEW, tags("1", 2), there.version)

    assert enabled(desk) == [NEW.reveal()]


# --- a reader that knows better


def test_a_reader_that_has_seen_a_greater_one_writes_it_again(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, NEW, tags("1", 2), None)
    desk.add(NAME, "slower", tags("1", 1), CONTENT_TYPE)

    found = store.read(NAME)

    assert found is not None
    assert (found.value, found.tags) == (NEW, tags("1", 2))
    assert "slower" not in enabled(desk)
    assert enabled(desk) == [NEW.reveal()]


def test_a_reader_lists_nothing_as_long_as_all_is_well(store: KeyVaultStore, desk: Desk) -> None:
    asked: list[str] = []
    store.write(NAME, OLD, tags("1", 1), None)
    desk.afterwards = lambda request: asked.append(f"{request.method} {request.path.rpartition('secrets/')[2]}")

    for generation in (2, 3):
        desk.add(NAME, "another host's", tags("1", generation), CONTENT_TYPE)
        for _ in range(3):
            store.read(NAME)

    assert set(asked) == {f"GET {NAME}/"}
    assert len(asked) == 6


def test_a_reader_that_knows_of_what_was_forgotten_looks_once(
    store: KeyVaultStore, open_vault: Callable[[], KeyVaultStore], desk: Desk
) -> None:
    """Another host forgot it, and its clock was behind when somebody consented anew."""
    store.write(NAME, OLD, tags("9", 2), None)
    elsewhere = open_vault()
    elsewhere.forget(NAME)
    elsewhere.write(NAME, NEW, tags("1"), None)
    listed: list[str] = []
    desk.afterwards = lambda request: listed.append(request.path) if "/versions" in request.path else None

    found = [store.read(NAME) for _ in range(3)]

    assert [entry.value for entry in found if entry] == [NEW] * 3
    assert len(listed) == 1


def test_a_reader_leaves_alone_what_another_tool_wrote(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, NEW, tags("1", 2), None)
    desk.add(NAME, "theirs")

    found = store.read(NAME)

    assert found is not None
    assert found.value == Hidden("theirs")
    assert len(desk.versions(NAME)) == 2


def test_a_loser_leaves_alone_what_another_tool_put_on_top(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, tags("1", 1), None)

    def both() -> None:
        desk.add(NAME, "winner", tags("1", 3), CONTENT_TYPE)
        desk.add(NAME, "theirs")

    at(desk, "PUT", "", both)
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("1", 2), first.version)

    found = store.read(NAME)
    assert found is not None
    assert found.value == Hidden("theirs")
    assert len(desk.versions(NAME)) == 4


# --- where nothing was: whoever finds another's takes back


@pytest.mark.parametrize("owner", [JOHN, OTHER_APP], ids=["another person", "another application"])
@pytest.mark.parametrize("epoch", ["1", "3"], ids=["before", "after"])
def test_who_finds_anothers_beside_its_own_takes_its_own_back(
    store: KeyVaultStore, desk: Desk, owner: tuple[str, str], epoch: str
) -> None:
    """Whatever their tags say: the other one may have been told already that it is kept."""

    def before() -> None:
        mine = desk.versions(NAME).pop()
        desk.add(NAME, "the first", tags(epoch, 0, owner), CONTENT_TYPE)
        desk.versions(NAME).append(mine)

    at(desk, "PUT", "", before)
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("2"), None)

    found = store.read(NAME)
    assert found is not None
    assert (found.value, found.tags) == (Hidden("the first"), tags(epoch, 0, owner))
    assert NEW.reveal() not in enabled(desk)


def test_a_person_may_be_replaced_by_who_has_read_that_it_is_there(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, tags("1", 0, ANN), None)
    at(desk, "PUT", "", lambda: desk.add(NAME, "renewed", tags("1", 1, ANN), CONTENT_TYPE))

    assert store.write(NAME, NEW, tags("2", 0, JOHN), first.version).value == NEW

    assert enabled(desk) == [NEW.reveal()]


def test_what_another_application_left_on_top_by_dying_is_mended_and_nothing_of_it_is_disabled(
    store: KeyVaultStore, desk: Desk
) -> None:
    store.write(NAME, NEW, tags("1", 5), None)
    desk.later(5)
    desk.add(NAME, "of a dead one", tags("2", 0, OTHER_APP), CONTENT_TYPE)

    store.mend(NAME)

    found = store.read(NAME)
    assert found is not None
    assert (found.value, found.tags) == (NEW, tags("1", 5))
    assert "of a dead one" in enabled(desk)


def test_who_died_there_does_not_write_over_the_other_application_when_it_comes_back(
    store: KeyVaultStore, open_vault: Callable[[], KeyVaultStore], desk: Desk
) -> None:
    store.write(NAME, OLD, tags("1", 5), None)
    desk.later(5)
    desk.add(NAME, "of a dead one", tags("2", 0, OTHER_APP), CONTENT_TYPE)
    elsewhere = open_vault()
    there = elsewhere.read(NAME)
    assert there is not None
    assert there.value == Hidden("of a dead one")

    with pytest.raises(StoreConflict):
        elsewhere.write(NAME, NEW, tags("3", 0, OTHER_APP), there.version)

    found = elsewhere.read(NAME)
    assert found is not None
    assert found.value == OLD


# --- forgetting


def test_what_another_application_adds_while_ours_is_forgotten_is_brought_back(
    store: KeyVaultStore, open_vault: Callable[[], KeyVaultStore], desk: Desk
) -> None:
    store.write(NAME, OLD, tags("1"), None)
    other = open_vault()
    at(desk, "PATCH", "", lambda: desk.add(NAME, "added meanwhile", tags("2", 0, OTHER_APP), CONTENT_TYPE))

    store.forget(NAME)

    found = other.read(NAME)
    assert found is not None
    assert found.value == Hidden("added meanwhile")
    assert enabled(desk) == ["added meanwhile"]


def test_what_is_added_to_a_recovered_secret_meanwhile_is_not_taken_for_forgotten(
    store: KeyVaultStore, desk: Desk
) -> None:
    store.write(NAME, OLD, tags("1"), None)
    store.forget(NAME)
    desk.later(5)
    at(desk, "POST", "/recover", lambda: desk.add(NAME, "the first", tags("2", 0, OTHER_APP), CONTENT_TYPE))

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("3"), None)

    assert enabled(desk)[0] == "the first"
    assert NEW.reveal() not in enabled(desk)
