"""`partnerauth store`, as it is run: explain, verify, move, backup, restore, rekey."""

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.consent.consent import Consent, Former, State
from partnerauth.emulator.default import TENANT, VAULT, WEB_APP, WEB_APP_SECRET
from partnerauth.errors import StoreKeyWrong
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa
from partnerauth.serving.server import Server
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.postgres import PostgresStore
from partnerauth.stores.store import Entry, SecretStore
from tests.canaries import Canary
from tests.stores.desk import Desk
from tests.stores.ring import Ring, worn
from tests.stores.server import PostgreSQL

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass
class Shell:
    """A home in which the command is run."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The default store."""
        return self.home / "data" / "partnerauth" / "store.db"

    @property
    def key(self) -> KeyFile:
        """The default key."""
        return KeyFile(self.home / "config" / "partnerauth" / "store.key")

    def run(self, *arguments: str) -> Outcome:
        """`partnerauth store …`, without a terminal."""
        home = {"HOME": self.home, "XDG_CONFIG_HOME": self.home / "config", "XDG_DATA_HOME": self.home / "data"}
        quiet = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "COLUMNS": "200", "NO_COLOR": "1"}
        variables = {"PATH": os.environ["PATH"], **quiet, **{k: str(v) for k, v in home.items()}, **self.variables}
        done = subprocess.run(
            [sys.executable, "-m", "partnerauth", "store", *arguments],
            env={name: value for name, value in variables.items() if value},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        with (self.home / "said").open("a") as file:
            file.write(done.stdout + done.stderr)  # where it is searched for secrets
        assert "Traceback" not in done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    for name in ("config", "data"):
        (tmp_path / name).mkdir(mode=0o700)
    return Shell(tmp_path)


@pytest.fixture
def token(canary: Canary) -> Hidden:
    return Hidden(canary("refresh token"))


@pytest.fixture
def store(shell: Shell) -> FileStore:
    """The default store, opened beside the command."""
    return FileStore(shell.file, shell.key)


def consent(tenant: str, token: Hidden, number: int = 0) -> Consent:
    """A consent after some renewals."""
    at = BEGAN + timedelta(days=number)
    return Consent(
        cloud="global", tenant=tenant, application_id=WEB_APP, person="11111111-2222-3333-4444-555555555555",
        username="admin.agent@contoso.com", epoch="20261121100000-aa", generation=number, refresh_token=token,
        mfa=Mfa.SHOWN, consented_at=BEGAN, obtained_at=at,
    )  # fmt: skip


def fill(store: SecretStore, token: Hidden, count: int = 3) -> list[Entry]:
    """Consents for so many tenants."""
    tenants = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(count)]
    return [store.write(f"{tenant}-{WEB_APP}", token, consent(tenant, token).tags(), None) for tenant in tenants]


def advance(store: SecretStore, name: str, token: Hidden) -> Entry:
    """A renewal."""
    there = store.read(name)
    assert there
    found = Consent.read(there)
    assert found
    later = replace(found, generation=found.generation + 1, obtained_at=found.obtained_at + timedelta(days=1))
    return store.write(name, token, later.tags(), there.version)


# --- explain


def test_it_says_which_store_and_who_said_so(shell: Shell, store: FileStore, token: Hidden) -> None:
    fill(store, token)
    told = shell.run("explain", "--json").value

    assert told["kind"] == "file"
    assert told["path"] == str(shell.file)
    assert told["id"] == store.id
    assert told["key"] == f"file: {shell.key.where}"
    assert (told["schema"], told["entries"]) == ("2", "3")
    assert "journal" in told["sqlite"]
    assert "default" in told["said_by"]
    for line in ("kind:", "path:", "key:", "schema:", "said by:"):
        assert line in shell.run("explain").out


def test_it_says_whether_a_variable_or_a_file_named_the_store(shell: Shell, tmp_path: Path) -> None:
    shell.variables["PARTNERAUTH_STORE"] = str(tmp_path / "named.db")
    assert shell.run("explain", "--json").value["said_by"] == "the environment"
    assert shell.run("explain", "--json", "--store", "other.db").value["said_by"] == "the command line"
    del shell.variables["PARTNERAUTH_STORE"]
    (tmp_path / "config" / "partnerauth").mkdir(mode=0o700)
    (tmp_path / "config" / "partnerauth" / "partnerauth.toml").write_text('store = "third.db"\n')

    assert shell.run("explain", "--json").value["said_by"].endswith("partnerauth.toml")
    assert not (tmp_path / "named.db").exists()


