"""A sign-in service in a few lines: keys, tokens that hold, and a clock that stands still."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from partnerauth.cloud import GLOBAL, Authority
from partnerauth.emulator.clock import WorldClock
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth import jwt
from partnerauth.oauth.keys import SigningKeys

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
APPLICATION = "00001111-aaaa-2222-bbbb-3333cccc4444"
PERSON = "11112222-bbbb-3333-cccc-4444dddd5555"
NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """A number as JWKs write it."""
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class SignIn:
    """Signs tokens, publishes its keys, and counts who asked for them."""

    private: RSAPrivateKey
    kid: str = "first"
    key_issuer: str = ""
    published: bool = True
    asked: list[str] = field(default_factory=list)
    clock: WorldClock = field(default_factory=lambda: WorldClock(frozen_at=NOW))
    authority: Authority = field(default_factory=lambda: GLOBAL.authority(TENANT))

    def __post_init__(self) -> None:
        self.keys = SigningKeys(self.authority, self.clock)

    def jwk(self) -> dict[str, Any]:
        """The public key as Entra ID publishes it."""
        numbers = self.private.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid}
        key |= {"n": number(numbers.n), "e": number(numbers.e)}
        return key | ({"issuer": self.key_issuer} if self.key_issuer else {})

    def handle(self, request: Request) -> Response:
        """The key set, whoever asks."""
        self.asked.append(request.url)
        return Response.json(200, {"keys": [self.jwk()] if self.published else []})

    def run(self, flow: Flow[Any]) -> Any:
        """Run `flow` against this service."""
        return run(flow, self.handle, self.clock.sleep)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a v1 id_token of now; a claim changed to None is left away."""
        now = int(self.clock.now().timestamp())
        claims: dict[str, Any] = {
            "ver": "1.0",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "aud": APPLICATION,
            "iat": now - 300,
            "nbf": now - 300,
            "exp": now + 3600,
            "tid": TENANT,
            "oid": PERSON,
            "sub": "pairwise",
            "name": "Admin Agent",
            "unique_name": "admin.agent@contoso.com",
            "amr": ["pwd", "mfa"],
            "nonce": "the nonce",
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, header: Mapping[str, Any] | None = None, **changed: Any) -> Hidden:
        """A signed id_token."""
        return jwt.sign(self.claims(**changed), self.private, {"kid": self.kid, **(header or {})})


def private_key() -> RSAPrivateKey:
    """A new RSA key."""
    return generate_private_key(public_exponent=65537, key_size=2048)
