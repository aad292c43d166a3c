"""How an application proves itself (entra.md 6 and 13.1)."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import RSAKey

from partnerauth.clock import Clock
from partnerauth.cloud import Api, Dialect, emulated
from partnerauth.emulator.default import NATIVE_APP, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.world import AppCertificate, AppSecret
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import JWT_BEARER, Application, Certificate
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import AppItself
from tests.emulator.entra.service import NOON, ORIGIN, PARTNER_CENTER, Service

APP = {"grant_type": "client_credentials", "resource": PARTNER_CENTER}


def codes(service: Service, **fields: str) -> tuple[int, list[int]]:
    response = service.token(**APP | fields)
    return response.status, response.value().get("error_codes", [])


def test_a_secret_must_be_right_and_current(service: Service) -> None:
    """entra.md 9: 7000215 wrong, 7000222 expired, both 401 `invalid_client`; any one of several will do."""
    old = AppSecret("1", Hidden("the old secret"), NOON + timedelta(days=1))
    service.web_app.secrets.append(old)

    assert codes(service, client_secret="the old secret") == (200, [])
    assert codes(service, client_secret="the old secre") == (401, [7000215])
    assert codes(service, client_secret="5ec2e700-0000-4000-8000-000000000001") == (401, [7000215])
    service.advance(days=1)
    assert codes(service, client_secret="the old secret") == (401, [7000222])
    assert codes(service, client_secret=WEB_APP_SECRET) == (200, [])
    assert service.token(**APP, client_secret="é").value()["error"] == "invalid_client"


def test_a_confidential_app_must_prove_itself(service: Service) -> None:
    """entra.md 6: 7000216 for client credentials, 7000218 for the others."""
    password = {"grant_type": "password", "username": "a", "password": "b"}

    assert codes(service, client_secret="") == (401, [7000216])
    assert codes(service, client_secret="", **password) == (401, [7000218])
    assert codes(service, client_secret="", grant_type="refresh_token", refresh_token="emulated.x") == (401, [7000218])


def test_a_public_app_must_not(service: Service) -> None:
    """entra.md 6: a public client sending a credential is 700025; it has no tokens for itself."""
    assert codes(service, client_id=NATIVE_APP, grant_type="password", username="a", password="b") == (401, [700025])
    assert codes(service, client_id=NATIVE_APP) == (401, [700025])
    assert codes(service, client_id=NATIVE_APP, client_secret="") == (401, [7000216])


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key: RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    ends = NOON + timedelta(days=365)
    return x509.CertificateBuilder(name, name, key.public_key(), 1, NOON - timedelta(days=1), ends).sign(key, SHA256())


Assert = Callable[..., tuple[int, list[int]]]


@pytest.fixture
def asserted(service: Service, key: RSAPrivateKey, certificate: x509.Certificate) -> Assert:
    """Ask with an assertion whose header and claims are changed as said."""
    der = certificate.public_bytes(Encoding.DER)
    service.web_app.certificates.append(AppCertificate(der, certificate.not_valid_after_utc))

    def ask(header: dict[str, Any] | None = None, signed_with: Any = key, v2: bool = False, **claims: Any) -> Any:
        now = service.world.now().timestamp()
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode()
        given = {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint} | (header or {})
        audience = f"{ORIGIN}/{TENANT}/oauth2/token"
        said = {"aud": audience, "iss": WEB_APP, "sub": WEB_APP, "jti": "1", "exp": now + 600.5, "iat": now} | claims
        said = {name: value for name, value in said.items() if value is not None}
        given = {name: value for name, value in given.items() if value is not None}
        text = jwt.encode(given, said, RSAKey.import_key(signed_with), algorithms=["PS256", "RS256"])
        fields = {"client_secret": "", "client_assertion_type": JWT_BEARER, "client_assertion": text}
        asked = {"grant_type": "client_credentials", "scope": f"{PARTNER_CENTER}/.default"} if v2 else APP
        response = (service.v2_token if v2 else service.token)(**asked | fields)
        return response.status, response.value().get("error_codes", [])

    return ask


def test_an_assertion_as_msal_python_writes_it(asserted: Assert) -> None:
    """entra.md 13.1: PS256, a padded thumbprint, dates with fractions, no `nbf`."""
    assert asserted() == (200, [])


def test_an_assertion_as_msal_node_writes_it(asserted: Assert, certificate: x509.Certificate) -> None:
    """entra.md 13.1: RS256 with an unpadded SHA-1 thumbprint, `iat` a second before `nbf`."""
    now = int(NOON.timestamp())
    thumbprint = base64.urlsafe_b64encode(hashlib.sha1(certificate.public_bytes(Encoding.DER)).digest()).rstrip(b"=")
    header = {"alg": "RS256", "x5t": thumbprint.decode(), "x5t#S256": None, "x5c": ["AA=="]}

    assert asserted(header, nbf=now, iat=now - 1, exp=now + 600) == (200, [])


@pytest.mark.parametrize(
    "audience",
    [
        f"{ORIGIN}/{TENANT}/oauth2/v2.0/token",
        f"{ORIGIN}/contoso.com/oauth2/token",
        f"https://login.microsoftonline.com/{TENANT}/oauth2/token",
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
        [f"{ORIGIN}/{TENANT.upper()}/oauth2/token"],
    ],
)
@pytest.mark.parametrize("v2", [False, True])
def test_both_spellings_of_the_audience_are_taken(asserted: Assert, audience: Any, v2: bool) -> None:
    """entra.md 13.1."""
    assert asserted(aud=audience, v2=v2) == (200, [])


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://evil.example.com/"}, 50012),
        ({"aud": None}, 50012),
        ({"iss": NATIVE_APP, "sub": NATIVE_APP}, 50012),
        ({"sub": "someone"}, 50048),
        ({"exp": NOON.timestamp() - 301}, 700024),
        ({"exp": None}, 700024),
        ({"nbf": NOON.timestamp() + 301}, 700024),
        ({"iat": NOON.timestamp() + 301}, 700024),
        ({"exp": "soon"}, 50027),
        ({"exp": True}, 50027),
        ({"exp": 10**400}, 50027),
    ],
)
def test_an_assertion_for_somebody_else_or_of_another_time_is_refused(
    asserted: Assert, claims: dict[str, Any], code: int
) -> None:
    """entra.md 9: 700024 outside the validity window (five minutes of skew), 50012, 50048, 50027."""
    assert asserted(**claims)[1] == [code]


@pytest.mark.parametrize(
    "header",
    [
        {"x5t#S256": "AAAA"},
        {"x5t#S256": None},
        {"x5t#S256": None, "x5t": "AAAA"},
        {"alg": "RS256"},
    ],
)
def test_an_unknown_certificate_is_refused(asserted: Assert, header: dict[str, Any]) -> None:
    """entra.md 9: 700027, 401. The last row is signed well, by an algorithm that both sides know."""
    expected = (200, []) if header == {"alg": "RS256"} else (401, [700027])

    assert asserted(header) == expected


def test_another_key_is_refused(asserted: Assert) -> None:
    assert asserted(signed_with=generate_private_key(public_exponent=65537, key_size=2048)) == (401, [700027])


def test_an_expired_certificate_is_refused(service: Service, asserted: Assert) -> None:
    service.advance(days=366)

    assert asserted() == (401, [700027])


def test_an_assertion_of_another_issuer_needs_a_federated_credential(asserted: Assert) -> None:
    """entra.md 9: 70021 where none matches."""
    assert asserted({"x5t#S256": None}, iss="https://token.example.com", sub="repo:x") == (401, [70021])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER}, 50027),
        ({"client_assertion": "é.é.é", "client_assertion_type": JWT_BEARER}, 50027),
        ({"client_assertion": "e30.W10.AA", "client_assertion_type": JWT_BEARER}, 50027),
        ({"client_assertion": "e30.e30.AA", "client_assertion_type": JWT_BEARER}, 700027),
        ({"client_assertion": "x", "client_assertion_type": "y"}, 50012),
        ({"client_assertion": "x"}, 900144),
        ({"client_assertion_type": JWT_BEARER}, 900144),
        ({"client_secret": WEB_APP_SECRET, "client_assertion": "x", "client_assertion_type": JWT_BEARER}, 90023),
    ],
)
def test_a_malformed_assertion_is_refused(service: Service, fields: dict[str, str], code: int) -> None:
    assert codes(service, **{"client_secret": ""} | fields)[1] == [code]


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("sha1", [False, True])
def test_our_own_certificate_credential_is_taken(
    service: Service, asserted: Assert, key: RSAPrivateKey, certificate: x509.Certificate, sha1: bool, dialect: Dialect
) -> None:
    cloud = emulated(ORIGIN)
    application = Application(WEB_APP, Certificate(certificate, key, sha1))
    clock: Clock = service.world.clock
    resource = cloud.resource(Api.PARTNER_CENTER)

    tokens = run(
        exchange(application, cloud.authority(TENANT), AppItself(), resource, clock, dialect=dialect), service.send
    )

    assert service.claims(tokens.access_token.reveal())["appidacr"] == "2"