def test_a_store_that_is_not_there_or_cannot_be_used_is_explained_too(shell: Shell) -> None:
    outcome = shell.run("explain", "--json")
    assert outcome.code == 0
    assert "no store" in outcome.value["state"]
    shell.file.parent.mkdir(mode=0o700)
    shell.file.write_text("rubbish")
    shell.file.chmod(0o600)

    assert "state" in shell.run("explain", "--json").value


def test_a_postgresql_store_is_explained_without_its_password(
    shell: Shell, postgresql: PostgreSQL, canary: Canary
) -> None:
    password = canary("password", awkward=False)
    address = postgresql.url.replace("test@", f"test:{password}@")
    shell.variables["PARTNERAUTH_STORE"] = address
    told = shell.run("explain", "--json").value
    assert told["kind"] == "postgres"
    assert told["store"] == postgresql.url
    assert "no store" in told["state"]

    for arguments in (("verify",), ("explain",)):
        assert shell.run(*arguments).code == 0
    assert shell.run("explain", "--json").value["schema"] == "1"
    refused = shell.run("explain", "--store", f"postgresql://u:{password}@localhost/x")
    assert refused.code == 2
    assert "holds a password" in refused.err


# --- verify


def test_every_entry_is_opened(shell: Shell, store: FileStore, token: Hidden) -> None:
    entries = fill(store, token)
    outcome = shell.run("verify", "--json")
    assert outcome.code == 0
    assert [row["name"] for row in outcome.value] == [entry.name for entry in entries]
    with closing(sqlite3.connect(shell.file)) as connection, connection:
        connection.execute("UPDATE entry SET tags = replace(tags, 'shown', 'x') WHERE name = ?", (entries[1].name,))
    store.write("strange", token, {"format": "partnerauth/1"}, None)

    outcome = shell.run("verify", "--json")

    assert outcome.code == 7
    assert [row["opens"] for row in outcome.value] == [True, False, True, False]
    assert "2 of 4" in outcome.err
    assert shell.run("verify").code == 7


def test_without_its_key_nothing_is_verified(shell: Shell, store: FileStore, token: Hidden) -> None:
    fill(store, token)
    Path(shell.key.where).write_bytes(bytes(32))

    outcome = shell.run("verify")
    assert outcome.code == 7
    assert "is sealed with the key" in outcome.err


# --- move


def test_a_move_reads_back_and_goes_on_where_it_ended(
    shell: Shell, store: FileStore, token: Hidden, tmp_path: Path
) -> None:
    entries = fill(store, token)
    other = FileStore(tmp_path / "other" / "store.db", shell.key)
    other.write(entries[0].name, token, entries[0].tags, None)

    outcome = shell.run("move", "--to", str(tmp_path / "other" / "store.db"), "--json")

    assert outcome.code == 0
    assert [row["result"] for row in outcome.value] == ["there already", "copied", "copied"]
    for entry in entries:
        found = other.read(entry.name)
        assert found
        assert (found.value, found.tags) == (entry.value, entry.tags)
        assert store.read(entry.name) == entry
    again = shell.run("move", "--to", str(tmp_path / "other" / "store.db"), "--json", "--forget")
    assert {row["result"] for row in again.value} == {"there already"}
    assert store.list() == []
    assert len(other.list()) == 3


