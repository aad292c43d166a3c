"""What makes a program take the emulator for the real services: names that lead here, and roots that it trusts.

All of it is told to one process and its children, in lines of a hosts file and in environment variables. Nothing is
ever written into a system's or a browser's store.

Sources: the manuals of OpenSSL (`SSL_CERT_FILE`, `SSL_CERT_DIR`; .NET on Linux and Go read them too), requests, curl,
Node.js and Java; RFC 7468.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import ssl
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from partnerauth.serving.certificates import impersonated

if TYPE_CHECKING:
    from partnerauth.emulator.world import Vault

HTTPS = 443
JAVA_PASSWORD = "changeit"  # noqa: S105  # the customary one: a Java trust store without a password is not read by all
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_PATTERNS = tuple(name for name in impersonated() if name.startswith("*."))
_NAMES = frozenset(impersonated()) - frozenset(_PATTERNS)


def real_names(vaults: Iterable[Vault] = ()) -> tuple[str, ...]:
    """The real names that lead to the emulator, with those of the given vaults; a hosts file knows no wildcards.

    They are those of all clouds, wherever the tenants of its world live: better refused here than asked there.
    """
    return (*sorted(_NAMES), *sorted(vault.host for vault in vaults))


def is_real(host: str) -> bool:
    """Whether `host`, in lower case, is one of Microsoft's names that are never asked in earnest from here."""
    _, _, domain = host.partition(".")
    return host in _NAMES or f"*.{domain}" in _PATTERNS


def hosts_lines(names: Iterable[str], at: str = "127.0.0.1") -> list[str]:
    """The lines of a hosts file that lead `names` to the address `at`."""
    return [f"{at} {name}" for name in names]


@dataclass(frozen=True, slots=True)
class Trust:
    """Files that hold the roots to trust: one PEM bundle, and the same for Java.

    `alone` names a directory without roots in it, so that a program trusts no others; with None those of the system
    stay trusted too.
    """

    bundle: Path
    java: Path
    alone: Path | None

    @classmethod
    def kept(cls, ca: Path, *, others: bool, env: Mapping[str, str] = os.environ) -> Trust:
        """These files beside `ca`, the emulator's own bundle; with `others` the system's roots are in them as well.

        Raises OSError where they cannot be written.
        """
        if others:
            bundle = ca.with_name("ca-and-system.pem")
            _put(bundle, ca.read_bytes() + _system_roots(env))
            alone = None
        else:
            bundle = ca
            alone = ca.with_name("no-roots")
            alone.mkdir(mode=0o700, exist_ok=True)
        java = bundle.with_suffix(".p12")
        if not java.exists() or java.stat().st_mtime_ns <= bundle.stat().st_mtime_ns:
            _put(java, java_trust_store(bundle.read_bytes()))
        return cls(bundle, java, alone)

    def variables(self, env: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables by which Python, Node, Java, .NET, curl and our own command trust these roots."""
        bundle = str(self.bundle)
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PARTNERAUTH_CA")
        alone = {"SSL_CERT_DIR": str(self.alone)} if self.alone else {}
        store = {
            "trustStore": str(self.java),
            "trustStoreType": "PKCS12",
            "trustStorePassword": JAVA_PASSWORD,
        }
        java = java_options({f"javax.net.ssl.{name}": value for name, value in store.items()}, env)
        return dict.fromkeys(names, bundle) | alone | java


def java_options(properties: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """JAVA_TOOL_OPTIONS with these properties after those that are set already: the last one wins."""
    ours = (f'"-D{name}={value}"' if " " in value else f"-D{name}={value}" for name, value in properties.items())
    before = env.get("JAVA_TOOL_OPTIONS", "")
    return {"JAVA_TOOL_OPTIONS": " ".join((*([before] if before else []), *ours))}


def java_trust_store(roots: bytes) -> bytes:
    """The certificates in `roots` (PEM) as a trust store that Java 8u301 and later read (PKCS #12)."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # among a system's roots are some that bend a rule
        certificates = x509.load_pem_x509_certificates(roots)
    entries = [pkcs12.PKCS12Certificate(one, f"root-{place}".encode()) for place, one in enumerate(certificates)]
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(JAVA_PASSWORD.encode()))


def around_proxies(names: Iterable[str], env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that keep `names` away from the proxy that is set, if one is: they are to be asked here."""
    if not any(env.get(name) for name in PROXIES):
        return {}
    spelt = (*names, *(pattern[1:] for pattern in _PATTERNS), *LOOPBACK)
    before = env.get("NO_PROXY") or env.get("no_proxy") or ""
    value = before if before == "*" else ",".join((*([before] if before else []), *spelt))
    return {"NO_PROXY": value, "no_proxy": value}


def through_proxy(url: str, trusted: Mapping[str, str], env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that lead a program's HTTPS through the proxy at `url`; `trusted` are those of `Trust.variables`.

    What was excepted from proxies before stays so, unless one of the real names would slip through.
    """
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    before = (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",")
    kept = (one for entry in before if (one := entry.strip()) and not _excepts(one))
    value = ",".join(dict.fromkeys((*kept, *LOOPBACK)))
    own = {"https.proxyHost": host, "https.proxyPort": port}
    return {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "NO_PROXY": value,
        "no_proxy": value,
        "NODE_USE_ENV_PROXY": "1",  # from Node.js 22.21 and 24 on
        **java_options(own, trusted),
    }


def chromium_flags(ca: Path) -> list[str]:
    """What makes a Chromium of its own, with a profile of its own, accept what the server with this bundle shows.

    It reads no roots from the environment, but may be told the very keys to accept. They are new in a few days.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    keys = []
    for name in ("names.pem", "local.pem"):
        shown = x509.load_pem_x509_certificate(ca.with_name(name).read_bytes())
        spelt = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        keys.append(base64.b64encode(hashlib.sha256(spelt).digest()).decode())
    return ["--user-data-dir=PROFILE", f"--ignore-certificate-errors-spki-list={','.join(keys)}"]


def exports(variables: Mapping[str, str]) -> list[str]:
    """The variables as a shell takes them."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _excepts(entry: str) -> bool:
    """Whether an entry of NO_PROXY may stand for one of the real names, however a program reads it."""
    domain = entry.lower().partition(":")[0].lstrip("*.")
    spelt = (*_NAMES, *(pattern[2:] for pattern in _PATTERNS))
    return any(name == domain or name.endswith(f".{domain}") or domain.endswith(f".{name}") for name in spelt) or (
        domain == ""
    )


def _system_roots(env: Mapping[str, str]) -> bytes:
    named = (env.get("SSL_CERT_FILE"), env.get("REQUESTS_CA_BUNDLE"), ssl.get_default_verify_paths().cafile)
    for path in (*named, *SYSTEM_ROOTS):
        if path and Path(path).is_file():
            return b"\n" + Path(path).read_bytes()
    return b""


def _put(path: Path, content: bytes) -> None:
    """Write a whole file at once, unless it says this already."""
    if path.exists() and path.read_bytes() == content:
        return
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    waiting.unlink(missing_ok=True)
    with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    waiting.replace(path)
