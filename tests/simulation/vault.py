"""The official Key Vault client over any function that answers requests, and a token that the emulated vault takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.secrets import SecretClient
from requests.adapters import BaseAdapter

from partnerauth.emulator.default import TENANT, VAULT, WEB_APP
from partnerauth.emulator.entra.issue import app_claims
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.world import SecretVersion, VaultSecret
from partnerauth.errors import Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.keyvault import CONTENT_TYPE, KeyVaultStore
from partnerauth.stores.store import Entry, rank
from tests.simulation.blocking import asked, paused
from tests.simulation.place import CLOUD, Place
from tests.simulation.rules import is_anothers
from tests.simulation.stores import Disk, Kind, SimulatedLock, fingerprint

if TYPE_CHECKING:
    from tests.simulation.process import Process

AUDIENCE = "https://vault.azure.net"
LONG = timedelta(days=20_000)


class Letters(BaseAdapter):
    """Takes what the client sends to `answer`, and brings the answer back."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        super().__init__()
        self.answer = answer

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = tuple((name, str(value)) for name, value in request.headers.items())
        try:
            answer = self.answer(Request(str(request.method), str(request.url), headers, bytes(body)))
        except Unreachable as error:
            raise ServiceRequestError("nobody answered") from error
        response = requests.Response()
        response.status_code, response.request, response.url = answer.status, request, str(request.url)
        response.headers.update(dict(answer.headers))
        response.raw = BytesIO(answer.body)
        return response

    def close(self) -> None:
        """Nothing is open."""


class Token:
    """A token for ever."""

    def __init__(self, text: str) -> None:
        self._token = AccessToken(text, 2**33)

    def get_token(self, *_: Any, **__: Any) -> AccessToken:
        """Always the same."""
        return self._token


@cache
def vault_token() -> str:
    """A token of the application, signed by this process, that outlives every clock."""
    place = Place(0)
    tenant, registration = place.world.tenants[TENANT], place.world.registrations[WEB_APP]
    begin = place.world.now() - timedelta(days=1)
    return signing_keys().sign(app_claims(place.world, begin, tenant, registration, AUDIENCE, "1", LONG))


def vault_client(answer: Callable[[Request], Response]) -> SecretClient:
    """The official client, which tries everything just once."""
    session = requests.Session()
    session.trust_env = False  # no proxy is looked for
    session.mount("https://", Letters(answer))
    return SecretClient(
        CLOUD.vault(VAULT),
        Token(vault_token()),
        transport=RequestsTransport(session=session, session_owner=False),
        verify_challenge_resource=False,
        retry_total=0,
    )


@cache
def shared_client() -> SecretClient:
    """One for all the work of this process that stops at its requests."""
    return vault_client(asked)


class VaultDoor(KeyVaultStore):
    """The store over the official client, as one process of a simulation has it open."""

    def __init__(self, disk: Disk, process: Process) -> None:
        super().__init__(shared_client(), "nowhere", pause=paused)
        self._disk = disk
        self._process = process

    def fingerprint(self, value: Hidden) -> str:
        return fingerprint(value)

    def lock(self, name: str) -> Any:
        return SimulatedLock(self._disk, self._process, name)


class VaultDisk(Disk):
    """What lies in the emulated vault."""

    def __init__(self, kind: Kind, place: Place) -> None:
        super().__init__(kind)
        self._place = place

    @property
    def secrets(self) -> dict[str, VaultSecret]:
        """The vault's own records."""
        return self._place.world.vaults[VAULT].secrets

    @property
    def entries(self) -> dict[str, Entry]:  # a field there, and seen anew each time here
        """What counts of each secret: of our enabled versions the greatest; what another tool put on top of it."""
        found = {}
        for name, secret in self.secrets.items():
            enabled = [] if secret.deleted is not None else [one for one in secret.versions if one.enabled]
            if enabled and enabled[-1].content_type != CONTENT_TYPE:
                found[name] = entry_of(name, enabled[-1])
            elif enabled:
                others = [one for one in enabled if is_anothers(entry_of(name, one))]  # it was there first
                counts = max(others or enabled, key=lambda one: (rank(one.tags or {}), one.id))
                found[name] = entry_of(name, counts)
        return found

    @entries.setter
    def entries(self, _: object) -> None:
        """They are the vault's."""

    def put(self, name: str, entry: Entry) -> None:
        """What another tool does."""
        now = self._place.clock.now()
        secret = self.secrets.setdefault(name, VaultSecret(name))
        if secret.deleted is None:
            version = SecretVersion(f"{len(secret.versions):032x}", entry.value, now, now)
            if entry.tags:  # another application's, by the same means as ours
                version.content_type, version.tags = CONTENT_TYPE, dict(entry.tags)
                for one in secret.versions:
                    one.enabled = one.enabled and not is_anothers(entry_of(name, one))
            secret.versions.append(version)


def entry_of(name: str, version: SecretVersion) -> Entry:
    """A version as an entry."""
    return Entry(name, version.value, version.id, dict(version.tags or {}))
