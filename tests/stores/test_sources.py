"""Where keys come from besides a file: passphrase, keyring, a vault's secret, a variable; and which one is tried."""

import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.keyvault.secrets import SecretClient
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.errors import Misconfigured, StoreCorrupt, StoreFailed, StoreKeyWrong, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.database import Database
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import GivenKey, Key, KeyFile
from partnerauth.stores.keyring import KeyringKey
from partnerauth.stores.opening import Means, addressed, key_source, open_store, typed, without_password
from partnerauth.stores.passphrase import Passphrase, key_of
from partnerauth.stores.sources import Sources
from partnerauth.stores.store import KeySource
from partnerauth.stores.vaultsecret import VaultSecret
from tests.stores.children import finish, start
from tests.stores.conditions import NAME, OLD, TAGS
from tests.stores.conftest import Make
from tests.stores.desk import Desk

CHEAP = "m=64 t=1 p=1"
WORDS = Hidden("correct horse battery stäple")


class Ring:
    """A keyring's backend in memory."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self.kept[service, account] = password


def passphrase(text: Hidden = WORDS) -> Passphrase:
    return Passphrase(lambda new: text, CHEAP)


def test_a_passphrase_opens_what_it_closed(open_store: Make, store_path: Path) -> None:
    written = FileStore(store_path, passphrase()).write(NAME, OLD, TAGS, None)

    assert FileStore(store_path, passphrase()).read(NAME) == written
    header = Database(store_path, passphrase()).peek()
    assert header.key_kind == "passphrase"
    assert header.note.startswith(f"argon2id {CHEAP} salt=")
    assert WORDS.reveal().encode() not in store_path.read_bytes()


def test_another_passphrase_does_not(store_path: Path) -> None:
    FileStore(store_path, passphrase()).write(NAME, OLD, TAGS, None)

    with pytest.raises(StoreKeyWrong, match="a passphrase gives"):
        FileStore(store_path, passphrase(Hidden("incorrect horse"))).read(NAME)


def test_a_passphrase_is_asked_for_once_and_told_whether_it_is_new(store_path: Path) -> None:
    asked: list[bool] = []

    def ask(new: bool) -> Hidden:
        asked.append(new)
        return WORDS

    store = FileStore(store_path, Passphrase(ask, CHEAP))
    store.write(NAME, OLD, TAGS, None)
    store.close()
    store.read(NAME)

    assert asked == [True]


def test_a_passphrase_is_stretched_as_the_rfc_says() -> None:
    """RFC 9106's construction; the value was computed with the argon2 command of Debian."""
    note = "argon2id m=65536 t=3 p=4 salt=" + b"0123456789abcdef".hex()

    key = Key(bytes.fromhex("2f56f5363a695288ff28810e46ad69a1fe3068bc6494cd26a8a673b7d9c2b0a2"))

    assert key_of(Hidden("correct horse"), note).id == key.id
    assert key_of(Hidden("Correct horse"), note).id != key.id


def test_the_way_letters_are_composed_makes_no_difference() -> None:
    note = f"argon2id {CHEAP} salt={'00' * 16}"

    assert key_of(Hidden("stäple"), note).id == key_of(Hidden("sta\u0308ple"), note).id


@pytest.mark.parametrize(
    "note",
    ["", "scrypt", f"argon2id {CHEAP} salt=00", f"argon2id m=99999999 t=1 p=1 salt={'0' * 32}",
     f"argon2id m=8 t=1 p=4 salt={'0' * 32}", f"argon2id m=64 t=0 p=1 salt={'0' * 32}"],
)  # fmt: skip
def test_parameters_that_nobody_writes_are_refused(note: str) -> None:
    with pytest.raises(StoreCorrupt):
        key_of(WORDS, note)


def test_a_short_passphrase_is_refused_for_a_new_store(store_path: Path) -> None:
    with pytest.raises(Misconfigured, match="8 characters"):
        FileStore(store_path, passphrase(Hidden("short"))).check()
    assert not store_path.exists()


