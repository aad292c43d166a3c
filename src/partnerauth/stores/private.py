"""Files and directories that nobody else can read or exchange: made so, or refused."""

from __future__ import annotations

import os
import stat

from partnerauth.errors import StoreFailed, StoreUnwritable


def private_directory(path: str) -> None:
    """Make sure that the directory is there, is ours, and is written by nobody else; a new one is 0700.

    Raises `StoreUnwritable` where it is not or cannot be.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent != path and not os.path.isdir(parent):
            private_directory(parent)
        _make(path)
        found = os.stat(path)
    except OSError as error:
        raise unwritable(path, error) from None
    if not stat.S_ISDIR(found.st_mode):
        raise StoreUnwritable(f"{path} is no directory", hint="Name another place for the store.")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StoreUnwritable(
            f"others than this account can write to the directory {path}",
            hint=f"Name a directory of your own, or `chown` it to this account and `chmod 700 {path}`.",
        )


def check_private(path: str, found: os.stat_result) -> None:
    """Make sure that `found`, from `os.lstat` or `os.fstat`, is a plain file of ours that nobody else can read.

    Raises `StoreFailed` where it is not. It is not opened: closing a file frees the locks that this process has on it.
    """
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnwritable(f"{path} is a link or no plain file", hint="Name the file itself.")
    if found.st_uid != os.geteuid():
        raise StoreUnwritable(
            f"{path} belongs to another account", hint="Run as the account that made it; mind `sudo`, which changes it."
        )
    if found.st_mode & 0o077:
        raise StoreFailed(
            f"{path} can be read by others",
            hint=f"If it is to be trusted still, `chmod 600 {path}`; else put a new one there.",
        )


def new_file(path: str) -> int:
    """Make an empty file of mode 0600 where nothing is, whatever the umask; returns its descriptor. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def place(draft: str, path: str) -> bool:
    """Let the finished file `draft` appear as `path` at once and durably, unless something is there.

    Says whether it did; `draft` is gone either way. Raises OSError.
    """
    try:
        _sync(draft)
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    _sync(os.path.dirname(path))
    return True


def replace(draft: str, path: str) -> None:
    """Let the finished file `draft` take the place of whatever is at `path`, at once and durably. Raises OSError."""
    _sync(draft)
    os.replace(draft, path)
    _sync(os.path.dirname(path))


def draft_of(path: str) -> str:
    """A name beside `path` that nobody else has."""
    return f"{path}.new-{os.urandom(8).hex()}"


def unwritable(path: str, error: OSError) -> StoreUnwritable:
    """What the system said about `path`, as our kind."""
    return StoreUnwritable(f"{path}: {error.strerror or type(error).__name__}")


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise unwritable(path, error) from None
    os.chmod(path, 0o700)
