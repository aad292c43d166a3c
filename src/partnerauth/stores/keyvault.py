"""Azure Key Vault as a store: one secret for each name, its value bare so that other tools can read it.

The vault has no write on condition: versions are only added, and the one added last is current. So a write reads first,
adds, and looks at what was added meanwhile. Of ours the one counts whose tags stand highest (`rank`, then the version's
id): all writers come to the same judgement, whoever was slower, and who sees another one on top writes it again: a
writer when it looks, a reader that has seen a greater one there before. What another tool put on top is nobody's to
judge here: it stays, and who wrote has lost. Versions that were written over, and those of losers, are disabled, for
their values stay readable otherwise.

Where nothing was, rank does not tell who came first, and the first may have been told already that it is kept: so who
finds a version of another application or person beside its own takes its own back. Of two applications in one secret
the one counts whose versions began first.

Sources: Key Vault REST reference (secrets), "About Key Vault secrets" (limits), "Soft-delete overview".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, TypeVar

from partnerauth.errors import Misconfigured, StoreConflict, StoreFailed, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.lock import FileLock
from partnerauth.stores.store import Entry, conflict, proper, rank

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.keyvault.secrets import KeyVaultSecret, SecretClient, SecretProperties

T = TypeVar("T")

CONTENT_TYPE = "application/vnd.partnerauth.secret"
MOST_TAGS = 15
LONGEST_TAG = 256
PROBE = "partnerauth-check"
PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Before each try of a write: a deletion or a recovery under way takes seconds (up to a minute was seen)."""

# The inner codes of a 403 that no role mends.
CLOSED_NETWORK = frozenset({"ForbiddenByFirewall", "ForbiddenByConnection"})
DISABLED = "SecretDisabled"
DELETED = "ObjectIsDeletedButRecoverable"
IN_PASSING = frozenset({"ObjectIsBeingDeleted", "ObjectIsBeingRecovered"})