def test_a_keyring_keeps_a_key_for_each_store(tmp_path: Path) -> None:
    ring = Ring()
    stores = [FileStore(tmp_path / f"{n}.db", KeyringKey(lambda: ring)) for n in range(2)]
    written = [store.write(NAME, OLD, TAGS, None) for store in stores]
    for store in stores:
        store.close()

    assert [FileStore(tmp_path / f"{n}.db", KeyringKey(lambda: ring)).read(NAME) for n in range(2)] == written
    assert len(ring.kept) == 2
    assert {len(base64.b64decode(text)) for text in ring.kept.values()} == {32}
    ring.kept.clear()
    with pytest.raises(StoreKeyWrong, match="no key"):
        FileStore(tmp_path / "0.db", KeyringKey(lambda: ring)).read(NAME)


@pytest.mark.parametrize("text", ["no base64!", "c2hvcnQ="])
def test_what_is_no_key_in_a_keyring_is_named(text: str) -> None:
    ring = Ring()
    note = KeyringKey(lambda: ring).make().note
    ring.kept = dict.fromkeys(ring.kept, text)

    with pytest.raises(StoreKeyWrong):
        KeyringKey(lambda: ring).read(note)


def test_a_keyring_that_is_none_is_refused_with_the_alternatives() -> None:
    """The library's own `fail` and `null`, a chain that has one of them in it, and one that keeps keys in clear."""
    from keyring.backends import fail, null

    kinds: list[Any] = [fail.Keyring, null.Keyring]
    clear = SimpleNamespace(priority=0.5)
    chain = SimpleNamespace(priority=10, backends=[Ring(), clear])
    for backend in (*(kind() for kind in kinds), clear, chain):
        source = KeyringKey(lambda backend=backend: backend)  # type: ignore[misc]
        assert not source.there()
        for ask in (source.make, lambda source=source: source.read("x")):
            with pytest.raises(Misconfigured, match="no keyring that keeps a secret") as caught:
                ask()
            assert all(word in caught.value.hint for word in ("file:PATH", "passphrase", "vault:", "given"))


def test_a_keyring_that_refuses_is_named_without_what_it_was_given() -> None:
    class Locked(Ring):
        def set_password(self, service: str, account: str, password: str) -> None:
            raise RuntimeError(f"locked, cannot keep {password}")

    with pytest.raises(StoreUnwritable, match="RuntimeError") as caught:
        KeyringKey(Locked).make()
    assert caught.value.__context__ is None


def test_this_machines_keyring_is_refused_loudly_where_no_desktop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    import keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", None)

    with pytest.raises(Misconfigured, match=r"keyring.backends.fail.Keyring"):
        KeyringKey().make()


def test_a_vaults_secret_is_made_once_and_read_in_the_version_that_the_header_names(
    vault_client: SecretClient, store_path: Path, desk: Desk
) -> None:
    def source() -> VaultSecret:
        return VaultSecret(lambda: vault_client, str(vault_client.vault_url).rstrip("/"), "store-key")

    store = FileStore(store_path, source())
    written = store.write(NAME, OLD, TAGS, None)
    assert [len(base64.b64decode(version.value.reveal())) for version in desk.versions("store-key")] == [32]
    desk.add("store-key", base64.b64encode(bytes(32)).decode())

    opened = FileStore(store_path, source())
    assert opened.read(NAME) == written
    opened.rekey(source(), values=False)
    assert FileStore(store_path, source()).read(NAME) == written
    assert Database(store_path, source()).peek().key_id == Key(bytes(32)).id


def test_a_vaults_secret_that_is_no_key_is_named(vault_client: SecretClient, store_path: Path) -> None:
    vault_client.set_secret("store-key", "nothing of the kind")
    source = VaultSecret(lambda: vault_client, str(vault_client.vault_url), "store-key")

    with pytest.raises(StoreKeyWrong, match="no key"):
        FileStore(store_path, source).check()
    with pytest.raises(StoreKeyWrong, match="no key at"):
        source.read("0" * 32)