def test_a_move_never_overwrites_what_is_newer_or_somebody_elses(
    shell: Shell, store: FileStore, token: Hidden, tmp_path: Path
) -> None:
    entries = fill(store, token)
    path = tmp_path / "other" / "store.db"
    assert shell.run("move", "--to", str(path)).code == 0
    other = FileStore(path, shell.key)
    newer = advance(other, entries[0].name, Hidden("newer"))
    advance(store, entries[1].name, token)
    there = other.read(entries[2].name)
    assert there
    theirs = other.write(there.name, Hidden("theirs"), {**there.tags, "person": "another"}, there.version)

    outcome = shell.run("move", "--to", str(path), "--forget", "--json")

    assert outcome.code == 7
    assert [row["result"].partition(":")[0] for row in outcome.value] == ["kept", "in place of an older one", "kept"]
    assert other.read(newer.name) == newer
    assert other.read(theirs.name) == theirs
    assert [entry.name for entry in store.list()] == [newer.name, theirs.name]
    assert shell.run("move", "--to", str(path), "--force").code == 0
    found = other.read(newer.name)
    assert found
    assert found.value == token


def test_a_move_into_postgresql_and_out_of_it(
    shell: Shell, store: FileStore, postgresql: PostgreSQL, token: Hidden
) -> None:
    entries = fill(store, token)
    shell.variables["PARTNERAUTH_STORE_TO"] = postgresql.url

    assert shell.run("move", "--forget").code == 0

    with closing(PostgresStore(postgresql.address, shell.key)) as there:
        assert [(e.name, e.tags) for e in there.list()] == [(e.name, e.tags) for e in entries]
    assert store.list() == []
    back = shell.run("move", "--store", postgresql.url, "--to", "file", "--forget", "--json")
    assert [row["result"] for row in back.value] == ["copied"] * 3
    found = [store.read(entry.name) for entry in entries]
    assert [entry.value for entry in found if entry] == [token] * 3


def in_the_vault(server: Server) -> dict[str, str]:
    """The variables of an application that may use the emulated vault."""
    return {
        "PARTNERAUTH_CLOUD": server.url,
        "PARTNERAUTH_CA": str(server.ca),
        "PARTNERAUTH_TENANT": TENANT,
        "PARTNERAUTH_CLIENT_ID": WEB_APP,
        "PARTNERAUTH_CLIENT_SECRET": WEB_APP_SECRET,
    }


def test_a_move_into_a_vault_takes_the_vaults_names(
    shell: Shell, store: FileStore, desk: Desk, served: tuple[Desk, Server], token: Hidden
) -> None:
    """And bare tokens: no earlier ones, no slot."""
    entries = fill(store, token, 1)
    tenant = entries[0].tags["tenant"]
    found = Consent.read(entries[0])
    assert found
    grown = replace(found, former=(Former(Hidden("an earlier one"), found.obtained_at),))
    store.write(entries[0].name, grown.value(), grown.tags(), entries[0].version)
    aside = replace(found, state=State.SUPERSEDED)
    beside = f"{entries[0].name}-superseded-{found.epoch}"
    store.write(beside, token, aside.tags(), None)
    store.write("pending-0", token, {"format": "partnerauth-pending/1"}, None)
    shell.variables |= in_the_vault(served[1])
    vault = f"{served[1].url}/{VAULT}.vault.azure.net"

    outcome = shell.run("move", "--to", vault, "--json", "--forget")

    assert outcome.code == 0, outcome.err
    assert {row["name"]: row["result"].partition(":")[0] for row in outcome.value} == {
        tenant: "copied",
        beside: "copied",
        "pending-0": "left",
    }
    assert [entry.name for entry in store.list()] == ["pending-0"]
    assert [version.value for version in desk.versions(tenant)] == [token]
    back = shell.run("move", "--store", vault, "--to", str(shell.home / "back.db"), "--json")
    assert [row["name"] for row in back.value] == [entries[0].name, beside]


