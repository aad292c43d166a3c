"""The Key Vault store holds to the conditions, over the official client, and gets past what a vault does besides."""

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.keyvault.secrets import SecretClient

from partnerauth.errors import Misconfigured, PartnerAuthError, StoreConflict, StoreFailed, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.server import Server
from partnerauth.stores.keyvault import CONTENT_TYPE, PAUSES, KeyVaultStore
from tests.stores.conditions import NAME, NEW, OLD, TAGS, Conditions
from tests.stores.desk import Desk, refusal


@pytest.fixture
def pauses() -> list[float]:
    """How long the store waited."""
    return []


@pytest.fixture
def store(vault_client: SecretClient, tmp_path: Path, pauses: list[float]) -> KeyVaultStore:
    return KeyVaultStore(vault_client, str(tmp_path / "locks"), pauses.append)


class TestKeyVault(Conditions):
    turns = True


def only(method: str, response: Response, times: int = 1000, within: str = "") -> Callable[[Request], Response | None]:
    """Refuse the first requests of a method to a path that has `within` in it."""
    left = [times]

    def instead(request: Request) -> Response | None:
        if request.method != method or within not in request.path or not left[0]:
            return None
        left[0] -= 1
        return response

    return instead


def test_other_tools_find_the_bare_value(store: KeyVaultStore, vault_client: SecretClient) -> None:
    written = store.write(NAME, OLD, TAGS, None)

    found = vault_client.get_secret(NAME)
    assert store.plain
    assert found.value == OLD.reveal()
    assert found.properties.tags == TAGS
    assert found.properties.content_type == CONTENT_TYPE
    assert found.properties.version
    assert written.version.startswith(found.properties.version)


def test_what_another_tool_wrote_is_read_and_not_listed(
    store: KeyVaultStore, vault_client: SecretClient, desk: Desk
) -> None:
    vault_client.set_secret("ApplicationSecret", "not ours")
    mine = store.write(NAME, OLD, TAGS, None)
    desk.add(NAME, "theirs")

    found = store.read(NAME)
    assert found
    assert (found.value, found.tags) == (Hidden("theirs"), {})
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, mine.version)
    with pytest.raises(StoreConflict):
        store.mark(NAME, {}, mine.version)
    assert store.list() == []
    assert store.write(NAME, NEW, TAGS, found.version).value == NEW


