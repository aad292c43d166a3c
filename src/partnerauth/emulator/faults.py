"""Faults by rule: which request is struck, when, and how.

A rule says which requests it means (the members of a `Pattern`), which of those it strikes (`nth`, `every`,
`probability`, `times`, `until`), and what happens to them (the rest).
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from partnerauth.emulator.facts import Facts, Pattern, Text
from partnerauth.emulator.world import World

MOST_RULES = 1000
LONGEST_DELAY = 3600.0

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Body = Annotated[str, Meta(max_length=1_000_000)]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{0,60}$")]

REPLACING = ("status", "body", "json", "aadsts", "code", "retry_after", "html", "empty")
"""Members by which the client is told something else than what the world says."""
ALTERING = ("headers", "content_type", "duplicate", "truncate")
"""Members that change an answer, whoever gave it."""


class Rule(Pattern, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault.

    It strikes each request that it means: only the `nth`, each `every`-th, with a `probability` (repeatable by a
    `seed`), `times` at most, `until` a moment of the world's clock.

    The answer is replaced by a `status` with a `body`, with `json`, with a page (`html`) or with nothing (`empty`),
    else with an error in the service's own form: an `aadsts` code of the sign-in service, a `code` of the others,
    `message` as its text; `retry_after` alone means 429. Or the answer stays, and has other `headers`, another
    `content_type`, a header twice (`duplicate`), or ends after so many bytes (`truncate`).

    `delay` are seconds to wait. With `reset` the connection is reset. The world never sees a request whose answer is
    replaced or that is reset, unless `processed`; `drop` is `reset` and `processed`. Raises ValueError for what does
    not go together.
    """

    id: Id = ""

    nth: Count = 0
    every: Count = 0
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    times: Count = 0
    until: Annotated[datetime, Meta(tz=True)] | None = None

    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    headers: dict[Text, Text] = msgspec.field(default_factory=dict)
    body: Body | None = None
    json: Any = None
    aadsts: Annotated[int, Meta(ge=1, le=9_999_999_999)] | None = None
    code: Annotated[int, Meta(ge=0, le=9_999_999_999)] | Text | None = None
    message: Text = ""
    retry_after: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    html: bool = False
    empty: bool = False
    content_type: Text = ""
    duplicate: Text = ""
    truncate: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    delay: Annotated[float, Meta(ge=0, le=LONGEST_DELAY)] = 0.0
    reset: bool = False
    drop: bool = False
    processed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any((self.replaces, self.alters, self.delay, self.resets)):
            raise ValueError("the rule does not say what happens: a status, aadsts, code, delay, reset, drop, …")
        if self.resets and (self.replaces or self.alters):
            raise ValueError("nobody sees the answer of a connection that is reset")
        contents = [name for name in ("body", "json", "aadsts", "code", "html", "empty") if self.gives(name)]
        if len(contents) > 1:
            raise ValueError(f"`{contents[0]}` and `{contents[1]}` do not go together")
        for text in (*self.headers, *self.headers.values(), self.content_type, self.duplicate):
            if not (text.isascii() and (text.isprintable() or not text)):
                raise ValueError("a header is printable ASCII")
        if not all(name and name.replace("-", "").replace("_", "").isalnum() for name in self.headers):
            raise ValueError("a header's name is letters, digits and hyphens")

    def gives(self, name: str) -> bool:
        """Whether the member of that name is there."""
        value = getattr(self, name)
        return value is not None and value is not False and value not in ("", {})

    @property
    def replaces(self) -> bool:
        """Whether the client is told something else than what the world says."""
        return any(map(self.gives, REPLACING))

    @property
    def alters(self) -> bool:
        """Whether an answer is changed on its way."""
        return any(map(self.gives, ALTERING))

    @property
    def resets(self) -> bool:
        """Whether there is no answer at all."""
        return self.reset or self.drop

    @property
    def first(self) -> bool:
        """Whether the world works on the request before anything else happens."""
        return self.processed or self.drop


@dataclass(slots=True)
class Standing:
    """A rule, how many requests it has met so far, and how many of them it struck."""

    rule: Rule
    chance: random.Random = field(repr=False)
    seen: int = 0
    struck: int = 0

    def over(self, now: datetime) -> bool:
        """Whether it strikes no more."""
        rule = self.rule
        return bool(rule.times and self.struck >= rule.times) or (rule.until is not None and now >= rule.until)

    def strikes(self) -> bool:
        """Whether the request that it meets now is struck; counts it."""
        rule = self.rule
        self.seen += 1
        due = (not rule.nth or self.seen == rule.nth) and (not rule.every or self.seen % rule.every == 0)
        if not due or (rule.probability < 1 and self.chance.random() >= rule.probability):
            return False
        self.struck += 1
        return True


class Faults:
    """The rules of one emulator, in the order they were added. May be used from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules: dict[str, Standing] = {}
        self._lock = threading.Lock()
        self._last = 0

    @property
    def quiet(self) -> bool:
        """Whether there are no rules."""
        return not self._rules

    def add(self, rule: Rule | None = None, **members: Any) -> Standing:
        """Add a rule, or one of these members. Raises ValueError for a wrong one, a name taken, or one too many."""
        rule = Rule(**members) if rule is None else rule
        # A struct checks what it reads, and not what it is made of.
        rule = msgspec.convert(msgspec.to_builtins(rule), Rule)
        with self._lock:
            if len(self._rules) >= MOST_RULES:
                raise ValueError(f"there are {MOST_RULES} rules already")
            if rule.id in self._rules:
                raise ValueError(f"there is a rule '{rule.id}' already")
            while not rule.id or rule.id in self._rules:
                self._last += 1
                rule = msgspec.structs.replace(rule, id=f"fault-{self._last}")
            seed = rule.seed if rule.seed is not None else int.from_bytes(self._world.bytes(8))
            added = self._rules[rule.id] = Standing(rule, random.Random(seed))
        return added

    def all(self) -> list[Standing]:
        """All rules, oldest first."""
        with self._lock:
            return list(self._rules.values())

    def find(self, name: str) -> Standing | None:
        """The rule of that id."""
        return self._rules.get(name)

    def remove(self, name: str) -> bool:
        """Take a rule away; whether it was there."""
        with self._lock:
            return self._rules.pop(name, None) is not None

    def clear(self) -> None:
        """Take all rules away."""
        with self._lock:
            self._rules.clear()

    def decide(self, facts: Facts) -> Rule | None:
        """The rule that strikes a request: the first that is due. Those behind it do not count this request."""
        now = self._world.now()
        for standing in self.all():
            if standing.rule.fits(facts):
                with self._lock:
                    if not standing.over(now) and standing.strikes():
                        return standing.rule
        return None
