"""When things are not as they should be: the code says whose turn it is, the hint what to do, and nothing crashes."""

import os
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.server import serve
from tests.canaries import Canary
from tests.cli.shell import SECONDS, Place, Shell
from tests.needs import could_not_run

TOKEN = ("token", "--as", "app")
OTHER_TENANT = "bbbbcccc-1111-dddd-2222-eeee3333ffff"


# --- 2: arguments and settings


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["token", "--frobnicate"],
        ["token", "--as", "nobody"],
        ["token", "--api", "partner-centre"],
        ["token", "--api", "https://evil.example"],
        ["token", "--cloud", "globl"],
        ["token", "--cloud", "http://localhost:8443"],
        ["token", "--tenant", "not a tenant"],
        ["token", "--client-id", "not an id"],
        ["token", "--dialect", "v3"],
        ["token", "--as", "app", "--tenant", "organizations"],
        ["token", "--as", "app", "--cloud", "germany"],
        ["token", "--as", "app", "--certificate", "/nowhere.pem"],
        ["token", "--as", "password", "--username", "x@contoso.com"],
        ["token", "--ca", "/nowhere.pem", "--as", "app"],
        ["consent", "--redirect-uri", "https://localhost:44395/"],
        ["call", "FETCH", "/v1/customers"],
        ["call", "GET", "v1/customers"],
        ["call", "GET", "/v1/customers?a=1&a=2", "--as", "app"],
        ["explain", "no code"],
        ["inspect", "/nowhere"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_usage(shell: Shell, arguments: list[str]) -> None:
    outcome = shell.run(*arguments)

    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert "rror:" in outcome.err


def test_a_near_miss_is_named(shell: Shell) -> None:
    assert "Did you mean partner-center?" in shell.run("token", "--api", "partner-centre").err


@pytest.mark.parametrize("setting", ["client_id", "tenant"])
def test_a_missing_setting_says_where_to_put_it(shell: Shell, setting: str) -> None:
    shell.settings[setting] = ""

    outcome = shell.run(*TOKEN)

    assert outcome.code == 2
    assert f"{setting} is not set" in outcome.err
    assert f"--{setting.replace('_', '-')}" in outcome.err
    assert f"PARTNERAUTH_{setting.upper()}" in outcome.err


@pytest.mark.parametrize("setting", ["cloud", "ca", "store", "store_key", "shelf"])
def test_a_file_in_the_working_directory_may_not_say_where_secrets_go(shell: Shell, place: Place, setting: str) -> None:
    """Somebody may have put it into a repository that was cloned, or into a temporary directory."""
    (shell.here / "partnerauth.toml").write_text(f'{setting} = "https://evil.example"\n')
    asked = place.emulator.journal.last

    for command in (TOKEN, ("status",), ("consent", "--no-browser"), ("renew",)):
        outcome = shell.run(*command)
        assert outcome.code == 2
        assert f"partnerauth.toml names {setting}, which a file in the working directory may not" in outcome.err

    assert place.emulator.journal.last == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('client_secret = "TestClientAppSecret23456"', "holds a secret (client_secret)"),
        ('password = "PCTestPassword@123"', "holds a secret (password)"),
        ('tennant = "contoso.com"', "Did you mean tenant?"),
        ("tenant = 1", "tenant is no text"),
        ("tenant = ", "is no TOML"),
        ("[tenant]\nname = 1", "tenant is no text"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_and_its_secrets_are_not(shell: Shell, text: str, said: str) -> None:
    for directory in (shell.here, shell.config):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "partnerauth.toml").write_text(text + "\n")
        outcome = shell.run(*TOKEN)
        (directory / "partnerauth.toml").unlink()

        assert outcome.code == 2
        assert said in outcome.err
        assert "TestClientAppSecret" not in outcome.err
        assert "PCTestPassword" not in outcome.err


def test_the_files_settings_are_used_in_their_order(shell: Shell) -> None:
    """A flag, a variable, the directory's file, the user's own file."""
    for name in ("tenant", "client_id"):
        shell.settings[name] = ""
    shell.config.mkdir(parents=True)
    own = f'tenant = "{TENANT}"\nclient_id = "{WEB_APP}"\n'
    (shell.config / "partnerauth.toml").write_text(own, "utf-8-sig")  # as editors on Windows do
    assert shell.run(*TOKEN, tokens=True).code == 0

    (shell.here / "partnerauth.toml").write_text('tenant = "organizations"\n')
    assert shell.run(*TOKEN).code == 2

    shell.settings["tenant"] = TENANT
    assert shell.run(*TOKEN, tokens=True).code == 0

    assert shell.run(*TOKEN, "--tenant", "organizations").code == 2


# --- 5: refused


def test_a_wrong_secret(shell: Shell, canary: Canary) -> None:
    shell.settings["client_secret"] = canary("wrong secret")

    people = shell.run(*TOKEN)

    assert people.code == 5
    assert "AADSTS7000215" in people.err
    assert "correlation id:" in people.err


def test_a_secret_that_the_service_repeats_is_masked(tmp_path: Path, shell: Shell, canary: Canary) -> None:
    """Some gateways quote the request in their refusal."""
    secret = canary("client secret")
    shell.settings["client_secret"] = secret
    told = {"error": "invalid_client", "error_description": f"AADSTS7000215: the secret '{secret}' is wrong."}

    with serve(lambda request: Response.json(401, told), tmp_path / "elsewhere") as server:
        shell.settings |= {"cloud": server.url, "ca": str(server.ca)}
        outcome = shell.run("-v", *TOKEN)

    assert outcome.code == 5
    assert "the secret '***' is wrong" in outcome.err


def test_an_unknown_tenant(shell: Shell) -> None:
    outcome = shell.run(*TOKEN, "--tenant", OTHER_TENANT)

    assert outcome.code == 5
    assert "AADSTS90002" in outcome.err


def test_a_clock_that_is_off_is_named_as_the_cause(shell: Shell, place: Place) -> None:
    """This machine is an hour behind: tokens still come, their times count from receipt; a consent cannot be judged."""
    place.emulator.world.clock.advance(timedelta(hours=1))

    token = shell.run(*TOKEN, tokens=True)
    consent = shell.browsing().run("consent", "--json")

    assert token.code == 0
    assert consent.code == 5
    assert consent.failure["message"] == "the id_token is from the future"
    assert "Set this machine's clock right" in consent.failure["hint"]


def test_a_clock_that_is_ahead_is_named_as_the_cause(shell: Shell, place: Place) -> None:
    place.emulator.world.clock.advance(timedelta(hours=-3))

    consent = shell.browsing().run("consent", "--json")

    assert consent.code == 5
    assert consent.failure["message"] == "the id_token has expired"
    assert "Set this machine's clock right" in consent.failure["hint"]


# --- 6: unreachable


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_nobody_answers(shell: Shell) -> None:
    shell.settings["cloud"] = f"https://localhost:{free_port()}"

    outcome = shell.run(*TOKEN)

    assert outcome.code == 6
    assert "hint:" in outcome.err


def test_a_certificate_that_is_not_trusted(shell: Shell) -> None:
    shell.settings["ca"] = ""
    shell.variables["SSL_CERT_FILE"] = ssl.get_default_verify_paths().openssl_cafile

    outcome = shell.run(*TOKEN)

    assert outcome.code == 6
    assert "--ca or PARTNERAUTH_CA" in outcome.err


ANSWERS = {
    "a captive portal": Response.html(200, "<html>Welcome to the airport. Accept our terms.</html>"),
    "a bad gateway": Response.html(502, "<html>Bad gateway</html>"),
    "a proxy's page": Response.html(403, "<html>Blocked by your proxy</html>"),
    "cut JSON": Response(200, (("Content-Type", "application/json"),), b'{"access_token": "tok'),
    "nothing": Response(200),
    "no token": Response.json(200, {"token_type": "Bearer", "expires_in": 3600}),
    "a redirect": Response(302, (("Location", "https://evil.example/"),)),
    "throttled": Response.json(429, {"error": "throttled"}, (("Retry-After", "120"),)),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_is_none(shell: Shell, tmp_path: Path, what: str) -> None:
    with serve(lambda request: ANSWERS[what], tmp_path / "elsewhere") as server:
        shell.settings |= {"cloud": server.url, "ca": str(server.ca)}
        outcome = shell.run(*TOKEN)

    assert outcome.code == 6, outcome
    assert "hint:" in outcome.err
    assert "correlation id:" in outcome.err
    assert "<html>" not in outcome.err


@contextmanager
def answering(directory: Path, answer: Callable[[ssl.SSLSocket], object]) -> Iterator[tuple[str, str]]:
    """A TLS server of a few lines, that does whatever it likes; its origin, and what to trust."""
    certificates = Certificates(directory)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve_all() -> None:
            while True:
                with suppress(ssl.SSLError, ConnectionError, TimeoutError):
                    try:
                        raw, _ = listening.accept()
                    except OSError:
                        return
                    raw.settimeout(SECONDS)
                    with certificates.context.wrap_socket(raw, server_side=True) as door:
                        door.recv(65_536)
                        answer(door)

        thread = threading.Thread(target=serve_all, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}", str(certificates.bundle)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [b"", HEAD + b'{"access_token": "eyJ', b"SSH-2.0-OpenSSH_9.2\r\n"],
    ids=["nothing", "half a body", "another protocol"],
)
def test_an_answer_that_is_cut_off(shell: Shell, tmp_path: Path, sent: bytes) -> None:
    with answering(tmp_path / "elsewhere", lambda door: door.sendall(sent)) as (origin, ca):
        shell.settings |= {"cloud": origin, "ca": ca}
        outcome = shell.run(*TOKEN)

    assert outcome.code == 6, outcome
    assert "hint:" in outcome.err


# --- 7: the store


def test_a_store_that_was_sealed_with_another_key(shell: Shell) -> None:
    shell.consent()
    (shell.home / "config").rename(shell.home / "former")
    shell.run("status")  # makes a key of its own, and finds that it does not fit

    outcome, status = shell.run("token"), shell.run("status", "--json")

    assert (outcome.code, status.code) == (7, 7)
    assert status.failure["error"] == "StoreKeyWrong"
    assert "nothing was changed" in status.failure["hint"]
    shutil.rmtree(shell.home / "config", ignore_errors=True)
    (shell.home / "former").rename(shell.home / "config")
    assert shell.run("token", tokens=True).code == 0, "with its own key it opens again"


@pytest.mark.parametrize("content", [b"", b"no database", b"\x00" * 8192], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_store_is_left_as_it_is(shell: Shell, content: bytes) -> None:
    shell.consent()
    shell.store.write_bytes(content)

    outcome = shell.run("token")

    assert outcome.code == 7
    assert "hint:" in outcome.err
    assert shell.store.read_bytes() == content


def test_a_store_that_is_damaged_inside(shell: Shell) -> None:
    shell.consent()
    content = bytearray(shell.store.read_bytes())
    for place in range(len(content) // 2, len(content), 97):
        content[place] ^= 0xFF
    shell.store.write_bytes(bytes(content))

    codes = {shell.run(*command).code for command in (("token",), ("status",), ("renew",), ("forget", "--yes"))}

    assert codes == {7}


def test_a_store_that_others_can_read_is_refused(shell: Shell) -> None:
    shell.consent()
    shell.store.chmod(0o644)

    outcome = shell.run("token")

    assert outcome.code == 7
    assert "hint:" in outcome.err


def test_a_disk_without_room(shell: Shell) -> None:
    """/dev/full takes nothing; here it stands for the key of the store."""
    if not Path("/dev/full").exists():
        could_not_run("/dev/full (Linux has it)")

    outcome = shell.run("status", "--store-key", "/dev/full")

    assert outcome.code == 7, outcome


# --- what nobody reads, what nobody may read


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["explain", "50076"], ["token", "--as", "app"], ["credential", "status"]],
    ids=" ".join,
)
def test_nobody_reads_to_the_end(shell: Shell, arguments: list[str]) -> None:
    """`partnerauth … | head -1`, and its reader is gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    with shell.started(*arguments, stdout=writing) as process:
        os.close(writing)
        _, err = process.communicate(timeout=SECONDS)

    assert (process.returncode, err) == (0, "")


def test_nobody_reads_the_errors(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with shell.started("token", stderr=writing) as process:
        os.close(writing)
        out, _ = process.communicate(timeout=SECONDS)

    assert process.returncode != 0
    assert out == ""


def test_standard_input_is_closed(shell: Shell) -> None:
    outcome = shell.run("consent", "--paste", typed="")

    assert outcome.code == 3


def test_no_output_and_no_log_holds_a_secret(shell: Shell, place: Place, canary: Canary, tmp_path: Path) -> None:
    """Secrets of every kind, from every place that they may come from, through every command at its most talkative."""
    kept = canary.allowed(tmp_path / "secret")
    kept.write_text(place.secret)
    shell.settings |= {"client_secret": "", "client_secret_file": str(kept), "password": canary("password")}
    shell.consent("--json")
    commands = (
        ("-v", "status"),
        ("-v", "renew"),
        ("-v", "call", "GET", "/v1/customers"),
        ("-v", "call", "GET", "/v1/nowhere"),
        ("-v", "call", "GET", "/v1/customers", "--output", "curl"),
        ("-v", "token", "--as", "password", "--username", ADMIN_AGENT),
        ("-v", "consent", "--paste"),
        ("-v", "forget", "--yes"),
        ("-v", "token"),
    )

    outcomes = [shell.run(*command, typed="https://localhost/?code=x&state=y\n") for command in commands]

    assert [outcome.code for outcome in outcomes] == [0, 0, 0, 5, 0, 5, 5, 0, 3]
    written = [path for path in shell.home.rglob("*") if path.is_file() and path.name != "said"]
    assert written
    assert not [path for path in written if place.secret.encode() in path.read_bytes()]


def test_a_fault_of_our_own_is_told_without_its_text(shell: Shell, canary: Canary, tmp_path: Path) -> None:
    """A module that fails in a way nobody thought of, with a secret in its message."""
    secret = canary("token", awkward=False)
    (tmp_path / "sitecustomize.py").write_text(
        "import partnerauth.oauth.refusals as r\n"
        "import os\n"
        "def explain(code):\n"
        "    raise RuntimeError(os.environ['SECRET'])\n"
        "r.explain = explain\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    shell.variables |= {"PYTHONPATH": path, "SECRET": secret}

    people, programs = shell.run("explain", "50076"), shell.run("explain", "50076", "--json")

    assert people.code == programs.code == 1
    assert "an internal fault: RuntimeError in partnerauth.cli.inspect, line" in people.err
    assert programs.failure["exit_code"] == 1


def test_the_persons_account_is_blocked(shell: Shell, place: Place) -> None:
    shell.consent()
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].enabled = False

    token = shell.run("token")

    assert token.code == 5
    assert "AADSTS50057" in token.err
    found[1].enabled = True
    assert shell.run("token", tokens=True).code == 0, "suspended, and healed by itself"


def test_a_temporary_password_is_not_printed(shell: Shell, place: Place, canary: Canary) -> None:
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].password = Hidden(canary("right password"))
    shell.settings["password"] = canary("wrong password")

    outcome = shell.run("-v", "token", "--as", "password", "--username", ADMIN_AGENT)

    assert outcome.code == 5
    assert "50126" in outcome.err
