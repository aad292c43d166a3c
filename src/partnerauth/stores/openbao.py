"""OpenBao or HashiCorp Vault as a store: one secret of a KV version 2 engine for each name, its value bare.

Value and tags are one version of the secret, so that one check-and-set covers both: custom metadata has none. It says
who wrote the secret, for people, and is written once. One version is kept: what was written over is deleted for good,
by the server, or by us where the engine keeps more (the greater of its `max_versions` and a secret's own counts).

Sources: OpenBao's API reference, "KV secrets engine, version 2"; `builtin/logical/kv/path_data.go` there (a version
number starts anew when a secret was deleted for good, so that the moment of its making is part of our version); its
"Eventual consistency" (standby nodes answer reads from their own copy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hmac import digest
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from partnerauth.errors import Misconfigured, PartnerAuthError, StoreConflict, StoreFailed, StoreUnwritable, Untrusted
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.lock import FileLock
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    from typing import Self

PROBE = "partnerauth-check"
WRITER = {"written-by": "partnerauth"}
SHOWN = ("cloud", "tenant", "client", "user")
"""The tags that custom metadata shows: they stay the same for a secret's life."""
LONGEST = 512
"""Bytes of a text in custom metadata."""
CONFLICT = "check-and-set parameter did not match"


@dataclass(frozen=True)
class Address:
    """Where the secrets lie, and in which namespace; `ca` is a PEM bundle to trust in place of the system's."""

    origin: str
    mount: str
    folder: str = ""
    namespace: str = ""
    ca: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """The address in a setting. Raises `Misconfigured`."""
        try:
            parts = urlsplit(text.partition(":")[2])
            query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError:
            raise Misconfigured("the address of the OpenBao store is none", hint=FORM) from None
        mount, _, folder = parts.path.strip("/").partition("/")
        mount = unquote(mount).strip("/")
        if not {".", "..", ""}.isdisjoint([*mount.split("/"), *(folder.split("/") if folder else [])]):
            raise Misconfigured("the address of the OpenBao store names no mount and folder", hint=FORM)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
            raise Misconfigured("the address of the OpenBao store is none, or not https", hint=FORM)
        if unknown := query.keys() - {"namespace", "ca"}:
            raise Misconfigured(
                f"the address of the OpenBao store has an unknown part '{min(unknown)[:20]}'", hint=FORM
            )
        return cls(f"https://{parts.netloc}", mount, folder, query.get("namespace", ""), query.get("ca", ""))


FORM = "Write openbao:https://HOST:8200/MOUNT/FOLDER?namespace=NAME&ca=/path/ca.pem (folder and query may miss)."


@dataclass(frozen=True)
class Found:
    """What lies under a name: the entry if it can be read, the version number a write must name, who wrote it."""

    entry: Entry | None
    number: int
    ours: bool


@dataclass(frozen=True)
class Engine:
    """How the engine is set up: how many versions of each secret it keeps at least, and after what time it deletes."""

    keeps: int
    deletes_after: str
    guards_metadata: bool

    @property
    def trouble(self) -> tuple[str, str]:
        """Why no secret can be kept there, and what helps; empty where one can."""
        if self.deletes_after not in ("", "0s"):
            return (
                f"deletes each version after {self.deletes_after}",
                "Have it keep them: `bao write MOUNT/config delete_version_after=0s`, or name another engine.",
            )
        if self.guards_metadata:
            return (
                "demands check-and-set for metadata too",
                "Set `bao write MOUNT/config metadata_cas_required=false`, or name another engine.",
            )
        return "", ""


