"""The embedded stores hold to the conditions."""

from pathlib import Path

import pytest

from partnerauth.hidden import Hidden
from partnerauth.stores import database, shelf
from partnerauth.stores.file import FileStore
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.postgres import PostgresStore
from tests.stores.conditions import NAME, OLD, TAGS, Conditions
from tests.stores.conftest import Make


class TestMemory(Conditions):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestFile(Conditions):
    @pytest.fixture
    def store(self, file_store: FileStore) -> FileStore:
        return file_store


class TestPostgres(Conditions):
    @pytest.fixture
    def store(self, postgres_store: PostgresStore) -> PostgresStore:
        return postgres_store


class TestFileWithWriteAheadLog(Conditions):
    """As newer SQLite has it; one process with one connection is safe with any."""

    @pytest.fixture
    def store(self, open_store: Make, monkeypatch: pytest.MonkeyPatch) -> FileStore:
        for module in (database, shelf):
            monkeypatch.setattr(module, "JOURNAL", "wal")
        return open_store()

    def test_it_is_one(self, store: FileStore, store_path: Path) -> None:
        store.write(NAME, OLD, TAGS, None)

        assert store_path.with_name("store.db-wal").exists()


def test_a_closed_file_opens_again(file_store: FileStore) -> None:
    file_store.close()
    written = file_store.write(NAME, OLD, TAGS, None)
    file_store.close()

    assert file_store.read(NAME) == written


def test_another_opening_of_the_file_sees_what_was_written(file_store: FileStore, open_store: Make) -> None:
    other = open_store()
    written = file_store.write(NAME, OLD, TAGS, None)

    assert other.read(NAME) == written
    assert other.id == file_store.id
    assert other.fingerprint(OLD) == file_store.fingerprint(OLD)


def test_a_text_of_any_kind_can_be_kept(file_store: FileStore) -> None:
    for number, text in enumerate(["", "\0", "\ud800", "☂" * 10_000]):
        written = file_store.write(f"n{number}", Hidden(text), {text: text}, None)

        assert file_store.read(f"n{number}") == written
