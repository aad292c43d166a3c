"""A partner whose credential lies in a file, a store for the notes, and everything that can go wrong between steps."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, random_serial_number

from partnerauth.cloud import Api
from partnerauth.emulator.default import APPLICATION_IDS, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.registration import Registration
from partnerauth.emulator.world import AppCertificate
from partnerauth.errors import PartnerAuthError, StoreUnwritable, Unreachable
from partnerauth.flow import Ask, Effect, Flow, Wait, Work
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Certificate, Credential, Stored
from partnerauth.oauth.credential_end import CredentialKind
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.grants import AppItself
from partnerauth.oauth.sources import AppOnly, TokenSource
from partnerauth.onboarding.directory import Directory
from partnerauth.onboarding.holding import Holding
from partnerauth.onboarding.made import made_certificate, written
from partnerauth.onboarding.notebook import Note, Notebook
from partnerauth.onboarding.rotation import Outcome, Rotation
from partnerauth.stores.place import FilePlace, Place, StorePlace
from tests.consent.partner import CLOUD, NOON, PARTNER_CENTER, Partner

T = TypeVar("T")
GRAPH = APPLICATION_IDS[Api.GRAPH]
AUTHORITY = CLOUD.authority(TENANT)


class Mishap(Enum):
    """What happens at a step."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    DROPPED = "answer dropped after processing"
    KILLED = "killed after it"


CHANGING = [("work", label) for label in ("write notes", "store", "restore")]


class Killed(BaseException):
    """The process is gone: nobody tidies up."""


