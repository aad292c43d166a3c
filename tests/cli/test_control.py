"""`partnerauth emulator control`: what the control API can, as commands against a running emulator."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from partnerauth.cli.command import command
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.messages import Request
from partnerauth.serving.emulated import serve_emulator

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(contoso(WorldClock(), seed=1))


@pytest.fixture
def run(emulator: Emulator, certificates: Path) -> Iterator[Run]:
    """Runs `partnerauth emulator control …` against the emulator, which is found by the variables."""
    with serve_emulator(emulator, certificates) as server:
        variables = {"PARTNERAUTH_CONTROL": f"{server.url}/_emulator", "PARTNERAUTH_CA": str(server.ca)}

        def run(*arguments: str, fails: bool = False) -> Result:
            result = CliRunner(env=variables).invoke(command, ["emulator", "control", *arguments])
            assert (result.exit_code != 0) is fails, result.output
            return result

        yield run


def read(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def token(emulator: Emulator) -> int:
    fields = {"grant_type": "client_credentials", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    url = f"https://localhost/{TENANT}/oauth2/token"
    return emulator.handle(Request.form(url, fields | {"resource": "https://graph.microsoft.com"})).status


def test_the_clock(run: Run) -> None:
    assert run("clock", "--freeze", "--set", "2026-01-01").stdout == "2026-01-01T00:00:00Z (frozen)\n"
    assert read(run, "clock", "--advance", "90d") == {"now": "2026-04-01T00:00:00Z", "frozen": True}
    assert run("clock").stdout == "2026-04-01T00:00:00Z (frozen)\n"
    assert read(run, "clock", "--follow")["frozen"] is False
    assert "expected" in run("clock", "--set", "soon", fails=True).output


def test_forks(run: Run) -> None:
    name, url = run("fork", "start", "rehearsal").stdout.split()
    assert name == "rehearsal"
    (shown,) = read(run, "fork")
    assert (shown["id"], shown["url"]) == (name, url)
    assert run("clock", "--control", shown["control"], "--freeze", "--set", "2027-01-01").stdout.startswith("2027")
    assert not run("clock").stdout.startswith("2027")
    assert "there is a fork of this name already" in run("fork", "start", "rehearsal", fails=True).output
    assert url in run("fork").stdout
    assert run("fork", "end", "rehearsal").stdout == ""
    assert read(run, "fork") == []
    assert "there is no such fork" in run("fork", "end", "rehearsal", fails=True).output


def test_policies(run: Run, emulator: Emulator) -> None:
    assert "2026-06-08T00:00:00Z" in run("policies", "mfa_at_the_apis=today").stdout
    assert emulator.world.policies.mfa_at_the_apis
    assert read(run, "policies", "mfa_at_the_apis=never")["mfa_at_the_apis"] is None
    assert "did you mean 'mfa_at_the_apis'" in run("policies", "mfa_at_the_api=today", fails=True).output
    assert "is not NAME=VALUE" in run("policies", "today", fails=True).output


def test_who_is_signed_in(run: Run) -> None:
    assert run("sign-in").stdout == "nobody\n"
    assert run("sign-in", ADMIN_AGENT).stdout == f"{ADMIN_AGENT} with MFA\n"
    assert read(run, "sign-in", ADMIN_AGENT, "--no-mfa") == {"upn": ADMIN_AGENT, "mfa": False}
    assert run("sign-in", "--stop").stdout == "nobody\n"


def test_faults(run: Run, emulator: Emulator) -> None:
    members = ("service=entra", "grant_type=client_credentials", "aadsts=7000222", 'headers={"X-A": "b"}', "times=1")
    assert run("faults", "add", *members).stdout == "fault-1\n"
    assert [token(emulator), token(emulator)] == [401, 200]
    assert "1 of 1" in run("faults").stdout
    assert read(run, "faults")[0]["rule"]["aadsts"] == 7000222
    run("faults", "clear", "fault-1")
    assert read(run, "faults") == []
    run("faults", "add", "message=Later.", "status=503")
    run("faults", "clear")
    assert emulator.faults.quiet
    assert "sttus" in run("faults", "add", "sttus=503", fails=True).output


def test_barriers(run: Run, emulator: Emulator) -> None:
    assert run("barriers", "add", "id=gate", "grant_type=refresh_token", "seconds=5").stdout == "gate\n"
    assert "gate" in run("barriers").stdout
    assert run("barriers", "release", "gate").stdout == "0 released, 0 waiting\n"
    run("barriers", "clear", "gate")
    run("barriers", "add")
    run("barriers", "clear")
    assert emulator.barriers.quiet


def test_the_journal(run: Run, emulator: Emulator) -> None:
    token(emulator)
    assert "login.microsoftonline.com" in run("journal").stdout
    assert len(read(run, "journal", "find", "service=entra", "status=2xx")["entries"]) == 1
    assert run("journal", "count", "grant_type=client_credentials", "--expect", "1").stdout == "1\n"
    assert run("journal", "count", "status=400", "--expect", "1", fails=True).exception
    run("journal", "clear")
    assert read(run, "journal", "count")["count"] == 0


def test_snapshots_and_reset(run: Run, emulator: Emulator) -> None:
    assert run("snapshot", "take", "before").stdout == "before\n"
    emulator.world.customers.clear()
    assert run("snapshot", "restore", "before").stdout.startswith("before, of 20")
    assert len(emulator.world.customers) == 6
    assert read(run, "snapshot")[0]["id"] == "before"
    run("snapshot", "forget", "before")
    assert "no such snapshot" in run("snapshot", "restore", "before", fails=True).output
    emulator.world.customers.clear()
    run("reset")
    assert len(emulator.world.customers) == 6


def test_everything_else_by_method_and_path(run: Run) -> None:
    assert json.loads(run("GET", "/clock").stdout)["frozen"] is False
    assert json.loads(run("put", "/clock", '{"frozen": true}').stdout)["frozen"] is True


def test_an_emulator_that_is_not_there_is_told(run: Run) -> None:
    assert run("clock", "--control", "https://localhost:1/_emulator", fails=True).exception