class KeyVaultStore:
    """Secrets in one vault, over the official client, handed in ready.

    `locks` is a directory of ours for the locks, `pause` how to wait. What the client's credential raises goes through.
    """

    plain = True

    def __init__(self, client: SecretClient, locks: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.id = str(client.vault_url)
        self._client = client
        self._locks = locks
        self._pause = pause
        self._known: dict[str, Version] = {}
        """The version of ours that lay under each name when last seen."""

    def read(self, name: str) -> Entry | None:
        """The current version, whoever wrote it; None where there is none or where it is disabled.

        Where a greater one of ours is known to have been there, that one is written again.
        """
        name = proper(name)
        found = self._current(name)
        if found is not None and self._is_covered(name, found.version):
            self.mend(name)
            found = self._current(name)
        self._know(name, found)
        return found.entry if found is not None else None

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Add a version where `expected` is the current one, and disable those that it takes the place of.

        Raises `StoreConflict` where another is current before, or counts for more after. A deleted secret is recovered
        first.
        """
        name = proper(name)
        _fits(tags)
        there = self._expect(name, expected)
        added, forgotten = self._add(name, value, tags, expected)
        mine = Version(added, dict(tags))
        versions = self._versions(name)
        found = [one for one in versions if one.counts and one.id not in {added, *forgotten}]
        before = next((one for one in versions if there is not None and one.id == _id(there.version)), None)
        over = [one for one in found if one.client == mine.client]
        if there is None or (before is not None and not before.ours):
            rivals = found
            if before is not None:  # what lies below another tool's version does not count any more
                rivals, over = [one for one in found if one.created > before.created], found
            first = max((one for one in rivals if one.owner != mine.owner), key=_standing, default=None)
        else:
            rivals = [one for one in over if one.rank > rank(there.tags)]
            first = _first_of_another(versions, mine, there)
        if first is None and rivals and _standing(max(rivals, key=_standing)) > _standing(mine):
            first = max(rivals, key=_standing)
        if first is not None:
            self._withdraw(name, added, first)
            raise conflict(name)
        current = self._current(name)
        if current is not None and any(current.version.id == one.id for one in rivals):
            again, _ = self._add(name, value, tags, expected)
            over.append(mine)
            added, current = again, self._current(name)
        if current is None or current.version.id != added:
            raise conflict(name)
        for version in {*forgotten, *(one.id for one in over), *([_id(there.version)] if there is not None else [])}:
            self._disable(name, version)
        self._know(name, current)
        return current.entry

    def mend(self, name: str) -> None:
        """Write the version that counts again, where one of ours lies on top that does not; that one is disabled."""
        name = proper(name)
        versions = self._versions(name)
        current = self._current(name)
        if current is None or not current.version.ours or not any(one.counts for one in versions):
            return
        client = _holder(versions)
        ours = [one for one in versions if one.counts and one.client == client]
        counts = max(ours, key=_standing)
        if current.version.client == client and current.version.rank >= counts.rank:
            return
        self._raise(name, counts)
        current = self._current(name)
        if current is not None and (current.version.client, current.version.rank) == (client, counts.rank):
            for one in ours:
                if one.id != current.version.id:
                    self._disable(name, one.id)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags of the current version; no new version, but another `Entry.version`."""
        name = proper(name)
        _fits(tags)
        self._expect(name, expected)
        self._ask(lambda: self._client.update_secret_properties(name, _id(expected), tags=dict(tags)))
        found = self._current(name)
        if found is None or found.version.id != _id(expected) or found.entry.tags != tags:
            raise conflict(name)
        return found.entry

    def list(self) -> list[Entry]:
        """Every enabled entry that we wrote, its value hidden away. Versions are empty: no listing tells them."""
        entries = [
            Entry(str(found.name).lower(), Hidden(""), "", dict(found.tags or {}))
            for found in self._ask(lambda: list(self._client.list_properties_of_secrets()))
            if found.content_type == CONTENT_TYPE and found.enabled is not False and found.name != PROBE
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def forget(self, name: str) -> None:
        """Disable every version and delete the secret (softly, as vaults do). One of the two must be allowed.

        What somebody adds in the meantime is brought back.
        """
        name = proper(name)
        self._known.pop(name, None)
        seen = self._every(name)
        disabled = [self._disable(name, version) for version in seen]
        try:
            deleted = self._ask(lambda: self._client.begin_delete_secret(name).result())
        except StoreFailed as failure:
            gone = failure.status == 404 or failure.code in IN_PASSING
            if not gone and not (failure.status == 403 and all(disabled)):
                raise
        else:
            if deleted.properties.version not in (None, *seen):
                self._bring_back(name)

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under the vault's address: no secret, for a token is too long to be guessed."""
        return digest(self.id.encode(), value.reveal().encode("utf-8", "surrogatepass"), "sha256")[:16].hex()

    def check(self) -> None:
        """Make sure that the vault can be written, by a disabled secret of its own name. Raises `StoreFailed`."""
        self._add(PROBE, Hidden("nothing secret"), {}, None, enabled=False)

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people."""
        return {
            "kind": "keyvault",
            "id": self.id,
            "values": "bare, so that other tools can read them",
            "locks": self._locks,
        }

    def lock(self, name: str) -> FileLock:
        """A new lock of that name on this machine. Other machines are not held off."""
        return FileLock(self._locks, f"{self.id}\n{name}")

    def _expect(self, name: str, expected: str | None) -> Entry | None:
        there = self.read(name)
        if (there.version if there else None) != expected:
            raise conflict(name)
        return there

    def _add(
        self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None, *, enabled: bool = True
    ) -> tuple[str, frozenset[str]]:
        """The id of the version added, and the enabled ones of a secret that was deleted and had to be recovered."""
        forgotten: frozenset[str] = frozenset()
        for pause in PAUSES:
            if pause:
                self._pause(pause)
            try:
                added = self._ask(
                    lambda: self._client.set_secret(
                        name, value.reveal(), tags=dict(tags), content_type=CONTENT_TYPE, enabled=enabled
                    )
                )
            except StoreConflict as failure:
                if failure.code == DELETED and expected is not None:
                    raise conflict(name) from None  # forgotten since it was read
                if failure.code == DELETED:
                    forgotten = self._recover(name) or forgotten
                elif failure.code not in IN_PASSING and name != PROBE:
                    self._expect(name, expected)
            else:
                return str(added.properties.version), forgotten
        raise StoreUnwritable(
            f"{self.id} keeps refusing to write '{name}': it is being deleted, recovered or written by somebody else",
            hint="Wait a minute, then try again; look for other programs that write the same secret.",
        )

    def _current(self, name: str) -> Current | None:
        try:
            secret = self._ask(lambda: self._client.get_secret(name))
        except StoreFailed as failure:
            if failure.status == 404 or failure.code == DISABLED:
                return None
            raise
        return Current(_entry(name, secret), Version.of(secret.properties))

    def _versions(self, name: str) -> Sequence[Version]:
        """Every version, enabled or not; none where the vault does not let us list them."""
        try:
            found = self._ask(lambda: list(self._client.list_properties_of_secret_versions(name)))
        except StoreFailed:
            return []
        return [Version.of(one) for one in found]

    def _is_covered(self, name: str, version: Version) -> bool:
        """Whether one of ours lies there, and a greater one or another application's did before."""
        known = self._known.get(name)
        if known is None or not version.ours:
            return False
        return version.client != known.client or version.rank < known.rank

    def _know(self, name: str, found: Current | None) -> None:
        if found is not None and found.version.ours:
            self._known[name] = found.version

    def _withdraw(self, name: str, added: str, winner: Version) -> None:
        """See to it that the winner lies on top, and take back what was added in vain."""
        self._raise(name, winner)
        current = self._current(name)
        if current is None or current.version.id != added:
            self._disable(name, added)

    def _raise(self, name: str, version: Version) -> None:
        """Write a version again, so that it lies on top, unless it does or another tool's does."""
        there = self._current(name)
        if there is None or not there.version.ours or there.version.id == version.id:
            return
        try:
            found = _entry(name, self._ask(lambda: self._client.get_secret(name, version.id)))
        except StoreFailed as failure:
            if failure.code == DISABLED:  # it does not count any more
                return
            raise
        if (found.value, rank(found.tags)) != (there.entry.value, there.version.rank):
            self._add(name, found.value, found.tags, there.entry.version)

    def _recover(self, name: str) -> frozenset[str]:
        """The enabled versions that it had when it was deleted; others may add some at once."""
        try:
            last = Version.of(self._ask(lambda: self._client.begin_recover_deleted_secret(name).result()))
        except StoreFailed as failure:
            if failure.status not in {404, 409}:
                raise
            return frozenset()
        found = [one for one in self._versions(name) if one.enabled]
        return frozenset(one.id for one in found if one.created < last.created or one.id == last.id)

    def _bring_back(self, name: str) -> None:
        """Recover a secret that was deleted just now; that takes seconds."""
        for pause in PAUSES:
            if pause:
                self._pause(pause)
            try:
                self._ask(lambda: self._client.begin_recover_deleted_secret(name))
            except StoreConflict:
                continue
            return

    def _every(self, name: str) -> Sequence[str]:
        """The enabled versions; the current one alone where the vault does not let us list them."""
        if versions := self._versions(name):
            return [one.id for one in versions if one.enabled]
        current = self._current(name)
        return [current.version.id] if current is not None else []

    def _disable(self, name: str, version: str) -> bool:
        try:
            self._ask(lambda: self._client.update_secret_properties(name, version, enabled=False))
        except StoreFailed:
            return False  # a tidier vault is not worth a failed renewal
        return True

    def _ask(self, call: Callable[[], T]) -> T:
        return asked(self.id, call)


def asked(vault: str, call: Callable[[], T]) -> T:
    """What the official client's `call` gives; what it raises, as a `StoreFailed` that says what to do about `vault`.

    Raises `StoreConflict` for a 409; `code` is the vault's inner code.
    """
    from azure.core.exceptions import AzureError

    try:
        return call()
    except AzureError as error:
        failure = _failure(vault, error)
    except ValueError:
        failure = StoreFailed(
            f"{vault} did not answer as a key vault of this cloud does", hint="Check the vault's name and the cloud."
        )
    raise failure  # out here, so that it does not drag the request along


def _failure(vault: str, error: AzureError) -> StoreFailed:
    status = getattr(error, "status_code", None)
    body = getattr(error, "error", None)
    inner = (getattr(body, "innererror", None) or {}).get("code")
    code = str(inner or getattr(body, "code", None) or "")
    if status == 409:
        return StoreConflict(f"{vault} refused to write now", code=code, status=status)
    said, hint = f"{vault} answered {status} {code}".rstrip(), ""
    retry_after: float | None = None
    if status is None:
        said = f"{vault} did not answer ({type(error).__name__})"
        hint = "Check the network, the proxy, the vault's name and its certificate."
    elif status == 401:
        hint = "The vault does not accept the token: check that it belongs to the application's tenant and cloud."
    elif status == 403 and code in CLOSED_NETWORK:
        hint = "The vault's network settings keep this machine out: allow its address, or use the private link."
    elif status == 403:
        hint = "Give the application the role Key Vault Secrets Officer on the vault; that takes up to ten minutes."
    elif status == 429:
        retry_after = _seconds(error)
        hint = "The vault is asked too often: wait, then ask less often."
    return StoreFailed(said, hint=hint, code=code or None, status=status, retry_after=retry_after)


def _entry(name: str, secret: KeyVaultSecret) -> Entry:
    tags = dict(secret.properties.tags or {})
    # Marks do not make a version of the vault's, but they must make one of ours.
    told = sha256(json.dumps(tags, sort_keys=True).encode()).hexdigest()[:16]
    return Entry(name, Hidden(secret.value or ""), f"{secret.properties.version}.{told}", tags)


@dataclass(frozen=True)
class Version:
    """A version of a secret, as a list tells it. `ours`: we wrote it. `created` is in whole seconds."""

    id: str
    tags: Mapping[str, str]
    ours: bool = True
    enabled: bool = True
    created: float = 0.0

    @classmethod
    def of(cls, found: SecretProperties) -> Version:
        """What the official client tells of it."""
        created = found.created_on.timestamp() if found.created_on is not None else 0.0
        ours = found.content_type == CONTENT_TYPE
        return cls(str(found.version), dict(found.tags or {}), ours, found.enabled is not False, created)

    @property
    def counts(self) -> bool:
        """Whether it may be the one that counts."""
        return self.ours and self.enabled

    @property
    def rank(self) -> tuple[str, int, str]:
        """Where it stands."""
        return rank(self.tags)

    @property
    def client(self) -> str:
        """The application whose consent it is."""
        return self.tags.get("client", "")

    @property
    def owner(self) -> tuple[str, str]:
        """The application and the person."""
        return self.client, self.tags.get("person", "")


@dataclass(frozen=True)
class Current:
    """What lies on top."""

    entry: Entry
    version: Version


def _standing(version: Version) -> tuple[tuple[str, int, str], str]:
    return version.rank, version.id


def _holder(versions: Sequence[Version]) -> str:
    """Whose a secret is: of the applications with an enabled version there, the one whose versions began first."""
    clients = {one.client for one in versions if one.counts}
    return min((one for one in versions if one.ours and one.client in clients), key=_beginning).client


def _beginning(version: Version) -> tuple[float, str]:
    return version.created, version.id


def _first_of_another(versions: Sequence[Version], mine: Version, there: Entry) -> Version | None:
    """The version that counts of another application, where the secret is that one's and was not written over."""
    client = _holder(versions) if any(one.counts for one in versions) else mine.client
    if client in (mine.client, there.tags.get("client", "")):
        return None
    return max((one for one in versions if one.counts and one.client == client), key=_standing)


def _id(version: str) -> str:
    return version.partition(".")[0]


def _fits(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS or any(len(text) > LONGEST_TAG for pair in tags.items() for text in pair):
        raise Misconfigured(
            f"a key vault takes at most {MOST_TAGS} tags of {LONGEST_TAG} characters, and these are more"
        )


def _seconds(error: AzureError) -> float | None:
    text = str(getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() else None