def test_consents_of_several_applications_are_moved_into_one_vault_and_back(
    shell: Shell, store: FileStore, desk: Desk, served: tuple[Desk, Server], token: Hidden
) -> None:
    """The usual name is for the application in the settings, unless another one has it there already."""
    (entry,) = fill(store, token, 1)
    found = Consent.read(entry)
    assert found
    tenant, another = found.tenant, "99991111-aaaa-2222-bbbb-3333cccc4444"
    other = replace(found, application_id=another, refresh_token=Hidden("another application's"))
    store.write(f"{tenant}-{another}", other.value(), other.tags(), None)
    shell.variables |= {
        "PARTNERAUTH_CLOUD": served[1].url,
        "PARTNERAUTH_CA": str(served[1].ca),
        "PARTNERAUTH_TENANT": TENANT,
        "PARTNERAUTH_CLIENT_ID": WEB_APP,
        "PARTNERAUTH_CLIENT_SECRET": WEB_APP_SECRET,
        "PARTNERAUTH_BACKUP_PASSPHRASE": PASSPHRASE,
    }
    vault = f"{served[1].url}/{VAULT}.vault.azure.net"

    outcome = shell.run("move", "--to", vault, "--json", "--forget")

    assert outcome.code == 0, outcome.err
    assert [row["name"] for row in outcome.value] == [tenant, f"{tenant}-{another}"]
    assert [version.value for version in desk.versions(tenant)] == [token]
    assert [version.value for version in desk.versions(f"{tenant}-{another}")] == [other.refresh_token]
    assert [row["opens"] for row in shell.run("verify", "--store", vault, "--json").value] == [True, True]
    backup = str(shell.home / "kept")
    assert shell.run("backup", backup, "--store", vault).code == 0
    assert {row["result"] for row in shell.run("restore", backup, "--store", vault, "--json").value} == {
        "there already"
    }
    back = shell.run("restore", backup, "--json")
    assert sorted(row["name"] for row in back.value) == sorted([entry.name, f"{tenant}-{another}"])


@pytest.mark.parametrize("to", ["", "memory", "file"])
def test_a_move_to_nowhere_is_refused(shell: Shell, store: FileStore, token: Hidden, to: str) -> None:
    fill(store, token, 1)

    assert shell.run("move", "--to", to).code == 2


def test_a_move_into_a_store_that_cannot_be_written_copies_nothing(
    shell: Shell, store: FileStore, token: Hidden, tmp_path: Path
) -> None:
    fill(store, token)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    outcome = shell.run("move", "--to", str(tmp_path / "open" / "store.db"), "--forget")

    assert outcome.code == 7
    assert len(store.list()) == 3


# --- backup and restore


def test_a_backup_brings_everything_back(shell: Shell, store: FileStore, token: Hidden, tmp_path: Path) -> None:
    entries = fill(store, token)
    shell.variables["PARTNERAUTH_BACKUP_PASSPHRASE"] = PASSPHRASE
    file = tmp_path / "kept" / "backup"
    file.parent.mkdir()
    made = shell.run("backup", str(file), "--json")
    assert made.code == 0, made.err
    assert made.value["entries"] == 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell.run("backup", str(file)).code == 7
    for entry in entries:
        store.forget(entry.name)

    outcome = shell.run("restore", str(file), "--json")

    assert outcome.code == 0, outcome.err
    found = [store.read(entry.name) for entry in entries]
    assert [(e.value, e.tags) for e in found if e] == [(e.value, e.tags) for e in entries]
    assert {row["result"] for row in shell.run("restore", str(file), "--json").value} == {"there already"}


def test_a_restore_does_not_go_back_in_time_unless_told_to(
    shell: Shell, store: FileStore, token: Hidden, tmp_path: Path
) -> None:
    entries = fill(store, token)
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    arguments = (str(tmp_path / "backup"), "--passphrase-file", str(secret))
    assert shell.run("backup", *arguments).code == 0
    newer = advance(store, entries[0].name, Hidden("newer"))
    store.forget(entries[1].name)

    outcome = shell.run("restore", *arguments, "--json")

    assert outcome.code == 7
    assert [row["result"] for row in outcome.value] == ["kept: the one there is newer", "copied", "there already"]
    assert store.read(newer.name) == newer
    assert shell.run("restore", *arguments, "--force").code == 0
    found = store.read(newer.name)
    assert found
    assert found.value == token


