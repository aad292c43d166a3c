"""Certificates for this machine and for the real names, judged by OpenSSL, curl, Node and Java."""

import multiprocessing
import os
import ssl
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from partnerauth.errors import Misconfigured
from partnerauth.messages import Request, Response
from partnerauth.serving import authority
from partnerauth.serving.certificates import NAMES_LAST, Certificates, impersonated
from partnerauth.serving.server import Server, serve
from tests.needs import could_not_run

REAL = "login.microsoftonline.com"
NAMES = ("localhost", REAL, "api.partnercenter.microsoft.com", "contoso.vault.azure.net", "login.microsoftonline.us")


def handle(request: Request) -> Response:
    return Response(200, (), request.url.encode())


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[Server]:
    with serve(handle, certificates.bundle.parent) as running:
        yield running


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
        input="",
        env={**os.environ, **environment},
    )


def test_the_real_names_are_those_of_the_open_clouds() -> None:
    names = impersonated()

    assert {"login.windows.net", "sts.windows.net", "graph.microsoft.com", "*.vault.azure.net", "vault.azure.net"} < {
        *names
    }
    assert {"login.partner.microsoftonline.cn", "graph.microsoft.us"} < {*names}
    assert not any(name.endswith(".de") for name in names)


def test_only_the_owner_can_read_them(certificates: Certificates) -> None:
    directory = certificates.bundle.parent

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert certificates.bundle.is_absolute()


def test_no_key_is_kept_that_could_sign_for_a_real_name(certificates: Certificates) -> None:
    signers = []
    for path in certificates.bundle.parent.glob("*.pem"):
        content = path.read_bytes()
        if b"PRIVATE KEY" in content:
            key = load_pem_private_key(content, None).public_key()
            own = next(c for c in x509.load_pem_x509_certificates(content) if c.public_key() == key)
            if own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                signers.append((path.name, own.extensions.get_extension_for_class(x509.NameConstraints)))

    assert [name for name, _ in signers] == ["local-signer.pem"]
    constraint = signers[0][1]
    assert constraint.critical
    assert {str(subtree.value) for subtree in constraint.value.permitted_subtrees or ()} == {
        "localhost",
        "127.0.0.1/32",
        "::1/128",
    }


@pytest.mark.needs("openssl")
def test_what_the_kept_key_signs_for_another_name_is_not_trusted(certificates: Certificates, tmp_path: Path) -> None:
    kept = (certificates.bundle.parent / "local-signer.pem").read_bytes()
    signer = authority.Signer(certificate=kept, key=kept)
    verdicts = []
    for name in ("localhost", "example.com"):
        chain = tmp_path / f"{name}.pem"
        chain.write_bytes(authority.issue(signer, [name], [], datetime.now(UTC), timedelta(days=1)))
        verdicts.append(run("openssl", "verify", "-CAfile", certificates.bundle, "-untrusted", chain, chain))

    assert [verdict.returncode for verdict in verdicts] == [0, 2]
    assert "permitted subtree violation" in verdicts[1].stderr


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("name", [*NAMES, ""])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_trusts_the_certificate_for_the_name_it_asks_for(server: Server, name: str, version: str) -> None:
    asked = ["-servername", name, "-verify_hostname", name] if name else ["-noservername", "-verify_ip", "127.0.0.1"]

    seen = run(
        "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", server.ca, "-x509_strict",
        "-verify_return_error", version, *asked,
    )  # fmt: skip

    assert "Verify return code: 0 (ok)" in seen.stdout, seen.stderr
    assert "Peer signature type: ECDSA" in seen.stdout


@pytest.mark.needs("openssl")
def test_an_unknown_name_gets_the_certificate_of_this_machine(server: Server) -> None:
    seen = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "example.com")

    assert "subject=CN = localhost" in seen.stdout


@pytest.mark.needs("openssl")
def test_sessions_are_resumed(server: Server, tmp_path: Path) -> None:
    session = tmp_path / "session"
    common = ("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-servername", REAL)

    first = run(*common, "-sess_out", session)
    second = run(*common, "-sess_in", session)

    assert "New, TLSv1.2" in first.stdout
    assert "Reused, TLSv1.2" in second.stdout


@pytest.mark.needs("openssl")
def test_old_tls_is_refused(server: Server) -> None:
    seen = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")

    assert seen.returncode != 0


@pytest.mark.needs("curl")
@pytest.mark.parametrize("name", NAMES)
def test_curl_trusts_it(server: Server, name: str) -> None:
    url = f"https://{name}:{server.port}/x"

    seen = run("curl", "-sS", "--noproxy", "*", "--cacert", server.ca, "--connect-to", f"{name}::127.0.0.1:", url)

    assert (seen.stdout, seen.stderr) == (url, "")


@pytest.mark.needs("curl")
def test_curl_sends_a_long_body_and_many_requests(server: Server, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 200_000)
    upload = ("-T", tmp_path / "body", "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked")

    seen = run("curl", "-sS", "--noproxy", "*", "--cacert", server.ca, *upload, f"{server.url}/[1-20]")

    assert (seen.stdout, seen.stderr) == ("".join(f"{server.url}/{number}" for number in range(1, 21)), "")


NODE = """
const https = require('https')
const [port, ...names] = process.argv.slice(2)
const ask = name => new Promise((answered, failed) => https.get(
  {host: '127.0.0.1', port, path: '/x', servername: name, headers: {Host: name}},
  response => response.on('data', data => answered(String(data)))).on('error', failed))
Promise.all(names.map(ask)).then(urls => console.log(urls.join(' ')))
"""


