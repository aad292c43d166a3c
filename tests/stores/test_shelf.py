"""Access tokens between runs."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.errors import StoreKeyWrong
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import GivenKey, Key, KeyFile
from partnerauth.stores.shelf import FileShelf
from tests.stores.conditions import NAME, OLD, TAGS

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN, OTHER = Hidden("eyJ0eXAi" * 200), Hidden("another token")


def rows(path: Path, statement: str = "SELECT key FROM shelf ORDER BY key") -> list[str]:
    """What a statement says about the file, asked behind the store's back; or nothing, where it changes it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return [row[0] for row in connection.execute(statement)]


def test_what_lies_there_is_found_until_it_ends(file_store: FileStore) -> None:
    shelf = file_store.shelf
    shelf.put("a", TOKEN, NOW + HOUR, NOW)

    assert shelf.get("a", NOW) == TOKEN
    assert shelf.get("a", NOW + HOUR - timedelta(seconds=1)) == TOKEN
    assert shelf.get("a", NOW + HOUR) is None
    assert shelf.get("b", NOW) is None


def test_a_later_one_takes_its_place(file_store: FileStore) -> None:
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)
    file_store.shelf.put("a", OTHER, NOW + 2 * HOUR, NOW)

    assert file_store.shelf.get("a", NOW + HOUR) == OTHER


def test_what_has_ended_goes_with_the_next_one(file_store: FileStore, store_path: Path) -> None:
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)
    file_store.shelf.put("b", TOKEN, NOW + 2 * HOUR, NOW + HOUR)

    assert rows(store_path) == ["b"]


def test_it_can_be_emptied_and_the_secrets_stay(file_store: FileStore) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)

    file_store.shelf.empty()

    assert file_store.shelf.get("a", NOW) is None
    assert file_store.read(NAME)


def test_it_can_be_had_without_the_store(file_store: FileStore, store_path: Path, key: KeyFile) -> None:
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)
    shelf = FileShelf.at(store_path, key)

    assert shelf.get("a", NOW) == TOKEN
    shelf.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shelf SET key = 'b' WHERE key = 'a'",
        "UPDATE shelf SET ends = ends + 1",
        "UPDATE shelf SET ends = 'never'",
        "UPDATE shelf SET sealed = x''",
        "UPDATE shelf SET sealed = 'text'",
        "UPDATE shelf SET sealed = CAST(x'ff' AS TEXT)",
        "UPDATE shelf SET sealed = 7",
        "UPDATE shelf SET sealed = zeroblob(length(sealed))",
        "UPDATE shelf SET sealed = (SELECT sealed FROM entry)",
    ],
)
def test_a_row_that_was_tampered_with_is_not_there_and_is_erased(
    file_store: FileStore, store_path: Path, change: str
) -> None:
    file_store.write("a", TOKEN, {}, None)
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)
    rows(store_path, change)

    assert file_store.shelf.get("a", NOW) is None
    assert file_store.shelf.get("b", NOW) is None
    assert rows(store_path) == []
    assert file_store.read("a")


def test_with_another_key_it_is_not_opened(file_store: FileStore, store_path: Path) -> None:
    file_store.shelf.put("a", TOKEN, NOW + HOUR, NOW)
    key = GivenKey(Key(bytes(32)))
    key.kind = "file"

    with pytest.raises(StoreKeyWrong):
        FileShelf.at(store_path, key).get("a", NOW)


def test_it_loads_little() -> None:
    """It lies on the way of a command that prints a token it already has."""
    code = "import partnerauth.stores.shelf, partnerauth.stores.key, sys; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    heavy = {"asyncio", "dataclasses", "json", "logging", "msgspec", "pathlib", "ssl", "threading", "urllib.parse"}
    assert not heavy & set(loaded)
