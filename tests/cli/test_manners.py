"""How the command behaves in a shell: where it prints to, who reads that, and what it asks of whom."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, TENANT
from tests.cli.shell import SECONDS, Outcome, Shell


def at_a_terminal(shell: Shell, *arguments: str) -> str:
    """What a person sees at a terminal of 80 columns."""
    shell.variables |= {"COLUMNS": "80", "TERM": "xterm"}
    ours, theirs = pty.openpty()
    seen = b""
    with shell.started(*arguments, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            while more := os.read(ours, 65_536):
                seen += more
        except OSError:  # Linux tells the end so
            pass
        process.wait(SECONDS)
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def redirected(shell: Shell, redirection: str, *arguments: str) -> Outcome:
    """The command as a shell starts it with that behind it."""
    line = f'exec "$0" -m partnerauth "$@" {redirection}'
    words = ["sh", "-c", line, sys.executable, *arguments]
    ended = subprocess.run(
        words, capture_output=True, text=True, cwd=shell.here, env=shell.environment, timeout=SECONDS, check=False
    )
    return shell.noted(Outcome(ended.returncode, ended.stdout, ended.stderr))


# --- where it prints to


@pytest.mark.parametrize("arguments", [["explain", "50076"], ["credential", "status"]], ids=" ".join)
def test_a_full_disk_is_no_fault_of_ours(shell: Shell, arguments: list[str]) -> None:
    people = redirected(shell, "> /dev/full", *arguments)

    assert people.code == 1
    assert "could not be written (No space left on device)" in people.err


def test_a_watch_goes_on_although_its_words_find_no_room(shell: Shell) -> None:
    shell.consent()

    outcome = redirected(shell, "> /dev/full", "watch", "--once", "--json")

    assert (outcome.code, outcome.err) == (0, "")


def test_streams_that_are_closed_are_stood_in_for(shell: Shell) -> None:
    assert redirected(shell, ">&-", "status").code == 0
    assert redirected(shell, "<&-", "inspect").code == 2
    assert redirected(shell, "2>&-", "token").code == 3


def test_a_terminal_too_narrow_for_a_table_shows_each_row_by_itself(shell: Shell) -> None:
    shell.consent()

    seen = at_a_terminal(shell, "status")

    assert seen.splitlines()[:2] == [f"user:               {ADMIN_AGENT}", f"tenant:             {TENANT}"]
    assert "last renewal (UTC): 20" in seen


def test_whoever_wants_no_colours_gets_none(shell: Shell) -> None:
    coloured = at_a_terminal(shell, "token", "--api", "nowhere")
    shell.variables["NO_COLOR"] = "1"
    plain = at_a_terminal(shell, "token", "--api", "nowhere")

    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain
    assert plain.startswith("error: there is no API 'nowhere'\n")


def test_usage_too_is_told_as_json(shell: Shell) -> None:
    outcome = shell.run("status", "--json", "--nonsense")

    assert outcome.code == outcome.failure["exit_code"] == 2
    assert outcome.failure["message"].startswith("No such option")
    assert outcome.failure["hint"] == "partnerauth status --help"


def test_the_nearest_command_is_told(shell: Shell) -> None:
    assert "Did you mean 'status'?" in shell.run("statsu").err
    assert "Did you mean 'invite'?" in shell.run("consent", "invit").err


def test_json_has_no_names_with_blanks(shell: Shell) -> None:
    assert not [name for name in shell.run("store", "explain", "--json").value if " " in name]


# --- what it asks of whom


@pytest.mark.parametrize("arguments", [["consent", "--no-browser"], ["consent", "--paste"]], ids=" ".join)
def test_ctrl_c_is_no_fault(shell: Shell, arguments: list[str]) -> None:
    def listening() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with shell.started(*arguments, preexec_fn=listening) as process:
        assert process.stderr
        while not process.stderr.readline().startswith("https://"):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert "broken off" in err


@pytest.mark.parametrize("arguments", [["--person", ADMIN_AGENT], ["--reach", "nowhere"]], ids=" ".join)
def test_what_makes_no_sense_is_told_before_anybody_signs_in(shell: Shell, arguments: list[str]) -> None:
    outcome = shell.browsing().run("consent", *arguments)

    assert outcome.code == 2
    assert "https://" not in outcome.err
    assert shell.run("status", "--json").value == []


def test_nobody_is_there_to_answer(shell: Shell) -> None:
    pasted = shell.run("consent", "--paste")
    shell.consent()
    forgotten = shell.run("forget")

    assert (pasted.code, forgotten.code) == (3, 2)
    assert "nothing was pasted" in pasted.err
    assert "--yes" in forgotten.err


def test_a_job_whose_store_is_another_one_is_told(shell: Shell) -> None:
    """Run by another account it has another home, and would renew nothing for ninety days."""
    due, programs = shell.run("renew", "--due"), shell.run("renew", "--due", "--json")
    watched = shell.run("watch", "--once")

    assert due.code == programs.code == watched.code == 3
    assert "there is nothing to watch" in watched.err
    assert "store explain" in due.err
    assert programs.value == []
    assert programs.failure["error"] == "NoConsent"


def test_what_is_no_token_is_the_fault_of_whoever_gave_it(shell: Shell) -> None:
    outcome = shell.run("inspect", typed="0.AXoA-a-refresh-token")

    assert outcome.code == 2
    assert "a refresh token tells nobody anything" in outcome.err


def test_the_browser_sees_none_of_our_variables(shell: Shell) -> None:
    said = shell.home / "variables"
    os.mkfifo(said)
    program = shell.home / "browser"
    program.write_text(f'#!/bin/sh\nexec env > "{said}"\n')
    program.chmod(0o700)
    shell.variables["BROWSER"] = str(program)

    with shell.started("consent"):
        seen = said.read_text()

    assert "PATH=" in seen
    assert "PARTNERAUTH_" not in seen


def test_nothing_is_left_open(shell: Shell) -> None:
    """Python tells of files, connections and processes that nobody closed, if it is asked to."""
    shell.variables |= {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}

    shell.consent()

    assert shell.run("renew").code == 0
