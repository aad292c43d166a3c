"""A world file, read: its text, the world it extends, and what its entries make."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partnerauth.emulator import moments
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import contoso
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.world import Automatic, Policies, World
from partnerauth.emulator.worldfile.building import Builder
from partnerauth.emulator.worldfile.entries import NAMED_BY, SETTINGS, TABLES, SignInEntry
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.writing import document
from partnerauth.errors import Misconfigured

BASES = {"contoso": contoso}

Reading = Callable[[str, Any], Any]


def read_world(source: Path | str, folder: Path | None = None) -> World:
    """The world that a file (by its path) or a text describes.

    Certificates are looked for in `folder`, else beside the file. Raises `Misconfigured` for every mistake, with its
    place.
    """
    if isinstance(source, Path):
        name = source.name
        try:
            text = source.read_text(encoding="utf-8")
        except OSError as error:
            raise Misconfigured(f"{source}: {error.strerror}", hint="Name a file that can be read.") from None
        except UnicodeDecodeError:
            raise Misconfigured(f"{source}: this is no UTF-8", hint="Save it as UTF-8.") from None
        folder = folder or source.parent
    else:
        name, text = "the world file", source
    return _Reader(text, Place("", name), folder or Path()).world()


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    top: Place
    folder: Path

    def world(self) -> World:
        try:
            written = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self.top.wrong(f"this is no TOML: {error}")
        for name in written:
            self.top.known(name, (*SETTINGS, *TABLES), "setting or list")
        settings = {name: value for name, value in written.items() if name in SETTINGS}
        world = World(clock=self._clock(settings), seed=self._seed(settings), origin=self.world)
        builder = Builder(world, self._pem)
        base = self._base(settings, world)
        for kind, entry in TABLES.items():
            for place, table in self._tables(kind, written.get(kind, []), base.get(kind, [])):
                builder.add(place.convert(table, entry), place)
        builder.finish(self.top)
        for kind, what, target, known, read in (
            ("policies", "policy", world.policies, Policies.FIELDS, moments.policy),
            ("measures", "measure", world.measures, Measures.READ, Measures.read),
        ):
            _set(target, settings.get(kind, {}), self.top / kind, what, known, read)
        self._sign_in(settings.get("sign_in"), world)
        return world

    def _clock(self, settings: Mapping[str, Any]) -> WorldClock:
        start, frozen = settings.get("start"), settings.get("frozen", False)
        if not isinstance(frozen, bool):
            (self.top / "frozen").wrong("expected true or false")
        clock = WorldClock()
        if frozen:
            clock.freeze()
        if start is not None:
            clock.set((self.top / "start").reading(moments.moment, start))
        return clock

    def _pem(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="ascii")

    def _seed(self, settings: Mapping[str, Any]) -> int | None:
        seed = settings.get("seed")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            (self.top / "seed").wrong("expected a whole number")
        return seed

    def _base(self, settings: Mapping[str, Any], world: World) -> dict[str, Any]:
        name = settings.get("extends")
        if name is None:
            return {}
        (self.top / "extends").known(str(name), BASES, "world")
        base = BASES[name](WorldClock(frozen_at=world.now()))
        return document(base)

    def _tables(self, kind: str, written: Any, base: list[dict[str, Any]]) -> list[tuple[Place, dict[str, Any]]]:
        """The tables of a list, each laid over the one of the base that it names; then what else the base has."""
        if not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
            (self.top / kind).wrong(f"expected tables, each under [[{kind}]]")
        below = {_name(kind, table): table for table in base}
        named = [_name(kind, table) for table in written]
        own = [
            (self.top / kind / number, below.get(name, {}) | table if kind != "referrals" else table)
            for number, (name, table) in enumerate(zip(named, written, strict=True))
        ]
        extended = self.top / "extends" / kind
        others = [(number, table) for number, (name, table) in enumerate(below.items()) if name not in named]
        return [*((extended / number, table) for number, table in others), *own]

    def _sign_in(self, written: Any, world: World) -> None:
        if written is None:
            return
        place = self.top / "sign_in"
        entry = place.convert(written, SignInEntry)
        (place / "upn").known(entry.upn, [person.upn for _, person in world.people()], "person")
        world.automatic = Automatic(entry.upn, entry.mfa)


def _set(target: object, written: Any, place: Place, what: str, known: Iterable[str], read: Reading) -> None:
    """Set what a table names, each as `read` understands it."""
    if not isinstance(written, dict):
        place.wrong("expected a table")
    for name, value in written.items():
        place.known(name, known, what)
        setattr(target, name, (place / name).reading(read, name, value))


def _name(kind: str, table: Mapping[str, Any]) -> str:
    return "\n".join(str(table.get(key, "")).lower() for key in NAMED_BY[kind])
