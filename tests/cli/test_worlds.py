"""`partnerauth emulator world`: files that are worlds, and files that are none."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partnerauth.cli.command import command
from partnerauth.cli.emulated import opened
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.worldfile import read_world, write_world
from partnerauth.serving.emulated import serve_emulator

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, **variables: str) -> Result:
        return CliRunner(env=variables).invoke(command, ["emulator", "world", *arguments])

    return invoke


def test_a_new_world_is_one(run: Run, tmp_path: Path) -> None:
    """What `new` prints, `check` takes."""
    path = tmp_path / "world.toml"
    path.write_text(run("new").stdout)

    checked = run("check", str(path))

    assert checked.exit_code == 0
    assert checked.stdout == f"{path}: 1 tenant, 2 people, 1 registration, 1 customer, 1 vault\n"
    assert json.loads(run("check", str(path), "--json").stdout)["person"] == 2


@pytest.mark.parametrize("arguments", [("new", "--contoso"), ("export", "--default")])
def test_the_default_world_is_written_whole(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "world.toml"
    path.write_text(run(*arguments).stdout)

    assert "6 customers" in run("check", str(path)).stdout
    assert set(read_world(path).registrations) == set(contoso().registrations)


def test_a_mistake_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text('extends = "contoso"\n[measures]\nmfa_share = 2\n')

    checked = run("check", str(path))

    assert checked.exit_code == 2
    assert "world.toml: measures.mfa_share: expected a number from 0 to 1" in checked.stderr
    assert run("check", str(tmp_path / "none.toml")).exit_code == 2


def test_a_running_world_is_kept(run: Run, tmp_path: Path) -> None:
    """As it is now, with what changed since."""
    emulator = Emulator(contoso(WorldClock(), seed=1))
    with serve_emulator(emulator, tmp_path) as server:
        emulator.world.clock.freeze()
        emulator.world.measures.mfa_share = 0.5
        where = {"PARTNERAUTH_CONTROL": f"{server.url}/_emulator", "PARTNERAUTH_CA": str(server.ca)}
        text = run("export", **where).stdout

    assert text == write_world(emulator.world)
    assert read_world(text).measures.mfa_share == 0.5


def test_a_world_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    """So tokens live on; another file, and other keys, are another world; a state folder says by itself which it is."""
    file, kept, state = tmp_path / "world.toml", str(tmp_path / "kept"), str(tmp_path / "state")
    file.write_text('extends = "contoso"\n')

    first = opened(directory=kept).emulator.world

    assert opened(directory=kept).emulator.world.ids == first.ids
    assert opened(str(file), directory=kept).emulator.world.ids != first.ids
    with opened(directory=kept, state=state).keeping():
        pass
    signing_keys().roll()
    other = opened(directory=str(tmp_path / "other")).emulator.world
    assert other.ids != first.ids
    assert opened(directory=str(tmp_path / "other"), state=state).emulator.world.ids == first.ids
