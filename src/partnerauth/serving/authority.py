"""A certificate authority: a root that is good for nothing more, and what may sign below it.

The root signs one intermediate, which may sign for the given names only (RFC 5280 4.2.1.10), and its key is forgotten
at once. The constraint sits on the intermediate, because Java takes a root's key and ignores its extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clocks of containers and virtual machines on one host differ a little.
EARLIER = timedelta(hours=1)

_AUTHORITY_MAY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_SERVER_MAY = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A certificate that may sign others, and its key, both as PEM."""

    certificate: bytes
    key: bytes


def found(
    title: str, names: Sequence[str], addresses: Sequence[str], now: datetime, lasting: timedelta
) -> tuple[bytes, Signer]:
    """A root's certificate (PEM), and the constrained intermediate it signed; the root's key is gone."""
    root_key, signer_key = _key(), _key()
    root_name = _name(f"{title} root")
    root = (
        _certificate(root_name, root_name, root_key.public_key(), now, lasting)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_AUTHORITY_MAY, critical=True)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _certificate(_name(title), root_name, signer_key.public_key(), now, lasting)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_AUTHORITY_MAY, critical=True)
        .add_extension(_signed_by(root_key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(_permitted(names, addresses), None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return root.public_bytes(Encoding.PEM), Signer(signer.public_bytes(Encoding.PEM), _pem(signer_key))


def issue(signer: Signer, names: Sequence[str], addresses: Sequence[str], now: datetime, lasting: timedelta) -> bytes:
    """A server's key and its certificate chain (PEM) for `names`, which may have `*.` in front, and IP `addresses`."""
    above = x509.load_pem_x509_certificate(signer.certificate)
    above_key = cast(ec.EllipticCurvePrivateKey, load_pem_private_key(signer.key, None))
    key = _key()
    spoken: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    spoken += [x509.IPAddress(ip_address(address)) for address in addresses]
    lasting = min(lasting, above.not_valid_after_utc - now)
    leaf = (
        _certificate(_name(names[0]), above.subject, key.public_key(), now, lasting)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SERVER_MAY, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(spoken), critical=False)
        .add_extension(_signed_by(above_key.public_key()), critical=False)
        .sign(above_key, hashes.SHA256())
    )
    return _pem(key) + leaf.public_bytes(Encoding.PEM) + signer.certificate


def still_valid(roots: bytes, now: datetime) -> bytes:
    """Those of the certificates in `roots` (PEM) that have not ended, as PEM."""
    certificates = x509.load_pem_x509_certificates(roots) if roots else []
    kept = (root for root in certificates if root.not_valid_after_utc > now)
    return b"".join(root.public_bytes(Encoding.PEM) for root in kept)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed_by(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasting: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + lasting)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _permitted(names: Sequence[str], addresses: Sequence[str]) -> list[x509.GeneralName]:
    """The names without `*.`: a name in a constraint stands for itself and all below it, and has no dot in front.

    The loopback addresses are always among them: a constraint that names no address would leave all addresses open.
    """
    bare = dict.fromkeys(name.removeprefix("*.") for name in names)
    nets = dict.fromkeys((*addresses, "127.0.0.1", "::1"))
    return [*(x509.DNSName(name) for name in bare), *(x509.IPAddress(ip_network(net)) for net in nets)]
