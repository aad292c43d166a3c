"""The credential is replaced by a new one: added, waited for, proven, stored, and only then the former one goes."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from partnerauth.emulator.default import WEB_APP
from partnerauth.errors import (
    ApiRefused,
    Forbidden,
    InvalidClient,
    Misconfigured,
    StoreConflict,
    StoreUnwritable,
    Unreachable,
)
from partnerauth.flow import arun
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret, Stored
from partnerauth.oauth.credential_end import CredentialKind, KnownFrom, last_end
from partnerauth.oauth.sources import AppOnly
from partnerauth.onboarding.ends import known_ends, looked_up
from partnerauth.onboarding.holding import Holding
from partnerauth.stores.place import FilePlace
from tests.canaries import Canary
from tests.needs import could_not_run
from tests.onboarding.workshop import AUTHORITY, GRAPH, Workshop

SECRET, CERTIFICATE = CredentialKind.SECRET, CredentialKind.CERTIFICATE


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


# --- the way


@pytest.mark.parametrize("kind", [SECRET, CERTIFICATE])
@pytest.mark.parametrize("in_store", [False, True])
def test_a_new_one_takes_the_place_of_the_old_and_both_work(
    tmp_path: Path, kind: CredentialKind, in_store: bool
) -> None:
    """It spreads for forty seconds; nobody who has read the old one notices, and the consent is as it was."""
    shop = Workshop(tmp_path, kind, in_store)
    before, old = shop.partner.kept(), shop.holding.read()
    began = shop.partner.clock.now()

    outcome = shop.rotate()

    new = shop.holding.read()
    assert new != old
    assert shop.works(new)
    assert shop.works(old)
    assert shop.partner.clock.now() - began >= timedelta(seconds=40)
    assert [one.key_id for one in outcome.leaving] == [shop.registered[0]]
    assert shop.registered[1] == outcome.key_id
    assert outcome.retired == ()
    assert shop.partner.kept() == before
    assert shop.consent_works()


@pytest.mark.parametrize("kind", [SECRET, CERTIFICATE])
def test_the_next_rotation_retires_the_one_before(tmp_path: Path, kind: CredentialKind) -> None:
    shop = Workshop(tmp_path, kind)
    first = shop.registered[0]
    second = shop.rotate().key_id

    outcome = shop.rotate()

    assert outcome.retired == (first,)
    assert shop.registered == [second, outcome.key_id]
    assert shop.works()


@pytest.mark.parametrize("kind", [SECRET, CERTIFICATE])
def test_at_once_or_after_an_overlap(tmp_path: Path, kind: CredentialKind) -> None:
    shop = Workshop(tmp_path, kind)
    old = shop.holding.read()
    second = shop.rotate(overlap=timedelta()).key_id
    assert shop.registered == [second]
    assert not shop.works(old)

    third = shop.rotate(overlap=timedelta(days=3)).key_id
    assert shop.partner.run(shop.rotation().retire()) is None
    shop.partner.days(3)
    outcome = shop.partner.run(shop.rotation().retire())

    assert outcome is not None
    assert outcome.retired == (second,)
    assert shop.registered == [third]
    assert shop.works()


def test_nothing_is_stored_before_it_is_proven_and_nothing_retired_before_it_is_stored(shop: Workshop) -> None:
    steps = shop.steps(shop.rotation(overlap=timedelta()).rotate())

    added, stored, back = (steps.index(step) for step in [
        next(step for step in steps if step[1].endswith("/addPassword")), ("work", "store"), ("work", "read back"),
    ])  # fmt: skip
    removed = next(place for place, step in enumerate(steps) if step[1].endswith("/removePassword"))
    assert [step[1] for step in steps[added:stored]].count(f"/{AUTHORITY.tenant}/oauth2/token") >= 3
    assert added < stored < back < removed
    noted = [place for place, step in enumerate(steps) if step == ("work", "write notes")]
    assert noted[0] < added
    assert any(added < place < stored for place in noted)


def test_it_runs_in_an_event_loop_as_well(shop: Workshop) -> None:
    async def send(request: Request) -> Response:
        return shop.partner.send(request)

    async def rotated() -> str:
        return (await arun(shop.rotation().rotate(), send, shop.partner.clock.asleep)).key_id

    assert anyio.run(rotated) == shop.registered[-1]
    assert shop.works()


def test_a_program_that_runs_on_picks_up_the_new_one(shop: Workshop) -> None:
    """It has the file's old content in hand; the overlap is over before it asks again."""
    running = Application(WEB_APP, Stored(Holding(SECRET, FilePlace(shop.path, "secret")).read))
    source = AppOnly(running, AUTHORITY, clock=shop.partner.clock)
    shop.partner.run(source.token(shop.partner.partner_center))

    shop.rotate(overlap=timedelta())

    assert shop.partner.run(source.token(shop.partner.partner_center)).access_token