def test_what_was_written_over_is_disabled(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    marked = store.mark(NAME, {"a": "b"}, first.version)
    store.write(NAME, NEW, TAGS, marked.version)

    assert [version.enabled for version in desk.versions(NAME)] == [False, True]


def test_what_was_forgotten_is_disabled_and_deleted(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    store.write(NAME, NEW, TAGS, first.version)
    desk.add(NAME, "theirs")

    store.forget(NAME)

    assert [version.enabled for version in desk.versions(NAME)] == [False] * 3
    assert store.read(NAME) is None


def test_who_sees_anothers_version_on_top_has_lost(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.afterwards = lambda request: desk.add(NAME, "theirs") if request.method == "PUT" else None

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, first.version)

    found = store.read(NAME)
    assert found
    assert found.value == Hidden("theirs")
    assert [version.enabled for version in desk.versions(NAME)] == [True] * 3


def tags(epoch: str, generation: int, obtained: str = "2026-06-08T12:00:00.000+00:00") -> dict[str, str]:
    """Tags that order versions."""
    return {"epoch": epoch, "generation": str(generation), "obtained": obtained}


def rival(desk: Desk, standing: dict[str, str], *, method: str = "PUT", path: str = "") -> list[int]:
    """Another machine that adds a version of ours, of such a standing, right after the first such request."""
    added: list[int] = []

    def then(request: Request) -> None:
        if request.method == method and path in request.path and not added:
            added.append(1)
            desk.add(NAME, "rival", standing, CONTENT_TYPE)

    desk.afterwards = then
    return added


@pytest.mark.parametrize(
    "greater",
    [
        tags("2", 0),
        tags("1", 3),
        tags("1", 2, "2026-06-08T12:00:00.001+00:00"),
    ],
    ids=["epoch", "generation", "obtained"],
)
@pytest.mark.parametrize("when", [("PUT", ""), ("GET", "/versions")], ids=["before the look", "after it"])
def test_whose_tags_stand_highest_has_won_whoever_was_slower(
    store: KeyVaultStore, desk: Desk, greater: dict[str, str], when: tuple[str, str]
) -> None:
    first = store.write(NAME, OLD, tags("1", 1), None)
    rival(desk, greater, method=when[0], path=when[1])

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("1", 2), first.version)

    found = store.read(NAME)
    assert found
    assert (found.value, found.tags) == (Hidden("rival"), greater)


@pytest.mark.parametrize("when", [("PUT", ""), ("GET", "/versions")], ids=["before the look", "after it"])
def test_who_is_covered_by_a_lesser_version_writes_its_own_again(
    store: KeyVaultStore, desk: Desk, when: tuple[str, str]
) -> None:
    first = store.write(NAME, OLD, tags("1", 1), None)
    rival(desk, tags("1", 2, "2026-06-08T11:00:00.000+00:00"), method=when[0], path=when[1])

    if when[0] == "GET":  # the look came too early to tell: it has lost, and the next to look mends it
        with pytest.raises(StoreConflict):
            store.write(NAME, NEW, tags("1", 2), first.version)
        store.mend(NAME)
    else:
        assert store.write(NAME, NEW, tags("1", 2), first.version).value == NEW

    found = store.read(NAME)
    assert found
    assert (found.value, found.tags) == (NEW, tags("1", 2))


def test_the_loser_writes_the_winners_again_if_its_own_lies_on_top(store: KeyVaultStore, desk: Desk) -> None:
    """The winner had looked already, before the loser's came on top."""
    first = store.write(NAME, OLD, tags("1", 1), None)

    def before(request: Request) -> None:
        if request.method == "PUT" and len(desk.versions(NAME)) == 2:
            mine = desk.versions(NAME).pop()
            desk.add(NAME, "rival", tags("1", 3), CONTENT_TYPE)
            desk.versions(NAME).append(mine)

    desk.afterwards = before

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, tags("1", 2), first.version)

    found = store.read(NAME)
    assert found
    assert (found.value, found.tags) == (Hidden("rival"), tags("1", 3))


def test_mending_leaves_alone_what_is_right_and_what_others_wrote(store: KeyVaultStore, desk: Desk) -> None:
    store.mend(NAME)
    store.write(NAME, OLD, tags("1", 1), None)
    store.mend(NAME)
    assert len(desk.versions(NAME)) == 1

    desk.add(NAME, "theirs")
    store.mend(NAME)

    found = store.read(NAME)
    assert found
    assert found.value == Hidden("theirs")


def test_what_another_tool_wrote_on_top_is_adopted_over_all_that_was_before(store: KeyVaultStore, desk: Desk) -> None:
    """However high the tags of the versions beneath stand."""
    store.write(NAME, OLD, tags("9", 9), None)
    desk.later(1)
    desk.add(NAME, "theirs")
    found = store.read(NAME)
    assert found

    assert store.write(NAME, NEW, tags("1", 0), found.version).value == NEW
    assert store.read(NAME) != found


