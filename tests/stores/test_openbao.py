"""The OpenBao store at a real server over TLS, with a token that may do what docs/stores.md says and no more."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from partnerauth.config import Settings
from partnerauth.errors import Misconfigured, StoreConflict, StoreFailed, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.session import Session
from partnerauth.stores.openbao import Address, OpenBaoStore
from tests.canaries import Canary
from tests.stores.conditions import NAME, NEW, OLD, TAGS, Conditions
from tests.stores.openbao.server import MOUNT, OpenBao, with_standby

DOCS = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
POLICY = "\n".join(re.findall(r'^path "MOUNT/.*$', DOCS, re.MULTILINE))
TEAM = "team-a"
NUMBERS = count()
Make = Callable[..., OpenBaoStore]


class Line:
    """The way to the server: what is asked, what is done in between, and what answers in its place."""

    def __init__(self, server: OpenBao, session: Session) -> None:
        self.server = server
        self.mount = MOUNT
        self.folder = f"folder-{next(NUMBERS)}"
        self.asked: list[Request] = []
        self.instead: Callable[[Request], Response | None] = lambda request: None
        self.afterwards: Callable[[Request], None] = lambda request: None
        self._session = session

    def use(self, mount: str, version: str = "2", **config: Any) -> None:
        """Another engine from now on."""
        self.mount = mount
        self.server.mount(mount, version, namespace=TEAM, **config)

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        response = self.instead(request) or self._session.send(request)
        self.afterwards(request)
        return response

    def put(self, name: str, **data: Any) -> None:
        """What another tool does."""
        self.server.does("POST", f"{self.mount}/data/{self.folder}/{name}", {"data": data}, namespace=TEAM)

    def lies(self, name: str, version: int = 0) -> Any:
        """What another tool sees of a version, with what is said of it."""
        path = f"{self.mount}/data/{self.folder}/{name}?version={version}"
        return self.server.ask("GET", path, namespace=TEAM).value().get("data")

    def versions(self, name: str) -> list[str]:
        """The values that can still be seen."""
        told = self.server.does("GET", f"{self.mount}/metadata/{self.folder}/{name}", namespace=TEAM)["data"]
        found = [self.lies(name, int(number)) for number in told["versions"]]
        return [one["data"]["value"] for one in found if one and one["data"]]

    def policy(self, without: str = "") -> str:
        """The policy of the docs; `without` is what it does not allow: `path: capability`."""
        text = POLICY.replace("MOUNT", self.mount).replace("FOLDER", self.folder)
        path, _, capability = without.partition(": ")
        lines = [
            re.sub(rf'"{capability}"(, )?', "", line).replace(", ]", "]") if without and f"/{path}" in line else line
            for line in text.splitlines()
        ]
        return "\n".join(line for line in lines if "[]" not in line)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenBao]:
    running = OpenBao()
    running.does("POST", f"sys/namespaces/{TEAM}", {})
    running.mount(MOUNT, namespace=TEAM)
    yield running
    running.end()


@pytest.fixture(scope="module")
def session(server: OpenBao) -> Iterator[Session]:
    with Session(ca=str(server.ca)) as ours:
        yield ours


@pytest.fixture
def line(server: OpenBao, session: Session) -> Line:
    return Line(server, session)


@pytest.fixture
def make(line: Line, tmp_path: Path) -> Make:
    def open_store(*, token: str = "", without: str = "", **address: str) -> OpenBaoStore:
        token = token or line.server.token(line.policy(without), namespace=TEAM)
        given = {"origin": line.server.url, "mount": line.mount, "folder": line.folder, "namespace": TEAM} | address
        return OpenBaoStore(Address(**given), line.send, lambda: Hidden(token), str(tmp_path / "locks"))

    return open_store


@pytest.fixture
def store(make: Make) -> OpenBaoStore:
    return make()


class TestOpenBao(Conditions):
    pass


def test_other_tools_find_the_bare_value_and_who_wrote_it(store: OpenBaoStore, line: Line) -> None:
    tags = {"tenant": NAME, "user": "ä" * 300, "client": "a\tb\u2028", "cloud": "\n", "mfa": "shown"}
    store.write(NAME, OLD, tags, None)

    found = line.lies(NAME)
    assert store.plain
    assert found["data"] == {"value": OLD.reveal(), "tags": tags}
    assert found["metadata"]["custom_metadata"] == {
        "written-by": "partnerauth",
        "tenant": NAME,
        "user": "ä" * 256,
        "client": "a b",
    }


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_what_was_written_over_is_gone_for_good(line: Line, make: Make, kept: int) -> None:
    """The greater number of versions counts: the engine's or the secret's."""
    line.use(f"team/keeps-{kept}", max_versions=kept)
    store = make()
    store.check()
    first = store.write(NAME, OLD, TAGS, None)
    marked = store.mark(NAME, {"a": "b"}, first.version)
    line.instead = lambda request: Response(500) if "/destroy/" in request.url else None
    second = store.write(NAME, Hidden("between"), TAGS, marked.version)
    line.instead = lambda request: None
    store.write(NAME, NEW, TAGS, second.version)

    assert line.versions(NAME) == [NEW.reveal()]


def test_custom_metadata_is_written_once(store: OpenBaoStore, line: Line) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    store.write(NAME, NEW, TAGS, first.version)

    assert [request.method for request in line.asked if "/metadata/" in request.url] == ["POST"]


def test_whoever_writes_in_between_wins(store: OpenBaoStore, line: Line) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    line.afterwards = lambda request: line.put(NAME, value="theirs") if request.method == "GET" else None

    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, first.version)
    with pytest.raises(StoreConflict):
        store.mark(NAME, {}, first.version)


def test_a_number_that_comes_again_is_no_version_of_before(store: OpenBaoStore) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    store.forget(NAME)
    second = store.write(NAME, NEW, TAGS, None)

    with pytest.raises(StoreConflict):
        store.write(NAME, OLD, TAGS, first.version)
    assert store.read(NAME) == second


def test_what_another_tool_wrote_is_read_adopted_and_not_listed(store: OpenBaoStore, line: Line) -> None:
    line.put(NAME, value="theirs")
    line.put("some_thing", user="a", password="b")
    line.put("other-thing", user="a", password="b")
    line.put("folder/deep", value="b")

    found = store.read(NAME)
    assert found
    assert (found.value, found.tags) == (Hidden("theirs"), {})
    assert store.list() == []
    with pytest.raises(StoreFailed, match="no field 'value'"):
        store.read("other-thing")
    with pytest.raises(StoreFailed, match="no field 'value'"):
        store.write("other-thing", NEW, {}, None)
    written = store.write(NAME, NEW, TAGS, found.version)
    assert [entry.name for entry in store.list()] == [NAME]
    assert store.read(NAME) == written
    assert line.versions(NAME) == [NEW.reveal()]


@pytest.mark.parametrize("how", ["DELETE data", "POST delete", "POST destroy"])
def test_a_deleted_secret_is_not_there_and_may_come_again(store: OpenBaoStore, line: Line, how: str) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    method, _, kind = how.partition(" ")
    body: dict[str, Any] | None = {"versions": [1]} if method == "POST" else None
    line.server.does(method, f"{MOUNT}/{kind}/{line.folder}/{NAME}", body, namespace=TEAM)

    assert store.read(NAME) is None
    assert store.list() == []
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, first.version)
    assert store.write(NAME, NEW, TAGS, None).value == NEW


def test_a_check_leaves_nothing_that_is_listed(store: OpenBaoStore) -> None:
    store.check()
    store.check()

    assert store.list() == []


# --- the token


def all_that_is_done(store: OpenBaoStore, line: Line) -> None:
    """Whatever a store is for."""
    store.check()
    first = store.write(NAME, OLD, TAGS, None)
    store.write(NAME, NEW, TAGS, first.version)
    line.put("theirs", value="theirs")
    theirs = store.read("theirs")
    assert theirs
    store.write("theirs", NEW, TAGS, theirs.version)
    assert [entry.name for entry in store.list()] == [NAME, "theirs"]
    store.forget(NAME)


def capabilities() -> list[str]:
    """Everything that the policy of the docs allows."""
    found = re.findall(r'path "MOUNT/(\w+).*capabilities = \[(.*)\]', POLICY)
    return [f"{path}: {one}" for path, all_of_it in found for one in re.findall(r"\w+", all_of_it)]


@pytest.mark.parametrize("without", ["", *capabilities()])
def test_the_policy_of_the_docs_is_enough_and_no_less_would_be(line: Line, make: Make, without: str) -> None:
    line.use(f"policy-{next(NUMBERS)}", max_versions=3)
    store = make(without=without)
    if not without:
        all_that_is_done(store, line)
        return

    with pytest.raises(StoreUnwritable, match="403") as caught:
        all_that_is_done(store, line)

    assert without.partition(":")[0] in caught.value.message
    assert "its policies do not allow" in caught.value.hint


def test_the_token_is_asked_for_each_time_and_never_told(
    server: OpenBao, line: Line, tmp_path: Path, canary: Canary
) -> None:
    wrong = canary("token", awkward=False)
    tokens = [Hidden(wrong), Hidden(server.root)]
    store = OpenBaoStore(Address(server.url, MOUNT, line.folder, TEAM), line.send, lambda: tokens[0], str(tmp_path))

    with pytest.raises(StoreUnwritable, match="permission denied") as caught:
        store.read(NAME)

    assert line.asked[0].header("X-Vault-Token") == wrong
    assert "expired or was revoked" in caught.value.hint
    assert wrong not in repr((caught.value, vars(caught.value), store.explain()))
    tokens.pop(0)
    assert store.read(NAME) is None


@pytest.mark.parametrize("over", ["revoked", "used up"])
def test_a_token_that_is_over_is_told_from_one_that_may_not(line: Line, make: Make, over: str) -> None:
    limits = {"num_uses": 3} if over == "used up" else {}
    token = line.server.token(line.policy(), namespace=TEAM, **limits)
    store = make(token=token)
    assert store.read(NAME) is None
    line.server.does("POST", "auth/token/renew", {"token": token}, namespace=TEAM)
    assert store.read(NAME) is None
    if over == "revoked":
        line.server.does("POST", "auth/token/revoke", {"token": token}, namespace=TEAM)
    else:
        store.read(NAME)

    with pytest.raises(StoreUnwritable, match="permission denied") as caught:
        store.read(NAME)

    assert "read again" in caught.value.hint


def settings(line: Line, tmp_path: Path, **more: str) -> Settings:
    """As the command reads them."""
    address = f"openbao:{line.server.url}/{MOUNT}/{line.folder}?namespace={TEAM}&ca={line.server.ca}"
    env = {"PARTNERAUTH_STORE": address, "HOME": str(tmp_path), **more}
    return Settings.load({}, {name: value for name, value in env.items() if value}, tmp_path)


def test_an_agent_keeps_the_token_of_an_approle_in_a_file(line: Line, tmp_path: Path) -> None:
    """As docs/stores.md has it; the agent ends as soon as it has written the file."""
    server, role = line.server, "auth/approle/role/partnerauth"
    server.does("POST", "sys/policies/acl/partnerauth", {"policy": line.policy()}, namespace=TEAM)
    server.does("POST", "sys/auth/approle", {"type": "approle"}, namespace=TEAM)
    server.does("POST", role, {"token_policies": "partnerauth"}, namespace=TEAM)
    own = tmp_path / "partnerauth"
    own.mkdir()
    for method, name in (("GET", "role-id"), ("POST", "secret-id")):
        told = server.does(method, f"{role}/{name}", namespace=TEAM)["data"]
        (own / name).write_text(told[name.replace("-", "_")])
    (block,) = re.findall(r"```hcl\n(auto_auth.*?)```", DOCS, re.DOTALL)
    agent = tmp_path / "agent.hcl"
    agent.write_text("exit_after_auth = true\n" + block.replace("/etc/partnerauth/", f"{own}/"))
    token = own / "token"
    kept = settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN_FILE=str(token))

    for _ in range(2):
        ran = server.run("agent", f"-config={agent}", BAO_NAMESPACE=TEAM, BAO_TOKEN="")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        kept.store.check()
        first = token.read_text()
        server.does("POST", "auth/token/revoke", {"token": first}, namespace=TEAM)
        with pytest.raises(StoreUnwritable, match="permission denied"):
            kept.store.check()


def test_a_token_that_is_away_for_a_moment_is_a_store_that_fails(line: Line, tmp_path: Path) -> None:
    """A redemption that is under way tries again for a while, where the store fails."""
    path = tmp_path / "token"
    path.write_text(token := line.server.token(line.policy(), namespace=TEAM))
    store = settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN_FILE=str(path)).store
    first = store.write(NAME, OLD, TAGS, None)

    for break_it in (path.unlink, lambda: path.write_text("")):
        break_it()
        with pytest.raises(StoreFailed, match=r"cannot be asked: .*store_token_file"):
            store.write(NAME, NEW, TAGS, first.version)
        path.write_text(token)

    assert store.write(NAME, NEW, TAGS, first.version).value == NEW


def test_a_store_without_its_authority_or_its_token_is_named(line: Line, tmp_path: Path) -> None:
    token = line.server.token(line.policy(), namespace=TEAM)
    store = settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN=token).store
    written = store.write(NAME, OLD, TAGS, None)
    assert store.read(NAME) == written

    strange = f"openbao:{line.server.url}/{MOUNT}/{line.folder}?namespace={TEAM}"
    with pytest.raises(StoreFailed, match="did not answer") as caught:
        settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN=token, PARTNERAUTH_STORE=strange).store.read(NAME)
    assert "?ca=" in caught.value.hint
    nowhere = f"{strange}&ca=/nowhere.pem"
    with pytest.raises(Misconfigured, match="CA file"):
        settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN=token, PARTNERAUTH_STORE=nowhere).store.read(NAME)
    with pytest.raises(Misconfigured, match="no token"):
        settings(line, tmp_path).store.read(NAME)
    with pytest.raises(Misconfigured, match="token for OpenBao is none"):
        settings(line, tmp_path, PARTNERAUTH_STORE_TOKEN="s.one\ns.two").store.read(NAME)


# --- the engine


def test_an_engine_of_version_1_is_refused_before_anything_is_written(line: Line, make: Make) -> None:
    """It would take everything, and know of no condition."""
    line.use("one", "1")
    anything = 'path "one/*" { capabilities = ["create", "read", "update", "delete", "list"] }'
    store = make(token=line.server.token(anything, namespace=TEAM))

    doing: list[Callable[[], object]] = [store.check, store.list, lambda: store.write(NAME, OLD, TAGS, None)]
    for do in doing:
        with pytest.raises(StoreFailed, match="no KV engine of version 2") as caught:
            do()
        assert "secrets list" in caught.value.hint
    assert "no KV engine of version 2" in store.explain()["engine"]
    assert line.server.ask("GET", "one?list=true", namespace=TEAM).status == 404, "nothing lies there"


@pytest.mark.parametrize(
    ("config", "said"),
    [({"delete_version_after": "720h"}, "720h"), ({"metadata_cas_required": True}, "check-and-set for metadata")],
)
def test_an_engine_that_would_lose_a_secret_is_refused(
    line: Line, make: Make, config: Mapping[str, Any], said: str
) -> None:
    line.use(f"loses-{next(NUMBERS)}", **config)
    store = make()

    with pytest.raises(StoreUnwritable, match=said) as caught:
        store.check()

    assert "bao write" in caught.value.hint
    assert said in store.explain()["engine"]


def test_an_engine_that_demands_conditions_gets_them(line: Line, make: Make) -> None:
    line.use("strict", cas_required=True)
    store = make()

    store.check()
    first = store.write(NAME, OLD, TAGS, None)
    assert store.write(NAME, NEW, TAGS, first.version).value == NEW


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"mount": "nowhere"}, "no handler for route"),
        ({"namespace": "team-b"}, "namespace not found"),
        ({"mount": "sys"}, "unsupported path"),
    ],
)
def test_another_mount_or_namespace_is_named(line: Line, make: Make, address: Mapping[str, Any], said: str) -> None:
    store = make(token=line.server.root, **address)

    doing: list[Callable[[], object]] = [
        lambda: store.read(NAME),
        store.check,
        lambda: store.write(NAME, OLD, {}, None),
    ]
    for do in doing:
        with pytest.raises(StoreFailed, match=said) as caught:
            do()
        assert "Check mount and namespace" in caught.value.hint


# --- the server


def test_a_sealed_server_says_so_and_nothing_is_lost(store: OpenBaoStore, line: Line) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    line.server.seal()
    try:
        with pytest.raises(StoreFailed, match=r"503.*sealed") as caught:
            store.write(NAME, NEW, TAGS, first.version)
    finally:
        line.server.unseal()

    assert "unseal" in caught.value.hint
    assert store.read(NAME) == first


def test_a_server_with_a_limit_is_asked_less_often(store: OpenBaoStore, line: Line) -> None:
    limit = {"path": f"{TEAM}/{MOUNT}/", "rate": 1, "interval": "60s"}
    line.server.does("POST", "sys/quotas/rate-limit/a-test", limit)
    try:
        store.read(NAME)
        with pytest.raises(StoreFailed, match=r"429.*quota exceeded") as caught:
            store.read(NAME)
    finally:
        line.server.does("DELETE", "sys/quotas/rate-limit/a-test")

    assert "rate limit" in caught.value.hint


def test_a_server_that_is_not_there(make: Make) -> None:
    with pytest.raises(StoreFailed, match="did not answer") as caught:
        make(origin="https://127.0.0.1:1").read(NAME)

    assert type(caught.value) is StoreFailed
    assert caught.value.__context__ is None


def test_a_standby_is_as_good_as_the_active_server_and_tells_when_nobody_leads(tmp_path: Path) -> None:
    with with_standby() as (active, standby), Session(ca=str(active.ca)) as session:
        stores = []
        for server in (active, standby):
            line = Line(server, session)
            address = Address(server.url, MOUNT, "partnerauth")
            stores.append(OpenBaoStore(address, line.send, lambda: Hidden(active.root), str(tmp_path)))
        here, there = stores
        there.check()
        entry = there.write(NAME, Hidden("0"), {}, None)
        for number in range(1, 40):
            value = Hidden(str(number))
            entry = there.write(NAME, value, {}, entry.version)
            assert there.read(NAME) == entry, "a standby answers from its own copy, which may be late"
        for number in range(40):
            before, entry = entry, here.write(NAME, Hidden(f"here {number}"), {}, entry.version)
            with pytest.raises(StoreConflict):
                there.write(NAME, NEW, {}, before.version)
            assert there.read(NAME) == entry, "who has lost sees who won"
        active.crash()

        with pytest.raises(StoreFailed, match=r"answered (307|500)") as caught:
            there.write(NAME, NEW, {}, entry.version)

    assert "standby" in caught.value.hint


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (Response(502, (), b"<html>"), "log"),
        (Response(200, (("Content-Type", "text/html"),), b"<html>a proxy</html>"), "proxy"),
        (Response.json(200, {"surprise": []}), "version 2"),
        (Response.json(400, {"errors": ["Invalid path for a versioned K/V secrets engine"]}), "version 2"),
    ],
    ids=str,
)
def test_what_else_may_answer_is_told_with_advice_and_without_secrets(
    store: OpenBaoStore, line: Line, response: Response, hint: str
) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    line.instead = lambda request: response if request.method == "POST" else None

    with pytest.raises(StoreFailed) as caught:
        store.write(NAME, NEW, TAGS, first.version)

    assert hint in caught.value.hint
    told = repr((caught.value, vars(caught.value)))
    assert NEW.reveal()[:20] not in told
    assert line.asked[-1].header("X-Vault-Token") not in told


# --- its address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("openbao:https://bao:8200/secret", Address("https://bao:8200", "secret")),
        ("openbao:https://bao/team%2Fkv/a/", Address("https://bao", "team/kv", "a")),
        (
            "openbao:https://bao/kv/a/b?namespace=x%2Fy&ca=/etc/ca.pem",
            Address("https://bao", "kv", "a/b", "x/y", "/etc/ca.pem"),
        ),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert Address.read(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "openbao:http://bao:8200/secret",
        "openbao:https://bao:8200/",
        "openbao:https://bao:8200/secret/../sys",
        "openbao:https://bao:8200/secret/a//b",
        "openbao:https://bao:8200/..%2Fsys/a",
        "openbao:https://token@bao:8200/secret",
        "openbao:https://bao/secret?token=x",
        "openbao:https://bao/secret#x",
        "openbao:https://bao/secret?x",
        "openbao:https://[bao/secret",
        "openbao:",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        Address.read(text)