@dataclass
class Workshop:
    """Contoso, its credential at `path`, and what rotates it."""

    directory: Path
    kind: CredentialKind = CredentialKind.SECRET
    in_store: bool = False
    partner: Partner = field(default_factory=Partner)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.place = self.open("store" if self.in_store else str(self.path), self.kind)
        if self.kind is CredentialKind.SECRET:
            self.place.replace(WEB_APP_SECRET.encode() + b"\n")
        else:
            own = quickly_made(WEB_APP, NOON, timedelta(days=20))
            self.place.replace(written(own, None, pfx=False))
            der = own.certificate.public_bytes(Encoding.DER)
            self.registration.certificates.append(AppCertificate(der, own.ends))
        self.allow("Application.ReadWrite.All")
        self.partner.application = self.application
        self.partner.consent()
        self.partner.emulator.world.measures.spreading_takes = timedelta(seconds=40)

    @property
    def path(self) -> Path:
        return self.directory / ("client-secret" if self.kind is CredentialKind.SECRET else "app.pem")

    @property
    def target(self) -> str:
        return "store" if self.in_store else str(self.path)

    @property
    def registration(self) -> Registration:
        return self.partner.emulator.world.registrations[WEB_APP]

    @property
    def notebook(self) -> Notebook:
        return Notebook(self.partner.store, CLOUD, WEB_APP)

    def open(self, target: str, kind: CredentialKind) -> Place:
        if target == "store":
            return StorePlace(self.partner.store, self.notebook.name(kind))
        return FilePlace(target, "credential")

    @cached_property
    def holding(self) -> Holding:
        """One for all: to load a private key anew takes longer than all the rest."""
        return Holding(self.kind, self.place)

    @property
    def application(self) -> Application:
        return Application(WEB_APP, Stored(self.holding.read))

    def allow(self, *permissions: str) -> None:
        """Which permissions the application itself has at Graph."""
        tenant = self.partner.emulator.world.tenants[TENANT]
        tenant.application_grants[WEB_APP, GRAPH] = set(permissions)

    def rotation(self, *, callers: tuple[TokenSource, ...] = (), **more: object) -> Rotation:
        """As a new process would make it."""
        clock, own = self.partner.clock, self.holding.read()
        asking = callers or (AppOnly(self.application, AUTHORITY, clock=clock), self.partner.user)
        directory = Directory(WEB_APP, asking, clock, own if isinstance(own, Certificate) else None)
        made = Rotation(
            WEB_APP,
            AUTHORITY,
            directory,
            self.notebook,
            self.open,
            clock,
            self.kind,
            self.target,
            self.holding,
            make=quickly_made,
        )
        return replace(made, **more)  # type: ignore[arg-type]

    def rotate(self, **more: object) -> Outcome:
        return self.partner.run(self.rotation(**more).rotate())  # type: ignore[arg-type]

    def note(self) -> Note:
        return self.partner.run(self.notebook.read())

    @property
    def registered(self) -> list[str]:
        """The key ids that the directory has, the oldest first."""
        from partnerauth.emulator.graph.certificates import key_id

        if self.kind is CredentialKind.SECRET:
            return [secret.id for secret in self.registration.secrets]
        return [key_id(one) for one in self.registration.certificates]

    def works(self, credential: Credential | None = None) -> bool:
        """Whether a credential, else the one that lies in the place, proves the application right now."""
        held = credential or self.holding.read()
        endpoint = AUTHORITY.token_endpoint(self.partner.user.dialect)
        proof = held.prove(WEB_APP, endpoint, self.partner.clock.now())
        asked = TokenRequest(WEB_APP, proof, AppItself(), resource=PARTNER_CENTER.identifier)
        return self.partner.emulator.handle(asked.to(AUTHORITY)).ok

    def consent_works(self) -> bool:
        return bool(self.partner.token().access_token)

    def steps(self, flow: Flow[T]) -> list[tuple[str, str]]:
        """What a flow does, one by one, where all goes well."""
        self.drive(flow)
        return self.seen

    def drive(self, flow: Flow[T], at: int = -1, mishap: Mishap | None = None) -> T:
        """Run a flow; at one step something happens. After each change the credential in the place must work."""
        self.seen = []
        step: Callable[[], Effect] = partial(next, flow)
        while True:
            try:
                effect = step()
            except StopIteration as done:
                value: T = done.value
                return value
            struck = mishap if len(self.seen) == at else None
            self.seen.append(_named(effect))
            try:
                answer = self._done(effect, struck)
            except PartnerAuthError as error:
                step = partial(flow.throw, error)
            else:
                step = partial(flow.send, answer)
            if struck is Mishap.KILLED:
                flow.close()  # what the kernel does: the lock is free; nothing that the flow would do on an error
                raise Killed
            if self.seen[-1] in CHANGING or self.seen[-1][0] in ("POST", "PATCH"):
                assert self.works(), f"what lies in the place does not work after {self.seen[-1]}"

    def _done(self, effect: Effect, struck: Mishap | None) -> object:
        match effect:
            case Ask(request):
                return self._asked(request, struck)
            case Work(function=function, label=label):
                if struck in (Mishap.REFUSED, Mishap.UNREACHABLE) and label not in ("lock", "key", "fingerprint"):
                    raise StoreUnwritable("no room")
                value = function()
                if struck is Mishap.DROPPED and label not in ("lock", "key", "fingerprint"):
                    raise StoreUnwritable("the answer was lost")
                return value
            case Wait(seconds):
                self.partner.clock.sleep(seconds)
        return None

    def _asked(self, request: Request, struck: Mishap | None) -> Response:
        if struck is Mishap.UNREACHABLE:
            raise Unreachable("no way there")
        if struck is Mishap.REFUSED:
            if request.path.endswith("/token"):
                body = {"error": "invalid_client", "error_description": "AADSTS7000112: off", "error_codes": [7000112]}
                return Response.json(400, body)
            return Response.json(403, {"error": {"code": "Authorization_RequestDenied", "message": "no"}})
        answer = self.partner.emulator.handle(request)
        if struck is Mishap.DROPPED:
            raise Unreachable("the answer was lost")
        return answer


def _named(effect: Effect) -> tuple[str, str]:
    match effect:
        case Ask(request):
            return request.method, request.path
        case Work(label=label):
            return "work", label
    return "wait", ""


@cache
def _key() -> Certificate:
    return made_certificate(WEB_APP, NOON, timedelta(days=1))


def quickly_made(application_id: str, now: datetime, lifetime: timedelta) -> Certificate:
    """Another certificate around the same key: keys take their time."""
    key, name = _key().key, _key().certificate.subject
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    builder = builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + lifetime)
    return Certificate(builder.sign(key, SHA256()), key)
