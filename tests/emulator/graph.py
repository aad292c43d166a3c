"""Somebody at Graph's door, and the calls of our own client carried there."""

from datetime import timedelta
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, emulated
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.entra.service import Entra
from partnerauth.emulator.graph import Graph
from partnerauth.emulator.world import World
from partnerauth.flow import Flow, Send, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from tests.emulator.callers import NOON, ORIGIN, Caller, carrier, claims, signed

T = TypeVar("T")
AUDIENCE = "https://graph.microsoft.com"
RESOURCE = emulated(ORIGIN).resource(Api.GRAPH)


def caller(world: World, upn: str = "", *, audience: str = AUDIENCE, **changes: Any) -> Caller:
    """Somebody with a token of their own making: a person's, or without a name an application's."""
    return Caller(Graph(world).answer, address.GRAPH, signed(claims(world, audience, upn, **changes)))


def refusal(response: Response) -> tuple[int, str]:
    """Status and code of a refusal in Graph's form."""
    error = response.value()["error"]
    assert error["innerError"].keys() == {"date", "request-id", "client-request-id"}
    assert error["message"]
    return response.status, error["code"]


def detail(response: Response) -> str:
    """The code that says more than the code."""
    return str(response.value()["error"]["details"][0]["code"])


def send(world: World) -> Send:
    """Carries requests to the world's Graph."""
    return carrier(Graph(world))


class Administrator:
    """Our own client at Graph, with the token of a person or of an application."""

    def __init__(self, world: World, upn: str = "", **changes: Any) -> None:
        self.world = world
        self.upn = upn
        self.changes = changes

    def bearing(self) -> Flow[Hidden]:
        """The token."""
        yield from ()
        return Hidden(signed(claims(self.world, AUDIENCE, self.upn, **self.changes)))

    def do(self, call: Call[T]) -> T:
        """What is answered to a call. Raises what the client raises."""
        return run(perform(call, RESOURCE, self.bearing), send(self.world), pause=lambda _: None)

    def all(self, call: Call[Page[T]]) -> list[T]:
        """All that a list holds."""
        return run(pages(call, RESOURCE, self.bearing), send(self.world), pause=lambda _: None)


def token(world: World, tenant: str, **fields: str) -> Response:
    """What the v2 token endpoint answers to a form."""
    arrival = Arrival.at(Request.form(f"{ORIGIN}/{tenant}/oauth2/v2.0/token", fields))
    assert arrival is not None
    return Entra(world).answer(arrival)


def v1_token(world: World, tenant: str, **fields: str) -> Response:
    """The same of version 1."""
    arrival = Arrival.at(Request.form(f"{ORIGIN}/{tenant}/oauth2/token", fields))
    assert arrival is not None
    return Entra(world).answer(arrival)


def code(response: Response) -> int:
    """The AADSTS code of a refusal; 0 for success."""
    return 0 if response.ok else int(response.value()["error_codes"][0])


def made_certificate() -> tuple[RSAPrivateKey, Certificate]:
    """A private key and a certificate of it, valid for a year around noon."""
    key = generate_private_key(65537, 2048)
    name = Name([NameAttribute(NameOID.COMMON_NAME, "one")])
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    builder = builder.not_valid_before(NOON - timedelta(days=1)).not_valid_after(NOON + timedelta(days=365))
    return key, builder.sign(key, SHA256())