def test_a_plan_changes_nothing(shop: Workshop) -> None:
    first = shop.registered[0]
    shop.rotate()
    content, registered, note = shop.path.read_bytes(), shop.registered, shop.note()

    planned = shop.partner.run(shop.rotation(overlap=timedelta()).planned())

    assert planned.formers == (registered[1],)
    assert planned.retires == (first, registered[1])
    assert (planned.where, planned.mends) == (str(shop.path), False)
    assert (shop.path.read_bytes(), shop.registered, shop.note()) == (content, registered, note)


def test_secret_to_certificate_to_federation_with_the_same_consent(tmp_path: Path) -> None:
    """The new kind is put beside the old one, tried first, and the old one can go."""
    shop = Workshop(tmp_path)
    consent = shop.partner.kept()
    target = tmp_path / "app.pem"
    rotation = shop.rotation(kind=CERTIFICATE, target=str(target), holding=None)

    shop.partner.run(rotation.rotate())
    certificate = Holding(CERTIFICATE, FilePlace(target, "certificate"))
    shop.partner.application = Application(WEB_APP, Stored(certificate.read), (Stored(shop.holding.read),))
    assert shop.consent_works()
    shop.registration.secrets.clear()
    assert shop.consent_works()

    assert (shop.partner.kept().epoch, shop.partner.kept().mfa) == (consent.epoch, consent.mfa)
    assert shop.partner.kept().state == consent.state


# --- who may


@pytest.mark.parametrize("kind", [SECRET, CERTIFICATE])
def test_the_application_as_its_own_owner(tmp_path: Path, kind: CredentialKind) -> None:
    shop = Workshop(tmp_path, kind)
    shop.allow("Application.ReadWrite.OwnedBy")
    shop.registration.owner = WEB_APP

    assert shop.rotate().key_id == shop.registered[-1]


@pytest.mark.parametrize("kind", [SECRET, CERTIFICATE])
def test_by_the_consent_where_the_application_may_not(tmp_path: Path, kind: CredentialKind) -> None:
    shop = Workshop(tmp_path, kind)
    shop.allow()
    tenant = shop.partner.emulator.world.tenants[AUTHORITY.tenant]
    shop.registration.permissions[GRAPH].add("Application.ReadWrite.All")
    tenant.grants[WEB_APP, GRAPH, ""].add("Application.ReadWrite.All")

    outcome = shop.rotate(overlap=timedelta())

    assert shop.registered == [outcome.key_id]
    assert shop.works()


def test_a_certificate_is_rolled_by_proof_without_a_permission_to_write(tmp_path: Path) -> None:
    """It is enough that the consent may read the directory: the application signs with the key that it has."""
    shop = Workshop(tmp_path, CERTIFICATE)
    shop.allow()

    steps = shop.steps(shop.rotation(overlap=timedelta()).rotate())

    assert len(shop.registered) == 1
    assert shop.works()
    assert {path.rpartition("/")[2] for method, path in steps if method in ("POST", "PATCH")} == {
        "token", "addKey", "removeKey",
    }  # fmt: skip


def test_where_nobody_may_that_is_said_and_nothing_is_begun(shop: Workshop) -> None:
    shop.allow()

    with pytest.raises(Forbidden) as raised:
        shop.rotate()

    assert "Application.ReadWrite.OwnedBy" in raised.value.hint
    assert len(shop.registered) == 1
    assert not shop.note().begun


def test_reading_may_be_allowed_where_writing_is_not(shop: Workshop) -> None:
    """What was begun is given up again."""
    shop.allow("Application.Read.All")

    with pytest.raises(Forbidden):
        shop.rotate()

    assert len(shop.registered) == 1
    assert not shop.note().begun
    assert shop.works()


# --- policies of the tenant


@pytest.mark.parametrize(("allowed", "days"), [(100, 90), (30, 30), (20, 7)])
def test_a_shorter_life_where_a_policy_wants_that(shop: Workshop, allowed: int, days: int) -> None:
    shop.partner.emulator.world.tenants[AUTHORITY.tenant].secrets_last = timedelta(days=allowed)
    began = shop.partner.clock.now()

    outcome = shop.rotate()

    assert outcome.ends == began + timedelta(days=days)


