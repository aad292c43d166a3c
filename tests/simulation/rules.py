"""The rules of custody, checked at every step: at each write of the store, each request for tokens, each end of an act.

What is true is read from the sign-in service's own ledger and from what lies in the store, never from what the code
under test remembers. The numbers in brackets are those of the rules that a fault breaks (docs/simulation.md).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from partnerauth.consent.consent import FORMAT, IDLE_LIFETIME, Consent, State
from partnerauth.consent.pending import FORMAT as PENDING
from partnerauth.consent.renewal import Lost, NotReached, Renewed
from partnerauth.emulator.default import WEB_APP
from partnerauth.errors import PartnerAuthError
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
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
MALFORMED = frozenset({70000, 9002313})
MOST_FORMER = 3
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
        self._parsed: dict[int, tuple[Entry, Consent | None]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._roots: dict[str, str] = {}
        self._weak: set[str] = set()
        """Tokens that came with an access token without MFA."""
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
        return [Hidden(text) for text, one in self._births.items() if one.home and text not in self._weak]

    # The store

    def store_failed(self, process: Process) -> None:
        """An operation of the store failed."""
        if process.act is not None and process.act.store_failed_at is None:
            process.act.store_failed_at = self._place.clock.ticks()

    def written(self, process: Process, before: Entry | None, after: Entry) -> None:
        """An entry was written, or its tags were."""
        act = process.act
        if act is None:
            raise Broken("6", "somebody writes who does nothing")
        if after.tags.get("format") == PENDING:
            self._laid_aside(act, after)
            return
        new = self._read(after)
        old = self._read(before) if before is not None else None
        if new is None:
            raise Broken("6", "an entry was written that is no consent")
        if new.state is State.SUPERSEDED:
            self.superseded(act, after, new)
            return
        if after.name not in self._names_of(new.tenant):
            raise Broken("4", "a consent lies under a name that is not its tenant's")
        if before is not None and is_anothers(before):
            raise Broken("4", "a consent was written over another application's")
        if old is None:
            self._kept(act, before, new)
        elif old.turn == new.turn:
            self._marked(act, old, new)
        else:
            self._replaced(act, old, new)
        self.true(new)

    def forgotten(self, process: Process, before: Entry) -> None:
        """An entry was taken away."""
        act = process.act
        if before.tags.get("format") == PENDING:
            if act is None or not (act.consents or act.kind == "forget"):
                raise Broken("2", "what a person left was taken away by somebody who has nothing to do with it")
            return
        if act is None or act.kind != "forget":
            raise Broken("8", "an entry was taken away although nobody forgets it")
        if is_anothers(before):
            raise Broken("4", "another application's consent was forgotten")
        self._counts["forgotten"] += 1
        self.strangers(act.tenant)

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

    def _laid_aside(self, act: Act, entry: Entry) -> None:
        """What a person left lies in a slot until it is judged."""
        if self._disk.kind.plain:
            raise Broken("2", "an unjudged token lies bare in a plain store")
        if not act.consents:
            raise Broken("2", f"an unjudged token was laid aside by '{act.kind}'")
        if entry.value:
            self._counts["laid aside"] += 1

    def superseded(self, act: Act, entry: Entry, consent: Consent) -> None:
        """A consent was set aside."""
        if not act.replacing:
            raise Broken("4", "a consent was set aside although nobody said so")
        if "-superseded-" not in entry.name or _accompanied(consent) or consent.intent:
            raise Broken("7", "a consent was set aside with its earlier tokens, or in another's place")
        self._counts["set aside"] += 1

    def true(self, consent: Consent) -> None:
        """What an entry says is what the sign-in service knows."""
        if consent.mfa is not Mfa.SHOWN:
            raise Broken("3", f"the entry's evidence is {consent.mfa.value}")
        if self._disk.kind.plain and _accompanied(consent):
            raise Broken("7", "earlier tokens lie bare in a plain store")
        if len(consent.former) > MOST_FORMER:
            raise Broken("7", "more than three earlier tokens are kept")
        root = self._roots.get(consent.epoch)
        for token in (consent.refresh_token, *(one.token for one in consent.former)):
            birth, record = self._births.get(token.reveal()), self._place.record(token)
            if birth is None:
                raise Broken("3", "what was stored is no refresh token that anybody got")
            if not birth.home:
                raise Broken("3", "the token of a customer's tenant lies in the place of the partner's own")
            if token.reveal() in self._weak:
                raise Broken("3", "a token without MFA lies in the place of one with it")
            root = self._roots.setdefault(consent.epoch, birth.root)
            if root != birth.root:
                raise Broken("3", "a token lies in an epoch that it does not descend from")
            if record is None:
                continue
            if not record.who.mfa:
                raise Broken("2", "the token of a sign-in without MFA was stored")
            if (record.who.person, record.who.tenant) != (consent.person, consent.tenant):
                raise Broken("4", "the token of another person than the entry says was stored")

    def _kept(self, act: Act, before: Entry | None, after: Consent) -> None:
        """There was no consent, and now there is."""
        adopting = before is not None and after.outcome == "adopted"
        if not (act.consents or adopting):
            raise Broken("8", f"a consent came back to life by '{act.kind}'")
        if after.generation or _accompanied(after):
            raise Broken("6", "a new consent does not begin at generation 0, with one token")
        self._counts["adopted" if adopting else "kept"] += 1

    def _replaced(self, act: Act, old: Consent, new: Consent) -> None:
        """One token was written over another."""
        if new.tenant != old.tenant:
            raise Broken("4", "a consent was replaced by another tenant's")
        if new.person != old.person and not act.replacing:
            raise Broken("4", "a consent was replaced by another person's although nobody said so")
        if new.epoch < old.epoch:
            raise Broken("6", "an epoch went backwards")
        if new.epoch == old.epoch:
            self._rotated(act, old, new)
            return
        if not act.consents:
            raise Broken("6", f"an epoch began by '{act.kind}'")
        if _accompanied(new):
            raise Broken("7", "the tokens of a former epoch outlive it")
        self._counts["replaced"] += 1

    def _rotated(self, act: Act, old: Consent, new: Consent) -> None:
        """Another token of the same epoch was written."""
        if new.generation <= old.generation:
            raise Broken("6", f"generation {new.generation} was written over {old.generation}")
        redeemed = act.redeemed[-1] if act.redeemed else None
        if redeemed is None or new.refresh_token.reveal() not in (redeemed.new, redeemed.spent):
            raise Broken("6", "a token was written that this process did not just get, and did not just spend")
        spent, stored = redeemed.spent, old.refresh_token.reveal()
        if spent != stored:
            if act.refusals.get(stored, 0) not in MALFORMED:
                raise Broken("7", "an earlier token took the place of one that was not malformed")
            self._counts["fell back"] += 1
        earlier = {one.token.reveal(): one.obtained_at for one in old.former}
        obtained = redeemed.received if new.refresh_token.reveal() == redeemed.new else earlier.get(spent)
        if obtained is None or _written(new.obtained_at) != _written(obtained):
            raise Broken("9", "the idle clock does not run from the receipt of the stored token")
        if not {one.token.reveal() for one in new.former} <= {stored, *earlier}:
            raise Broken("7", "an earlier token is kept that was never stored")
        if redeemed.absent != bool(new.alarm):
            raise Broken("3", "MFA vanished without an alarm, or the alarm outlives it")
        if new.state is not State.LIVE or new.intent:
            raise Broken("8", "a token that was just got lies there as suspended, lost or intended")
        self._counts["rotated"] += 1

    def tagged(self, act: Act, old: Consent, new: Consent, *, strict: bool) -> None:
        """The tags of a vault's version changed; without `strict` another host may have changed them meanwhile."""
        if strict:
            self._marked(act, old, new)
        elif new.intent:
            act.meant, act.intent = old.turn, new.intent
            act.sent.clear()
        elif new.state not in (old.state, State.LIVE):
            refused = act.refusals.get(old.refresh_token.reveal(), 0)
            if refused and (refused in FINAL) != (new.state is State.LOST):
                raise Broken("8", f"a token was marked {new.state.value} for {refused}")

    def _marked(self, act: Act, old: Consent, new: Consent) -> None:
        """What is said of a token changed, or what is kept beside it."""
        if new.refresh_token != old.refresh_token:
            raise Broken("6", "another token was written without another generation")
        for name in ("person", "tenant", "mfa", "consented_at", "obtained_at"):
            if getattr(new, name) != getattr(old, name):
                raise Broken("9" if name == "obtained_at" else "3", f"a mark changed '{name}'")
        if not set(new.former) <= set(old.former):
            raise Broken("7", "a mark added an earlier token")
        redeemed = act.redeemed[-1] if act.redeemed else None
        if new.alarm and redeemed is not None and redeemed.absent:
            act.alarmed = True  # another process may see MFA shown again, and end the alarm
        if new.alarm and not old.alarm:
            if redeemed is None or not redeemed.absent:
                raise Broken("3", "an alarm without a cause")
            self._counts["alarms"] += 1
        if new.intent and new.former == old.former:
            self._intended(act, old, new)
        if new.state is old.state and new.code == old.code:
            return
        if new.state is State.LIVE:
            if not any(one.spent == old.refresh_token.reveal() for one in act.redeemed):
                raise Broken("8", "a token counts as live that was not taken")
            return
        self._counts[f"marked {new.state.value}"] += 1
        refused = act.refusals.get(old.refresh_token.reveal(), 0)
        code = int(new.code) if new.code.isdigit() else 0
        if code != refused and not (refused in MALFORMED and code in act.refusals.values()):
            raise Broken("8", f"a token was marked {new.state.value} that was not refused")
        if (code in FINAL) != (new.state is State.LOST):
            raise Broken("8", f"a token was marked {new.state.value} for {code}")
        if code in MALFORMED and any(one.token.reveal() not in act.refusals for one in old.former):
            raise Broken("7", "a consent was given up although an earlier token was not tried")

    def _intended(self, act: Act, old: Consent, new: Consent) -> None:
        """A token is about to be redeemed."""
        if old.state is State.LOST:
            raise Broken("8", "what is lost is to be tried again")
        act.meant, act.intent = old.turn, new.intent
        act.sent.clear()
        if new.intent == fingerprint(old.refresh_token):
            return
        if new.intent not in {fingerprint(one.token) for one in old.former}:
            raise Broken("5", "an intent for a token that is not in the store")
        if act.refusals.get(old.refresh_token.reveal(), 0) not in MALFORMED:
            raise Broken("7", "an earlier token is tried although the stored one is not malformed")
        if any(new.intent == fingerprint(Hidden(token)) for token in act.refusals):
            raise Broken("7", "an earlier token is tried twice")
        self._counts["earlier tokens tried"] += 1

    def _turn(self, entry: Entry) -> tuple[str, int]:
        consent = self._read(entry)
        return consent.turn if consent is not None else ("", -1)

    def _read(self, entry: Entry) -> Consent | None:
        """The consent in an entry; most entries are looked at more than once."""
        known = self._parsed.get(id(entry))
        if known is None or known[0] is not entry:
            known = self._parsed[id(entry)] = entry, Consent.read(entry)
        return known[1]

    def place(self, tenant: str) -> str:
        """The name under which a tenant's consent lies, or would be kept."""
        usual, *own = self._names_of(tenant)
        if not own:
            return usual
        there, beside = self._disk.entries.get(usual), self._disk.entries.get(own[0])
        if there is None or not there.tags.get("client"):
            return usual if beside is None else own[0]
        return own[0] if is_anothers(there) else usual

    def _there(self, tenant: str) -> Entry | None:
        return self._disk.entries.get(self.place(tenant))

    def _names_of(self, tenant: str) -> tuple[str, ...]:
        if tenant not in self._names:
            self._names[tenant] = self.processes[0].book.names(tenant)
        return self._names[tenant]

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
        # Where another tool wrote over what was spent, its token is judged, and spent in its turn.
        if sum(one.meant for one in act.redeemed) > (act.foreign and self._disk.kind.plain):
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

    def answered(self, process: Process, token: str, request: Request, response: Response, *, absent: bool) -> None:
        """The sign-in service has answered; whoever asked does not know it yet."""
        act = process.act
        assert act is not None
        act.answered = None
        if token in self._weak and not act.consents:
            raise Broken("3", "a token without MFA was spent")
        if not response.ok:
            return
        home = CUSTOMER not in request.url
        new = response.value().get("refresh_token", "")
        if new:
            self.born(Hidden(new), token, home=home)
            if absent:
                self._weak.add(new)
        self._counts["redeemed"] += 1
        act.answered = Redeemed(token, new, home, absent=False)

    def received(self, process: Process, token: str, response: Response, *, absent: bool, readable: bool) -> None:
        """An answer is handed to whoever asked."""
        act = process.act
        assert act is not None
        if act.answered is not None and readable:
            meant = act.intent == fingerprint(Hidden(token))
            act.redeemed.append(Redeemed(token, act.answered.new, act.answered.home, absent, meant))
        elif response.status in (400, 401):
            codes = response.value().get("error_codes") or [0]
            act.refusals[token] = int(codes[0])

    # The end of an act

    def died(self, process: Process) -> None:
        """A process is gone. What it had got and not stored is lost, and must not matter."""
        act = process.act
        self._counts["deaths"] += 1
        if act is None:
            return
        there = self._there(act.tenant)
        got = act.answered
        if got is not None and got.new and got.home and act.meant and (there is None or self._turn(there) <= act.meant):
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
            there = self._there(act.tenant)
            if isinstance(result, Renewed) and not act.foreign:
                self._check_stored(process, act, act.redeemed[-1], there)

    def _handed_out(self, process: Process, act: Act, tokens: TokenSet) -> None:
        """An access token leaves the house."""
        if tokens.refresh_token is not None or tokens.id_token is not None:
            raise Broken("5", "a refresh token was handed out")
        there = self._there(act.tenant)
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
        kept = self._read(there) if there is not None else None
        if redeemed.absent and kept is not None and kept.turn == act.meant and (act.alarmed or kept.alarm):
            return
        if kept is None or act.meant is None or kept.turn <= act.meant:
            raise Broken("5", "an access token was handed out whose refresh token is not in the store")

    def _check_unsaved(self, process: Process, act: Act, there: Entry | None) -> None:
        self._counts["handed out unsaved"] += 1
        now = self._place.clock.ticks()
        if act.store_failed_at is None or now - act.store_failed_at < RETRIED:
            raise Broken("5", "an access token was handed out unsaved before the store was tried for half a minute")
        if there is not None and there.tags.get("format") == FORMAT:
            left = IDLE_LIFETIME - (process.host.clock.now() - datetime.fromisoformat(there.tags["obtained"]))
            if left < RESERVE and not act.foreign and not act.clock_moved:
                raise Broken("5", "an access token was handed out unsaved although the stored token is about to die")


def is_anothers(entry: Entry) -> bool:
    """Whether it is the consent of another application."""
    return entry.tags.get("client", WEB_APP) != WEB_APP


def _accompanied(consent: Consent) -> bool:
    return bool(consent.former) or consent.beside is not None


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
