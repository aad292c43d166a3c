"""A damaged file is named as such, or what is read from it is right. Nothing else ever comes out, and nothing worse."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.errors import StoreCorrupt, StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = {f"n{number}": Hidden(f"{number}" * 700 * (number + 1)) for number in range(6)}
TAGS = {"domain": "contoso.com"}


class Sound:
    """A store as it should be, its bytes, and room for damaged copies of it."""

    def __init__(self, place: Path) -> None:
        self.key = KeyFile(place / "key")
        self.path = place / "data" / "damaged.db"
        store = FileStore(place / "data" / "sound.db", self.key)
        for name, value in VALUES.items():
            store.write(name, value, TAGS, None)
        store.shelf.put("k", VALUES["n1"], NOW + timedelta(hours=1), NOW)
        store.forget("n5")
        store.close()
        self.content = (place / "data" / "sound.db").read_bytes()

    def damaged(self, content: bytes) -> FileStore:
        """A store with that content."""
        for path in self.path.parent.glob("damaged.db*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.path.touch(0o600)
        self.path.write_bytes(content)
        return FileStore(self.path, self.key)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return Sound(tmp_path_factory.mktemp("sound"))


def look_at(store: FileStore) -> None:
    """Ask everything of it; only what was written may come out."""
    there = {name: value for name, value in VALUES.items() if name != "n5"}
    whole = True
    for name, value in VALUES.items():
        try:
            entry = store.read(name)
        except StoreFailed:
            whole = False
        else:
            assert entry is None or (entry.value == value and entry.tags == TAGS and name != "n5")
    try:
        assert store.shelf.get("k", NOW) in {None, VALUES["n1"]}
    except StoreFailed:
        whole = False
    try:
        store.check()
        listed = {entry.name for entry in store.list()}
    except StoreFailed:
        whole = False
    if whole:
        assert listed == set(there)
    for expected in (None, "a version"):
        try:
            written = store.write("n5", VALUES["n5"], {}, expected)
            assert store.read("n5") == written
            store.forget("n5")
            assert store.read("n5") is None
        except StoreFailed:
            pass
    store.explain()
    store.close()


bit = st.tuples(st.integers(0, 1 << 20), st.integers(0, 7))


@settings(max_examples=1000000, deadline=None)
@given(flips=st.lists(bit, min_size=1, max_size=8))
def test_flipped_bits(sound: Sound, flips: list[tuple[int, int]]) -> None:
    content = bytearray(sound.content)
    for place, which in flips:
        content[place % len(content)] ^= 1 << which

    look_at(sound.damaged(bytes(content)))


@settings(max_examples=10000, deadline=None)
@given(place=st.integers(0, 4200), value=st.integers(0, 255))
def test_a_byte_of_the_first_page(sound: Sound, place: int, value: int) -> None:
    """The header of the file, and the table of tables."""
    content = bytearray(sound.content)
    content[place] = value

    look_at(sound.damaged(bytes(content)))


@settings(max_examples=3000, deadline=None)
@given(length=st.integers(0, 1 << 20), tail=st.binary(max_size=64))
def test_cut_short(sound: Sound, length: int, tail: bytes) -> None:
    store = sound.damaged(sound.content[: length % len(sound.content)] + tail)

    look_at(store)


@settings(max_examples=3000, deadline=None)
@given(first=st.integers(0, 99), second=st.integers(0, 99))
def test_pages_exchanged(sound: Sound, first: int, second: int) -> None:
    pages = [sound.content[start : start + 4096] for start in range(0, len(sound.content), 4096)]
    first, second = first % len(pages), second % len(pages)
    pages[first], pages[second] = pages[second], pages[first]

    look_at(sound.damaged(b"".join(pages)))


@settings(max_examples=3000, deadline=None)
@given(journal=st.binary(max_size=3000))
def test_rubbish_in_the_journals_place(sound: Sound, journal: bytes) -> None:
    store = sound.damaged(sound.content)
    Path(f"{sound.path}-journal").write_bytes(journal)

    look_at(store)


@pytest.mark.parametrize("length", [0, 1, 15, 99, 100, 4095])
def test_a_stump_is_corrupt_and_stays_as_it_is(sound: Sound, length: int) -> None:
    store = sound.damaged(sound.content[:length])

    with pytest.raises(StoreCorrupt):
        store.write("n9", VALUES["n1"], {}, None)
    assert sound.path.read_bytes() == sound.content[:length]