@pytest.mark.parametrize(
    ("allowed", "lifetime", "hint"), [(5, None, "--lifetime"), (30, 60, "--lifetime"), (0, None, "--kind certificate")]
)
def test_a_policy_that_nothing_fits(shop: Workshop, allowed: int, lifetime: int | None, hint: str) -> None:
    shop.partner.emulator.world.tenants[AUTHORITY.tenant].secrets_last = timedelta(days=allowed)
    asked = timedelta(days=lifetime) if lifetime else None

    with pytest.raises(ApiRefused) as raised:
        shop.rotate(lifetime=asked)

    assert hint in raised.value.hint
    assert len(shop.registered) == 1


# --- what does not work is taken back


def test_a_secret_that_never_becomes_known_is_taken_back(shop: Workshop) -> None:
    """The old one lies in its place as before."""
    content = shop.path.read_bytes()
    shop.partner.emulator.world.measures.spreading_takes = timedelta(hours=1)

    with pytest.raises(InvalidClient) as raised:
        shop.rotate()

    assert raised.value.code == 7000215
    assert len(shop.registered) == 1
    assert shop.path.read_bytes() == content
    assert not shop.note().begun


def test_what_cannot_be_taken_back_now_is_taken_back_by_the_next_run(shop: Workshop) -> None:
    shop.partner.emulator.world.measures.spreading_takes = timedelta(hours=1)
    shop.partner.emulator.faults.add(operation="POST /v1.0/applications/{application}/removePassword", reset=True)

    with pytest.raises(InvalidClient) as raised:
        shop.rotate()
    assert "the next run takes it back" in raised.value.hint
    assert len(shop.registered) == 2

    shop.partner.emulator.faults.clear()
    shop.partner.emulator.world.measures.spreading_takes = timedelta()
    outcome = shop.rotate()
    assert shop.registered == [shop.registered[0], outcome.key_id]
    assert not shop.note().suspects


