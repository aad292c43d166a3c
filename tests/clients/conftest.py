"""The world that the clients are tried in, and how each of them is run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from partnerauth.emulator import default
from tests.clients import matrix, msal_browser
from tests.needs import could_not_run

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 100
WORLD = f"""
extends = "contoso"

[sign_in]
upn = "{default.ADMIN_AGENT}"
mfa = true

[[registrations]]
id = "{default.WEB_APP}"
certificates = ["certificate.pem"]

[[registrations]]
id = "{msal_browser.CLIENT}"
name = "A page"
tenant = "contoso.com"
redirects.spa = ["http://localhost/answer.html", "http://localhost/left.html"]
redirects.web = ["http://localhost/web/answer.html"]
permissions = {{ graph = ["User.Read"] }}
admin_consent = true

[[vaults]]
name = "contoso"
keys = [{{ name = "store" }}]
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The variables of a program: a home of its own, no settings, nobody's trust."""
    strange = ("PARTNERAUTH_", "AZURE_", "SSL_", "REQUESTS_", "CURL_", "NODE_", "JAVA_", "TEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), str(folder))
    paths = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    return kept | homes | {"PYTHONPATH": paths, "NO_COLOR": "1"} | more


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a world file, and the certificate of the application in it."""
    folder = tmp_path_factory.mktemp("clients")
    key = generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "application")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "application.pem").write_bytes(private + certificate)
    (folder / "world.toml").write_text(WORLD)
    return folder


def emulator(*arguments: str) -> list[str]:
    """The command line of `partnerauth emulator`."""
    return [sys.executable, "-m", "partnerauth", "emulator", *arguments]


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """A running emulator, by what its ready line says."""
    command = emulator(*arguments, "--json", "--directory", str(folder / "emulator"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(folder), cwd=folder) as process:
        assert process.stdout is not None
        try:
            facts: dict[str, Any] = json.loads(process.stdout.readline())
            yield facts
        finally:
            process.terminate()
            process.wait(10)


def run_in_emulator(
    folder: Path, options: list[str], command: list[str], **more: str
) -> "subprocess.CompletedProcess[str]":
    """A command inside of `partnerauth emulator run`."""
    directory = ["--directory", str(folder / "emulator")]
    return subprocess.run(
        [*emulator("run", *directory, *options), "--", *command],
        env=environment(folder, **more),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


Ending = dict[str, str]
"""How each flow of a client ended: an error, or nothing."""


@pytest.fixture(scope="session")
def endings(folder: Path) -> Callable[[str, str], Ending]:
    """Runs all the flows of a client, addressed or impersonated, once."""
    browser = f"{sys.executable} -m partnerauth.cli.emulator_browser %s"

    @cache
    def ended(module: str, way: str) -> Ending:
        if missing := getattr(matrix.program(module), "missing", str)():
            could_not_run(missing)
        program = [sys.executable, "-m", f"tests.clients.{module}"]
        world = ["--world", str(folder / "world.toml")]
        if way == "impersonated":
            done = run_in_emulator(folder, [*world, "--sign-in", default.ADMIN_AGENT], program, TEST_FOLDER=str(folder))
        else:
            # In a network of its own, so that port 443 of localhost is there for the one flow that asks for it.
            inside = f'{ADDRESSING} exec "$@"'
            done = run_in_emulator(
                folder,
                [*world, "--isolated"],
                ["sh", "-c", inside, "sh", *program],
                TEST_FOLDER=str(folder),
                OPENS=browser,
            )
        if "may not have names of its own" in done.stderr:
            could_not_run("mount and network namespaces (as root, or where users may make them)")
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert done.returncode == 0, done.stderr
        return {one["flow"]: one["error"] for one in told}

    return ended


ADDRESSING = """
export TEST_CA="$SSL_CERT_FILE" TEST_EMULATOR="${PARTNERAUTH_CONTROL%/_emulator}"
export BROWSER="env SSL_CERT_FILE=$SSL_CERT_FILE $OPENS"
unset SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PARTNERAUTH_CA PARTNERAUTH_EMULATED
"""
