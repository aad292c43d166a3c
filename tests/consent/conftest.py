"""The stores that consents lie in where no service is at hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.stores.embedded import file_store


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SecretStore]:
    """Each kind of store that needs no service."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = file_store(tmp_path)
    yield store
    store.close()
