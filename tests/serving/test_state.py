"""A world outlives its process: what was issued before a restart still works after it."""

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.keeping import read, written
from partnerauth.emulator.snapshot import APART
from partnerauth.emulator.world import VaultRole, World
from partnerauth.errors import Misconfigured, StoreFailed, StoreUnwritable
from partnerauth.messages import Request
from partnerauth.serving.state import StateFolder
from tests.emulator.callers import a_key

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def token(grant: str, **more: str) -> Request:
    own = {"grant_type": grant, "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    target = {"resource": "https://api.partnercenter.microsoft.com"}
    return Request.form(f"{ORIGIN}/{TENANT}/oauth2/token", own | target | more)


@pytest.fixture
def busy() -> Emulator:
    """An emulator in the middle of its life: tokens, a person on the pages, a device code, a vault in use."""
    emulator = Emulator(contoso(WorldClock(frozen_at=NOON), seed=3))
    emulator.handle(token("password", username=JOHN, password=PASSWORD))
    emulator.handle(token("password", username=JOHN, password="wrong"))
    page = f"{ORIGIN}/{TENANT}/oauth2/authorize?client_id={WEB_APP}&response_type=code&redirect_uri=http://localhost"
    assert emulator.handle(Request("GET", page)).status == 200
    device = f"{ORIGIN}/{TENANT}/oauth2/devicecode"
    emulator.handle(Request.form(device, {"client_id": WEB_APP, "resource": "https://graph.microsoft.com"}))
    emulator.world.vaults["contoso"].roles.add(VaultRole(WEB_APP, "reader"))
    emulator.world.vaults["contoso"].keys["store"] = a_key(NOON)
    return emulator


def facts(world: World) -> dict[str, object]:
    return {one.name: getattr(world, one.name) for one in fields(world) if one.name not in APART}


def test_everything_a_world_holds_is_written_and_read(busy: Emulator) -> None:
    """But the people in the middle of signing in."""
    world = contoso(WorldClock())

    world.restore(read(written(busy.world.snapshot())))

    assert busy.world.ledger["entra"].visits
    busy.world.ledger["entra"].visits.clear()
    assert facts(world) == facts(busy.world)
    assert (world.now(), world.clock.frozen) == (NOON, True)
    assert world.bytes(16) == busy.world.bytes(16)


def test_a_refresh_token_works_after_a_restart(tmp_path: Path) -> None:
    before = Emulator(contoso(WorldClock(frozen_at=NOON)))
    refresh_token = before.handle(token("password", username=JOHN, password=PASSWORD)).value()["refresh_token"]
    assert StateFolder(tmp_path / "state").save(before.world)

    after = Emulator()
    assert StateFolder(tmp_path / "state").load(after.world)

    assert after.handle(token("refresh_token", refresh_token=refresh_token)).status == 200
    after.world.clock.advance(timedelta(days=91))
    refused = after.handle(token("refresh_token", refresh_token=refresh_token))
    assert refused.value()["error_codes"] == [700082]


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.save(contoso())

    assert stat.S_IMODE(folder.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o600
    assert [one.name for one in folder.path.parent.iterdir()] == ["world.json"]


def test_what_stands_there_already_is_not_written_again(tmp_path: Path) -> None:
    world, folder = contoso(), StateFolder(tmp_path / "state")

    assert folder.save(world)
    assert not folder.save(world)
    world.tenants[TENANT].name = "Other"
    assert folder.save(world)


def test_it_is_written_now_and_then_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, folder = contoso(), StateFolder(tmp_path / "state")
    written_once = threading.Event()
    save = folder.save

    def told(world: World) -> bool:
        try:
            return save(world)
        finally:
            written_once.set()

    monkeypatch.setattr(folder, "save", told)
    with folder.keeping(world, every=0.001):
        assert written_once.wait(10)
        world.tenants[TENANT].name = "Last"

    restored = contoso()
    StateFolder(tmp_path / "state").load(restored)
    assert restored.tenants[TENANT].name == "Last"


def test_a_new_folder_has_nothing(tmp_path: Path) -> None:
    assert not StateFolder(tmp_path / "state").load(contoso())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "moment": 1}',
        b'{"version": 1, "facts": {"!": "os:system", "of": {"command": "true"}}}',
        b'{"version": 1, "facts": {"!": "partnerauth.flow:run", "of": {}}}',
        b'{"version": 1, "facts": {"!": "partnerauth.nowhere:Nothing", "of": {}}}',
        b'{"version": 1, "facts": {"!": "partnerauth.emulator.world:World.now", "of": {}}}',
        b'{"version": 1, "facts": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(tmp_path: Path, text: bytes) -> None:
    folder, world = StateFolder(tmp_path / "state"), contoso()
    folder.path.touch(0o600)
    folder.path.write_bytes(text)

    with pytest.raises(Misconfigured, match="no state of a world"):
        folder.load(world)

    assert world.person(JOHN)


def test_a_file_that_others_read_is_not_trusted(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.save(contoso())
    folder.path.chmod(0o644)

    with pytest.raises(StoreFailed):
        folder.load(contoso())


def test_a_folder_that_others_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(StoreUnwritable):
        StateFolder(tmp_path / "open")


def test_members_that_came_or_went_do_no_harm(tmp_path: Path) -> None:
    """A newer or an older version wrote it."""
    body = json.loads(written(contoso().snapshot()))
    text = json.dumps(body)
    assert '"in_partner_center": true' in text
    changed = text.replace('"in_partner_center": true', '"a_member_of_later": true')

    world = contoso()
    world.restore(read(changed.encode()))

    assert world.registrations[WEB_APP].in_partner_center
    known = world.ids
    body["facts"]["of"] = [pair for pair in body["facts"]["of"] if pair[0] != "ids"]
    world.restore(read(json.dumps(body).encode()))
    assert world.ids == known


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, folder = contoso(), StateFolder(tmp_path / "state")
    folder.save(world)
    before = folder.path.read_bytes()
    world.tenants.clear()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnwritable, match="No space left"):
        folder.save(world)

    assert folder.path.read_bytes() == before
    assert [one.name for one in folder.path.parent.iterdir()] == ["world.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_a_served_world_goes_on_after_a_restart(tmp_path: Path) -> None:
    """`--state`: the access token of before is accepted too, since the signing keys are kept."""
    command = [sys.executable, "-m", "partnerauth", "emulator", "--json", "--port", "0"]
    folders = ["--directory", str(tmp_path / "kept"), "--state", str(tmp_path / "state")]
    tokens: dict[str, str] = {}
    answers = []
    for _ in range(2):
        with subprocess.Popen([*command, *folders], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            carrier = SyncCarrier(Trust(facts["ca"]))

            def here(request: Request, url: str = facts["url"]) -> Request:
                return Request(request.method, request.url.replace(ORIGIN, url), request.headers, request.body)

            if tokens:
                answers.append(carrier.send(here(token("refresh_token", refresh_token=tokens["refresh_token"]))))
                bearer = (("Authorization", f"Bearer {tokens['access_token']}"),)
                listing = Request("GET", f"{ORIGIN}/api.partnercenter.microsoft.com/v1/profiles/mpn", bearer)
                answers.append(carrier.send(here(listing)))
            else:
                tokens = carrier.send(here(token("password", username=JOHN, password=PASSWORD))).value()
            carrier.close()
            process.terminate()

    assert answers[0].status == 200
    assert answers[1].status != 401
