"""What a program is told so that it takes the emulator for Microsoft, and who may see what is the emulator's own."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust as Roots
from partnerauth.emulator.address import API_HOSTS, SIGN_IN_HOSTS
from partnerauth.emulator.default import TENANT
from partnerauth.emulator.world import Vault
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.guard import is_loopback, key_from
from partnerauth.serving.impersonation import (
    Trust,
    around_proxies,
    exports,
    hosts_lines,
    is_real,
    real_names,
    through_proxy,
)
from partnerauth.serving.server import Server

KEY = Hidden("a-key-of-enough-letters")


@pytest.mark.parametrize(
    "name", [*sorted(SIGN_IN_HOSTS | API_HOSTS), "login.microsoftonline.us", "any.vault.azure.net"]
)
def test_real_names_are_known(name: str) -> None:
    assert is_real(name)


@pytest.mark.parametrize("name", ["", "localhost", "microsoft.com", "vault.azure.net.evil", "a.b.vault.azure.net"])
def test_other_names_are_not(name: str) -> None:
    assert not is_real(name)


def test_a_hosts_file_has_each_name_once_and_no_wildcard() -> None:
    lines = hosts_lines(real_names([Vault("contoso", TENANT), Vault("fabrikam", TENANT)]), "127.0.0.9")

    assert "127.0.0.9 login.microsoftonline.com" in lines
    assert "127.0.0.9 contoso.vault.azure.net" in lines
    assert len(set(lines)) == len(lines)
    assert "*" not in "".join(lines)


def test_every_name_is_in_the_certificate(certificates: Certificates) -> None:
    for name in real_names([Vault("contoso", TENANT), Vault("fabrikam", TENANT, cloud="china")]):
        assert certificates.context_for(name) is not certificates.context_for("localhost"), name


# --- trust


@pytest.fixture
def ca(certificates: Certificates, tmp_path: Path) -> Path:
    """The bundle, in a directory of its own."""
    return Path(shutil.copy(certificates.bundle, tmp_path / "ca.pem"))


def test_only_the_emulator_is_trusted(ca: Path) -> None:
    variables = Trust.kept(ca, others=False, env={}).variables({})

    assert variables["SSL_CERT_FILE"] == variables["REQUESTS_CA_BUNDLE"] == variables["NODE_EXTRA_CA_CERTS"] == str(ca)
    assert list(Path(variables["SSL_CERT_DIR"]).iterdir()) == []
    assert {path.stat().st_mode & 0o077 for path in ca.parent.iterdir() if path != ca} == {0}


def test_or_the_systems_roots_as_well(ca: Path, certificates: Certificates, tmp_path: Path) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes((certificates.bundle.parent / "names-root.pem").read_bytes())
    trust = Trust.kept(ca, others=True, env={"SSL_CERT_FILE": str(system)})
    variables = trust.variables({})

    text = trust.bundle.read_text()
    assert ca.read_text() in text
    assert system.read_text() in text
    assert "SSL_CERT_DIR" not in variables
    assert ssl.create_default_context(cafile=trust.bundle).cert_store_stats()["x509_ca"] == 2


def test_nothing_is_written_twice(ca: Path) -> None:
    first = Trust.kept(ca, others=False).java.stat()
    again = Trust.kept(ca, others=False).java.stat()
    os.utime(ca, ns=(again.st_mtime_ns + 10**9, again.st_mtime_ns + 10**9))
    ca.write_bytes(ca.read_bytes() * 2)
    after = Trust.kept(ca, others=False).java.stat()

    assert (first.st_ino, first.st_mtime_ns) == (again.st_ino, again.st_mtime_ns)
    assert after.st_ino != first.st_ino


@pytest.mark.needs("keytool")
def test_java_reads_the_trust_store(ca: Path) -> None:
    store = Trust.kept(ca, others=False).java
    listing = ["keytool", "-list", "-keystore", str(store), "-storepass", "changeit"]
    said = subprocess.run(listing, capture_output=True, text=True, check=False)

    assert said.stdout.count("trustedCertEntry") == 2, said.stdout


def test_javas_options_keep_what_is_there_and_spaces(certificates: Certificates, tmp_path: Path) -> None:
    spaced = tmp_path / "a b"
    spaced.mkdir()
    ca = Path(shutil.copy(certificates.bundle, spaced / "ca.pem"))
    options = Trust.kept(ca, others=False).variables({"JAVA_TOOL_OPTIONS": "-Xmx64m"})["JAVA_TOOL_OPTIONS"]

    assert options.startswith("-Xmx64m ")
    assert f'"-Djavax.net.ssl.trustStore={spaced}/ca.p12"' in options


def test_a_shell_takes_the_lines(ca: Path) -> None:
    variables = Trust.kept(ca, others=False).variables({}) | {"ODD": "it's $HOME"}
    telling = f"{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'"
    shell = "; ".join((*exports(variables), telling))
    said = subprocess.run(["sh", "-c", shell], env={}, capture_output=True, text=True, check=True)

    assert variables.items() <= json.loads(said.stdout).items()


# --- proxies


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "intern.example,10.0.0.0/8"}, "intern.example,10.0.0.0/8,localhost,127.0.0.1,::1"),
        ({"no_proxy": " .microsoft.com , db"}, "db,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "contoso.vault.azure.net,net,*.microsoftonline.com:443"}, "localhost,127.0.0.1,::1"),
    ],
)
def test_no_real_name_slips_past_the_proxy(before: Mapping[str, str], after: str) -> None:
    variables = through_proxy("http://127.0.0.1:8444", {"JAVA_TOOL_OPTIONS": "-Da=b"}, before)

    assert variables["NO_PROXY"] == variables["no_proxy"] == after
    assert variables["HTTPS_PROXY"] == variables["https_proxy"] == "http://127.0.0.1:8444"
    assert variables["JAVA_TOOL_OPTIONS"] == "-Da=b -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8444"


def test_by_hosts_no_proxy_is_asked_for_a_real_name() -> None:
    spelt = around_proxies(real_names(), {"https_proxy": "http://proxy.example:3128", "NO_PROXY": "db"})["NO_PROXY"]

    assert spelt.startswith("db,")
    assert {"login.microsoftonline.com", ".vault.azure.net", "localhost"} <= set(spelt.split(","))
    assert around_proxies(real_names(), {}) == {}


# --- who may see the emulator's own pages


@pytest.mark.parametrize(("host", "loopback"), [("localhost", True), ("127.9.9.9", True), ("::1", True), ("::", False)])
def test_loopback_addresses_are_told_from_others(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("content", ["", "short", "a key with spaces in it", "key-with-an-é-in-it", "x" * 5000])
def test_a_key_file_must_hold_a_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)

    with pytest.raises(Misconfigured, match="no key of at least 16"):
        key_from(path)


def test_a_key_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        key_from(tmp_path / "key")


def test_with_a_key_the_worlds_own_pages_ask_for_it(certificates: Certificates) -> None:
    def handle(request: Request) -> Response:
        return Response(200)

    carrier = SyncCarrier(Roots(certificates.bundle))
    with Server(handle, certificates.bundle.parent, key=KEY, grace=1.0) as server:

        def status(path: str, *headers: tuple[str, str]) -> int:
            return carrier.send(Request("GET", f"{server.url}{path}", headers)).status

        basic = b64encode(f"any:{KEY.reveal()}".encode()).decode()
        assert status("/_emulator/clock") == status("/") == status("/portal/people") == 401
        assert status("/_emulator/clock", ("Authorization", "Bearer wrong")) == 401
        assert status("/_emulator/clock", ("Authorization", f"Bearer {KEY.reveal()}")) == 200
        assert status("/", ("Authorization", f"Basic {basic}")) == 200
        assert status("/contoso.com/oauth2/token") == status("/graph.microsoft.com/v1.0/me") == 200
        refused = carrier.send(Request("GET", f"{server.url}/"))
    carrier.close()

    assert refused.header("WWW-Authenticate").startswith("Basic ")