def means(tmp_path: Path, secrets: Mapping[str, str] | None = None) -> Means:
    def secret(name: str) -> Hidden | None:
        return Hidden(secrets[name]) if secrets and name in secrets else None

    def refused(*_: object) -> None:
        raise AssertionError("not needed")

    unused: Callable[..., object] = refused
    return Means(str(tmp_path / "keys"), str(tmp_path / "data"), secret, lambda new: WORDS, unused, unused, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("file:/x/key", "file"),
        ("/x/key", "file"),
        ("~/key", "file"),
        ("./keyring", "file"),
        ("keyring", "keyring"),
        ("passphrase", "passphrase"),
        ("given", "given"),
        ("vault:https://contoso.vault.azure.net/store-key", "vault"),
        ("vault:https://contoso.vault.azure.net/secrets/store-key", "vault"),
        ("vault:https://contoso.vault.azure.net/keys", "vault"),
        ("vault:https://contoso.vault.azure.net/keys/store-key", "vault-key"),
        ("vault:https://localhost:8443/contoso.vault.azure.net/keys/store-key", "vault-key"),
    ],
)
def test_a_setting_names_a_source(tmp_path: Path, setting: str, kind: str) -> None:
    key = base64.b64encode(bytes(32)).decode()
    source = key_source(setting, means(tmp_path, {"store_key_value": key}))

    assert source.kind == kind
    if setting.startswith("vault:"):
        address = setting.removeprefix("vault:")
        vault, _, name = address.rpartition("/")
        assert source.where in {address, f"{vault}/secrets/{name}"}