@pytest.mark.needs("node")
def test_node_trusts_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ask.js").write_text(NODE)

    seen = run("node", tmp_path / "ask.js", server.port, *NAMES, NODE_EXTRA_CA_CERTS=str(server.ca))

    assert (seen.stdout.split(), seen.stderr) == ([f"https://{name}/x" for name in NAMES], "")


JAVA = """
import java.net.*;
import javax.net.ssl.*;
import java.security.KeyStore;
import java.security.cert.*;
import java.io.*;
import java.util.*;

public class Ask {
  public static void main(String[] asked) throws Exception {
    KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null, null);
    int number = 0;
    try (InputStream bundle = new FileInputStream(asked[0])) {
      for (Certificate root : CertificateFactory.getInstance("X.509").generateCertificates(bundle))
        roots.setCertificateEntry("root" + number++, root);
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(roots);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    for (String name : Arrays.copyOfRange(asked, 2, asked.length)) {
      Socket below = new Socket("127.0.0.1", Integer.parseInt(asked[1]));
      SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(below, name, 443, true);
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      System.out.println(name + " " + socket.getSession().getProtocol());
      socket.close();
    }
  }
}
"""


@pytest.mark.needs("java", "javac")
def test_java_trusts_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Ask.java").write_text(JAVA)

    seen = run("java", "-XX:TieredStopAtLevel=1", tmp_path / "Ask.java", server.ca, server.port, *NAMES)

    assert (seen.stdout.splitlines(), seen.stderr) == ([f"{name} TLSv1.3" for name in NAMES], "")


# --- as time goes by


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("*.pem")}


def roots(certificates: Certificates) -> list[bytes]:
    return [
        root.public_bytes(Encoding.DER) for root in x509.load_pem_x509_certificates(certificates.bundle.read_bytes())
    ]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    Certificates(tmp_path, clock)
    before = contents(tmp_path)
    clock.time += timedelta(days=3)

    Certificates(tmp_path, clock)

    assert contents(tmp_path) == before


def test_the_real_names_get_a_new_authority_before_the_week_is_over(tmp_path: Path) -> None:
    clock = Clock()
    first = Certificates(tmp_path, clock)
    before, trusted = contents(tmp_path), roots(first)
    clock.time += NAMES_LAST - timedelta(days=2)

    second = Certificates(tmp_path, clock)

    after = contents(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"names.pem", "names-root.pem", "ca.pem"}
    assert roots(second)[0] == trusted[0]
    assert roots(second)[2] == trusted[1], "the first server may still show what this one leads to"
    clock.time += timedelta(days=4)
    assert trusted[1] not in roots(Certificates(tmp_path, clock))


def test_a_server_that_runs_on_renews_what_it_shows(tmp_path: Path) -> None:
    clock = Clock()
    certificates = Certificates(tmp_path, clock)
    shown = certificates.context_for(REAL)
    clock.time += NAMES_LAST - timedelta(days=1)
    assert certificates.context_for(REAL) is shown
    clock.time += timedelta(hours=20)

    assert certificates.context_for(REAL) is not shown
    assert certificates.context_for(REAL) is certificates.context_for("GRAPH.microsoft.com")
    assert len(roots(certificates)) == 3


def test_the_certificate_of_this_machine_is_renewed_under_the_same_root(tmp_path: Path) -> None:
    clock = Clock()
    trusted = roots(Certificates(tmp_path, clock))[0]
    before = contents(tmp_path)
    for _ in range(5):
        clock.time += timedelta(days=310)
        assert roots(Certificates(tmp_path, clock))[0] == trusted
    assert contents(tmp_path)["local.pem"] != before["local.pem"]
    clock.time += timedelta(days=310)

    assert roots(Certificates(tmp_path, clock))[0] != trusted


@pytest.mark.parametrize("missing", ["ca.pem", "local.pem", "names.pem", "local-root.pem", "local-signer.pem"])
def test_what_is_missing_is_made_again_and_fits(tmp_path: Path, missing: str) -> None:
    Certificates(tmp_path)
    (tmp_path / missing).unlink()

    certificates = Certificates(tmp_path)

    client = ssl.create_default_context(cafile=certificates.bundle)
    for name in ("localhost", REAL):
        shake_hands(client, certificates.context, name)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert one.version() == other.version() == "TLSv1.3"


def open_together(directory: Path, barrier: Barrier, failed: "multiprocessing.Queue[str]") -> None:
    barrier.wait(10)
    try:
        certificates = Certificates(directory)
        shake_hands(ssl.create_default_context(cafile=certificates.bundle), certificates.context, REAL)
        shake_hands(ssl.create_default_context(cafile=certificates.bundle), certificates.context, "localhost")
        failed.put("")
    except BaseException as error:
        failed.put(repr(error))
        raise


def test_many_processes_may_make_them_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier, failed = fork.Barrier(8), fork.Queue()
    processes = [fork.Process(target=open_together, args=(tmp_path / "new", barrier, failed)) for _ in range(8)]
    for process in processes:
        process.start()

    assert [failed.get(timeout=10) for _ in processes] == [""] * 8
    for process in processes:
        process.join()
    assert len(roots(Certificates(tmp_path / "new"))) == 2


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match=r"no certificates can be kept in .*file"):
        Certificates(tmp_path / "file" / "below")


def test_a_directory_that_others_can_write_in_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)

    with pytest.raises(Misconfigured, match="others can write in"):
        Certificates(tmp_path)


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        could_not_run("root, to become another user")
    certificates = Certificates(tmp_path)
    process = os.fork()
    if process == 0:
        os.setuid(65534)
        try:
            Certificates(certificates.bundle.parent)
        except Misconfigured as refusal:
            os._exit(3 if "Permission denied" in str(refusal) else 4)
        os._exit(5)

    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
