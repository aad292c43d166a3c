"""What is known of the application's credentials, and what was begun with them: ids and dates, never a secret.

It lies in the secret store beside the consents, in one entry for each application, so that whatever machine goes on
after a crash finds it. Every write is on condition of the version read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from partnerauth.cloud import Cloud
from partnerauth.errors import StoreCorrupt
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.credential_end import CredentialKind, KnownFrom
from partnerauth.stores.store import Lock, SecretStore

TAGS = {"holds": "partnerauth credential notes"}
MOST_KNOWN = 40


class Known(msgspec.Struct, frozen=True):
    """A credential that the directory has: its key id, its end, who said so, and by what we recognise our own."""

    kind: CredentialKind
    key_id: str
    ends: datetime | None
    source: KnownFrom
    fingerprint: str = ""


class Begun(msgspec.Struct, frozen=True):
    """A rotation under way: the name that the new credential has in the directory, and how far it came.

    `before` are the key ids that were there already; `fingerprint` is set once it is about to be put into `place`.
    """

    kind: CredentialKind
    name: str
    since: datetime
    place: str
    before: tuple[str, ...]
    mark: str = ""
    """By what the directory shows it, where that is known before it is added: a thumbprint."""
    key_id: str = ""
    ends: datetime | None = None
    fingerprint: str = ""
    formers: tuple[str, ...] = ()
    """The key ids of the present credential, and of what lies in the place."""
    due: datetime | None = None
    """When these may go; None: with the next rotation."""


class Leaving(msgspec.Struct, frozen=True):
    """A former credential that still works, for those who have not read the new one yet.

    It goes when it is `due`, or with the next rotation where that is None.
    """

    kind: CredentialKind
    key_id: str
    due: datetime | None = None


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. `object_id` is the directory's name for the app registration.

    `suspects` are rotations that were given up: whether the directory took the new credential is not certain, so it is
    looked for in it for another day.
    """

    object_id: str = ""
    known: tuple[Known, ...] = ()
    begun: Begun | None = None
    leaving: tuple[Leaving, ...] = ()
    suspects: tuple[Begun, ...] = ()
    version: str = ""

    def changed(self, **changes: object) -> Note:
        """The same with other members."""
        return msgspec.structs.replace(self, **changes)

    def knowing(self, *found: Known) -> Note:
        """With what was learnt now; it takes the place of what was known of the same keys."""
        keys = {(one.kind, one.key_id) for one in found}
        rest = tuple(one for one in self.known if (one.kind, one.key_id) not in keys)
        return self.changed(known=(*rest, *found)[-MOST_KNOWN:])

    def without(self, key_id: str) -> Note:
        """Once this credential is gone from the directory."""
        return self.changed(
            known=tuple(one for one in self.known if one.key_id != key_id),
            leaving=tuple(one for one in self.leaving if one.key_id != key_id),
        )

    def find(self, kind: CredentialKind, fingerprint: str) -> Known | None:
        """What is known of the credential with this fingerprint."""
        found = [one for one in self.known if one.kind is kind and one.fingerprint == fingerprint != ""]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Notebook:
    """The notes about the credentials of `application_id` in `cloud`."""

    store: SecretStore
    cloud: Cloud
    application_id: str

    def name(self, kind: CredentialKind | None = None) -> str:
        """The name of the entry with the notes, or of the one that holds a credential of this kind."""
        name = f"credential-{kind.value}-" if kind is not None else "credential-notes-"
        name += self.application_id.lower()
        if self.cloud.emulated:
            name += "-" + hashlib.sha256(self.cloud.name.encode()).hexdigest()[:12]
        return name

    def lock(self) -> Lock:
        """What lets one rotation at a time change the credentials."""
        return self.store.lock(f"credential\n{self.name()}")

    def read(self) -> Flow[Note]:
        """The notes; empty ones where there are none yet. Raises `StoreFailed`."""
        entry = yield from work("read notes", lambda: self.store.read(self.name()))
        if entry is None:
            return Note()
        try:
            note = msgspec.json.decode(entry.value.reveal(), type=Note)
        except msgspec.DecodeError:
            raise StoreCorrupt(
                f"the entry '{entry.name}' of the store holds no notes that this version can read",
                hint="Look at it; `partnerauth credential status --refresh` writes new ones once it is taken away.",
            ) from None
        return note.changed(version=entry.version)

    def write(self, note: Note) -> Flow[Note]:
        """Write the notes in place of those that were read. Raises `StoreFailed`, `StoreConflict`."""
        value = Hidden(msgspec.json.encode(note.changed(version="")).decode())
        expected = note.version or None
        entry = yield from work("write notes", lambda: self.store.write(self.name(), value, TAGS, expected))
        return note.changed(version=entry.version)


def moment(text: str) -> datetime | None:
    """A moment as Graph writes it, with up to seven digits of a second; None for what is none."""
    head, dot, rest = text.partition(".")
    digits = rest.rstrip("Zz")
    try:
        found = datetime.fromisoformat(f"{head}.{digits[:6]}+00:00" if dot else text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
