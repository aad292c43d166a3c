"""The rules of custody, checked at every step: at each write of the store, each request for tokens, each end of an act.

What is true is read from the sign-in service's own ledger and from what lies in the store, never from what the code
under test remembers. The numbers in brackets are those of the rules that a fault breaks (docs/simulation.md).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from partnerauth.consent.consent import FORMAT, IDLE_LIFETIME
from partnerauth.consent.renewal import Lost, NotReached, Renewed
from partnerauth.errors import PartnerAuthError
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Entry
from tests.consent.partner import CUSTOMER
from tests.simulation.process import Act, Process, Redeemed
from tests.simulation.stores import fingerprint

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.stores import Disk

FINAL = frozenset({70008, 700081, 700082, 700084, 50173, 70000, 9002313})
"""The refusals that make a consent lost."""
RETRIED = 30.0
RESERVE = timedelta(days=14)
MOST_TRIES = 3
NEARLY_OVER = timedelta(minutes=6)
FLIGHT, CONSENT = "flight\n", "consent\n"
"""How the names of locks begin."""


class Broken(BaseException):
    """A rule that does not hold. No code under test catches it."""

    def __init__(self, rule: str, said: str) -> None:
        super().__init__(f"[{rule}] {said}")
        self.rule = rule


@dataclass(frozen=True)
class Birth:
    """How a refresh token came to be: from which one, in which line of descent, and where."""

    root: str
    parent: str
    home: bool
    number: int


class Rules:
    """What was seen of one simulation by now. Everything raises `Broken` where a rule does not hold."""

    def __init__(self, place: Place, disk: Disk, counts: Counter[str]) -> None:
        self._place = place
        self._disk = disk
        self._counts = counts
        self._births: dict[str, Birth] = {}
        self._roots: dict[str, str] = {}
        self.strange: set[str] = set()
        """Tokens that another tool put into the store."""
        self.lock_was_lost = False
        self.processes: list[Process] = []

    def born(self, token: Hidden, parent: str = "", *, home: bool = True) -> None:
        """A refresh token was issued."""
        text = token.reveal()
        before = self._births.get(parent)
        root = before.root if before else text
        self._births[text] = Birth(root, parent, home, len(self._births))

    @property
    def tokens(self) -> list[Hidden]:
        """All refresh tokens that were ever issued to somebody, the newest last."""
        return [Hidden(text) for text, birth in self._births.items() if birth.home]

    # The store

    def store_failed(self, process: Process) -> None:
        """An operation of the store failed."""
        if process.act is not None and process.act.store_failed_at is None:
            process.act.store_failed_at = self._place.clock.ticks()

    def written(self, process: Process, before: Entry | None, after: Entry) -> None:
        """An entry was written, or its tags were."""
        act = process.act
        tags = after.tags
        if tags.get("format") != FORMAT:
            raise Broken("6", "an entry was written that is no consent")
        if act is None:
            raise Broken("6", "somebody writes who does nothing")
        if before is None or before.tags.get("format") != FORMAT:
            self._kept(act, before, after)
        elif before.value == after.value and _place_of(before) == _place_of(after):
            self._marked(process, act, before, after)
        else:
            self._replaced(process, act, before, after)
        self._true(after)

    def forgotten(self, process: Process, before: Entry) -> None:
        """An entry was taken away."""
        if process.act is None or process.act.kind != "forget":
            raise Broken("8", "an entry was taken away although nobody forgets it")
        self._counts["forgotten"] += 1
        self.strangers(process.act.tenant)

    def strangers(self, tenant: str) -> None:
        """Whatever is going on with a tenant's consent: it is another one from now on."""
        for process in self.processes:
            if process.act is not None and process.act.tenant == tenant:
                process.act.foreign = True

    def clock_moved(self) -> None:
        """Time passed, or a clock was set: what somebody has just read may be young again, or old."""
        for process in self.processes:
            if process.act is not None:
                process.act.clock_moved = True

    def _true(self, entry: Entry) -> None:
        """What an entry says is what the sign-in service knows."""
        birth = self._births.get(entry.value.reveal())
        if birth is None:
            raise Broken("3", "what was stored is no refresh token that anybody got")
        if not birth.home:
            raise Broken("3", "the token of a customer's tenant lies in the place of the partner's own")
        record = self._place.record(entry.value)
        tags = entry.tags
        if record is not None:
            if not record.who.mfa:
                raise Broken("2", "the token of a sign-in without MFA was stored")
            if (record.who.person, record.who.tenant) != (tags["person"], tags["tenant"]):
                raise Broken("4", "the token of another person than the entry says was stored")
        if tags["mfa"] != "shown":
            raise Broken("3", f"the entry's evidence is {tags['mfa']}")
        root = self._roots.setdefault(tags["epoch"], birth.root)
        if root != birth.root:
            raise Broken("3", "a token lies in an epoch that it does not descend from")

    def _kept(self, act: Act, before: Entry | None, after: Entry) -> None:
        """There was no consent, and now there is."""
        adopting = before is not None and after.tags["attempted"].endswith(" adopted")
        if not (act.consents or adopting):
            raise Broken("8", f"a consent came back to life by '{act.kind}'")
        if int(after.tags["generation"]) != 0:
            raise Broken("6", "a new consent does not begin at generation 0")
        self._counts["adopted" if adopting else "kept"] += 1

    def _replaced(self, process: Process, act: Act, before: Entry, after: Entry) -> None:
        """One token was written over another."""
        old, new = before.tags, after.tags
        if new["tenant"] != old["tenant"]:
            raise Broken("4", "a consent was replaced by another tenant's")
        if new["person"] != old["person"] and not act.replacing:
            raise Broken("4", "a consent was replaced by another person's although nobody said so")
        if new["epoch"] < old["epoch"]:
            raise Broken("6", "an epoch went backwards")
        if new["epoch"] != old["epoch"]:
            if not act.consents:
                raise Broken("6", f"an epoch began by '{act.kind}'")
            self._counts["replaced"] += 1
            return
        if int(new["generation"]) <= int(old["generation"]):
            raise Broken("6", f"generation {new['generation']} was written over {old['generation']}")
        birth, former = self._births.get(after.value.reveal()), self._births.get(before.value.reveal())
        if birth is not None and former is not None and birth.number < former.number:
            raise Broken("6", "an older token was written over a newer one")
        redeemed = act.redeemed[-1] if act.redeemed else None
        if redeemed is None or redeemed.new != after.value.reveal():
            raise Broken("6", "a token was written that this process did not just get")
        if redeemed.absent and not new.get("alarm"):
            raise Broken("3", "MFA vanished without an alarm")
        if not redeemed.absent and new.get("alarm"):
            raise Broken("3", "MFA is shown, and the alarm stays")
        if redeemed.received is None or new["obtained"] != _written(redeemed.received):
            raise Broken("9", "the idle clock does not run from the receipt of the stored token")
        if new["state"] != "live" or new.get("intent"):
            raise Broken("8", "a token that was just got lies there as suspended, lost or intended")
        self._counts["rotated"] += 1

    def _marked(self, process: Process, act: Act, before: Entry, after: Entry) -> None:
        """The tags of a token changed."""
        old, new = before.tags, after.tags
        for name in ("person", "tenant", "mfa", "consented", "obtained"):
            if new[name] != old[name]:
                raise Broken("9" if name == "obtained" else "3", f"a mark changed '{name}'")
        if new.get("intent") and new.get("intent") == fingerprint(before.value):
            if old["state"].startswith("lost"):
                raise Broken("8", "what is lost is to be tried again")
            act.meant, act.intent = _place_of(before), new["intent"]
        state = new["state"].partition(" ")[0]
        if state == old["state"].partition(" ")[0]:
            return
        spent, code = act.refused or ("", 0)
        if state == "live":
            if not any(one.spent == before.value.reveal() for one in act.redeemed):
                raise Broken("8", "a token counts as live that was not taken")
            return
        self._counts[f"marked {state}"] += 1
        if spent != before.value.reveal():
            raise Broken("8", f"a token was marked {state} that was not refused")
        if (code in FINAL) != (state == "lost"):
            raise Broken("8", f"a token was marked {state} for {code}")

    # The sign-in service

    def asks(self, process: Process, token: str) -> None:
        """A request for tokens is about to be sent; `token` is the refresh token in it, if it is one for that."""
        act = process.act
        if act is None:
            raise Broken("5", "somebody asks who does nothing")
        if not token:
            return
        act.sent[token] += 1
        if act.sent[token] > MOST_TRIES * (2 if act.consents or act.kind == "renew" else 1):
            raise Broken("flight", "the same token is redeemed again and again")
        if act.consents or (token in self.strange and act.intent != fingerprint(Hidden(token))):
            return
        if act.intent != fingerprint(Hidden(token)):
            raise Broken("5", "a token is redeemed without an intent in the store")
        if act.redeemed and act.redeemed[-1].meant:
            raise Broken("flight", "one access token is wanted, and two are asked for")
        if not self.lock_was_lost:
            self._check_flight(process, act)

    def _check_flight(self, process: Process, act: Act) -> None:
        """Nobody else spends this consent now, and nobody has shelved what is asked for."""
        held = [name for (_, name), one in self._disk.holders.items() if one is process]
        if not any(name.startswith(CONSENT) for name in held):
            raise Broken("flight", "a token is redeemed without its lock")
        if not act.shelf:
            return
        flights = [name.removeprefix(FLIGHT) for name in held if name.startswith(FLIGHT)]
        if not flights:
            raise Broken("flight", "an access token is asked for outside of its flight")
        there = self._disk.shelved.get(flights[0])
        if there is not None and not act.clock_moved and there[1] - process.host.clock.now() > NEARLY_OVER:
            raise Broken("flight", "an access token is asked for that lies on the shelf")

    def answered(self, process: Process, token: str, request: Request, response: Response) -> None:
        """The sign-in service has answered; whoever asked does not know it yet."""
        act = process.act
        assert act is not None
        act.answered = None
        if not response.ok:
            return
        home = CUSTOMER not in request.url
        new = response.value().get("refresh_token", "")
        if new:
            self.born(Hidden(new), token, home=home)
        self._counts["redeemed"] += 1
        act.answered = Redeemed(token, new, home, absent=False)

    def received(self, process: Process, token: str, response: Response, *, absent: bool, readable: bool) -> None:
        """An answer is handed to whoever asked."""
        act = process.act
        assert act is not None
        act.refused = None
        if act.answered is not None and readable:
            meant = act.intent == fingerprint(Hidden(token))
            act.redeemed.append(Redeemed(token, act.answered.new, act.answered.home, absent, meant))
        elif response.status in (400, 401):
            codes = response.value().get("error_codes") or [0]
            act.refused = (token, int(codes[0]))

    # The end of an act

    def died(self, process: Process) -> None:
        """A process is gone. What it had got and not stored is lost, and must not matter."""
        act = process.act
        self._counts["deaths"] += 1
        if act is None:
            return
        there = self._disk.entries.get(process.book.name(act.tenant))
        got = act.answered
        if got is not None and got.new and got.home and act.meant and (there is None or _place_of(there) <= act.meant):
            self._counts["deaths between the answer and the write"] += 1
        if there is not None and there.tags.get("intent"):
            self._counts["deaths that left an intent"] += 1

    def ended(self, process: Process, result: Any) -> None:
        """An act is over, by what it returned or raised."""
        act = process.act
        assert act is not None
        if isinstance(result, BaseException):
            if not isinstance(result, PartnerAuthError):
                raise Broken("kinds", f"'{act.kind}' ended in {type(result).__name__}: {result}") from result
            self._counts[f"ended in {type(result).__name__}"] += 1
            return
        self._counts["acts done"] += 1
        if isinstance(result, TokenSet):
            self._handed_out(process, act, result)
        elif isinstance(result, Renewed | Lost | NotReached):
            self._counts[type(result).__name__] += 1
            there = self._disk.entries.get(process.book.name(act.tenant))
            if isinstance(result, Renewed) and not act.foreign:
                self._check_stored(process, act, act.redeemed[-1], there)

    def _handed_out(self, process: Process, act: Act, tokens: TokenSet) -> None:
        """An access token leaves the house."""
        if tokens.refresh_token is not None or tokens.id_token is not None:
            raise Broken("5", "a refresh token was handed out")
        there = self._disk.entries.get(process.book.name(act.tenant))
        if not act.redeemed:
            self._counts["served from the shelf"] += 1
            return
        redeemed = act.redeemed[-1]
        if not redeemed.home:
            return
        if tokens.unsaved:
            self._check_unsaved(process, act, there)
        else:
            self._check_stored(process, act, redeemed, there)

    def _check_stored(self, process: Process, act: Act, redeemed: Redeemed, there: Entry | None) -> None:
        if not redeemed.new or redeemed.new == redeemed.spent or act.foreign:
            return
        if there is None or act.meant is None or _place_of(there) <= act.meant:
            raise Broken("5", "an access token was handed out whose refresh token is not in the store")

    def _check_unsaved(self, process: Process, act: Act, there: Entry | None) -> None:
        self._counts["handed out unsaved"] += 1
        now = self._place.clock.ticks()
        if act.store_failed_at is None or now - act.store_failed_at < RETRIED:
            raise Broken("5", "an access token was handed out unsaved before the store was tried for half a minute")
        if there is not None and there.tags.get("format") == FORMAT:
            left = IDLE_LIFETIME - (process.host.clock.now() - datetime.fromisoformat(there.tags["obtained"]))
            if left < RESERVE and not act.foreign:
                raise Broken("5", "an access token was handed out unsaved although the stored token is about to die")


def _place_of(entry: Entry) -> tuple[str, int]:
    tags = entry.tags
    return (tags["epoch"], int(tags["generation"])) if tags.get("format") == FORMAT else ("", -1)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
