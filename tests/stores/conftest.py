"""A store in a file, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.postgres import PostgresStore
from tests.stores.server import PostgreSQL

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

    from partnerauth.serving.server import Server
    from tests.stores.desk import Desk

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


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.end()


@pytest.fixture
def postgresql(_postgresql: PostgreSQL) -> PostgreSQL:
    """A PostgreSQL server without a store in it."""
    _postgresql.empty()
    return _postgresql


@pytest.fixture
def open_postgres(postgresql: PostgreSQL, key: KeyFile) -> Iterator[Callable[[], PostgresStore]]:
    """Opens the store in that server once more, as another replica does; each is closed in the end."""
    opened = []

    def make() -> PostgresStore:
        opened.append(PostgresStore(postgresql.address, key))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def postgres_store(open_postgres: Callable[[], PostgresStore]) -> PostgresStore:
    """A store in a database that has none yet."""
    return open_postgres()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Server]]:
    """The emulator on the network, for the official client."""
    from partnerauth.serving.server import serve
    from tests.stores.desk import Desk

    desk = Desk()
    with serve(desk.handle, tmp_path_factory.mktemp("certificates")) as server:
        yield desk, server


@pytest.fixture
def desk(served: tuple[Desk, Server]) -> Desk:
    """The emulator's vault, empty, and what goes wrong there on demand."""
    served[0].begin()
    return served[0]


@pytest.fixture
def vault_client(desk: Desk, served: tuple[Desk, Server]) -> Iterator[SecretClient]:
    """The official client for that vault, which tries everything just once."""
    with desk.client(served[1].url, served[1].ca) as client:
        yield client
