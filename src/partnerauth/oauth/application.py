"""An application: the id of an app registration, and how it proves that it is itself.

It may have several credentials, of mixed kinds, in an order: see `oauth.exchange` for when the next one is tried.
Sources: RFC 6749 2.3, RFC 7521, RFC 7523; Microsoft "Certificate credentials".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from partnerauth.cloud import GUID
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME = 600

Proof = Mapping[str, Hidden]


class Credential(Protocol):
    """How an application proves that it is itself."""

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """The form fields that prove it to the token endpoint `audience` at the moment `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Public:
    """An application that cannot keep a secret: it proves nothing."""

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """Nothing at all."""
        return {}


@dataclass(frozen=True, slots=True, init=False)
class Secret:
    """A client secret (the *application key* of older documents)."""

    value: Hidden

    def __init__(self, value: str | Hidden) -> None:
        hidden = value if isinstance(value, Hidden) else Hidden(value)
        if not hidden:
            raise Misconfigured("the application's secret is empty", hint="Give its value, not its id.")
        object.__setattr__(self, "value", hidden)

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """The secret itself, in the body."""
        return {"client_secret": self.value}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key; the application signs an assertion that lives ten minutes.

    PS256 with `x5t#S256` as Microsoft's documents say now; `sha1=True` gives RS256 with `x5t` for old set-ups.
    """

    certificate: X509
    key: Any = field(repr=False, compare=False)
    sha1: bool = False

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: str | Hidden | None = None, *, sha1: bool = False) -> Certificate:
        """The certificate and the RSA private key in one PEM text, the key encrypted if there is a passphrase.

        Raises `Misconfigured`.
        """
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            certificates = x509.load_pem_x509_certificates(pem)
            encrypted = b"ENCRYPTED" in pem
            key = load_pem_private_key(pem, _encoded(passphrase) if encrypted else None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unreadable("PEM", passphrase) from None
        return cls._of(certificates, key, sha1)

    @classmethod
    def from_pfx(cls, pfx: bytes, passphrase: str | Hidden | None = None, *, sha1: bool = False) -> Certificate:
        """The certificate and the RSA private key in a PFX (PKCS #12) file. Raises `Misconfigured`."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

        try:
            found = load_pkcs12(pfx, _encoded(passphrase))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unreadable("PFX", passphrase) from None
        entries = (found.cert, *found.additional_certs)
        return cls._of([entry.certificate for entry in entries if entry is not None], found.key, sha1)

    @classmethod
    def _of(cls, certificates: list[X509], key: Any, sha1: bool) -> Certificate:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        if not isinstance(key, RSAPrivateKey):
            raise Misconfigured("the application's key is no RSA key", hint="Entra ID takes RSA keys only.")
        own = [c for c in certificates if c.public_key() == key.public_key()]
        if not own:
            raise Misconfigured("the private key does not belong to the certificate")
        return cls(own[0], key, sha1)

    @property
    def ends(self) -> datetime:
        """When the certificate ends, in UTC."""
        return self.certificate.not_valid_after_utc

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """A client assertion signed with the key (RFC 7523 2.2)."""
        import uuid

        issued = int(now.timestamp())
        claims = {
            "aud": audience,
            "iss": application_id,
            "sub": application_id,
            "jti": str(uuid.uuid4()),
            "iat": issued,
            "nbf": issued,
            "exp": issued + ASSERTION_LIFETIME,
        }
        return {"client_assertion_type": Hidden(JWT_BEARER), "client_assertion": self.signed(claims)}

    def signed(self, claims: Mapping[str, Any]) -> Hidden:
        """A JWT that says `claims`, signed with the key; its header names the certificate."""
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        digest = self.certificate.fingerprint(SHA1() if self.sha1 else SHA256())  # noqa: S303  # a name, no signature
        thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        algorithm = "RS256" if self.sha1 else "PS256"
        header = {"alg": algorithm, "typ": "JWT", "x5t" if self.sha1 else "x5t#S256": thumbprint}
        return Hidden(jwt.encode(header, dict(claims), RSAKey.import_key(self.key), algorithms=[algorithm]))


@dataclass(frozen=True, slots=True)
class Federated:
    """Another issuer's token that stands for the application: workload identity federation.

    `assertion` gives one that is good now, each time it is asked: it reads a file that a platform keeps fresh, or
    remembers what it got. It must not take long. Source: Microsoft "Workload identity federation".
    """

    assertion: Callable[[], str | Hidden] = field(repr=False)

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """The other issuer's token, as it is. Raises `Misconfigured` where there is none."""
        given = self.assertion()
        text = (given.reveal() if isinstance(given, Hidden) else given).strip()
        if not text:
            raise Misconfigured("the federated token is empty", hint="Look at whatever is to provide it.")
        return {"client_assertion_type": Hidden(JWT_BEARER), "client_assertion": Hidden(text)}


@dataclass(frozen=True, slots=True)
class Stored:
    """A credential that lies in a place where it may be replaced: it is read anew each time it is used.

    So a program that runs for months picks up what a rotation put there. `read` may block for a moment; it raises
    `Misconfigured` or `StoreFailed` where there is nothing that can be used.
    """

    read: Callable[[], Credential] = field(repr=False)

    def prove(self, application_id: str, audience: str, now: datetime) -> Proof:
        """The proof by what lies there now."""
        return self.read().prove(application_id, audience, now)


PUBLIC = Public()


@dataclass(frozen=True, slots=True)
class Application:
    """An app registration: its application (client) id and its credentials.

    It proves itself with `credential`, and with one of the `others` where that is refused; which one worked last is
    remembered for as long as this object lives.
    """

    id: str
    credential: Credential = PUBLIC
    others: tuple[Credential, ...] = ()
    _worked: list[Credential] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """All credentials: the one that worked last, then the rest in order."""
        ordered = (self.credential, *self.others)
        worked = self._worked[-1:]
        return (*worked, *(one for one in ordered if not worked or one is not worked[0]))

    def worked(self, credential: Credential) -> None:
        """Remember that this credential was accepted just now."""
        self._worked[:] = [credential]

    def __post_init__(self) -> None:
        if not GUID.fullmatch(self.id):
            raise Misconfigured(
                f"'{self.id[:60]}' is no application id", hint="Copy the application (client) id, a GUID."
            )


def _encoded(passphrase: str | Hidden | None) -> bytes | None:
    if passphrase is None:
        return None
    return (passphrase.reveal() if isinstance(passphrase, Hidden) else passphrase).encode() or None


def _unreadable(form: str, passphrase: str | Hidden | None) -> Misconfigured:
    said = "cannot be read" if passphrase is None else "cannot be read with this passphrase"
    return Misconfigured(
        f"the application's certificate {said}",
        hint=f"Give one {form} file with the certificate and its RSA private key, and the passphrase if it has one.",
    )
