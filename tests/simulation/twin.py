"""A simulated OpenBao beside a real one: whatever is done in one is done in the other, and both must say the same."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from partnerauth.errors import StoreConflict
from partnerauth.hidden import Hidden
from partnerauth.stores.openbao import Address, OpenBaoStore
from partnerauth.stores.store import Entry
from tests.simulation.simulation import Simulation
from tests.simulation.stores import OPENBAO, Disk
from tests.stores.openbao.server import MOUNT, OpenBao


class TwinDisk(Disk):
    """What lies in the simulated store, and in a folder of the real one."""

    def __init__(self, server: OpenBao, folder: str) -> None:
        super().__init__(OPENBAO)
        self._server = server
        self._folder = folder
        token = Hidden(server.root)
        self._real = OpenBaoStore(Address(server.url, MOUNT, folder), server.send, lambda: token, "nowhere")
        self._versions: dict[str | None, str | None] = {None: None}
        """The real version of each simulated one."""
        self._ours: set[str] = set()
        """The names under which our store wrote, as far as nobody has forgotten them since."""

    def put(self, name: str, entry: Entry) -> None:
        super().put(name, entry)
        self._server.does("POST", f"{MOUNT}/data/{self._folder}/{name}", {"data": self._data(entry)})
        there = self._real.read(name)
        self._versions[entry.version] = there.version if there else None
        self._alike(name)

    def get(self, name: str) -> Entry | None:
        self._alike(name)
        return super().get(name)

    def list(self) -> builtins.list[Entry]:
        simulated, real = super().list(), self._real.list()
        assert {one.name: one.tags for one in real} == {
            one.name: one.tags for one in simulated if one.name in self._ours
        }, "the lists differ"
        return simulated

    def set(self, name: str, value: Hidden | None, tags: Mapping[str, str], expected: str | None) -> Entry:
        known = self._versions.get(expected, "another")
        try:
            after = super().set(name, value, tags, expected)
        except StoreConflict:
            assert self._written(name, value, tags, known) is None, "the real one wrote it"
            raise
        written = self._written(name, value, tags, known)
        assert written is not None, "the real one did not write it"
        self._versions[after.version] = written.version
        self._ours.add(name)
        self._alike(name)
        return after

    def pop(self, name: str) -> Entry | None:
        self._real.forget(name)
        self._ours.discard(name)
        before = super().pop(name)
        self._alike(name)
        return before

    def _written(self, name: str, value: Hidden | None, tags: Mapping[str, str], expected: str | None) -> Entry | None:
        try:
            if value is None:
                return self._real.mark(name, tags, expected or "another")
            return self._real.write(name, value, tags, expected)
        except StoreConflict:
            return None

    def _alike(self, name: str) -> None:
        simulated, real = self.entries.get(name), self._real.read(name)
        told = (real.value, real.tags, real.version) if real else None
        expected = (simulated.value, simulated.tags, self._versions[simulated.version]) if simulated else None
        assert told == expected, f"what lies under {name} differs"

    def _data(self, entry: Entry) -> dict[str, object]:
        bare = {"value": entry.value.reveal()}
        return {**bare, "tags": dict(entry.tags)} if entry.tags else {**bare}


@dataclass
class TwinSimulation(Simulation):
    """A simulation over both."""

    server: ClassVar[OpenBao]

    def _disk(self) -> Disk:
        return TwinDisk(self.server, f"seed-{self.seed}")
