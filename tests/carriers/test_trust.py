"""Whose certificates we believe."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from partnerauth.carriers.trust import Trust
from partnerauth.errors import Misconfigured
from partnerauth.serving.certificates import Certificates
from tests.needs import could_not_run


def test_every_context_verifies(certificates: Certificates) -> None:
    for trust in (Trust(), Trust(certificates.bundle), Trust(str(certificates.bundle))):
        context = trust.context
        assert context is trust.context
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_bundle_takes_the_place_of_the_systems_roots(certificates: Certificates) -> None:
    names = {str(root["subject"]) for root in Trust(certificates.bundle).context.get_ca_certs()}

    assert names == {
        "((('commonName', 'partnerauth on this machine root'),),)",
        "((('commonName', 'partnerauth emulator root'),),)",
    }


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), (b"", "no certificate"), (b"hello", "no certificate")]
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Misconfigured, match=told) as refusal:
        Trust(path)

    assert str(path) in str(refusal.value)


def test_the_file_that_the_environment_names_is_honoured(certificates: Certificates) -> None:
    script = "from partnerauth.carriers.trust import Trust; print(len(Trust().context.get_ca_certs()))"
    environment = {**os.environ, "SSL_CERT_FILE": str(certificates.bundle), "SSL_CERT_DIR": "/nowhere"}

    count = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert count.stdout == "2\n"


def test_the_systems_roots_are_looked_up_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        could_not_run("the system's roots as Debian lays them out (apt-get install ca-certificates)")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    assert Trust().context.get_ca_certs() == []  # none is read before a server needs it