def test_a_mark_is_lost_under_anothers_version(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.afterwards = lambda request: desk.add(NAME, "theirs") if request.method == "PATCH" else None

    with pytest.raises(StoreConflict):
        store.mark(NAME, {"a": "b"}, first.version)


def test_a_disabled_entry_is_not_there(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, OLD, TAGS, None)
    desk.versions(NAME)[-1].enabled = False

    assert store.read(NAME) is None
    assert store.list() == []
    assert store.write(NAME, NEW, TAGS, None).value == NEW


def test_what_was_forgotten_meanwhile_is_not_brought_back_by_a_write_over_it(store: KeyVaultStore, desk: Desk) -> None:
    written = store.write(NAME, OLD, TAGS, None)

    def forgetting(request: Request) -> Response | None:
        if request.method == "PUT":
            desk.instead = lambda asked: None
            store.forget(NAME)
        return None

    desk.instead = forgetting
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, written.version)

    assert store.read(NAME) is None
    assert not any(version.enabled for version in desk.versions(NAME))


def test_what_lay_below_another_tools_version_counts_no_more(store: KeyVaultStore, desk: Desk) -> None:
    """Whatever its tags say: else it would be raised again over the one that was written after the other tool."""
    store.write(NAME, OLD, {**TAGS, "epoch": "9", "generation": "9"}, None)
    desk.add(NAME, "theirs")
    found = store.read(NAME)
    assert found

    store.write(NAME, NEW, {**TAGS, "epoch": "1", "generation": "0"}, found.version)
    store.mend(NAME)

    there = store.read(NAME)
    assert there
    assert there.value == NEW
    assert [version.enabled for version in desk.versions(NAME)] == [False, False, True]


def test_a_deleted_secret_is_recovered_and_its_old_values_are_disabled(
    store: KeyVaultStore, vault_client: SecretClient, desk: Desk, pauses: list[float]
) -> None:
    vault_client.set_secret(NAME, "of another tool")
    vault_client.begin_delete_secret(NAME)

    written = store.write(NAME, NEW, TAGS, None)

    assert store.read(NAME) == written
    assert [version.enabled for version in desk.versions(NAME)] == [False, True]
    assert len(pauses) == 1


@pytest.mark.parametrize("inner", ["", "ObjectIsBeingDeleted", "ObjectIsBeingRecovered"])
def test_a_conflict_in_passing_is_waited_for(store: KeyVaultStore, desk: Desk, pauses: list[float], inner: str) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.instead = only("PUT", refusal(409, "Conflict", inner), times=3)

    assert store.write(NAME, NEW, TAGS, first.version).value == NEW
    assert tuple(pauses) == PAUSES[1:4]


def test_in_a_conflict_the_other_writer_wins(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.instead = only("PUT", refusal(409, "Conflict"), times=1)
    desk.afterwards = lambda request: desk.add(NAME, "theirs") if request.method == "PUT" else None

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, first.version)
    assert [version.value for version in desk.versions(NAME)] == [OLD, Hidden("theirs")]


def test_waiting_has_an_end(store: KeyVaultStore, desk: Desk, pauses: list[float]) -> None:
    desk.instead = only("PUT", refusal(409, "Conflict", "ObjectIsBeingDeleted"))

    with pytest.raises(StoreUnwritable, match="being deleted"):
        store.write(NAME, NEW, TAGS, None)
    assert tuple(pauses) == PAUSES[1:]


