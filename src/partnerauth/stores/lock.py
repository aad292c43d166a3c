"""Locks between threads and processes of one machine: a `flock` on a file of its own for each name.

The kernel frees it when the holder ends, however it ends. The files stay: taking one away would let two holders in.
"""

from __future__ import annotations

import fcntl
import os
import threading

from partnerauth.errors import StoreFailed
from partnerauth.stores.private import check_private, private_directory, unwritable

FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileLock:
    """A lock by name in a directory of ours; each has an open file of its own, so that it holds off threads too."""

    def __init__(self, directory: str, name: str) -> None:
        from hashlib import sha256

        self._directory = directory
        self._path = os.path.join(directory, sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40])
        self._held: tuple[int, int] | None = None

    def acquire(self) -> None:
        """Wait until the lock is ours. Raises `StoreUnwritable` where the file cannot be made or is not ours."""
        self._take(fcntl.LOCK_EX)

    def attempt(self) -> bool:
        """Take the lock if it is free now; says whether it is ours. Raises as `acquire` does."""
        try:
            self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back. A lock that is not held stays as it is."""
        held, self._held = self._held, None
        if held is not None:
            process, descriptor = held
            try:
                # Closing alone would leave it with a child forked meanwhile; that child may not give it back.
                if process == os.getpid():
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
            finally:
                os.close(descriptor)

    def _take(self, how: int) -> None:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, how)
        except BaseException:
            os.close(descriptor)
            raise
        self._held = os.getpid(), descriptor

    def _open(self) -> int:
        private_directory(self._directory)
        try:
            descriptor = os.open(self._path, FLAGS, 0o600)
        except OSError as error:
            raise unwritable(self._path, error) from None
        try:
            os.fchmod(descriptor, 0o600)
            check_private(self._path, os.fstat(descriptor))
        except OSError as error:
            os.close(descriptor)
            raise unwritable(self._path, error) from None
        except StoreFailed:
            os.close(descriptor)
            raise
        return descriptor


class ThreadLock:
    """A lock between the threads of this process."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._held = False

    def acquire(self) -> None:
        """Wait until the lock is ours."""
        self._lock.acquire()
        self._held = True

    def attempt(self) -> bool:
        """Take the lock if it is free now; says whether it is ours."""
        if not self._lock.acquire(blocking=False):
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Give the lock back. A lock that is not held stays as it is."""
        if self._held:
            self._held = False
            self._lock.release()