class OpenBaoStore:
    """Secrets in one folder of one KV version 2 engine.

    `send` brings a request there, `token` the token for it whenever one is sent (an agent may renew it), `locks` is a
    directory of ours: the server has no locks, so that they hold on this machine; check-and-set holds everywhere.
    """

    plain = True

    def __init__(
        self, address: Address, send: Callable[[Request], Response], token: Callable[[], Hidden], locks: str
    ) -> None:
        self._address = address
        self._send = send
        self._token = token
        self._locks = locks
        self._known: Engine | None = None
        self._index = ""
        self._reached = False
        self._folder = f"{address.folder}/" if address.folder else ""
        within = f" in {address.namespace}" if address.namespace else ""
        self.id = f"{address.origin}/{address.mount}/{self._folder}".rstrip("/") + within

    def read(self, name: str) -> Entry | None:
        """The current version, whoever wrote it; None where there is none or where it is deleted."""
        return self._find(proper(name)).entry

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: nothing). Raises `StoreConflict`."""
        name = proper(name)
        return self._put(name, self._expect(name, expected), value, tags)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags there, on the same condition; the value stays."""
        name = proper(name)
        found = self._expect(name, expected)
        if found.entry is None:
            raise conflict(name)
        return self._put(name, found, found.entry.value, tags)

    def list(self) -> list[Entry]:
        """Every entry that we wrote, its value hidden away. It takes a request for each."""
        answer = self._ask("GET", f"metadata/{self._folder}?list=true")
        if answer is None:
            self._engine()  # nothing lies there, or it is an engine that knows of no such list
        names = [name for name in _within(answer, "keys") or () if name != PROBE]
        found = [self._find(name, strange=False) for name in sorted(names) if name.replace("-", "0").isalnum()]
        entries = [one.entry for one in found if one.entry is not None and one.ours]
        return [Entry(entry.name, Hidden(""), entry.version, entry.tags) for entry in entries]

    def forget(self, name: str) -> None:
        """Delete the secret for good, every version and all that is said of it."""
        self._ask("DELETE", f"metadata/{self._folder}{proper(name)}")

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under the store's address: no secret, for a token is too long to be guessed."""
        return digest(self.id.encode(), value.reveal().encode("utf-8", "surrogatepass"), "sha256")[:16].hex()

    def check(self) -> None:
        """Make sure, by a secret of its own name, that secrets can be written, and stay. Raises `StoreFailed`."""
        engine = self._engine()
        what, helps = engine.trouble
        if what:
            raise StoreUnwritable(f"the engine of {self.id} {what}", hint=helps)
        try:
            written = self._put(PROBE, self._find(PROBE), Hidden("nothing secret"), {})
            if engine.keeps > 1:
                self._destroy(PROBE, int(written.version.partition(".")[0]), engine)
        except StoreConflict:
            return  # somebody else could write it just now

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people."""
        try:
            engine = self._engine()
            says = engine.trouble[0] or ("keeps more than one version" if engine.keeps > 1 else "as it should be")
        except PartnerAuthError as error:
            says = error.message
        return {
            "kind": "openbao",
            "id": self.id,
            "engine": says,
            "values": "bare, so that other tools can read them; the server seals them",
            "locks": self._locks,
        }

    def lock(self, name: str) -> FileLock:
        """A new lock of that name on this machine. Other machines are not held off."""
        return FileLock(self._locks, f"{self.id}\n{name}")

    def _expect(self, name: str, expected: str | None) -> Found:
        found = self._find(name)
        if (found.entry.version if found.entry else None) != expected:
            self._catch_up()
            raise conflict(name)
        return found

    def _find(self, name: str, *, strange: bool = True) -> Found:
        """What lies there. With `strange`, raises `StoreFailed` for a secret that holds something else."""
        answer = self._ask("GET", f"data/{self._folder}{name}")
        if answer is None:
            return Found(None, 0, ours=False)
        metadata, data = _within(answer, "metadata") or {}, _within(answer, "data")
        try:
            number, custom = int(metadata["version"]), metadata.get("custom_metadata") or {}
            ours = custom.get("written-by") == WRITER["written-by"]
            if data is None:
                return Found(None, number, ours)
            tags = {str(key): str(text) for key, text in (data.get("tags") or {}).items()}
            version = f"{number}.{metadata['created_time']}"
            return Found(Entry(name, Hidden(str(data["value"])), version, tags), number, ours)
        except (AttributeError, KeyError, TypeError, ValueError):
            if not strange:
                return Found(None, 0, ours=False)
            raise StoreFailed(
                f"what lies at {self.id}/{name} has no field 'value'",
                hint="Another tool wrote it; name another folder.",
            ) from None

    def _put(self, name: str, found: Found, value: Hidden, tags: Mapping[str, str]) -> Entry:
        engine = self._known or self._engine()
        if not found.ours:
            custom = WRITER | {tag: text for tag in SHOWN if (text := _shown(tags.get(tag, "")))}
            self._ask("POST", f"metadata/{self._folder}{name}", {"max_versions": 1, "custom_metadata": custom})
        data = {"value": value.reveal(), "tags": dict(tags)}
        try:
            answer = self._ask("POST", f"data/{self._folder}{name}", {"options": {"cas": found.number}, "data": data})
        except StoreConflict:
            self._catch_up()
            raise
        number, created = _within(answer, "version"), _within(answer, "created_time")
        if not isinstance(number, int) or not created:
            raise StoreFailed(f"{self.id} did not say what became of a write", hint=NO_SUCH_ENGINE)
        if engine.keeps > 1 and found.number:
            with suppress(StoreFailed):  # the write is done; the next one destroys this version as well
                self._destroy(name, found.number, engine)
        return Entry(name, value, f"{number}.{created}", dict(tags))

    def _engine(self) -> Engine:
        """How the engine is set up now. Raises `StoreFailed` where it is not one of version 2."""
        answer = self._ask("GET", "config")
        try:
            told = answer["data"]
            after, guards = str(told["delete_version_after"]), bool(told.get("metadata_cas_required"))
            self._known = Engine(int(told["max_versions"]), after, guards)
        except (KeyError, TypeError, ValueError):
            raise StoreFailed(
                f"what lies at {self._address.origin}/{self._address.mount} is no KV engine of version 2",
                hint=NO_SUCH_ENGINE,
            ) from None
        return self._known

    def _catch_up(self) -> None:
        """See to it that the next read, of a standby too, sees what somebody else has written by now.

        Only a write tells how far the active server is; this one says what is so already.
        """
        if self._index:
            with suppress(StoreFailed):
                self._ask("POST", f"metadata/{self._folder}{PROBE}", {"max_versions": 1})

    def _destroy(self, name: str, number: int, engine: Engine) -> None:
        """Take away for good what is left of the version of that number and of those before it."""
        numbers = list(range(max(1, number - engine.keeps), number + 1))
        self._ask("POST", f"destroy/{self._folder}{name}", {"versions": numbers})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; None where nothing is there. Raises `StoreFailed` and its kinds."""
        try:
            token = _sendable(self._token())
            response = self._sent(token, method, f"{self._address.mount}/{path}", body)
        except Misconfigured as error:
            if not self._reached:
                raise
            # What was set up well has become worse in the meantime: to whoever writes, the store fails.
            failure = StoreFailed(f"{self.id} cannot be asked: {error.message}", hint=error.hint)
        except PartnerAuthError as error:
            hint = UNTRUSTED if isinstance(error, Untrusted) else error.hint
            failure = StoreFailed(f"{self.id} did not answer: {error.message}", hint=hint)
        else:
            told = _told(response)
            if response.ok:
                return told
            errors = [_one_line(str(one)) for one in (_within(told, "errors", whole=True) or [])]
            if response.status == 404 and not errors:
                return told if _within(told, "metadata") else None
            holds = response.status == 403 and self._holds(token)
            asked, _, query = path.partition("?")
            failure = self._failure(response, f"{'LIST' if query else method} {asked}", " ".join(errors), holds)
        raise failure  # out here, so that it does not drag the request along

    def _sent(self, token: Hidden, method: str, path: str, body: Any = None) -> Response:
        """The answer. A standby that has not heard of our last write yet lets the active node answer."""
        url = f"{self._address.origin}/v1/{path}"
        headers = [("X-Vault-Token", token.reveal()), ("X-Vault-Request", "true")]
        if self._address.namespace:
            headers.append(("X-Vault-Namespace", self._address.namespace))
        if self._index:
            headers += [("X-Vault-Index", self._index), ("X-Vault-Inconsistent", "forward-active-node")]
        request = Request(method, url) if body is None else Request.json(method, url, body)
        response = self._send(request.having(*headers))
        self._reached = True
        if method != "GET" or not self._index:
            self._index = response.header("X-Vault-Index") or self._index
        return response

    def _failure(self, response: Response, asked: str, said: str, holds: bool) -> StoreFailed:
        status = response.status
        if status == 400 and CONFLICT in said:
            return StoreConflict(f"{self.id} has changed since it was read", status=status)
        hint = HINTS.get(status, "Look at the server's log and its audit log.")
        if status in (404, 405) or "Invalid path for a versioned" in said:
            hint = NO_SUCH_ENGINE
        if status == 400 and said.startswith("Upgrading"):
            hint = "The engine is being set up: try again in a moment."
        if holds:
            hint = f"The token is valid, but its policies do not allow {asked}: docs/stores.md has the policy."
        kind = StoreUnwritable if status == 403 else StoreFailed
        text = f"{self.id} answered {status} to {asked}: {said}".rstrip(": ")
        return kind(text, hint=hint, status=status, retry_after=response.retry_after)

    def _holds(self, token: Hidden) -> bool:
        """Whether the token is one, whatever it may do."""
        try:
            return self._sent(token, "GET", "auth/token/lookup-self").ok
        except PartnerAuthError:
            return False


