"""Federated credentials: another issuer's token in place of a secret (entra.md 13.2)."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from partnerauth.cloud import Api, emulated
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import FederatedCredential
from partnerauth.errors import InvalidClient, Misconfigured
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import JWT_BEARER, Application, Federated
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import AppItself
from tests.emulator.entra.service import ORIGIN, PARTNER_CENTER, Service
from tests.emulator.story import OK, Story

ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:contoso/sync:ref:refs/heads/main"
AUDIENCE = "api://AzureADTokenExchange"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def federated(service: Service, key: RSAPrivateKey) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    service.world.issuers[ISSUER] = [pem]
    service.web_app.federated.append(FederatedCredential("f1", "sync", ISSUER, SUBJECT))


def assertion(service: Service, key: RSAPrivateKey, algorithm: str = "RS256", **claims: Any) -> str:
    now = int(service.world.now().timestamp())
    said = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300} | claims
    return jwt.encode({"alg": algorithm, "kid": "1"}, said, RSAKey.import_key(key), algorithms=["RS256", "PS256"])


def ask(service: Service, text: str) -> dict[str, Any]:
    fields = {"client_secret": "", "client_assertion_type": JWT_BEARER, "client_assertion": text}
    value: dict[str, Any] = service.token(grant_type="client_credentials", resource=PARTNER_CENTER, **fields).value()
    return value


def test_another_issuers_token_proves_the_application(service: Service, key: RSAPrivateKey) -> None:
    claims = service.claims(ask(service, assertion(service, key))["access_token"])

    assert (claims["appid"], claims["appidacr"]) == (WEB_APP, "2")
    assert "access_token" in ask(service, assertion(service, key, "PS256"))
    assert "access_token" in ask(service, assertion(service, key, aud=["x", AUDIENCE]))


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": ISSUER + "/"}, 700211),
        ({"iss": "https://TOKEN.actions.githubusercontent.com"}, 700211),
        ({"sub": SUBJECT.upper()}, 700213),
        ({"sub": None}, 700213),
        ({"aud": AUDIENCE.lower()}, 700212),
        ({"aud": None}, 700212),
        ({"exp": 1}, 700024),
    ],
)
def test_it_is_compared_as_it_is_written(
    service: Service, key: RSAPrivateKey, claims: dict[str, Any], code: int
) -> None:
    """70021x, `invalid_client`, 401: issuer URL, `sub` and `aud` case-sensitively."""
    value = ask(service, assertion(service, key, **claims))

    assert (value["error"], value["error_codes"]) == ("invalid_client", [code])


def test_it_must_be_signed_by_the_issuer(service: Service, key: RSAPrivateKey) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)

    assert ask(service, assertion(service, other))["error_codes"] == [900384]
    del service.world.issuers[ISSUER]
    assert ask(service, assertion(service, key))["error_codes"] == [900384]


def test_an_application_without_any(service: Service, key: RSAPrivateKey) -> None:
    """70021: no matching federated identity record; so it is for minutes after one was made."""
    text = assertion(service, key)
    announce(service.world, "federated", WEB_APP, "f1")
    service.world.measures.spreading_takes = timedelta(seconds=60)
    assert ask(service, text)["error_codes"] == [70021]
    service.advance(seconds=60)
    assert "access_token" in ask(service, text)
    service.web_app.federated.clear()
    assert ask(service, text)["error_codes"] == [70021]


def test_our_client_proves_itself_so(service: Service, key: RSAPrivateKey) -> None:
    """`Federated` asks for a token each time it has to prove something."""
    given = []

    def fresh() -> str:
        given.append(assertion(service, key))
        return given[-1] + "\n"

    application, cloud = Application(WEB_APP, Federated(fresh)), emulated(ORIGIN)
    for _ in range(2):
        flow = exchange(
            application, cloud.authority(TENANT), AppItself(), cloud.resource(Api.PARTNER_CENTER), service.world.clock
        )
        assert run(flow, service.send).access_token
    assert len(given) == 2
    assert given[0] not in repr(application)


def test_our_client_names_the_fault(service: Service, key: RSAPrivateKey) -> None:
    cloud = emulated(ORIGIN)
    resource = cloud.resource(Api.PARTNER_CENTER)

    wrong = Application(WEB_APP, Federated(lambda: Hidden(assertion(service, key, sub="x"))))
    with pytest.raises(InvalidClient) as raised:
        run(exchange(wrong, cloud.authority(TENANT), AppItself(), resource, service.world.clock), service.send)
    assert raised.value.code == 700213
    empty = Application(WEB_APP, Federated(lambda: " \n"))
    with pytest.raises(Misconfigured, match="the federated token is empty"):
        run(exchange(empty, cloud.authority(TENANT), AppItself(), resource, service.world.clock), service.send)


def test_a_story_without_keys() -> None:
    """An issuer without keys of its own is this emulator; the control API makes its tokens."""
    story = Story()
    there = f"/registrations/{WEB_APP}/federated"
    made = story.control("POST", there, {"issuer": ISSUER, "subject": SUBJECT})
    assert made["audiences"] == [AUDIENCE]
    text = story.control("POST", "/assertions", {"issuer": ISSUER, "subject": SUBJECT})["assertion"]

    assert "access_token" in ask(story, text)
    story.advance(minutes=16)
    assert ask(story, text)["error_codes"] == [700024]
    story.control("DELETE", f"{there}/{made['id']}")
    assert ask(story, text)["error_codes"] == [70021]
    assert story.refused("POST", "/assertions", {"issuer": "https://x.example", "subject": "x"})[0] == 409
    assert story.refused("DELETE", f"{there}/x")[0] == 404
    assert story.code_of(story.consented()) == OK