def test_without_leave_to_list_it_writes_and_forgets(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.instead = only("GET", refusal(403, "Forbidden", "ForbiddenByRbac"), within="/versions")

    store.write(NAME, NEW, TAGS, first.version)
    store.forget(NAME)

    assert [version.enabled for version in desk.versions(NAME)] == [False, False]


def test_without_leave_to_delete_it_disables(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, OLD, TAGS, None)
    desk.instead = only("DELETE", refusal(403, "Forbidden", "ForbiddenByRbac"))

    store.forget(NAME)

    assert store.read(NAME) is None


def test_without_leave_to_disable_it_deletes(store: KeyVaultStore, desk: Desk) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.instead = only("PATCH", refusal(403, "Forbidden", "ForbiddenByRbac"))

    assert store.write(NAME, NEW, TAGS, first.version).value == NEW
    store.forget(NAME)

    assert store.read(NAME) is None


def test_with_leave_for_neither_it_says_so(store: KeyVaultStore, desk: Desk) -> None:
    store.write(NAME, OLD, TAGS, None)
    refused = refusal(403, "Forbidden", "ForbiddenByRbac")
    desk.instead = lambda request: None if request.method == "GET" else refused

    with pytest.raises(StoreFailed, match="403 ForbiddenByRbac"):
        store.forget(NAME)


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (refusal(401, "Unauthorized"), "tenant and cloud"),
        (refusal(403, "Forbidden", "ForbiddenByRbac"), "Key Vault Secrets Officer"),
        (refusal(403, "Forbidden", "AccessDenied"), "Key Vault Secrets Officer"),
        (refusal(403, "Forbidden", "ForbiddenByFirewall"), "network"),
        (refusal(403, "Forbidden", "ForbiddenByConnection"), "network"),
        (refusal(429, "Throttled"), "less often"),
        (refusal(500, "InternalServerError"), ""),
        (Response(503), ""),
        (Response(200, (("Content-Type", "text/html"),), b"<html>a proxy</html>"), ""),
        (Response(200, (("Content-Type", "application/json"),), b"{"), ""),
    ],
    ids=str,
)
def test_a_refusal_is_told_with_advice_and_without_the_value(
    store: KeyVaultStore, desk: Desk, response: Response, hint: str
) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    desk.instead = only("PUT", response)

    with pytest.raises(StoreFailed) as caught:
        store.write(NAME, NEW, TAGS, first.version)

    failure = caught.value
    assert type(failure) is StoreFailed
    assert hint in failure.hint
    assert failure.__context__ is None
    assert NEW.reveal()[:20] not in repr((failure, vars(failure)))
    found = store.read(NAME)
    assert found
    assert found.value == OLD


def test_a_time_to_wait_is_passed_on(store: KeyVaultStore, desk: Desk) -> None:
    desk.instead = only("GET", refusal(429, "Throttled", headers=(("Retry-After", "7"),)))

    with pytest.raises(StoreFailed) as caught:
        store.read(NAME)
    assert caught.value.retry_after == 7


def test_a_vault_that_is_not_there(desk: Desk, served: tuple[Desk, Server], tmp_path: Path) -> None:
    client = desk.client("https://localhost:1", served[1].ca)

    with client, pytest.raises(StoreFailed, match="did not answer") as caught:
        KeyVaultStore(client, str(tmp_path)).read(NAME)
    assert "network" in caught.value.hint


def test_what_the_credential_raises_goes_through(
    store: KeyVaultStore, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_token_info(*_: object, **__: object) -> None:
        raise Misconfigured("no secret is set")

    monkeypatch.setattr("partnerauth.adapters.azure.SourceCredential.get_token_info", get_token_info)

    with pytest.raises(PartnerAuthError, match="no secret is set"):
        store.read(NAME)


@pytest.mark.parametrize("tags", [{str(number): "" for number in range(16)}, {"a": "b" * 257}, {"a" * 257: "b"}])
def test_tags_that_a_vault_does_not_take(store: KeyVaultStore, tags: dict[str, str]) -> None:
    first = store.write(NAME, OLD, {}, None)

    with pytest.raises(Misconfigured):
        store.write(NAME, NEW, tags, first.version)
    with pytest.raises(Misconfigured):
        store.mark(NAME, tags, first.version)
    assert store.read(NAME) == first


def test_a_check_without_the_right_to_write(store: KeyVaultStore, desk: Desk) -> None:
    desk.instead = only("PUT", refusal(403, "Forbidden", "ForbiddenByRbac"))

    with pytest.raises(StoreFailed, match="ForbiddenByRbac"):
        store.check()


def test_many_entries_are_listed_page_by_page(store: KeyVaultStore) -> None:
    for number in range(27):
        store.write(f"n{number:02}", OLD, {}, None)

    assert [entry.name for entry in store.list()] == [f"n{number:02}" for number in range(27)]
