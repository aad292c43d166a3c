"""How an application proves itself at the token endpoint: by nothing, a secret, or an assertion.

Sources: RFC 6749 2.3, RFC 7523; Microsoft "Certificate credentials"; what MSAL for Python and for Node really send.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from partnerauth.emulator.entra.assertion import Assertion
from partnerauth.emulator.entra.directory import Place
from partnerauth.emulator.entra.federation import check_federated
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.rules.spreading import known
from partnerauth.emulator.world import AppCertificate, Registration
from partnerauth.oauth.application import JWT_BEARER
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.grants import AppItself

PUBLIC, SECRET, CERTIFICATE = "0", "1", "2"
"""The values of the claim `appidacr`."""


def proven(turn: Turn, where: Place, registration: Registration, asked: TokenRequest, platform: str = "") -> str:
    """How the application proved itself, as the claim `appidacr` says it.

    `platform` is that of the redirect URI behind the grant; where there is none, the registration decides.
    Raises `Denied`: 700025 for a public application with a credential, 7000216 or 7000218 for another without one,
    7000215 and 7000222 for its secret, 700024, 700027, 50012, 50027, 50048 and 70021 for its assertion; see also
    `check_federated`.
    """
    public = registration.public or platform in ("public", "spa")
    if not asked.proof:
        if isinstance(asked.grant, AppItself):
            raise Denied(7000216, "'client_assertion', 'client_secret' or 'request' is required for this grant type.")
        if not public and not (registration.fallback_public and not platform):
            raise Denied(
                7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            )
        return PUBLIC
    if public:
        raise Denied(700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
    if "client_secret" in asked.proof:
        if len(asked.proof) > 1:
            raise Denied(90023, "Only one of 'client_secret' and 'client_assertion' may be presented.")
        _check_secret(turn, registration, asked.proof["client_secret"].reveal())
        return SECRET
    for name in ("client_assertion_type", "client_assertion"):
        if name not in asked.proof:
            raise Denied(900144, f"The request body must contain the following parameter: '{name}'.")
    if asked.proof["client_assertion_type"].reveal() != JWT_BEARER:
        raise Denied(50012, "The client assertion type is not supported.")
    _check_assertion(turn, where, registration, asked.proof["client_assertion"].reveal())
    return CERTIFICATE


def _check_secret(turn: Turn, registration: Registration, given: str) -> None:
    matching = None
    for secret in registration.secrets:
        spread = known(turn.world, "secret", registration.id, secret.id)
        if spread and hmac.compare_digest(secret.value.reveal().encode(), given.encode("utf-8", "surrogatepass")):
            matching = secret
    if matching is None:
        raise Denied(
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,"
            f" not the client secret ID, for a secret added to app '{registration.id}'.",
        )
    if matching.ends is not None and turn.now >= matching.ends:
        raise Denied(7000222, f"The provided client secret keys for app '{registration.id}' are expired.")


def _check_assertion(turn: Turn, where: Place, registration: Registration, text: str) -> None:
    assertion = Assertion.read(text)
    issuer, subject = assertion.claims.get("iss"), assertion.claims.get("sub")
    if "://" in assertion.text("iss"):
        check_federated(turn, registration, assertion)
        return
    _check_signature(_certificate(turn, registration, assertion), assertion)
    if issuer != subject:
        raise Denied(50048, "The subject of the client assertion must match its issuer.")
    if str(issuer).lower() != registration.id:
        raise Denied(50012, "The client assertion was issued by another application.")
    if not _is_for_us(turn, where, assertion.audiences):
        raise Denied(50012, "The audience of the client assertion is not this token endpoint.")
    assertion.check_times(turn)


def _certificate(turn: Turn, registration: Registration, assertion: Assertion) -> AppCertificate:
    header = assertion.header
    if not assertion.algorithm:
        raise Denied(700027, "The client assertion must be signed with PS256 or RS256.")
    for name, digest in (("x5t#S256", hashlib.sha256), ("x5t", hashlib.sha1)):
        thumbprint = header.get(name)
        if not isinstance(thumbprint, str):
            continue
        for certificate in registration.certificates:
            if not _spread(turn, registration, certificate):
                continue
            if _base64url(digest(certificate.der).digest()) == thumbprint.rstrip("="):
                if turn.now >= certificate.ends:
                    raise Denied(700027, "The certificate with which the client assertion is signed has expired.")
                return certificate
        raise Denied(
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application"
            f" '{registration.id}'. Thumbprint of the key used by the client: '{shown(thumbprint)}'.",
        )
    if str(assertion.claims.get("iss")).lower() != registration.id:
        raise Denied(70021, "No matching federated identity record found for the presented assertion.")
    raise Denied(700027, "The client assertion names no certificate ('x5t#S256' or 'x5t' in its header).")


def _spread(turn: Turn, registration: Registration, certificate: AppCertificate) -> bool:
    """Whether the certificate is known everywhere by now, by whichever of its two thumbprints it was announced."""
    names = (
        hashlib.sha256(certificate.der).hexdigest(),
        hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest().upper(),
    )
    return all(known(turn.world, "certificate", registration.id, name) for name in names)


def _check_signature(certificate: AppCertificate, assertion: Assertion) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_der_x509_certificate

    key = load_der_x509_certificate(certificate.der).public_key()
    if not isinstance(key, RSAPublicKey):
        raise Denied(700027, "The certificate of the application holds no RSA key.")
    if not assertion.holds(key):
        raise Denied(700027, "The signature of the client assertion does not hold.")


def _is_for_us(turn: Turn, where: Place, audiences: set[str]) -> bool:
    given = {one.lower().rstrip("/") for one in audiences}
    spellings = {
        where.segment,
        where.name.lower(),
        *((d.lower() for d in where.tenant.domains) if where.tenant else ()),
    }
    bases = {turn.base.lower(), turn.cloud.sign_in}
    ours = {
        f"{base}/{spelling}{ending}"
        for base in bases
        for spelling in spellings
        for ending in ("/oauth2/token", "/oauth2/v2.0/token", "/v2.0", "")
    }
    return bool(given & ours)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
