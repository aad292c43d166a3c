"""A credential of the application is replaced by a new one, and nobody who uses it stands without one meanwhile.

The new one is added in the directory, waited for until it has spread, proven by use, put into its place and read back;
only then may the former one go. What was begun is noted before each step, by ids alone, so that the next run mends what
was broken off: a new one that never came into its place is taken out of the directory, one that did is kept. Under all
circumstances the credential that lies in the place is one that the directory knows.

Sources: the reference of app registration, 4.3 to 5.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from partnerauth.clock import Clock
from partnerauth.cloud import Authority, Dialect
from partnerauth.errors import (
    ApiRefused,
    Misconfigured,
    PartnerAuthError,
    StoreCorrupt,
    StoreFailed,
)
from partnerauth.flow import Flow, wait, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Certificate, Credential, Secret
from partnerauth.oauth.credential_end import CredentialKind, KnownFrom
from partnerauth.onboarding.directory import Directory, Registered, Registration, thumbprint
from partnerauth.onboarding.ends import fingerprint, registered_as
from partnerauth.onboarding.holding import Holding, is_pem, read_credential
from partnerauth.onboarding.made import made_certificate, written
from partnerauth.onboarding.notebook import Begun, Known, Leaving, Note, Notebook
from partnerauth.onboarding.trial import PAUSES, Trial
from partnerauth.stores.place import Place

log = logging.getLogger("partnerauth.credential")

LIFETIMES = {CredentialKind.SECRET: timedelta(days=180), CredentialKind.CERTIFICATE: timedelta(days=365)}
SHORTER = (timedelta(days=90), timedelta(days=30), timedelta(days=7))
"""Where a policy of the directory finds the usual lifetime of a secret too long."""
TOO_LONG, NOT_ALLOWED = "CredentialInvalidLifetimeAsPerAppPolicy", "CredentialTypeNotAllowedAsPerAppPolicy"
SUSPECTED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a rotation: the new credential, where it lies, and what became of the former ones.

    `finished` says that it had been begun earlier and was only brought to its end; `failure` why a former credential
    that should have gone is still there. `leaving` is what still works for a while.
    """

    kind: CredentialKind
    key_id: str
    ends: datetime | None
    where: str
    finished: bool = False
    retired: tuple[str, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    failure: PartnerAuthError | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a rotation would do."""

    kind: CredentialKind
    where: str
    ends: datetime
    formers: tuple[str, ...]
    """The key ids of what it takes the place of, where they can be told."""
    retires: tuple[str, ...]
    mends: bool
    """Whether one that was broken off would be mended first."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation of the credential of `kind`; the new one goes to `target`, a path or `store`, as a setting says it.

    `holding` is the present one, if there is one of this kind. `overlap` is how long that goes on working; None: until
    the next rotation. `places` opens a target.
    """

    application_id: str
    authority: Authority
    directory: Directory
    notebook: Notebook
    places: Callable[[str, CredentialKind], Place]
    clock: Clock
    kind: CredentialKind
    target: str
    holding: Holding | None = None
    lifetime: timedelta | None = None
    overlap: timedelta | None = None
    passphrase: Callable[[], Hidden | None] = field(default=lambda: None, repr=False)
    dialect: Dialect = Dialect.V1
    patience: timedelta = timedelta(minutes=10)
    make: Callable[[str, datetime, timedelta], Certificate] = field(default=made_certificate, repr=False)

    def rotate(self) -> Flow[Outcome]:
        """Replace the credential.

        Raises `Forbidden` where nobody may change the registration, `StoreFailed` where the new one cannot be stored,
        what the sign-in service says of it where it does not work; then the former one lies in its place and works.
        """
        lock = self.notebook.lock()
        try:
            # In here: a cancellation waits for the lock to be taken, and then it must be given back.
            yield from work("lock", lock.acquire, waits=True)
            return (yield from self._rotated())
        finally:
            lock.release()

    def planned(self) -> Flow[Planned]:
        """What `rotate` would do; nothing is changed."""
        place = self.places(self.target, self.kind)
        yield from work("check the place", place.check)
        note = yield from self.notebook.read()
        registration = yield from self.directory.find()
        there = yield from work("read", place.read)
        formers = yield from self._formers(note, registration, place, there)
        now = self.clock.now()
        going = [
            one.key_id for one in note.leaving if one.key_id not in formers and self._goes(one, now, rotating=True)
        ]
        if self.overlap == timedelta():
            going += formers
        ends = now + (self.lifetime or LIFETIMES[self.kind])
        return Planned(self.kind, place.where, ends, formers, tuple(going), note.begun is not None)

    def retire(self, *, everything: bool = False) -> Flow[Outcome | None]:
        """Let those former ones of this kind go whose overlap is over, or all; first mend what was broken off.

        None where there was nothing to do. Raises as `rotate` does, and `Misconfigured` where it cannot be told which
        one is in use.
        """
        lock = self.notebook.lock()
        try:
            yield from work("lock", lock.acquire, waits=True)
            note = yield from self.notebook.read()
            if not (note.begun or note.suspects or note.leaving):
                return None
            registration = yield from self.directory.find()
            note, finished = yield from self._mended(note, registration)
            now = self.clock.now()
            if everything:
                going = (
                    msgspec.structs.replace(one, due=now) if one.kind is self.kind else one for one in note.leaving
                )
                note = note.changed(leaving=tuple(going))
            if self.holding is not None and any(self._goes(one, now) for one in note.leaving):
                note = yield from self._sparing_the_present(note, registration)
            if finished is None and not any(self._goes(one, now) for one in note.leaving):
                return None
            done = finished or Begun(self.kind, "", now, self.target, ())
            return (yield from self._retired(note, done, finished=finished is not None))
        finally:
            lock.release()

    def _rotated(self) -> Flow[Outcome]:
        place = self.places(self.target, self.kind)
        yield from work("check the place", place.check)
        note = yield from self.notebook.read()
        registration = yield from self.directory.find()
        note, finished = yield from self._mended(note, registration)
        if finished is not None and finished.kind is self.kind:
            return (yield from self._retired(note, finished, finished=True))
        there = yield from work("read", place.read)
        formers = yield from self._formers(note, registration, place, there)
        now = self.clock.now()
        begun = Begun(
            self.kind,
            f"partnerauth {now:%Y-%m-%d} {secrets.token_hex(4)}",
            now,
            self.target,
            tuple(one.key_id for one in registration.credentials if one.kind is self.kind),
            formers=formers,
            due=now + self.overlap if self.overlap is not None else None,
        )
        content = b""
        try:
            if self.kind is CredentialKind.SECRET:
                note = yield from self._note(note, begun, registration)
                made: Secret | Certificate
                made, begun = yield from self._added_secret(registration, begun)
                content = made.value.reveal().encode() + (b"\n" if there and there.endswith(b"\n") else b"")
            else:
                lifetime = self.lifetime or LIFETIMES[self.kind]
                made = yield from work("key", lambda: self.make(self.application_id, now, lifetime))
                begun = msgspec.structs.replace(begun, mark=thumbprint(made), ends=made.ends)
                note = yield from self._note(note, begun, registration)
                begun = yield from self._added_certificate(registration, begun, made)
                content = written(made, self.passphrase(), pfx=self._as_pfx(there))
            note = yield from self._note(note, begun, registration)
            yield from self._trial.passed(made)
            if not begun.key_id:
                begun = yield from self._identified(begun)
            mark = yield from work("fingerprint", lambda: fingerprint(made, self.notebook))
            begun = msgspec.structs.replace(begun, fingerprint=mark)
            note = yield from self._note(note, begun, registration)
        except PartnerAuthError as error:
            yield from self._given_up(begun, error)
            raise
        yield from self._put(place, content, there, begun)
        note = yield from self._settled(note, begun)
        by = made if isinstance(made, Certificate) else None
        return (yield from self._retired(note, begun, by=by))

    @property
    def _trial(self) -> Trial:
        return Trial(self.application_id, self.authority, self.dialect, self.clock, self.patience)

    def _note(self, note: Note, begun: Begun, registration: Registration) -> Flow[Note]:
        return self.notebook.write(note.changed(begun=begun, object_id=registration.object_id))

    def _formers(
        self, note: Note, registration: Registration, place: Place, there: bytes | None
    ) -> Flow[tuple[str, ...]]:
        """The key ids of the present credential and of what lies in the place, as far as they can be told."""
        credentials: list[Credential] = []
        if self.holding is not None:
            credentials.append((yield from work("credential", self.holding.read)))
        if there is not None:
            try:
                credentials.append(read_credential(self.kind, there, self.passphrase(), place.where))
            except Misconfigured:
                raise Misconfigured(
                    f"what lies in {place.where} is no {self.kind.value} of ours, and is not overwritten",
                    hint="Name another place with --to, or take away what lies there.",
                ) from None
        found = [registered_as(one, registration, note, self.notebook, self.clock) for one in credentials]
        return tuple(dict.fromkeys(one.key_id for one in found if one is not None))

    def _sparing_the_present(self, note: Note, registration: Registration) -> Flow[Note]:
        """Without the credential that is in use, whatever was noted; it must work by itself."""
        assert self.holding is not None  # noqa: S101  # asked before
        credential = yield from work("credential", self.holding.read)
        yield from self._trial.once(credential)
        present = registered_as(credential, registration, note, self.notebook, self.clock)
        if present is None:
            raise Misconfigured(
                f"which {self.kind.value} of the app registration is in use cannot be told: nothing was retired",
                hint="Rotate once more: the new one is known by its key id.",
            )
        return note.changed(leaving=tuple(one for one in note.leaving if one.key_id != present.key_id))

    def _goes(self, one: Leaving, now: datetime, *, rotating: bool = False) -> bool:
        """Whether a former credential is ours to retire, and due."""
        return one.kind is self.kind and (rotating if one.due is None else one.due <= now)

    def _as_pfx(self, there: bytes | None) -> bool:
        if there is not None:
            return not is_pem(there)
        return self.target.lower().endswith((".pfx", ".p12"))

    # --- the steps

    def _added_secret(self, registration: Registration, begun: Begun) -> Flow[tuple[Secret, Begun]]:
        lifetimes = [self.lifetime] if self.lifetime else [LIFETIMES[self.kind], *SHORTER]
        for place, lifetime in enumerate(lifetimes, start=1):
            ends = begun.since + lifetime
            try:
                added = yield from self.directory.add_secret(registration.object_id, begun.name, ends)
            except ApiRefused as error:
                if error.code == TOO_LONG and place < len(lifetimes):
                    continue
                if error.code == TOO_LONG:
                    error.hint = "A policy of the tenant allows shorter lives only: give --lifetime DAYS."
                if error.code == NOT_ALLOWED:
                    error.hint = "A policy of the tenant forbids secrets: use --kind certificate --to PATH."
                raise
            return Secret(added.value), msgspec.structs.replace(begun, key_id=added.key_id, ends=ends)
        raise AssertionError("the last lifetime returns or raises")

    def _added_certificate(self, registration: Registration, begun: Begun, made: Certificate) -> Flow[Begun]:
        key_id = yield from self.directory.add_certificate(registration.object_id, made, begun.name)
        if key_id:
            return msgspec.structs.replace(begun, key_id=key_id)
        return (yield from self._identified(begun))

    def _identified(self, begun: Begun) -> Flow[Begun]:
        """With the key id that the directory gave, once it shows that: a list read right after a change may be old."""
        for pause in (*PAUSES[:3], 0.0):
            registration = yield from self.directory.find()
            for one in _orphans(begun, registration):
                return msgspec.structs.replace(begun, key_id=one.key_id)
            if pause:
                yield from wait(pause)
        return begun

    def _put(self, place: Place, content: bytes, there: bytes | None, begun: Begun) -> Flow[None]:
        """Put the new one into its place and read it back; else what was there again. Raises `StoreFailed`."""
        try:
            yield from work("store", lambda: place.replace(content))
            if (yield from work("read back", place.read)) != content:
                raise StoreCorrupt(f"the new credential was put into {place.where} and reads back otherwise")
        except (StoreFailed, Misconfigured) as error:
            if (yield from self._restored(place, there)):
                yield from self._given_up(begun, error)
            else:
                error.hint = f"{error.hint} The former and the new credential both work; then rotate once more."
            raise

    def _restored(self, place: Place, there: bytes | None) -> Flow[bool]:
        """Whether that lies in the place again which lay there before: only then may the new one go."""
        try:
            if (yield from work("read", place.read)) == there:
                return True
            yield from work("restore", lambda: place.clear() if there is None else place.replace(there))
            return (yield from work("read", place.read)) == there
        except (StoreFailed, Misconfigured) as error:
            log.error("the former credential could not be put back into its place (%s)", type(error).__name__)
            return False

    def _settled(self, note: Note, begun: Begun) -> Flow[Note]:
        """Note that the new one lies in its place, that the former one is leaving, and those before it are due now."""
        now = self.clock.now()
        source = KnownFrom.CERTIFICATE if begun.kind is CredentialKind.CERTIFICATE else KnownFrom.ROTATION
        known = Known(begun.kind, begun.key_id, begun.ends, source, begun.fingerprint)
        leaving = [
            msgspec.structs.replace(one, due=now) if one.kind is begun.kind and one.due is None else one
            for one in note.leaving
            if one.key_id not in (begun.key_id, *begun.formers)
        ]
        leaving += [Leaving(begun.kind, former, begun.due) for former in begun.formers if former != begun.key_id]
        return (yield from self.notebook.write(note.changed(begun=None, leaving=tuple(leaving)).knowing(known)))

    def _retired(
        self, note: Note, done: Begun, *, finished: bool = False, by: Certificate | None = None
    ) -> Flow[Outcome]:
        """Let those go that are due. What cannot go now stays noted, and goes next time."""
        now = self.clock.now()
        gone: list[str] = []
        failure: PartnerAuthError | None = None
        for one in [one for one in note.leaving if self._goes(one, now)]:
            try:
                registration = yield from self.directory.find()
                there = registration.find(one.kind, one.key_id)
                if there is not None:
                    yield from self.directory.remove(registration.object_id, there, by)
                note = yield from self.notebook.write(note.without(one.key_id))
            except PartnerAuthError as error:
                failure = failure or error
            else:
                gone.append(one.key_id)
        where = self.places(done.place, done.kind).where
        return Outcome(done.kind, done.key_id, done.ends, where, finished, tuple(gone), note.leaving, failure)

    # --- what went wrong

    def _given_up(self, begun: Begun, error: PartnerAuthError) -> Flow[None]:
        """Take the new one out of the directory; where that fails, the notes make the next run do it."""
        try:
            note = yield from self.notebook.read()
            if note.begun is None:
                return  # it was not even noted, and so it was not begun
            found = yield from self._taken_back(note, begun)
            yield from self.notebook.write(_given(note, begun, found=found))
        except PartnerAuthError as failure:
            log.warning("the new credential could not be taken back yet (%s)", type(failure).__name__)
            error.hint = f"{error.hint} If a new credential was added it is still there; the next run takes it back."

    def _taken_back(self, note: Note, begun: Begun) -> Flow[bool]:
        """Take away what a rotation added in the directory; whether there was anything.

        Never one that came into its place.
        """
        registration = yield from self.directory.find()
        kept = {one.key_id for one in note.known}
        found = [one for one in _orphans(begun, registration) if one.key_id not in kept]
        for one in found:
            yield from self.directory.remove(registration.object_id, one)
        return bool(found)

    def _mended(self, note: Note, registration: Registration) -> Flow[tuple[Note, Begun | None]]:
        """Bring to its end what an earlier run began; that rotation, where its credential lies in its place."""
        begun, finished = note.begun, None
        if begun is not None:
            if begun.fingerprint and (yield from self._lies(begun)) == begun.fingerprint:
                note, finished = (yield from self._settled(note, begun)), begun
            else:
                found = yield from self._taken_back(note, begun)
                note = yield from self.notebook.write(_given(note, begun, found=found))
        before, old = note.suspects, self.clock.now() - SUSPECTED
        for suspect in before:
            found = bool(_orphans(suspect, registration)) and (yield from self._taken_back(note, suspect))
            if found or suspect.since < old:
                note = note.changed(suspects=tuple(one for one in note.suspects if one is not suspect))
        if note.suspects != before:
            note = yield from self.notebook.write(note)
        return note, finished

    def _lies(self, begun: Begun) -> Flow[str]:
        """The fingerprint of what lies in the place of a rotation that was broken off."""
        place = self.places(begun.place, begun.kind)
        content = yield from work("read", place.read)
        if content is None:
            return ""
        try:
            there = read_credential(begun.kind, content, self.passphrase(), place.where)
        except Misconfigured:
            return ""
        return (yield from work("fingerprint", lambda: fingerprint(there, self.notebook)))


def _orphans(begun: Begun, registration: Registration) -> list[Registered]:
    """What a rotation added, as the directory shows it."""
    return [
        one
        for one in registration.credentials
        if one.kind is begun.kind
        and one.key_id not in begun.before
        and (one.key_id == begun.key_id or one.name == begun.name or (begun.mark and begun.mark in one.marks))
    ]


def _given(note: Note, begun: Begun, *, found: bool) -> Note:
    """Without the rotation; where the directory did not show what it added, that is looked for some time longer."""
    suspects = note.suspects if found else (*note.suspects, msgspec.structs.replace(begun, fingerprint=""))
    others = note.begun if note.begun is not None and note.begun.name != begun.name else None
    return note.changed(begun=others, suspects=suspects)