NO_SUCH_ENGINE = "Check mount and namespace: `bao secrets list -detailed`; it must be a KV engine of version 2."
UNTRUSTED = "For a private authority, name its PEM file in the address: ?ca=/path/ca.pem."
HINTS = {
    307: "This server is a standby, and the active one cannot be reached through it: `bao status`.",
    500: "Look at the server's log; a standby may have no active server: `bao operator raft list-peers`.",
    403: "The token has expired or was revoked, or is of another namespace: `bao token lookup`. Bring a new one; its "
    "file is read again for each request.",
    429: "Wait, then ask less often: the server has a rate limit.",
    503: "The server is sealed or in maintenance: `bao status`, then unseal it.",
}


def _sendable(token: Hidden) -> Hidden:
    if token.reveal().isascii() and token.reveal().isprintable():
        return token
    raise Misconfigured("the token for OpenBao is none", hint="Look at store_token_file.")


def _told(response: Response) -> Any:
    try:
        return response.value() if response.body else {}
    except ValueError:
        if response.ok:
            raise StoreFailed("what answered is no OpenBao or Vault", hint="Check host, port and proxy.") from None
        return {}


def _one_line(text: str) -> str:
    return " ".join(text.split()).removeprefix("1 error occurred: * ")[:200]


def _shown(text: str) -> str:
    """The text as custom metadata takes it: printable, and not too long."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").strip()


def _within(answer: Any, name: str, *, whole: bool = False) -> Any:
    inner = answer if whole or not isinstance(answer, dict) else answer.get("data")
    return inner.get(name) if isinstance(inner, dict) else None
