"""A store's key made of a passphrase: Argon2id, its parameters in the store's header.

Source: RFC 9106, section 4, the second recommended option (64 MiB of memory, three passes, four lanes).
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import TYPE_CHECKING

from partnerauth.errors import Misconfigured, StoreCorrupt
from partnerauth.stores.key import LENGTH, Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from partnerauth.hidden import Hidden

SHORTEST = 8
COST = "m=65536 t=3 p=4"
"""KiB of memory, passes, lanes."""
NOTE = re.compile(r"argon2id m=([1-9][0-9]{0,6}) t=([1-9][0-9]?) p=([1-9][0-9]?) salt=([0-9a-f]{32})")


class Passphrase:
    """A passphrase that `ask` brings when it is needed; it is told whether that is for a new key."""

    kind = "passphrase"
    where = "a passphrase"

    def __init__(self, ask: Callable[[bool], Hidden], cost: str = COST) -> None:
        self._ask = ask
        self._cost = cost
        self._made: dict[str, Key] = {}

    def of(self, kind: str) -> Passphrase:
        """Itself, whatever a header asks for."""
        return self

    def read(self, note: str = "") -> Key:
        """The key that the passphrase makes with the parameters in `note`; made once. Raises `StoreCorrupt`."""
        if note not in self._made:
            self._made[note] = key_of(self._ask(False), note)
        return self._made[note]

    def make(self) -> Key:
        """A key with a salt of its own. Raises `Misconfigured` for a passphrase that is too short."""
        note = new_note(self._cost)
        self._made[note] = key_of(proper(self._ask(True)), note)
        return self._made[note]


def proper(passphrase: Hidden) -> Hidden:
    """The same. Raises `Misconfigured` for one that is too short to be new."""
    if len(passphrase.reveal()) < SHORTEST:
        raise Misconfigured(
            f"a passphrase has {SHORTEST} characters or more", hint="Take four words at random, or more."
        )
    return passphrase


def new_note(cost: str = COST) -> str:
    """The parameters for a new key: what it may cost, and a salt."""
    return f"argon2id {cost} salt={os.urandom(16).hex()}"


def key_of(passphrase: Hidden, note: str) -> Key:
    """The key that a passphrase makes with the parameters in `note`, whatever way its letters are composed.

    Raises `StoreCorrupt` for parameters that nobody writes.
    """
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    parameters = NOTE.fullmatch(note)
    if parameters is None:
        raise StoreCorrupt("what should say how a key is made of the passphrase does not")
    memory, passes, lanes = (int(group) for group in parameters.groups()[:3])
    salt = bytes.fromhex(parameters[4])
    text = unicodedata.normalize("NFC", passphrase.reveal()).encode("utf-8", "surrogatepass")
    try:
        made = Argon2id(salt=salt, length=LENGTH, iterations=passes, lanes=lanes, memory_cost=memory).derive(text)
    except ValueError:
        raise StoreCorrupt("what should say how a key is made of the passphrase does not") from None
    return Key(made, note)
