"""The watch as processes: it ends at once when told to, comes up again, tells by what was set up, shares the work."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, TENANT
from partnerauth.messages import Request, Response
from partnerauth.serving.server import serve
from partnerauth.watch.health import Health
from tests.canaries import Canary
from tests.cli.conftest import place, shell
from tests.cli.shell import SECONDS, Place, Shell

__all__ = ["place", "shell"]


@pytest.fixture
def away(shell: Shell, place: Place) -> Shell:
    """A consent of eight days ago, on the emulated world's clock."""
    shell.consent()
    shell.settings["clock"] = "emulator"
    later(place, 8)
    return shell


def later(place: Place, days: float) -> None:
    """Let days pass in the world."""
    place.emulator.world.clock.advance(timedelta(days=days))


def asked(place: Place) -> int:
    """How often the sign-in service was asked to refresh a token."""
    return sum(entry.grant_type == "refresh_token" for entry in place.emulator.journal.entries())


@contextmanager
def watching(shell: Shell, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """The watch, running."""
    with shell.started("watch", "--json", *arguments, **more) as process:
        yield process


def until(process: subprocess.Popen[str], name: str) -> list[dict[str, Any]]:
    """What it says up to an event of that name."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(json.loads(line))
        if said[-1]["event"] == name:
            return said
    raise AssertionError(said)


def test_it_renews_says_so_and_ends_at_once_when_told_to(away: Shell, place: Place) -> None:
    with watching(away) as process:
        said = until(process, "round")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)

    assert [event["event"] for event in said] == ["started", "renewed", "round"]
    assert said[1]["user"] == ADMIN_AGENT
    assert said[2]["renewed"] == 1
    assert process.returncode == 0
    assert err == ""
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopped"]
    away.noted(away.run("status"))


def test_it_ends_at_once_in_the_middle_of_a_renewal_and_the_next_one_goes_on(away: Shell, place: Place) -> None:
    """The service is down: the renewal is between two attempts when the signal comes."""
    place.emulator.faults.add(service="entra", path="/*/oauth2/token", status=503, retry_after=50)
    try:
        with watching(away) as process:
            until(process, "started")
            place.emulator.journal.clear()
            while not asked(place):
                pass
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
        assert process.returncode == 0
    finally:
        place.emulator.faults.clear()

    with watching(away) as process:
        said = until(process, "round")
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert [event["event"] for event in said] == ["started", "renewed", "round"]


def test_killed_it_comes_up_again_and_tells_nothing_twice(
    away: Shell, place: Place, canary: Canary, tmp_path: Path
) -> None:
    """A webhook with a signature, by TLS; what was told lies in the store, across a SIGKILL."""
    heard: list[Request] = []

    def hook(request: Request) -> Response:
        heard.append(request)
        return Response(204)

    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()
    away.settings["desk_url"] = "https://desk.example/"
    away.variables["PARTNERAUTH_ALARM_WEBHOOK_KEY"] = canary("webhook key", awkward=False)
    with serve(hook, place.server.ca.parent) as receiver:
        away.variables["PARTNERAUTH_ALARM_WEBHOOK"] = f"{receiver.url}/{canary('hook', awkward=False)}"
        for _ in range(3):
            with watching(away) as process:
                until(process, "round")
                process.kill()
        assert len(heard) == 1
        facts = heard[0].value()
        assert (facts["cause"], facts["code"], facts["tenant"]) == ("lost", "50173", TENANT)
        assert facts["consent"].startswith("https://desk.example/invite/"), "a fresh invitation"

        found[1].valid_from = None
        away.consent()
        away.run("watch", "--once")
        assert heard[-1].value()["event"] == "clear"


def test_once_ends_with_the_code_that_says_who_must_act(away: Shell, place: Place) -> None:
    assert away.run("watch", "--once").code == 0
    assert "renewed" not in away.run("watch", "--once").out, "it was not due any more"

    later(place, 8)
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()

    assert away.run("watch", "--once").code == 3
    assert away.run("watch", "--once").code == 3, "as long as it is so"
    outcome = away.run("renew", "--due", "--json")
    assert (outcome.code, outcome.value[0]["state"]) == (3, "lost")


def test_a_service_that_does_not_answer_does_not_hold_it_up(away: Shell, place: Place) -> None:
    """The renewal is in the middle of a request that nobody answers."""
    place.emulator.journal.clear()
    barrier = place.emulator.barriers.add(operation="token")
    try:
        with watching(away) as process:
            barrier.wait(1, SECONDS)
            process.terminate()
            process.communicate(timeout=SECONDS)
        assert process.returncode == 0
        assert barrier.held, "it ended while the request was held"
    finally:
        place.emulator.barriers.clear()


def test_with_another_secret_it_begins_anew(away: Shell, place: Place, canary: Canary, tmp_path: Path) -> None:
    """The same process: whoever watches it sees no end."""
    file = away.home / "secret"
    file.write_text("not the secret")
    canary.allowed(file)
    away.settings |= {"client_secret": "", "client_secret_file": str(file)}
    with watching(away) as process:
        said = until(process, "round")
        assert "suspended" in [event.get("cause") for event in said]
        file.write_text(place.secret)
        later(place, 1)
        process.send_signal(signal.SIGHUP)
        again = until(process, "renewed")
        process.terminate()
        process.communicate(timeout=SECONDS)

    assert again[0]["event"] == "started"
    assert process.returncode == 0


def test_several_sweeps_at_a_time_renew_each_consent_once(away: Shell, place: Place) -> None:
    before = asked(place)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "partnerauth", "renew", "--due", "--json"],
            env=away.environment,
            cwd=away.here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outcomes = [(process.communicate(timeout=SECONDS), process.returncode) for process in processes]

    assert [code for _, code in outcomes] == [0] * 4, outcomes
    assert asked(place) == before + 1


def test_systemd_hears_that_it_is_ready_alive_and_stopping(away: Shell, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    health = tmp_path / "health.json"
    away.variables |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
    away.settings["watch_health_file"] = str(health)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(SECONDS)
        with watching(away) as process:
            said = heard.recv(999).decode()
            until(process, "round")
            while "STATUS=1 consents, 0 lost" not in said:
                said += "\n" + heard.recv(999).decode()
            facts = json.loads(health.read_text())
            process.terminate()
            while "STOPPING=1" not in said:
                said += "\n" + heard.recv(999).decode()
            process.communicate(timeout=SECONDS)

    assert said.startswith("READY=1")
    assert "WATCHDOG=1" in said
    assert (facts["consents"], facts["renewed"]) == (1, 1)
    assert health.stat().st_mode & 0o077 == 0


def test_a_socket_without_a_file_is_heard_on_too() -> None:
    """Where a container has no file system in common with who runs it, the name begins with @."""
    name = f"partnerauth-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        heard.settimeout(SECONDS)
        health = Health.of({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "900000000"})
        health.ready()
        health.alive("well")

        assert [heard.recv(999), heard.recv(999)] == [b"READY=1", b"WATCHDOG=1\nSTATUS=well"]
    health.stopping()  # nobody hears, and nothing is raised
    assert health.every == 450


def test_the_calendar_and_the_drawing_come_out_as_they_are(away: Shell) -> None:
    away.settings["client_secret_ends"] = "2031-05-01"

    calendar = away.run("status", "--calendar")
    drawing = away.run("status", "--plot")

    assert calendar.out.count("BEGIN:VEVENT") == 2
    assert "20310501T000000Z" in calendar.out
    assert drawing.out.startswith("<svg")
    assert away.run("status", "--plot", "--json").code == 2


def test_what_is_set_up_wrong_is_said_at_once(shell: Shell) -> None:
    for name, value in (
        ("alarm_mail_server", "mail.example.com"),
        ("alarm_end_days", "soon"),
        ("client_secret_ends", "next year"),
        ("alarm_command", 'page "the ops'),
    ):
        shell.settings[name] = value
        outcome = shell.run("watch", "--once")
        assert outcome.code == 2, (name, outcome)
        del shell.settings[name]
    (shell.here / "partnerauth.toml").write_text('alarm_command = "steal"\n')
    assert "which a file in the working directory may not" in shell.run("watch", "--once").err


def test_no_secret_stands_in_what_is_printed_for_a_system(shell: Shell, canary: Canary) -> None:
    shell.variables["PARTNERAUTH_ALARM_WEBHOOK"] = f"https://hooks.example/{canary('hook', awkward=False)}"
    shell.variables["PARTNERAUTH_STORE"] = f"postgresql://me:{canary('database', awkward=False)}@db.example/pa"
    for kind in ("systemd", "cron", "schtasks", "kubernetes"):
        outcome = shell.run("watch", "install", "--print", kind)
        assert outcome.code == 0
        assert "PARTNERAUTH_ALARM_WEBHOOK" in outcome.out
        assert "hooks.example" not in outcome.out
        assert "db.example" not in outcome.out
        assert TENANT in outcome.out
