"""Where the key of a store comes from."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from partnerauth.errors import StoreFailed, StoreKeyWrong, StoreUnwritable
from partnerauth.stores.key import GivenKey, Key, KeyFile
from tests.stores.children import NOBODY, finish, result, start

BYTES = bytes(range(32))


def test_a_key_file_is_made_once_and_for_nobody_else(key: KeyFile) -> None:
    made = key.make()
    path = Path(key.where)

    assert len(path.read_bytes()) == 32
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    assert [made.id] == [key.make().id] == [key.read().id]
    assert os.listdir(path.parent) == ["key"]


def test_whoever_makes_it_at_once_gets_the_same(key: KeyFile, tmp_path: Path) -> None:
    children = [start(lambda: (tmp_path / str(os.getpid())).write_text(key.make().id)) for _ in range(12)]

    assert [finish(child) for child in children] == [0] * 12
    assert {(tmp_path / str(child)).read_text() for child in children} == {key.read().id}


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_umask_makes_no_difference(key: KeyFile, umask: int) -> None:
    def work() -> None:
        os.umask(umask)
        key.make()

    assert finish(start(work)) == 0
    assert Path(key.where).stat().st_mode & 0o7777 == 0o600
    assert Path(key.where).parent.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_another_length_is_no_key(key: KeyFile, length: int) -> None:
    key.make()
    Path(key.where).write_bytes(bytes(length))

    for take in (key.read, key.make):
        with pytest.raises(StoreKeyWrong):
            take()
    assert Path(key.where).read_bytes() == bytes(length)


def test_a_missing_key_is_not_made_by_reading(key: KeyFile) -> None:
    with pytest.raises(StoreKeyWrong):
        key.read()
    assert not Path(key.where).exists()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o620])
def test_a_key_that_others_can_read_or_write_is_refused(key: KeyFile, mode: int) -> None:
    key.make()
    Path(key.where).chmod(mode)

    with pytest.raises(StoreFailed, match="others"):
        key.read()


def test_a_link_is_refused(key: KeyFile, tmp_path: Path) -> None:
    key.make()
    (tmp_path / "link").symlink_to(key.where)

    for take in (KeyFile(tmp_path / "link").read, KeyFile(tmp_path / "link").make):
        with pytest.raises(StoreFailed):
            take()


def test_a_pipe_or_a_directory_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StoreFailed):
            KeyFile(path).read()


def test_the_key_of_another_account_is_refused(key: KeyFile) -> None:
    key.make()

    assert result(lambda: os.chown(key.where, NOBODY, NOBODY), user=0) is None
    with pytest.raises(StoreUnwritable, match="another account"):
        key.read()


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(StoreUnwritable):
        KeyFile(tmp_path / "open" / "key").make()


def test_a_key_does_not_print_itself(key: KeyFile) -> None:
    held = Key(BYTES)

    assert repr(held) == str(held) == f"{held}" == "***"
    assert BYTES.hex()[:12] not in repr(vars(GivenKey(held)))
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(held)


def test_an_id_tells_keys_apart() -> None:
    # HMAC-SHA256 of the label under the key, the first 64 bits: computed with openssl.
    assert Key(BYTES).id == "7afa576c5066d665"
    assert Key(bytes(32)).id != Key(BYTES).id
