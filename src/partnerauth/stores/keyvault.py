"""Azure Key Vault as a store: one secret for each name, its value bare so that other tools can read it.

The vault has no write on condition: versions are only added, and the one added last is current. So a write reads first,
adds, and looks at what was added meanwhile. Of ours the one counts whose tags stand highest (`rank`, then the version's
id): all writers come to the same judgement, whoever was slower, and who sees another one on top writes it again. What
another tool put on top is nobody's to judge here: it stays, and who wrote has lost. Versions that were written over are
disabled, for their values stay readable otherwise.

Sources: Key Vault REST reference (secrets), "About Key Vault secrets" (limits), "Soft-delete overview".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
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

    def read(self, name: str) -> Entry | None:
        """The current version, whoever wrote it; None where there is none or where it is disabled."""
        name = proper(name)
        try:
            return _entry(name, self._ask(lambda: self._client.get_secret(name)))
        except StoreFailed as failure:
            if failure.status == 404 or failure.code == DISABLED:
                return None
            raise

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Add a version where `expected` is the current one, and disable those that it takes the place of.

        Raises `StoreConflict` where another is current before, or counts for more after. A deleted secret is recovered
        first.
        """
        name = proper(name)
        _fits(tags)
        there = self._expect(name, expected)
        added, forgotten = self._add(name, value, tags, expected)
        found = self._enabled(name)
        rivals = [one for one in self._rivals(found, there) if one.version not in forgotten]
        counts = max((_standing(one) for one in rivals), default=None)
        if counts is not None and counts > (rank(tags), added):
            self._raise(name, counts[1])
            raise conflict(name)
        entry = self.read(name)
        if (
            entry is not None
            and _id(entry.version) != added
            and any(_id(entry.version) == one.version for one in rivals)
        ):
            added, _ = self._add(name, value, tags, expected)
            entry = self.read(name)
        if entry is None or _id(entry.version) != added:
            raise conflict(name)
        over = {*forgotten, *(str(one.version) for one in rivals)}
        if there is not None:
            over.add(_id(there.version))
            if rank(there.tags) == rank({}):  # what lay below another tool's version does not count any more
                over |= {str(one.version) for one in found if one.content_type == CONTENT_TYPE}
        for version in over - {added}:
            self._disable(name, version)
        return entry

    def mend(self, name: str) -> None:
        """Write the version that counts again, where one of ours lies on top that does not."""
        name = proper(name)
        found = self._enabled(name)
        ours = {str(one.version): _standing(one) for one in found if one.content_type == CONTENT_TYPE}
        entry = self.read(name)
        if entry is None or _id(entry.version) not in ours:
            return
        counts = max(ours.values())
        if counts[0] > rank(entry.tags):
            self._raise(name, counts[1])

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags of the current version; no new version, but another `Entry.version`."""
        name = proper(name)
        _fits(tags)
        self._expect(name, expected)
        self._ask(lambda: self._client.update_secret_properties(name, _id(expected), tags=dict(tags)))
        entry = self.read(name)
        if entry is None or _id(entry.version) != _id(expected) or entry.tags != tags:
            raise conflict(name)
        return entry

    def list(self) -> list[Entry]:
        """Every enabled entry that we wrote, its value hidden away. Versions are empty: no listing tells them."""
        entries = [
            Entry(str(found.name).lower(), Hidden(""), "", dict(found.tags or {}))
            for found in self._ask(lambda: list(self._client.list_properties_of_secrets()))
            if found.content_type == CONTENT_TYPE and found.enabled is not False and found.name != PROBE
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def forget(self, name: str) -> None:
        """Disable every version and delete the secret (softly, as vaults do). One of the two must be allowed."""
        name = proper(name)
        disabled = self._disable_all(name)
        try:
            self._ask(lambda: self._client.begin_delete_secret(name))
        except StoreFailed as failure:
            gone = failure.status == 404 or failure.code in IN_PASSING
            if not gone and not (failure.status == 403 and disabled):
                raise

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
                    self._recover(name)
                    forgotten = frozenset(str(one.version) for one in self._enabled(name))
                elif failure.code not in IN_PASSING and name != PROBE:
                    self._expect(name, expected)
            else:
                return str(added.properties.version), forgotten
        raise StoreUnwritable(
            f"{self.id} keeps refusing to write '{name}': it is being deleted, recovered or written by somebody else",
            hint="Wait a minute, then try again; look for other programs that write the same secret.",
        )

    def _enabled(self, name: str) -> Sequence[SecretProperties]:
        """The enabled versions; none where the vault does not let us list them."""
        try:
            found = self._ask(lambda: list(self._client.list_properties_of_secret_versions(name)))
        except StoreFailed:
            return []
        return [one for one in found if one.enabled is not False]

    def _rivals(self, found: Sequence[SecretProperties], there: Entry | None) -> Sequence[SecretProperties]:
        """Our versions that count for more than the one that lay there; after another tool's, only what came later."""
        ours = [one for one in found if one.content_type == CONTENT_TYPE]
        if there is None:
            return ours
        before = next((one for one in found if one.version == _id(there.version)), None)
        if before is not None and before.content_type != CONTENT_TYPE:
            return [one for one in ours if _created(one) > _created(before)]
        return [one for one in ours if rank(_tags(one)) > rank(there.tags)]

    def _raise(self, name: str, version: str) -> None:
        """Write a version again, so that it lies on top, unless it does."""
        there = self.read(name)
        if there is None or _id(there.version) == version:
            return
        found = _entry(name, self._ask(lambda: self._client.get_secret(name, version)))
        if (found.value, rank(found.tags)) != (there.value, rank(there.tags)):
            self._add(name, found.value, found.tags, there.version)

    def _recover(self, name: str) -> None:
        try:
            self._ask(lambda: self._client.begin_recover_deleted_secret(name))
        except StoreFailed as failure:
            if failure.status not in {404, 409}:
                raise

    def _disable_all(self, name: str) -> bool:
        """Whether no version is enabled any more."""
        try:
            found = self._ask(lambda: list(self._client.list_properties_of_secret_versions(name)))
            versions = [str(one.version) for one in found if one.enabled is not False]
        except StoreFailed:
            current = self.read(name)
            versions = [_id(current.version)] if current else []
        done = [self._disable(name, version) for version in versions]
        return all(done)

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


def _tags(version: SecretProperties) -> dict[str, str]:
    return dict(version.tags or {})


def _created(version: SecretProperties) -> float:
    return version.created_on.timestamp() if version.created_on is not None else 0.0


def _standing(version: SecretProperties) -> tuple[tuple[str, int, str], str]:
    return rank(_tags(version)), str(version.version)


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
