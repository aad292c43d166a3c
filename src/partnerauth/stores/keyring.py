"""A store's key in the keyring of the operating system; of the secrets, that one key only.

A keyring that keeps nothing, or keeps it in clear, is refused: `keyring` falls back to such ones where no desktop is.

Sources: keyring's documentation ("priority": below 1 is for a backend that is not suitable), `keyring.backends`.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any

from partnerauth.errors import Misconfigured, StoreKeyWrong, StoreUnwritable
from partnerauth.stores.key import LENGTH, Key

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "partnerauth"
ACCOUNT = "store key"
ALTERNATIVES = (
    "Set `store_key` to a key file (file:PATH), to a passphrase (passphrase), to a vault's key "
    "(vault:https://NAME.vault.azure.net/keys/KEY), or to a key in a variable (given); a store that is there goes over "
    "by `partnerauth store rekey`, where its keyring is."
)
NOBODY = "On Linux a keyring needs a session bus, which services, cron and ssh do not have."


class KeyringKey:
    """A key of each store's own in the keyring; `find` gives the backend (by default the library's choice)."""

    kind = "keyring"
    where = f"the system's keyring, under '{SERVICE}'"

    def __init__(self, find: Callable[[], Any] | None = None) -> None:
        self._find = find or _backend

    def of(self, kind: str) -> KeyringKey:
        """Itself, whatever a header asks for."""
        return self

    def there(self) -> bool:
        """Whether this machine has a keyring worth the name. Never raises."""
        try:
            self._ready()
        except Misconfigured:
            return False
        return True

    def read(self, note: str = "") -> Key:
        """The key that `note` names. Raises `StoreKeyWrong` where none is there, `Misconfigured` without a keyring."""
        text = self._asked(lambda backend: backend.get_password(SERVICE, f"{ACCOUNT} {note}"))
        if text is None:
            raise StoreKeyWrong(
                f"there is no key in {self.where} under '{ACCOUNT} {note}'",
                hint="Use the account and the keyring that the store was made with; nothing was changed.",
            )
        try:
            return Key(base64.b64decode(str(text), validate=True), note)
        except (binascii.Error, ValueError):
            raise StoreKeyWrong(f"what lies in {self.where} under '{ACCOUNT} {note}' is no key") from None

    def make(self) -> Key:
        """A new key, under a name that no other store has: whoever makes one meanwhile harms nobody."""
        note, text = os.urandom(8).hex(), base64.b64encode(os.urandom(LENGTH)).decode()
        self._asked(lambda backend: backend.set_password(SERVICE, f"{ACCOUNT} {note}", text))
        return self.read(note)

    def _asked(self, call: Callable[[Any], Any]) -> Any:
        backend = self._ready()
        try:
            return call(backend)
        except Exception as error:  # noqa: BLE001 - each backend has its own, and may quote what it was given
            said = type(error).__name__
        what = "is locked" if said == "KeyringLocked" else f"refused ({said})"
        raise StoreUnwritable(f"the system's keyring {what}", hint=f"Unlock it. Or: {ALTERNATIVES}")

    def _ready(self) -> Any:
        backend = self._find()
        for one in (backend, *getattr(backend, "backends", ())):
            if getattr(one, "priority", 0) < 1:
                name = f"{type(one).__module__}.{type(one).__qualname__}"
                raise Misconfigured(
                    f"this machine has no keyring that keeps a secret ({name})", hint=f"{NOBODY} {ALTERNATIVES}"
                )
        return backend


def _backend() -> Any:
    try:
        import keyring
    except ImportError:
        raise Misconfigured("the keyring needs its library", hint="pip install 'partnerauth[keyring]'") from None
    return keyring.get_keyring()