def test_a_place_that_cannot_be_written_is_told_before_anything_begins(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        could_not_run("to have a file of another account takes root")
    shop = Workshop(tmp_path)
    rotation = shop.rotation(target=str(tmp_path / "nowhere" / "secret"))

    with pytest.raises(StoreUnwritable):
        shop.partner.run(rotation.rotate())

    assert len(shop.registered) == 1


class Broken(FilePlace):
    """A disk that fails in the middle: the new content may be there or not, and the old comes back or does not."""

    def __init__(self, path: Path, *, arrives: bool, comes_back: bool) -> None:
        super().__init__(path, "secret")
        self.arrives, self.comes_back, self.written = arrives, comes_back, 0

    def replace(self, content: bytes) -> None:
        self.written += 1
        if self.written == 1:
            if self.arrives:
                super().replace(content)
            raise StoreUnwritable("the disk failed")
        if not self.comes_back:
            raise StoreUnwritable("the disk failed again")
        super().replace(content)


@pytest.mark.parametrize(("arrives", "comes_back"), [(False, True), (True, True), (True, False)])
def test_a_disk_that_fails_while_it_is_stored(shop: Workshop, arrives: bool, comes_back: bool) -> None:
    """What lies there works in every case; the new one goes only where it surely does not lie there."""
    content = shop.path.read_bytes()
    broken = Broken(shop.path, arrives=arrives, comes_back=comes_back)

    with pytest.raises(StoreUnwritable):
        shop.partner.run(shop.rotation(places=lambda target, kind: broken).rotate())

    assert shop.works()
    assert (shop.path.read_bytes() == content) is comes_back
    assert len(shop.registered) == (1 if comes_back else 2)
    outcome = shop.rotate()
    assert outcome.finished is not comes_back
    assert shop.works()
    assert set(shop.registered) == {outcome.key_id, *(one.key_id for one in outcome.leaving)}


class Lying(FilePlace):
    """A disk that says that it wrote, and did so only once."""

    def replace(self, content: bytes) -> None:
        if not hasattr(self, "written"):
            self.written = content
            super().replace(content)
            raise StoreUnwritable("the disk failed afterwards")


def test_a_disk_that_does_not_take_the_former_one_back(shop: Workshop) -> None:
    """What it says is not enough: the new one stays in the directory while it may lie in the place."""
    lying = Lying(shop.path, "secret")

    with pytest.raises(StoreUnwritable) as raised:
        shop.partner.run(shop.rotation(places=lambda target, kind: lying).rotate())

    assert "both work" in raised.value.hint
    assert len(shop.registered) == 2
    assert shop.works()
    assert shop.rotate().finished


def test_two_at_once_on_one_machine_go_one_after_the_other(shop: Workshop) -> None:
    """The lock holds the second off; across machines the condition of the notes does."""
    rotation = shop.rotation()
    lock = shop.notebook.lock()
    lock.acquire()
    assert not shop.notebook.lock().attempt()
    lock.release()
    note = shop.note()
    shop.partner.run(shop.notebook.write(note))

    with pytest.raises(StoreConflict):
        shop.partner.run(shop.notebook.write(note))
    assert shop.partner.run(rotation.rotate()).key_id


def test_what_is_no_credential_is_not_overwritten(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    (tmp_path / "app.pem").write_text("-----BEGIN LETTER-----\n")

    with pytest.raises(Misconfigured, match="is not overwritten"):
        shop.partner.run(shop.rotation(kind=CERTIFICATE, target=str(tmp_path / "app.pem"), holding=None).rotate())


# --- what is known


def test_ends_are_known_without_asking(tmp_path: Path) -> None:
    """A certificate's own; a secret's from its rotation, or from a look at the registration."""
    shop = Workshop(tmp_path)
    shop.registration.secrets[0].ends = shop.partner.clock.now() + timedelta(days=40)

    def known() -> tuple[str, int | None, KnownFrom]:
        (end,) = shop.partner.run(known_ends([shop.holding], shop.notebook))
        return end.key_id, end.days_left(shop.partner.clock.now()), end.known_from

    assert known() == ("", None, KnownFrom.NOBODY)
    directory = shop.rotation().directory
    shop.partner.run(looked_up([shop.holding], shop.notebook, directory, shop.partner.clock))
    assert known() == (shop.registered[0], 40, KnownFrom.DIRECTORY)
    outcome = shop.rotate()
    assert known() == (outcome.key_id, 179, KnownFrom.ROTATION)

    other = Workshop(tmp_path / "other", CERTIFICATE)
    (end,) = other.partner.run(known_ends([other.holding], other.notebook))
    assert (end.days_left(other.partner.clock.now()), end.known_from) == (20, KnownFrom.CERTIFICATE)
    assert last_end([end]) == end.ends


def test_the_notes_hold_no_secret(shop: Workshop, canary: Canary) -> None:
    """Ids and dates; the fingerprint gives nothing away."""
    shop.rotate()
    said = shop.partner.store.read(shop.notebook.name())
    assert said is not None
    held = shop.holding.read()
    assert isinstance(held, Secret)

    text = said.value.reveal()
    assert held.value.reveal() not in text
    assert held.value.reveal()[:6] not in text
    assert shop.registered[-1] in text


def test_the_file_is_private_and_keeps_its_form(tmp_path: Path) -> None:
    """0600 whatever it was, the line's end as it was, a link's target instead of the link."""
    shop = Workshop(tmp_path)
    real = tmp_path / "real"
    shop.path.rename(real)
    shop.path.symlink_to(real)
    real.chmod(0o644)

    shop.rotate()

    assert shop.path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert real.read_bytes().endswith(b"\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["client-secret", "real"]


def test_what_a_killed_process_left_beside_the_file_goes(shop: Workshop) -> None:
    """It may hold a secret; other files are none of our business."""
    left, other = (shop.path.with_name(f"client-secret.{end}") for end in ("new-0123456789abcdef", "new-and-mine"))
    left.write_text("a secret that never came into its place")
    other.write_text("mine")

    shop.rotate()

    assert not left.exists()
    assert other.exists()


def test_an_answer_that_was_lost_leaves_no_orphan(shop: Workshop) -> None:
    """The directory added it and nobody was told: it is found by its name."""
    shop.partner.emulator.faults.add(operation="POST /v1.0/applications/{application}/addPassword", drop=True, times=1)

    with pytest.raises(Unreachable):
        shop.rotate()

    assert len(shop.registered) == 1
    assert not shop.note().begun


def test_who_holds_the_one_that_was_told_to_go_keeps_it(shop: Workshop) -> None:
    """Somebody put the old file back: what is in use is never retired, whatever the notes say."""
    content = shop.path.read_bytes()
    shop.rotate(overlap=timedelta(days=1))
    shop.path.write_bytes(content)
    shop.partner.days(2)

    shop.partner.run(shop.rotation().retire())

    assert shop.works()
    assert len(shop.registered) == 2
