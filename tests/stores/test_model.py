"""Whatever is done to a store by two openings of its file, it does what a dictionary would."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from partnerauth.errors import StoreConflict
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import GivenKey, Key
from partnerauth.stores.store import Entry

names = st.sampled_from(["a", "b", "c"])
values = st.text(max_size=40) | st.integers(1, 9000).map(lambda size: "r" * size)
tags = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)


class Model(RuleBasedStateMachine):
    """A dictionary of entries beside a file store."""

    versions = Bundle("versions")

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.stores = [FileStore(self.place / "store.db", GivenKey(Key(bytes(32)))) for _ in range(2)]
        self.model: dict[str, Entry] = {}

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.place)

    @rule(target=versions, name=names, value=values, tags=tags, which=st.integers(0, 1))
    def write(self, name: str, value: str, tags: dict[str, str], which: int) -> str:
        there = self.model.get(name)
        entry = self.stores[which].write(name, Hidden(value), tags, there.version if there else None)
        assert (entry.name, entry.value.reveal(), entry.tags) == (name, value, tags)
        assert there is None or entry.version != there.version
        self.model[name] = entry
        return entry.version

    @rule(name=names, value=values, version=versions | st.none(), which=st.integers(0, 1))
    def write_over_any(self, name: str, value: str, version: str | None, which: int) -> None:
        there = self.model.get(name)
        if (there.version if there else None) == version:
            self.model[name] = self.stores[which].write(name, Hidden(value), {}, version)
        else:
            with pytest.raises(StoreConflict):
                self.stores[which].write(name, Hidden(value), {}, version)

    @rule(target=versions, name=names, tags=tags, version=versions, which=st.integers(0, 1))
    def mark(self, name: str, tags: dict[str, str], version: str, which: int) -> str:
        there = self.model.get(name)
        if there is None:
            with pytest.raises(StoreConflict):
                self.stores[which].mark(name, tags, version)
            return version
        entry = self.stores[which].mark(name, tags, there.version)
        assert (entry.value, entry.tags) == (there.value, tags)
        self.model[name] = entry
        return entry.version

    @rule(name=names, which=st.integers(0, 1))
    def forget(self, name: str, which: int) -> None:
        self.stores[which].forget(name)
        self.model.pop(name, None)

    @rule(which=st.integers(0, 1))
    def close(self, which: int) -> None:
        self.stores[which].close()

    @invariant()
    def the_same(self) -> None:
        for store in getattr(self, "stores", ()):
            assert {name: store.read(name) for name in "abc"} == {name: self.model.get(name) for name in "abc"}
            assert [(entry.name, entry.version) for entry in store.list()] == [
                (name, entry.version) for name, entry in sorted(self.model.items())
            ]


Model.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestModel = Model.TestCase