@pytest.mark.parametrize(
    ("setting", "secrets"),
    [
        ("given", {}),
        ("given", {"store_key_value": "no base64!"}),
        ("vault", {}),
        ("file", {}),
        ("vault:contoso", {}),
        ("vault:https://contoso.vault.azure.net/", {}),
        ("vault:https://contoso.vault.azure.net/keys/", {}),
        ("vault:https://contoso.vault.azure.net/keys/a_b", {}),
        ("vault:https://contoso.vault.azure.net/keys/store-key/0123456789abcdef0123456789abcdef", {}),
        ("vault:http://contoso.vault.azure.net/keys/store-key", {}),
        ("https://contoso.vault.azure.net/key", {}),
    ],
)
def test_a_setting_that_names_none_is_refused(tmp_path: Path, setting: str, secrets: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        key_source(setting, means(tmp_path, secrets))


@given(st.text() | st.lists(st.sampled_from(["keys", "secrets", "a-1", "", "é", "a.b"])).map("/".join))
def test_whatever_a_setting_says_of_a_vault_it_is_a_place_there_or_refused(text: str) -> None:
    setting = f"vault:https://contoso.vault.azure.net/{text}"
    try:
        source = key_source(setting, means(Path("nowhere")))
    except Misconfigured:
        return
    address, _, name = source.where.rpartition("/")
    assert name.replace("-", "0").isalnum()
    assert name.isascii()
    assert address.endswith("/keys" if source.kind == "vault-key" else "/secrets")
    assert source.where in {
        setting.removeprefix("vault:"),
        f"{setting.removeprefix('vault:').rpartition('/')[0]}/secrets/{name}",
    }


def test_only_the_kind_in_the_header_is_tried(tmp_path: Path, store_path: Path) -> None:
    """Without a setting the header says which; with one, another kind is an error and nothing else is tried."""
    written = FileStore(store_path, passphrase()).write(NAME, OLD, TAGS, None)
    tried: list[str] = []

    def source(kind: str, made: KeySource) -> Callable[[], KeySource]:
        def build() -> KeySource:
            tried.append(kind)
            return made

        return build

    file = source("file", KeyFile(tmp_path / "key"))
    several = Sources({"file": file, "passphrase": source("passphrase", passphrase())}, file)
    assert FileStore(store_path, several).read(NAME) == written
    assert tried == ["passphrase"]
    with pytest.raises(StoreKeyWrong, match="of the kind 'passphrase', and 'file' is set"):
        FileStore(store_path, KeyFile(tmp_path / "key")).read(NAME)
    with pytest.raises(StoreKeyWrong, match="does not name it"):
        FileStore(store_path, Sources({"file": file}, file)).read(NAME)
    assert not (tmp_path / "key").exists()


def test_a_new_store_without_a_setting_takes_the_keyring_else_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring: list[object] = [SimpleNamespace(priority=0)]
    monkeypatch.setattr("partnerauth.stores.keyring._backend", lambda: ring[0])
    places = [Hidden(str(tmp_path / "data" / f"{n}.db")) for n in range(2)]

    open_store(places[0], key_source("", means(tmp_path)), means(tmp_path)).check()
    ring[0] = Ring()
    open_store(places[1], key_source("", means(tmp_path)), means(tmp_path)).check()

    kinds = [Database(place.reveal(), GivenKey(Key(bytes(32)))).peek().key_kind for place in places]
    assert kinds == ["file", "keyring"]
    assert (tmp_path / "keys" / "store.key").exists()
    for place in places:
        open_store(place, key_source("", means(tmp_path)), means(tmp_path)).check()


def test_of_many_makers_with_a_passphrase_one_makes_the_store(open_store: Make, store_path: Path) -> None:
    def work() -> None:
        FileStore(store_path, passphrase()).write(f"of-{os.getpid()}", OLD, {}, None)

    children = [start(work) for _ in range(6)]

    assert [finish(child) for child in children] == [0] * 6
    assert len(FileStore(store_path, passphrase()).list()) == 6


@pytest.mark.parametrize(
    ("address", "shown", "secret"),
    [
        ("postgresql://app@db/tokens", "postgresql://app@db/tokens", False),
        ("postgresql://app:pw@db:5432/tokens?sslrootcert=/ca", "postgresql://app@db:5432/tokens?sslrootcert=/ca", True),
        ("postgresql://db/tokens?user=a&password=pw", "postgresql://db/tokens?user=a", True),
        ("postgresql://db/tokens?PassWord=pw", "postgresql://db/tokens", True),
        ("postgresql://a:pw@[half/tokens", "postgresql://…", True),
    ],
)
def test_a_password_in_an_address_is_not_shown(address: str, shown: str, secret: bool) -> None:
    assert without_password(address) == (shown, secret)
    assert addressed(address, "the environment") == (shown, Hidden(address))
    if secret:
        for origin in ("the command line", "/etc/partnerauth.toml"):
            with pytest.raises(Misconfigured) as caught:
                addressed(address, origin)
            assert "pw" not in repr(vars(caught.value)).replace("passfile", "")


def test_a_store_without_a_key_is_never_opened_in_clear(tmp_path: Path, store_path: Path) -> None:
    FileStore(store_path, passphrase()).write(NAME, OLD, TAGS, None)
    before = store_path.read_bytes()

    for source in (KeyFile(tmp_path / "none"), GivenKey(Key(bytes(32))), passphrase(Hidden("wrong one"))):
        store = FileStore(store_path, source)
        with pytest.raises(StoreFailed):
            store.write("another", OLD, {}, None)
        store.close()
    assert store_path.read_bytes() == before


def test_a_kind_that_the_setting_does_not_name_is_explained(tmp_path: Path, store_path: Path) -> None:
    vault = GivenKey(Key(bytes(32)))
    vault.kind = "vault"
    FileStore(store_path, vault).check()

    told = open_store(Hidden(str(store_path)), key_source("", means(tmp_path)), means(tmp_path)).explain()

    assert told["key"].startswith("vault: ")
    assert "does not name it" in told["key"]
    assert FileStore(store_path, KeyFile(tmp_path / "key")).explain()["key"] == "vault, and 'file' is set"
    assert told["entries"] == "0"


@pytest.mark.parametrize(
    ("said", "new", "right"), [(["one"], False, True), (["a", "a"], True, True), (["a", "b"], True, False)]
)
def test_a_new_passphrase_is_typed_twice(
    monkeypatch: pytest.MonkeyPatch, said: list[str], new: bool, right: bool
) -> None:
    first = said[0]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: said.pop(0))

    if right:
        assert typed("Passphrase", new) == Hidden(first)
    else:
        with pytest.raises(Misconfigured, match="differ"):
            typed("Passphrase", new)
    assert said == []
