"""The emulator's vault as the official client meets it, with something else going on there on demand."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient

from partnerauth.adapters.azure import SourceCredential
from partnerauth.cloud import emulated
from partnerauth.emulator.default import TENANT, VAULT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import SecretVersion, Vault
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session


class Desk:
    """Answers as the emulator does, unless `instead` has another answer; `afterwards` sees each answered request."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """An empty vault, and nothing wrong."""
        self._emulator = Emulator(contoso())
        self._versions = 0
        self.instead: Callable[[Request], Response | None] = lambda request: None
        self.afterwards: Callable[[Request], None] = lambda request: None

    def handle(self, request: Request) -> Response:
        """The answer."""
        if not request.header("Authorization"):  # the client asks for the challenge first
            return self._emulator.handle(request)
        response = self.instead(request) or self._emulator.handle(request)
        self.afterwards(request)
        return response

    def client(self, origin: str, ca: Path) -> SecretClient:
        """The official client, as the configuration builds it, but without repetitions."""
        return SecretClient(*self._caller(origin), **switches(ca))

    def keys(self, origin: str, ca: Path) -> KeyClient:
        """The official client for keys, with which an administrator makes them."""
        return KeyClient(*self._caller(origin), **switches(ca))

    def _caller(self, origin: str) -> tuple[str, SourceCredential]:
        cloud = emulated(origin)
        source = AppOnly(Application(WEB_APP, Secret(Hidden(WEB_APP_SECRET))), cloud.authority(TENANT))
        return cloud.vault(VAULT), SourceCredential(source, Session(send=self._emulator.handle))

    @property
    def vault(self) -> Vault:
        """The vault itself."""
        return self._emulator.world.vaults[VAULT]

    def versions(self, name: str) -> list[SecretVersion]:
        """The versions that the vault has under a name, the oldest first."""
        return self.vault.secrets[name].versions

    def add(self, name: str, value: str, tags: Mapping[str, str] | None = None, content_type: str = "") -> None:
        """What another tool does: a version on top, with nothing but a value unless tags and type are given."""
        now = self._emulator.world.now()
        self._versions += 1
        self.versions(name).append(
            SecretVersion(
                f"{self._versions:032x}",
                Hidden(value),
                now,
                now,
                content_type=content_type or None,
                tags=dict(tags or {}),
            )
        )

    def later(self, seconds: float) -> None:
        """Let time pass in the vault."""
        self._emulator.world.clock.advance(timedelta(seconds=seconds))


def switches(ca: Path) -> dict[str, Any]:
    """What a client is told where the emulator is addressed."""
    return {"verify_challenge_resource": False, "connection_verify": str(ca), "retry_total": 0}


def refusal(status: int, code: str, inner: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An error as Key Vault words it."""
    error = {"code": code, "message": "No.", **({"innererror": {"code": inner}} if inner else {})}
    body = msgspec.json.encode({"error": error})
    return Response(status, (("Content-Type", "application/json; charset=utf-8"), *headers), body)