def test_a_backup_opens_with_its_passphrase_only(shell: Shell, store: FileStore, token: Hidden, tmp_path: Path) -> None:
    fill(store, token, 1)
    file = tmp_path / "backup"
    assert shell.run("backup", str(file)).code == 2
    shell.variables["PARTNERAUTH_BACKUP_PASSPHRASE"] = "short"
    assert shell.run("backup", str(file)).code == 2
    shell.variables["PARTNERAUTH_BACKUP_PASSPHRASE"] = PASSPHRASE
    assert shell.run("backup", str(file)).code == 0
    whole = file.read_bytes()
    assert token.reveal().encode() not in whole

    shell.variables["PARTNERAUTH_BACKUP_PASSPHRASE"] = "another passphrase"
    outcome = shell.run("restore", str(file))
    assert outcome.code == 7
    assert "does not open with this passphrase" in outcome.err
    shell.variables["PARTNERAUTH_BACKUP_PASSPHRASE"] = PASSPHRASE
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole.replace(b"t=3", b"t=2"), b"rubbish", b""):
        file.write_bytes(damaged)
        assert shell.run("restore", str(file)).code == 7
    assert shell.run("restore", str(tmp_path / "nowhere")).code == 7


# --- rekey


def test_another_key(shell: Shell, store: FileStore, token: Hidden, tmp_path: Path) -> None:
    entries = fill(store, token)
    other = KeyFile(tmp_path / "keys" / "other")

    outcome = shell.run("rekey", "--new-key", f"file:{other.where}", "--json")

    assert outcome.code == 0, outcome.err
    assert outcome.value["key"] == f"file: {other.where}"
    assert shell.run("verify").code == 7
    assert shell.run("verify", "--store-key", f"file:{other.where}").code == 0
    assert FileStore(shell.file, other).read(entries[0].name) == entries[0]
    assert shell.run("rekey", "--values", "--store-key", other.where, "--json").value["generation"] == "2"
    with pytest.raises(StoreKeyWrong):
        store.read(entries[0].name)  # opened before; the former key does not open the new data key


def test_from_a_file_to_a_passphrase_to_a_given_key(shell: Shell, store: FileStore, token: Hidden) -> None:
    fill(store, token)
    shell.variables["PARTNERAUTH_STORE_NEW_PASSPHRASE"] = PASSPHRASE
    assert shell.run("rekey", "--new-key", "passphrase", "--values").code == 0
    assert shell.run("verify").code == 2  # nobody says the passphrase
    shell.variables = {"PARTNERAUTH_STORE_PASSPHRASE": PASSPHRASE}
    assert shell.run("verify").code == 0
    shell.variables["PARTNERAUTH_STORE_KEY_VALUE"] = base64.b64encode(os.urandom(32)).decode()

    assert shell.run("rekey", "--new-key", "given").code == 0

    assert shell.run("verify").code == 0
    assert "given" in shell.run("explain", "--json").value["key"]
    assert shell.run("verify", "--store-key", "passphrase").code == 7


def test_a_store_goes_over_to_a_key_of_a_vault_and_everything_goes_on(
    shell: Shell, store: FileStore, desk: Desk, served: tuple[Desk, Server], token: Hidden
) -> None:
    """Backed up, restored, moved and verified; the key rotates in the vault, and is taken up by its name."""
    entries, server = fill(store, token), served[1]
    shell.variables = in_the_vault(server) | {"PARTNERAUTH_BACKUP_PASSPHRASE": PASSPHRASE}
    key = f"vault:{server.url}/{VAULT}.vault.azure.net/keys/store"
    with desk.keys(server.url, server.ca) as keys:
        keys.create_rsa_key("store")

        done = shell.run("rekey", "--new-key", key, "--values", "--json")
        assert (done.code, done.value["key"]) == (0, f"vault-key: {key.removeprefix('vault:')}")
        assert done.value["next"] == f"set store_key to {key}"
        refused = shell.run("verify")
        assert (refused.code, "`store_key` does not name it" in refused.err) == (7, True)
        shell.variables["PARTNERAUTH_STORE_KEY"] = key
        assert shell.run("backup", "consents.backup", "--json").value["entries"] == len(entries)
        assert shell.run("restore", "consents.backup", "--json").value[0]["result"] == "there already"
        moved = shell.run("move", "--to", str(shell.home / "moved.db"), "--to-key", key, "--json")
        assert {row["result"] for row in moved.value} == {"copied"}

        keys.rotate_key("store")
        assert [row["opens"] for row in shell.run("verify", "--json").value] == [True] * len(entries)
        assert shell.run("rekey", "--new-key", key, "--json").value["key_id"] != done.value["key_id"]
        desk.vault.keys["store"].versions[0].enabled = False
        left = shell.run("verify", "--store", str(shell.home / "moved.db"))
        assert (left.code, "KeyDisabled" in left.err, "hint: Enable" in left.err) == (7, True, True)


