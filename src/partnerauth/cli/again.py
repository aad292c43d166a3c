"""The same command again: where nothing has changed of all that it read, it prints what it printed.

Only the command itself understands words and settings, and judges a consent. What it printed is sealed with the store's
key beside everything that led to it: the words, the variables, and each file that was read, the store among them, as
the file system tells one state of a file from the next. Beside anything else it does not open, and the command is run.

A program that asks for its token each time waits for this and nothing more, so nothing is imported before it is needed.
"""

from __future__ import annotations

import os
import sys
from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = ["token"]
BEGAN = time()
SETTLED = 1.0
"""Seconds: a file that was written later than so long before this process began may change again, and look the same."""
PLACES = 256
"""So many answers are kept, each in the place that its words lead to, over what was there."""
HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
OURS = ("PARTNERAUTH_", "_PARTNERAUTH_")
MOST_BYTES = 65_536


def recall(words: list[str]) -> str | None:
    """What the command printed for the same words, if it would print that now; None where it must be run to tell."""
    if words[:1] != COMMAND or not os.path.exists(place := _place(words)):
        return None
    from partnerauth.errors import StoreFailed
    from partnerauth.stores.key import KeyFile
    from partnerauth.stores.seal import Broken

    try:
        read, _, sealed = _content(place).partition(b"\0\0")
        paths = os.fsdecode(read).split("\0")
        text = KeyFile(paths[0]).read().seal().open(sealed, _everything(words, paths))
    except (OSError, StoreFailed, Broken, ValueError):
        return None
    ends, _, printed = text.decode().partition("\n")
    return printed if time() < float(ends) else None


def remember(words: list[str], printed: str, ends: float, key: str, read: Sequence[str]) -> None:
    """Note what the command printed, to be printed again until `ends`. `key` is the store's key file.

    `read` names every other file that was looked for or read, without which it is not to be told again.
    """
    from partnerauth.errors import StoreFailed
    from partnerauth.stores.key import KeyFile
    from partnerauth.stores.private import draft_of, new_file, private_directory

    paths = [key, *read]
    try:
        everything = _everything(words, paths)  # first: what is written from here on does not look like this
        if words[:1] != COMMAND or any(_written(path) > BEGAN - SETTLED for path in paths):
            return
        sealed = KeyFile(key).read().seal().close(f"{ends}\n{printed}".encode(), everything)
        place = _place(words)
        private_directory(os.path.dirname(place))
        draft = draft_of(place)
        descriptor = new_file(draft)
        try:
            os.write(descriptor, os.fsencode("\0".join(paths)) + b"\0\0" + sealed)
        finally:
            os.close(descriptor)
        os.replace(draft, place)  # not synced: what a power failure leaves of it does not open
    except (OSError, StoreFailed, ValueError):
        return  # the next one takes its time again


def forget() -> None:
    """Take all answers away: a consent is forgotten or another is kept, or the store has another key.

    What the command read has changed by then, so that one that stays does not open any more.
    """
    directory = _directory()
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        try:
            os.unlink(os.path.join(directory, name))
        except OSError:
            continue


def _everything(words: Sequence[str], paths: Sequence[str]) -> bytes:
    """All that the answer depends on, as one text."""
    from partnerauth import __version__
    from partnerauth.stores.seal import about

    variables = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(OURS) or name in HOMES]
    return about(
        f"partnerauth {__version__}, the same command",
        os.fsencode(os.getcwd()),
        about(*map(os.fsencode, words)),
        about(*map(os.fsencode, sorted(variables))),
        about(*map(_state, paths)),
    )


def _state(path: str) -> bytes:
    """A file as it is now."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return os.fsencode(path)
    facts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return b"%b\0%b" % (os.fsencode(path), repr(facts).encode())


def _written(path: str) -> float:
    """When the file was last changed; when its directory was, where there is none."""
    try:
        return os.stat(path).st_ctime
    except FileNotFoundError:
        return _written(os.path.dirname(path))


def _content(path: str) -> bytes:
    """What lies there. Raises `StoreFailed` where that is no file of ours alone."""
    from partnerauth.stores.private import check_private

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        check_private(path, os.fstat(descriptor))
        return os.read(descriptor, MOST_BYTES)
    finally:
        os.close(descriptor)


def _place(words: Sequence[str]) -> str:
    number = sum(map(sum, map(os.fsencode, words))) % PLACES
    return os.path.join(_directory(), f"{number:02x}")


def _directory() -> str:
    """Where answers are kept, by the platform's custom for what may be lost."""
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(caches):
        home = os.path.expanduser("~")
        caches = os.path.join(home, "Library", "Caches") if sys.platform == "darwin" else os.path.join(home, ".cache")
    return os.path.join(caches, "partnerauth", "again")
