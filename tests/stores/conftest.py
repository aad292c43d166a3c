"""A store in a file, and what it is made of."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from tests.needs import could_not_run

Make = Callable[..., FileStore]


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """Where the key of `store_path` lies."""
    return KeyFile(tmp_path / "settings" / "key")


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the file of `file_store` lies."""
    return tmp_path / "data" / "store.db"


@pytest.fixture
def open_store(store_path: Path, key: KeyFile) -> Iterator[Make]:
    """Opens the store at `store_path`, or another, once more; each is closed in the end."""
    opened = []

    def make(path: Path = store_path, key: KeyFile = key, *, create: bool = True) -> FileStore:
        opened.append(FileStore(path, key, create=create))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def file_store(open_store: Make) -> FileStore:
    """A store in a file that is not there yet."""
    return open_store()


@pytest.fixture
def vault_client() -> object:
    """An official `SecretClient` on an empty vault of the emulator, without pauses between its own retries."""
    could_not_run("the emulator's Key Vault is not wired to `vault_client` yet")
