"""The OpenBao store holds to the conditions, over the protocol as its reference has it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from partnerauth.errors import Misconfigured, StoreConflict, StoreFailed, StoreUnwritable, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.openbao import Address, OpenBaoStore
from tests.canaries import Canary
from tests.stores.bao import TOKEN, Bao, errors
from tests.stores.conditions import NAME, NEW, OLD, TAGS, Conditions

ADDRESS = Address("https://bao.example.com:8200", "secret", "partnerauth", "team-a")
Make = Callable[..., OpenBaoStore]


@pytest.fixture
def bao() -> Bao:
    return Bao("team-a")


@pytest.fixture
def make(bao: Bao, tmp_path: Path) -> Make:
    def open_store(address: Address = ADDRESS, token: str = TOKEN) -> OpenBaoStore:
        return OpenBaoStore(address, bao.handle, lambda: Hidden(token), str(tmp_path / "locks"))

    return open_store


@pytest.fixture
def store(make: Make) -> OpenBaoStore:
    return make()


class TestOpenBao(Conditions):
    pass


def test_other_tools_find_the_bare_value_and_who_wrote_it(store: OpenBaoStore, bao: Bao) -> None:
    tags = {"tenant": NAME, "user": "x" * 600, "mfa": "shown"}
    store.write(NAME, OLD, tags, None)

    secret = bao.secrets[f"partnerauth/{NAME}"]
    assert store.plain
    assert secret.versions[1]["data"] == {"value": OLD.reveal(), "tags": tags}
    assert secret.custom == {"written-by": "partnerauth", "tenant": NAME, "user": "x" * 512}


def test_what_was_written_over_is_gone_for_good(store: OpenBaoStore, bao: Bao) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    marked = store.mark(NAME, {"a": "b"}, first.version)
    store.write(NAME, NEW, TAGS, marked.version)

    assert [version["data"]["value"] for version in bao.secrets[f"partnerauth/{NAME}"].versions.values()] == [
        NEW.reveal()
    ]


def test_custom_metadata_is_written_once(store: OpenBaoStore, bao: Bao) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    store.write(NAME, NEW, TAGS, first.version)

    assert [r.method for r in bao.asked if "/metadata/" in r.url] == ["POST"]


def test_whoever_writes_in_between_wins(store: OpenBaoStore, bao: Bao) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    bao.afterwards = lambda request: bao.put(f"partnerauth/{NAME}", {"value": "x"}) if request.method == "GET" else None

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


def test_what_another_tool_wrote_is_read_adopted_and_not_listed(store: OpenBaoStore, bao: Bao) -> None:
    bao.put(f"partnerauth/{NAME}", {"value": "theirs"})
    bao.put("partnerauth/some_thing", {"user": "a", "password": "b"})
    bao.put("partnerauth/other-thing", {"user": "a", "password": "b"})
    bao.put("partnerauth/folder/deep", {"value": "b"})

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


def test_a_deleted_secret_is_not_there_and_may_come_again(store: OpenBaoStore, bao: Bao) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    path = f"https://bao.example.com:8200/v1/secret/data/partnerauth/{NAME}"
    bao.handle(Request("DELETE", path, (("X-Vault-Token", TOKEN), ("X-Vault-Namespace", "team-a"))))

    assert store.read(NAME) is None
    assert store.list() == []
    with pytest.raises(StoreConflict):
        store.write(NAME, NEW, TAGS, first.version)
    assert store.write(NAME, NEW, TAGS, None).value == NEW


def test_a_check_leaves_nothing_that_is_listed(store: OpenBaoStore, bao: Bao) -> None:
    store.check()
    store.check()

    assert store.list() == []
    bao.instead = lambda request: errors(403, "permission denied") if request.method == "POST" else None
    with pytest.raises(StoreUnwritable):
        store.check()


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (errors(400, "Invalid path for a versioned K/V secrets engine"), "version 2"),
        (errors(403, "permission denied"), "policy"),
        (errors(404, 'no handler for route "secret/data/x"'), "secrets list"),
        (errors(503, "Vault is sealed"), "unseal"),
        (errors(500, "internal error"), "log"),
        (Response(307, (("Location", "https://evil.example/"),)), "standby"),
        (Response(200, (("Content-Type", "text/html"),), b"<html>a proxy</html>"), "proxy"),
        (Response(502, (), b"<html>"), "log"),
        (Response.json(200, {"surprise": []}), ""),
    ],
    ids=str,
)
def test_a_refusal_is_told_with_advice_and_without_secrets(
    store: OpenBaoStore, bao: Bao, response: Response, hint: str
) -> None:
    first = store.write(NAME, OLD, TAGS, None)
    bao.instead = lambda request: response if request.method == "POST" else None

    with pytest.raises(StoreFailed) as caught:
        store.write(NAME, NEW, TAGS, first.version)

    assert hint in caught.value.hint
    told = repr((caught.value, vars(caught.value)))
    assert NEW.reveal()[:20] not in told
    assert TOKEN not in told


def test_a_server_that_is_not_there(store: OpenBaoStore, bao: Bao) -> None:
    def unreachable(request: Request) -> Response:
        raise Unreachable("no connection")

    bao.instead = unreachable
    with pytest.raises(StoreFailed, match="did not answer") as caught:
        store.read(NAME)
    assert type(caught.value) is StoreFailed
    assert caught.value.__context__ is None


@pytest.mark.parametrize("address", [Address(ADDRESS.origin, "secret"), Address(ADDRESS.origin, "kv", "", "team-a")])
def test_another_mount_or_namespace_is_named(make: Make, address: Address) -> None:
    with pytest.raises(StoreFailed, match="no handler for route"):
        make(address).read(NAME)


def test_the_token_is_asked_for_each_time_and_never_told(bao: Bao, tmp_path: Path, canary: Canary) -> None:
    token = canary("token", awkward=False)
    tokens = [Hidden(TOKEN), Hidden(token)]
    store = OpenBaoStore(ADDRESS, bao.handle, lambda: tokens.pop(0), str(tmp_path))
    assert store.read(NAME) is None

    with pytest.raises(StoreFailed, match="permission denied") as caught:
        store.read(NAME)

    assert bao.asked[-1].header("X-Vault-Token") == token
    assert token not in repr((caught.value, vars(caught.value), store.explain()))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("openbao:https://bao:8200/secret", Address("https://bao:8200", "secret")),
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


def test_over_the_network_with_our_own_carrier(bao: Bao, tmp_path: Path) -> None:
    from partnerauth.config import Settings
    from partnerauth.serving.server import serve

    with serve(bao.handle, tmp_path / "certificates") as server:
        env = {
            "PARTNERAUTH_STORE": f"openbao:{server.url}/secret/partnerauth?namespace=team-a&ca={server.ca}",
            "PARTNERAUTH_STORE_TOKEN": TOKEN,
            "HOME": str(tmp_path),
        }
        store = Settings.load({}, env, tmp_path).store
        written = store.write(NAME, OLD, TAGS, None)
        assert store.read(NAME) == written
        untrusted = Settings.load(
            {}, {**env, "PARTNERAUTH_STORE": env["PARTNERAUTH_STORE"].partition("&")[0]}, tmp_path
        )
        with pytest.raises(StoreFailed, match="did not answer"):
            untrusted.store.read(NAME)
        nobody = Settings.load({}, {**env, "PARTNERAUTH_STORE_TOKEN": ""}, tmp_path)
        with pytest.raises(Misconfigured, match="no token"):
            nobody.store.read(NAME)
