"""A store sealed under a key of a key vault: the key stays there, and what becomes of the store when it changes."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.emulator.default import WEB_APP
from partnerauth.emulator.world import KeyVersion
from partnerauth.errors import StoreCorrupt, StoreFailed, StoreKeyWrong
from partnerauth.messages import Request, Response
from partnerauth.serving.server import Server
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import Key, KeyFile
from partnerauth.stores.postgres import PostgresStore
from partnerauth.stores.store import KeySource
from partnerauth.stores.vaultkey import ALGORITHM, VaultKey
from partnerauth.stores.vaultsecret import VaultSecret
from tests.canaries import spellings
from tests.stores.conditions import NAME, NEW, OLD, TAGS
from tests.stores.desk import Desk, refusal

Open = Callable[[KeySource], FileStore | PostgresStore]


@dataclass
class Vault:
    """A vault with a key for stores, as an administrator made it, and what it was asked."""

    desk: Desk
    client: SecretClient
    keys: KeyClient
    asked: list[str] = field(default_factory=list)

    def source(self) -> VaultKey:
        """The key as a process that starts now knows it."""
        return VaultKey(lambda: self.client, str(self.client.vault_url).rstrip("/"), "store")

    @property
    def versions(self) -> list[KeyVersion]:
        """The versions of the key, the oldest first."""
        return self.desk.vault.keys["store"].versions

    def may(self, *permissions: str) -> None:
        """Let the application do no more than that."""
        self.desk.vault.allowed, self.desk.vault.access_policies = set(), {WEB_APP: set(permissions)}


@pytest.fixture
def vault(desk: Desk, vault_client: SecretClient, served: tuple[Desk, Server]) -> Iterator[Vault]:
    with desk.keys(served[1].url, served[1].ca) as keys:
        keys.create_rsa_key("store")
        vault = Vault(desk, vault_client, keys)

        def note(request: Request) -> None:
            vault.asked.append(f"{request.method} {request.path.rpartition('/')[2]}")

        desk.afterwards = note
        yield vault


@pytest.fixture(params=["file", "postgres"])
def opened(request: pytest.FixtureRequest, store_path: Path) -> Open:
    """Opens the same store again, with a key of one's choice."""
    if request.param == "file":
        return lambda key: FileStore(store_path, key)
    server = request.getfixturevalue("postgresql")
    return lambda key: PostgresStore(server.address, key)


def test_the_vault_is_asked_once_in_the_life_of_a_process(opened: Open, vault: Vault) -> None:
    written = opened(vault.source()).write(NAME, OLD, TAGS, None)
    assert vault.asked == ["GET store", "POST wrapkey", "POST unwrapkey"]
    vault.asked.clear()
    source = vault.source()

    for _ in range(3):
        store = opened(source)
        assert store.read(NAME) == written
        assert store.list()
    assert vault.asked == ["POST unwrapkey"]
    assert store.explain()["key"] == f"vault-key: {vault.client.vault_url}/keys/store"


def test_a_rotated_key_opens_what_it_closed_and_rekey_takes_up_the_new_version(opened: Open, vault: Vault) -> None:
    store = opened(vault.source())
    written = store.write(NAME, OLD, TAGS, None)
    first = store.explain()["key id"]
    vault.keys.rotate_key("store")
    assert opened(vault.source()).read(NAME) == written

    store.rekey(vault.source(), values=False)
    vault.versions[0].enabled = False

    assert opened(vault.source()).read(NAME) == written
    assert opened(vault.source()).explain()["key id"] != first


@pytest.mark.parametrize("values", [False, True])
def test_a_store_goes_over_to_it_and_back(opened: Open, vault: Vault, tmp_path: Path, values: bool) -> None:
    """From a file, to a secret of the same vault, to its key, and to the file again."""
    file = KeyFile(tmp_path / "settings" / "key")
    store = opened(file)
    written = store.write(NAME, OLD, TAGS, None)
    secret = VaultSecret(lambda: vault.client, str(vault.client.vault_url), "store")

    for target in (secret, vault.source(), file):
        store.rekey(target, values=values)
        assert opened(target).read(NAME) == written
    with pytest.raises(StoreKeyWrong, match="sealed with a key of the kind 'file'"):
        opened(vault.source()).read(NAME)


