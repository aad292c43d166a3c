"""The embedded store, as each process of a test opens it."""

from pathlib import Path

from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile


def file_store(directory: Path) -> FileStore:
    """A store in a file under `directory`, its key beside it."""
    return FileStore(directory / "data" / "store.db", KeyFile(directory / "keys" / "store.key"))
