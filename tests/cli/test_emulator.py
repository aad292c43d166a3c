"""`partnerauth emulator` with its commands: how programs that are not changed come to it, and what is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.messages import Request
from tests.needs import could_not_run

SECONDS = 30
METADATA = "https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration"
ASKING = f"import urllib.request as u; print(u.urlopen({METADATA!r}).status)"
OWN_NETWORK = (
    "from partnerauth.serving import names; names.enter(own_network=True); from partnerauth.cli import main; main()"
)
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
FIRST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


class Command:
    """`partnerauth emulator …` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        strange = ("PARTNERAUTH_", "SSL_", "REQUESTS_", "CURL_", "NODE_", "JAVA_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        self.environment = {name: value for name, value in own.items() if not name.lower().endswith("_proxy")}
        homes = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        self.environment |= dict.fromkeys(homes, str(home)) | {"COLUMNS": "160", "NO_COLOR": "1"}

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "partnerauth", "emulator", *arguments]

    def run(self, *arguments: str, before: list[str] | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*(before or []), *self.line(*arguments)],
            env=self.environment | more,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    @contextmanager
    def serving(self, *line: str) -> Iterator["subprocess.Popen[str]"]:
        with subprocess.Popen(
            line, env=self.environment, cwd=self.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.wait(10)

    @contextmanager
    def ready(self, *arguments: str) -> Iterator[dict[str, Any]]:
        """What the ready line of a server says."""
        with self.serving(*self.line(*arguments, "--json")) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            facts: dict[str, Any] = json.loads(line)
            yield facts


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command, in one home for all tests of this module."""
    return Command(tmp_path_factory.mktemp("home"))


@pytest.fixture
def namespaces(command: Command) -> None:
    """Where nobody may have names of their own, a test of them cannot run."""
    if command.run("run", "--isolated", "--", "true").returncode != 0:
        could_not_run("mount and network namespaces (as root, or where users may make them)")


# --- run


@pytest.mark.parametrize("names", ["hosts", "proxy"])
def test_for_one_command_the_emulator_is_microsoft(command: Command, namespaces: None, names: str) -> None:
    if names == "hosts" and command.run("run", "--names", "hosts", "--", "true").returncode != 0:
        could_not_run("port 443 (as root)")

    done = command.run("run", "--names", names, "--", sys.executable, "-c", ASKING)

    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


def test_nobody_else_sees_those_names(command: Command, namespaces: None) -> None:
    before = Path("/etc/hosts").read_bytes(), Path("/proc/self/mounts").read_bytes()
    seen = command.run("run", "--isolated", "--", "cat", "/etc/hosts").stdout

    assert "127.0.0.1 login.microsoftonline.com\n" in seen
    assert before[0].decode() in seen
    assert (Path("/etc/hosts").read_bytes(), Path("/proc/self/mounts").read_bytes()) == before


def test_isolated_there_is_no_other_network(command: Command, namespaces: None) -> None:
    asking = "import socket; print([name for _, name in socket.if_nameindex()])"

    done = command.run("run", "--isolated", "--", sys.executable, "-c", f"{asking}; {ASKING}")

    assert done.stdout == "['lo']\n200\n"


@pytest.mark.needs("setpriv")
def test_without_the_rights_it_is_the_proxy(command: Command) -> None:
    if FIRST_PORT.exists() and int(FIRST_PORT.read_text()) <= 443:
        pytest.skip("every port is everybody's here")
    asking = f"import os; print('HTTPS_PROXY' in os.environ); {ASKING}"

    done = command.run("run", "--", sys.executable, "-c", asking, before=WITHOUT_RIGHTS)
    hosts = command.run("run", "--names", "hosts", "--", "true", before=WITHOUT_RIGHTS)

    assert (done.returncode, done.stdout) == (0, "True\n200\n")
    assert hosts.returncode == 2
    assert "--names proxy" in hosts.stderr


def test_several_commands_have_a_world_each_at_once(command: Command) -> None:
    program = "import os, sys; print(os.environ['PARTNERAUTH_CONTROL'], flush=True); sys.stdin.read()"
    line = command.line("run", "--", sys.executable, "-c", program)
    running = [
        subprocess.Popen(
            line, env=command.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=command.home
        )
        for _ in range(3)
    ]
    controls = {one.stdout.readline() for one in running if one.stdout}
    for one in running:
        one.communicate("", timeout=SECONDS)

    assert len(controls) == 3
    assert {one.returncode for one in running} == {0}


def test_the_command_knows_that_it_is_make_believe(command: Command) -> None:
    asking = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(command.run("run", "--", sys.executable, "-c", asking).stdout)

    assert seen["PARTNERAUTH_EMULATED"] == "1"
    assert seen["PARTNERAUTH_CONTROL"].endswith("/_emulator")
    assert seen["SSL_CERT_FILE"] == seen["PARTNERAUTH_CA"] == str(command.home / "partnerauth/emulator/ca.pem")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        (["a-program-that-nobody-has"], 127),
        (["/etc/hosts"], 126),
        (["sh", "-c", "exit $#", "sh", "--json", "--help", "--"], 3),
    ],
)
def test_it_ends_as_the_command_ends(command: Command, line: list[str], code: int) -> None:
    assert command.run("run", "--names", "proxy", "--", *line).returncode == code
    if line[0] == "sh":
        assert command.run("run", "--names", "proxy", *line).returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_handed_on(command: Command, number: signal.Signals) -> None:
    program = f"trap 'echo ended; exit 9' {number.value}; echo begun; while :; do read -r line; done"
    line = command.line("run", "--names", "proxy", "--", "sh", "-c", program)
    with subprocess.Popen(
        line, env=command.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=command.home
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        running.send_signal(number)
        assert running.stdin
        running.stdin.close()  # a shell may miss a signal that comes right before it reads: it is not left reading
        assert running.stdout.readline() == "ended\n"
        assert running.wait(SECONDS) == 9


def test_ctrl_c_is_the_commands_own(command: Command) -> None:
    """A terminal sends it to both; the command decides what it means."""
    program = "import signal, sys; signal.signal(2, lambda *_: sys.exit(5)); print('begun', flush=True); signal.pause()"
    line = command.line("run", "--names", "proxy", "--", sys.executable, "-c", program)
    with subprocess.Popen(
        line, env=command.environment, stdout=subprocess.PIPE, text=True, cwd=command.home, start_new_session=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(SECONDS) == 5


def test_nothing_is_left_behind(command: Command) -> None:
    command.run("run", "--", "true")
    before = sorted(command.home.rglob("*"))
    command.run("run", "--", "true")

    assert sorted(command.home.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--isolated", "--names", "proxy"], "--isolated"),
        (["--isolated", "--pass-through"], "--isolated"),
        (["--no-mfa"], "--sign-in"),
        (["--sign-in", "nobody@contoso.com"], "admin.agent@contoso.com"),
        (["--world", "there-is-none.toml"], "there-is-none.toml"),
    ],
)
def test_what_does_not_go_together_is_said(command: Command, arguments: list[str], told: str) -> None:
    done = command.run("run", *arguments, "--", "true")

    assert done.returncode == 2
    assert told in done.stderr


def test_a_command_is_needed(command: Command) -> None:
    assert command.run("run").returncode == 2


# --- control


def test_the_command_drives_its_world(command: Command) -> None:
    ours = f"{sys.executable} -m partnerauth emulator control"
    script = f"""
        {ours} clock --set 2027-01-01T00:00:00Z; {ours} clock --freeze; {ours} clock --advance 91d; {ours} clock
        {ours} PUT /policies '{{"mfa_at_the_apis": "today"}}' | grep -c 2026-06-08
        {ours} PUT /policies '{{"mfa": 1}}'; echo $?
        {ours} PUT /policies 'no JSON'; echo $?
    """
    done = command.run("run", "--", "sh", "-c", script)
    lines = done.stdout.splitlines()

    assert lines[0].startswith("2027-01-01T00:00:0")
    assert lines[1].endswith("(frozen)")
    assert lines[2].startswith("2027-04-02")
    assert lines[3:] == [lines[2], "1", "2", "2"]
    assert "the control API answered 400: there is no field 'mfa' here" in done.stderr
    assert "this is no JSON" in done.stderr


def test_without_an_emulator_there_is_nothing_to_ask(command: Command, tmp_path: Path) -> None:
    never = Command(tmp_path).run("control", "clock")
    assert never.returncode == 6
    assert "no emulator was ever started here" in never.stderr
    command.run("run", "--", "true")
    assert command.run("control", "clock", "--control", "https://localhost:1/_emulator").returncode == 6
    assert command.run("control", "clock", "--control", "http://localhost:1/_emulator").returncode == 2


# --- proxy


def asked(url: str, ca: str, *headers: tuple[str, str]) -> int:
    carrier = SyncCarrier(Trust(ca))
    try:
        return carrier.send(Request("GET", url, headers)).status
    finally:
        carrier.close()


def test_the_proxy_says_what_a_program_needs(command: Command) -> None:
    with command.ready("proxy", "--port", "0") as facts:
        done = subprocess.run(
            [sys.executable, "-c", ASKING],
            env=command.environment | facts["environment"],
            capture_output=True,
            text=True,
            check=False,
        )
        status = asked(f"{facts['control']}/clock", facts["ca"])

    assert (done.stdout, done.stderr, status) == ("200\n", "", 200)
    assert facts["environment"]["HTTPS_PROXY"] == facts["proxy"]


@pytest.mark.parametrize("arguments", [["proxy", "--host", "0.0.0.0"], ["--host", "0.0.0.0"], ["--host", "::"]])
def test_others_may_come_only_with_a_key(command: Command, arguments: list[str]) -> None:
    done = command.run(*arguments, "--port", "0")

    assert done.returncode == 2
    assert "--key-file" in done.stderr


def test_with_a_key_others_may_come(command: Command) -> None:
    key = command.home / "key"
    key.write_text("a-key-of-enough-letters\n")
    with command.ready("proxy", "--host", "0.0.0.0", "--port", "0", "--key-file", str(key)) as facts:
        address = facts["proxy"].replace("http://0.0.0.0", "http://any:a-key-of-enough-letters@127.0.0.1")
        statuses = [
            subprocess.run(
                [sys.executable, "-c", ASKING],
                env=command.environment | facts["environment"] | {"HTTPS_PROXY": proxy, "https_proxy": proxy},
                capture_output=True,
                check=False,
            ).returncode
            for proxy in (address, address.replace("a-key", "no-key"))
        ]
        direct = asked(f"{facts['control']}/clock", facts["ca"])
        at = ["--control", facts["control"], "--ca", facts["ca"]]
        clocks = [command.run("control", "clock", *at, *more).returncode for more in ([], ["--key-file", str(key)])]

    assert (statuses, direct, clocks) == ([0, 1], 401, [2, 0])


# --- the emulator itself


def test_it_says_how_programs_come_to_it(command: Command, namespaces: None) -> None:
    """On port 443 too, where that can be had; in a network of its own it can."""
    line = [sys.executable, "-c", OWN_NETWORK, "emulator", "--impersonate", "--port", "0", "--json"]
    with command.serving(*line) as process:
        assert process.stdout
        facts = json.loads(process.stdout.readline())

    assert {"url", "ca", "control"} < facts.keys()
    assert facts["real_port"] == 443
    assert "127.0.0.1 api.partnercenter.microsoft.com" in facts["hosts"]
    assert facts["environment"]["REQUESTS_CA_BUNDLE"] == facts["ca"]


def test_where_port_443_is_taken_it_says_so(command: Command, namespaces: None) -> None:
    inside = f"{sys.executable} -m partnerauth emulator --impersonate --port 0 & read -r line; kill $!; wait $!"
    line = command.line("run", "--isolated", "--", "sh", "-c", inside)
    done = subprocess.Popen(
        line, env=command.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=command.home
    )
    assert done.stdout
    lines = [done.stdout.readline()]
    while lines[-1] and "Ctrl-C" not in lines[-1]:
        lines.append(done.stdout.readline())
    done.communicate("\n", timeout=SECONDS)

    told = "".join(lines)
    assert "Port 443 is not served: port 443 on 127.0.0.1 is in use." in told
    assert "127.0.0.1 login.microsoftonline.com" in told
    assert "export NODE_EXTRA_CA_CERTS=" in told


def test_help_names_its_commands(command: Command) -> None:
    said = command.run("--help").stdout

    for name in ("run", "proxy", "control"):
        assert f"  {name} " in said
        assert command.run(name, "--help").returncode == 0