def test_a_vault_that_the_store_itself_lets_in_is_no_place_for_its_key(
    shell: Shell, store: FileStore, token: Hidden
) -> None:
    """Nobody could open the one without the other."""
    fill(store, token, 1)
    shell.variables = {"PARTNERAUTH_CLIENT_ID": WEB_APP, "PARTNERAUTH_CLIENT_SECRET_FILE": "store"}

    outcome = shell.run("rekey", "--new-key", "vault:https://contoso.vault.azure.net/keys/store")

    assert (outcome.code, "lies in this store" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--new-key", "keyring"), 2),
        (("--new-key", "vault:nowhere"), 2),
        (("--store", "memory", "--values"), 2),
        (("--new-key", "given"), 2),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(
    shell: Shell, store: FileStore, token: Hidden, arguments: tuple[str, ...], code: int
) -> None:
    fill(store, token, 1)

    outcome = shell.run("rekey", *arguments)

    assert outcome.code == code
    assert "hint:" in outcome.err
    assert shell.run("verify").code == 0


# --- a real keyring


@pytest.fixture
def ring(shell: Shell, tmp_path: Path) -> Iterator[Ring]:
    """The keyring of whoever runs the command."""
    with worn(tmp_path) as ring:
        shell.variables |= {"DBUS_SESSION_BUS_ADDRESS": ring.bus, "PYTHON_KEYRING_BACKEND": ""}
        yield ring


@pytest.mark.needs("dbus-run-session", "gnome-keyring-daemon")
def test_a_key_goes_into_a_real_keyring_and_comes_out_of_it(
    shell: Shell, store: FileStore, token: Hidden, ring: Ring
) -> None:
    fill(store, token)
    store.close()

    assert shell.run("rekey", "--new-key", "keyring", "--values").code == 0
    Path(shell.key.where).unlink()
    assert shell.run("verify").code == 0, "the header says where the key is"
    (key,) = ring.keys()
    shell.variables["PARTNERAUTH_STORE_PASSPHRASE"] = shell.variables["PARTNERAUTH_STORE_NEW_PASSPHRASE"] = PASSPHRASE
    assert shell.run("rekey", "--store-key", "keyring", "--new-key", "passphrase").code == 0
    assert shell.run("verify", "--store-key", "keyring").code == 7
    assert shell.run("rekey", "--store-key", "passphrase", "--new-key", "keyring", "--values").code == 0
    assert shell.run("verify", "--store-key", "keyring").code == 0
    moved = shell.run("move", "--to", "moved.db")
    assert moved.code == 0, moved.err
    assert shell.run("explain", "--store", "moved.db", "--json").value["key"].startswith("keyring"), "a new one's key"

    assert len(set(ring.keys())) == 3, "a key of its own each time"
    assert key not in (shell.home / "said").read_text()


@pytest.mark.needs("dbus-run-session", "gnome-keyring-daemon")
def test_a_keyring_that_cannot_be_asked_is_named_and_nothing_is_changed(
    shell: Shell, store: FileStore, token: Hidden, ring: Ring
) -> None:
    fill(store, token, 1)
    store.close()
    assert shell.run("rekey", "--new-key", "keyring").code == 0
    before = shell.file.read_bytes()
    ring.lock()

    for arguments in (("verify",), ("rekey", "--new-key", "file:new.key")):
        locked = shell.run(*arguments)
        assert (locked.code, locked.out) == (7, "")
        assert "the system's keyring is locked" in locked.err
        assert "Unlock it" in locked.err
    for bus in ("", "unix:path=/nowhere"):
        away = Shell(shell.home, {**shell.variables, "DBUS_SESSION_BUS_ADDRESS": bus}).run("verify")
        assert away.code == 2
        assert "no keyring that keeps a secret" in away.err
        assert "session bus" in away.err
    assert shell.file.read_bytes() == before