def test_its_own_data_key_is_made_anew_under_it(opened: Open, vault: Vault) -> None:
    store, running = opened(vault.source()), opened(vault.source())
    written = store.write(NAME, OLD, TAGS, None)
    assert running.read(NAME) == written

    store.rekey(None, values=True)

    assert running.read(NAME) == written
    assert store.explain()["generation"] == "2"


def test_what_the_vault_unwrapped_is_nowhere_to_be_found(
    vault: Vault, store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the store, not in a log however talkative, not in what is raised afterwards."""
    caplog.set_level(logging.DEBUG)
    source = vault.source()
    FileStore(store_path, source).write(NAME, OLD, TAGS, None)
    [key] = source._known.values()
    vault.versions[0].enabled = False
    with pytest.raises(StoreFailed) as failed:
        FileStore(store_path, vault.source()).read(NAME)

    said = caplog.text + repr(source) + repr(key) + repr(vars(failed.value)) + key.note
    material = key._bytes
    for spelling in {material, material.hex().encode(), *spellings(material.decode("latin-1"))}:
        assert spelling not in store_path.read_bytes()
        assert spelling.decode("latin-1") not in said


def disabled(vault: Vault) -> None:
    vault.versions[0].enabled = False


def no_right(vault: Vault) -> None:
    vault.may("keys/get", "keys/wrapKey", "get", "set")


def deleted(vault: Vault) -> None:
    vault.keys.begin_delete_key("store").wait()


def purged(vault: Vault) -> None:
    deleted(vault)
    vault.keys.purge_deleted_key("store")


def made_anew(vault: Vault) -> None:
    purged(vault)
    vault.keys.create_rsa_key("store")


def another_pair(vault: Vault) -> None:
    vault.keys.create_rsa_key("other")
    vault.versions[0].private = vault.desk.vault.keys["other"].versions[0].private


def not_for_unwrapping(vault: Vault) -> None:
    vault.versions[0].operations = ["wrapKey"]


def throttled(vault: Vault) -> None:
    vault.desk.vault.limit, vault.desk.vault.retry_after = 0, 7


def network_closed(vault: Vault) -> None:
    vault.desk.instead = lambda request: refusal(403, "Forbidden", "ForbiddenByFirewall")


def strange(vault: Vault) -> None:
    vault.desk.instead = lambda request: Response.json(200, {"kid": "?"})


def too_short(vault: Vault) -> None:
    vault.desk.instead = lambda request: Response.json(200, {"kid": "?", "value": "AAAA"})


@pytest.mark.parametrize(
    ("happened", "kind", "status", "said", "hint"),
    [
        (disabled, StoreFailed, 403, "KeyDisabled", "Enable that version"),
        (no_right, StoreFailed, 403, "ForbiddenByPolicy", "Key Vault Crypto Service Encryption User"),
        (deleted, StoreKeyWrong, 404, "is deleted", "Recover it"),
        (purged, StoreKeyWrong, 404, "no key at", "store restore"),
        (made_anew, StoreKeyWrong, 404, "no key at", "store restore"),
        (another_pair, StoreKeyWrong, 400, "does not open", "another key"),
        (not_for_unwrapping, StoreFailed, 403, "KeyOperationForbidden", "wrapKey and unwrapKey"),
        (throttled, StoreFailed, 429, "429 Throttled", "wait"),
        (network_closed, StoreFailed, 403, "ForbiddenByFirewall", "network settings"),
        (strange, StoreFailed, None, "did not answer as a key vault", "Check"),
        (too_short, StoreKeyWrong, None, "has 3 bytes", ""),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_way_not_to_open_has_a_name_and_a_remedy(
    vault: Vault,
    store_path: Path,
    happened: Callable[[Vault], None],
    kind: type[StoreFailed],
    status: int | None,
    said: str,
    hint: str,
) -> None:
    """And the store stays as it is: once the cause is gone it opens."""
    FileStore(store_path, vault.source()).write(NAME, OLD, TAGS, None)
    before = store_path.read_bytes()
    happened(vault)

    with pytest.raises(kind, match=said) as failed:
        FileStore(store_path, vault.source()).read(NAME)

    assert type(failed.value) is kind
    assert failed.value.status == status
    assert hint in failed.value.hint
    assert store_path.read_bytes() == before


@pytest.mark.parametrize(("bound", "seconds"), [("not_before", 3600), ("expires", -1)])
def test_a_key_outside_of_its_time_opens_but_closes_nothing_new(
    vault: Vault, store_path: Path, tmp_path: Path, bound: str, seconds: int
) -> None:
    store = FileStore(store_path, vault.source())
    written = store.write(NAME, OLD, TAGS, None)
    setattr(vault.versions[0], bound, int(vault.versions[0].created.timestamp()) + seconds)

    assert FileStore(store_path, vault.source()).read(NAME) == written
    with pytest.raises(StoreFailed, match=r"Key(NotYetValid|Expired)") as failed:
        FileStore(tmp_path / "other" / "store.db", vault.source()).check()
    assert "opens all the same" in failed.value.hint
    assert not (tmp_path / "other" / "store.db").exists()


def of_a_curve(vault: Vault) -> None:
    vault.keys.create_ec_key("store")


def nothing_there(vault: Vault) -> None:
    del vault.desk.vault.keys["store"]


@pytest.mark.parametrize(
    ("happened", "said", "hint"),
    [
        (of_a_curve, "of the type EC", "RSA or RSA-HSM"),
        (nothing_there, "no key at", "Make an RSA key"),
        (deleted, "is deleted", "Recover it"),
        (no_right, "ForbiddenByPolicy", "unwrapKey"),
        (not_for_unwrapping, "KeyOperationForbidden", "wrapKey and unwrapKey"),
        (disabled, "KeyDisabled", "Enable"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_store_is_made_that_could_not_be_opened(
    vault: Vault, store_path: Path, happened: Callable[[Vault], None], said: str, hint: str
) -> None:
    """What was wrapped is unwrapped first: so a missing right shows before anything is sealed, and rekey leaves it."""
    happened(vault)

    with pytest.raises(StoreFailed, match=said) as failed:
        FileStore(store_path, vault.source()).check()
    assert hint in failed.value.hint
    assert not store_path.exists()
    other = FileStore(store_path, KeyFile(store_path.parent / "key"))
    written = other.write(NAME, NEW, TAGS, None)
    with pytest.raises(StoreFailed, match=said):
        other.rekey(vault.source(), values=True)
    assert FileStore(store_path, KeyFile(store_path.parent / "key")).read(NAME) == written


def test_a_key_in_hardware_is_as_good(vault: Vault, store_path: Path) -> None:
    vault.desk.vault.premium = True
    vault.keys.create_rsa_key("store", hardware_protected=True, size=3072)
    written = FileStore(store_path, vault.source()).write(NAME, OLD, TAGS, None)

    assert FileStore(store_path, vault.source()).read(NAME) == written


def test_a_header_that_was_changed_opens_nothing(vault: Vault, store_path: Path) -> None:
    """Another's wrapped key in its place is noticed, for the store is bound to its own."""
    store = FileStore(store_path, vault.source())
    store.write(NAME, OLD, TAGS, None)
    other = vault.source().make()
    with store._database as file:
        file.connection.execute("UPDATE header SET note = ?", (other.note,))

    with pytest.raises((StoreKeyWrong, StoreCorrupt)):
        FileStore(store_path, vault.source()).read(NAME)


@given(st.text() | st.tuples(st.sampled_from([ALGORITHM, "RSA1_5"]), st.text()).map(" ".join))
def test_a_note_that_is_none_asks_nobody(note: str) -> None:
    def nobody() -> SecretClient:
        raise AssertionError("the vault was asked")

    algorithm, _, rest = note.partition(" ")
    version = rest.partition(" ")[0]
    if algorithm == ALGORITHM and version.isascii() and version.isalnum():
        return
    with pytest.raises(StoreKeyWrong, match="does not say"):
        VaultKey(nobody, "https://contoso.vault.azure.net", "store").read(note)


def test_a_key_is_not_shared_by_two_stores(vault: Vault, tmp_path: Path) -> None:
    """Each store has a key of its own under the one in the vault."""
    made: list[Key] = [vault.source().make() for _ in range(2)]

    assert made[0].id != made[1].id
    assert [vault.source().read(key.note).id for key in made] == [key.id for key in made]
