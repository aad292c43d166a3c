"""The same command again: what it prints without being run, and all that makes it run."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import time

import pytest

from partnerauth.cli import again
from partnerauth.cli.again import COMMAND, PLACES, SETTLED, recall, remember
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from tests.canaries import Canary
from tests.cli.shell import SECONDS, Shell

WORDS = [*COMMAND, "--api", "graph"]
LATER = time() + 3600


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process began after everything that is there was written."""
    monkeypatch.setattr(again, "BEGAN", time() + 2 * SETTLED)


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Canary) -> str:
    """What a command printed, remembered with its store and a file of settings that is not there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    store = FileStore(tmp_path / "store.db", KeyFile(tmp_path / "keys" / "key"))
    store.write("consent", Hidden("r"), {}, None)
    settled(monkeypatch)
    printed = canary("access token")
    remember(WORDS, printed, LATER, store.key.where, [*store.files, str(tmp_path / "partnerauth.toml")])
    store.close()
    return printed


def kept(tmp_path: Path) -> Path:
    """The file that it lies in."""
    (only,) = (tmp_path / ".cache" / "partnerauth" / "again").iterdir()
    return only


def test_nothing_has_changed(answer: str, tmp_path: Path) -> None:
    FileStore(tmp_path / "store.db", KeyFile(tmp_path / "keys" / "key"), create=False).read("consent")

    assert recall(WORDS) == answer


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_what_cannot_be_printed_is_left_to_the_command(answer: str, redirection: str) -> None:
    line = f'exec "$0" -m partnerauth "$@" {redirection}'

    ended = subprocess.run(
        ["sh", "-c", line, sys.executable, *WORDS], capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert ended.returncode == 2, "which knows of no application here"
    assert ended.stderr.startswith("error: client_id is not set")


def test_it_lies_sealed_in_a_private_place(answer: str, tmp_path: Path) -> None:
    place = kept(tmp_path)

    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert answer.encode() not in place.read_bytes()


def commit(tmp_path: Path) -> None:
    """A write in a later tick of the file system's clock."""
    store = tmp_path / "store.db"
    before = store.stat().st_ctime_ns
    while store.stat().st_ctime_ns == before:
        connection = sqlite3.connect(store)
        connection.execute("UPDATE entry SET version = hex(randomblob(16))")
        connection.commit()
        connection.close()


def flip(tmp_path: Path) -> None:
    place = kept(tmp_path)
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)


CHANGES: dict[str, Callable[[Path], object]] = {
    "the store": commit,
    "a settings file that was not there": lambda tmp_path: (tmp_path / "partnerauth.toml").touch(),
    "the key, which is another": lambda tmp_path: (tmp_path / "keys" / "key").write_bytes(os.urandom(32)),
    "the key, which is gone": lambda tmp_path: (tmp_path / "keys" / "key").unlink(),
    "the key's mode": lambda tmp_path: (tmp_path / "keys" / "key").chmod(0o644),
    "the answer itself": flip,
    "the answer's mode": lambda tmp_path: kept(tmp_path).chmod(0o644),
    "the answer, which is empty": lambda tmp_path: kept(tmp_path).write_bytes(b""),
    "the answer, which is gone": lambda tmp_path: again.forget(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_something_has_changed(answer: str, tmp_path: Path, change: Callable[[Path], object]) -> None:
    change(tmp_path)

    assert recall(WORDS) is None


@pytest.mark.parametrize("name", ["PARTNERAUTH_TENANT", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "_PARTNERAUTH_COMPLETE"])
def test_a_variable_has_changed(answer: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "other")

    assert recall(WORDS) is None


def test_another_directory(answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "keys")

    assert recall(WORDS) is None


def test_words_that_only_look_alike(answer: str) -> None:
    """Other words in the same place, as these are, do not open what lies there."""
    assert recall([*COMMAND, "graph", "--api"]) is None
    assert recall([]) is None
    assert recall(["--verbose", *WORDS]) is None


def test_it_has_ended(answer: str, tmp_path: Path) -> None:
    remember(WORDS, answer, time() - 1, str(tmp_path / "keys" / "key"), [])

    assert recall(WORDS) is None


def test_what_may_change_again_at_the_same_moment_is_not_remembered(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes in one tick of the file system's clock leave a file that looks the same."""
    commit(tmp_path)
    monkeypatch.setattr(again, "BEGAN", time())
    remember(WORDS, answer, LATER, str(tmp_path / "keys" / "key"), [str(tmp_path / "store.db")])

    assert recall(WORDS) is None


def test_what_changes_while_it_is_remembered_is_not_told(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at when each file was written and the look at what it is like."""
    written = again._written

    def looked(path: str) -> float:
        moment = written(path)
        if path.endswith("store.db"):
            commit(tmp_path)
        return moment

    monkeypatch.setattr(again, "_written", looked)
    remember(WORDS, answer, LATER, str(tmp_path / "keys" / "key"), [str(tmp_path / "store.db")])

    assert recall(WORDS) is None


def test_only_so_many_are_kept(answer: str, tmp_path: Path) -> None:
    for number in range(PLACES + 20):
        remember([*COMMAND, f"{number}"], answer, LATER, str(tmp_path / "keys" / "key"), [])

    assert len(list((tmp_path / ".cache" / "partnerauth" / "again").iterdir())) <= PLACES


def test_the_command_line_is_read_once(shell: Shell) -> None:
    """From a shell: the store rests for a moment, then the next run loads nothing; a renewal makes it run again."""
    shell.consent()
    first = shell.run("token", tokens=True).out
    shell.variables["PYTHONPROFILEIMPORTTIME"] = "1"

    def quick() -> bool:
        outcome = shell.run("token", tokens=True)
        assert outcome.code == 0
        return outcome.out == first and " click" not in outcome.err

    assert not quick(), "what it reads was only just written"
    while not quick():
        pass
    shell.run("renew", "--all")

    assert not quick()


def test_where_there_is_no_place_nothing_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    again.forget()
    (tmp_path / "partnerauth").write_text("no directory")
    again.forget()


@pytest.mark.parametrize(
    "words",
    [["consent"], ["store", "rekey", "--new-key", "file:other.key"], ["forget", "--yes"]],
    ids=["another consent", "another key", "no consent"],
)
def test_nothing_lies_there_any_more(shell: Shell, words: list[str]) -> None:
    shell.consent()
    answers = shell.home / "caches" / "partnerauth" / "again"
    answers.mkdir(parents=True)
    (answers / "00").write_text("an answer")
    shell.variables["XDG_CACHE_HOME"] = str(shell.home / "caches")

    ended = shell.run(*words)

    assert ended.code == 0, ended.err
    assert list(answers.iterdir()) == []
