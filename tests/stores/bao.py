"""A KV version 2 engine as OpenBao's reference and source describe it: a function from request to response."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from partnerauth.messages import Request, Response

TOKEN = "s.an-emulated-token"


@dataclass
class Secret:
    """A key: its versions by number (None where one was taken away), and its metadata."""

    current: int = 0
    versions: dict[int, dict[str, Any]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    custom: dict[str, str] | None = None
    most: int = 0


class Bao:
    """The engine `secret/` in one namespace; `instead` answers in its place, `denied` paths are forbidden."""

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self.secrets: dict[str, Secret] = {}
        self.asked: list[Request] = []
        self.instead: Callable[[Request], Response | None] = lambda request: None
        self.afterwards: Callable[[Request], None] = lambda request: None
        self._moment = 0
        self._mutex = threading.Lock()

    def handle(self, request: Request) -> Response:
        """The answer."""
        with self._mutex:
            self.asked.append(request)
            response = self.instead(request) or self._answer(request)
        self.afterwards(request)
        return response

    def put(self, name: str, data: dict[str, Any]) -> None:
        """What another tool does."""
        self._write(self.secrets.setdefault(name, Secret()), data)

    def _answer(self, request: Request) -> Response:
        if request.header("X-Vault-Token") != TOKEN:
            return errors(403, "permission denied")
        parts = urlsplit(request.url)
        found = parts.path.removeprefix("/v1/").split("/", 2)
        if found[0] != "secret" or request.header("X-Vault-Namespace") != self.namespace:
            return errors(404, f'no handler for route "{parts.path.removeprefix("/v1/")}". route entry not found.')
        _, kind, path = [*found, "", ""][:3]
        if kind == "data":
            return self._data(request, path)
        if kind == "metadata":
            return self._metadata(request, path, dict(parse_qsl(parts.query)))
        return errors(404, "unsupported path")

    def _data(self, request: Request, path: str) -> Response:
        if request.method == "GET":
            return self._read(self.secrets.get(path))
        if request.method == "DELETE":
            if secret := self.secrets.get(path):
                secret.deleted.add(secret.current)
            return Response(204)
        body = request.value()
        if "data" not in body:
            return errors(400, "no data provided")
        secret = self.secrets.get(path, Secret())
        cas = body.get("options", {}).get("cas")
        if cas is not None and int(cas) != secret.current:
            return errors(400, "check-and-set parameter did not match the current version")
        self.secrets[path] = secret
        self._write(secret, body["data"])
        return Response.json(200, {"data": self._facts(secret)})

    def _read(self, secret: Secret | None) -> Response:
        if secret is None or secret.current not in secret.versions:
            return errors(404)
        facts = self._facts(secret)
        if secret.current in secret.deleted:
            return Response.json(404, {"data": {"data": None, "metadata": {**facts, "deletion_time": "2026"}}})
        return Response.json(200, {"data": {"data": secret.versions[secret.current]["data"], "metadata": facts}})

    def _metadata(self, request: Request, path: str, query: dict[str, str]) -> Response:
        if request.method == "GET" and query.get("list") == "true":
            inside = [name.removeprefix(path) for name in self.secrets if name.startswith(path)]
            keys = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in inside})
            return Response.json(200, {"data": {"keys": keys}}) if keys else errors(404)
        if request.method == "DELETE":
            self.secrets.pop(path, None)
            return Response(204)
        if request.method != "POST":
            return errors(405, "unsupported operation")
        body = request.value()
        secret = self.secrets.setdefault(path, Secret())
        secret.most = body.get("max_versions", secret.most)
        secret.custom = body.get("custom_metadata", secret.custom)
        return Response(204)

    def _write(self, secret: Secret, data: dict[str, Any]) -> None:
        self._moment += 1
        secret.current += 1
        created = f"2026-11-21T10:00:00.{self._moment:09d}Z"
        secret.versions[secret.current] = {"data": data, "created_time": created}
        for number in list(secret.versions):
            if number <= secret.current - (secret.most or 10):
                del secret.versions[number]

    def _facts(self, secret: Secret) -> dict[str, Any]:
        return {
            "created_time": secret.versions[secret.current]["created_time"],
            "custom_metadata": secret.custom,
            "deletion_time": "",
            "destroyed": False,
            "version": secret.current,
        }


def errors(status: int, *said: str) -> Response:
    """A refusal."""
    return Response.json(status, {"errors": list(said)})
