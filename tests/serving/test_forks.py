"""Forks of a served world: each at an origin of its own while it is wanted, and no longer than its server."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.emulator import forks
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response
from partnerauth.serving.emulated import serve_emulator
from partnerauth.serving.server import Server

KEY = Hidden("a-key-of-enough-letters")


class Client:
    """Asks a served world and its forks, trusting the one certificate authority of the first."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.carrier = SyncCarrier(Trust(server.ca))

    def control(self, method: str, path: str, value: Any = None, *headers: tuple[str, str], at: str = "") -> Response:
        url = f"{at or self.url}/_emulator{path}"
        return self.carrier.send(Request(method, url, headers) if value is None else _json(method, url, value, headers))

    def fork(self, name: str = "", at: str = "") -> Any:
        answer = self.control("POST", "/forks", {"id": name}, at=at)
        assert answer.status == 200, answer.body
        return answer.value()

    def names(self, at: str = "") -> list[str]:
        return [one["id"] for one in self.control("GET", "/forks", at=at).value()]

    def token(self, at: str) -> str:
        fields = {"grant_type": "client_credentials", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
        fields["resource"] = "https://api.partnercenter.microsoft.com"
        answer = self.carrier.send(Request.form(f"{at}/{TENANT}/oauth2/token", fields))
        return str(answer.value()["access_token"])

    def customers(self, at: str, token: str) -> int:
        url = f"{at}/api.partnercenter.microsoft.com/v1/customers"
        return self.carrier.send(Request("GET", url, (("Authorization", f"Bearer {token}"),))).status


def _json(method: str, url: str, value: Any, headers: Headers) -> Request:
    return Request(method, url, (("Content-Type", "application/json"), *headers), json.dumps(value).encode())


def answers(url: str) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5):
        return True
    return False


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(contoso(WorldClock(), seed=1))


@pytest.fixture
def client(emulator: Emulator, tmp_path: Path) -> Iterator[Client]:
    with serve_emulator(emulator, tmp_path) as server:
        client = Client(server)
        yield client
        client.carrier.close()


def test_a_fork_is_the_same_world_and_another_one_from_now_on(client: Client) -> None:
    """It has its own clock, people and faults; and both take the tokens from before, as two worlds do."""
    before = client.token(client.url)

    fork = client.fork("rehearsal")

    assert fork["id"] == "rehearsal"
    assert fork["control"] == f"{fork['url']}/_emulator"
    assert fork["url"] != client.url
    assert client.customers(client.url, before) == client.customers(fork["url"], before) == 200
    assert client.customers(fork["url"], client.token(client.url)) == 401
    assert client.customers(client.url, client.token(fork["url"])) == 401
    client.control("PUT", "/clock", {"advance": "90d"}, at=fork["url"])
    client.control("POST", "/faults", {"service": "entra", "status": 503}, at=fork["url"])
    here, there = (client.control("GET", "/clock", at=url).value()["now"] for url in (client.url, fork["url"]))
    assert here[:10] < there[:10]
    assert client.control("GET", "/faults").value() == []
    assert client.token(client.url)


def test_the_ready_facts_name_what_a_program_trusts(client: Client) -> None:
    fork = client.fork()

    other = SyncCarrier(Trust(Path(fork["ca"])))
    assert other.send(Request("GET", f"{fork['url']}/_emulator/people")).status == 200
    other.close()


def test_forks_are_listed_and_ended(client: Client) -> None:
    first, second = client.fork(), client.fork("mine")
    assert (first["id"], client.names()) == ("fork-1", ["fork-1", "mine"])

    assert client.control("DELETE", "/forks/fork-1").status == 204

    assert client.names() == ["mine"]
    assert not answers(first["url"])
    assert answers(second["url"])
    assert client.control("DELETE", "/forks/fork-1").status == 404
    assert client.fork()["id"] == "fork-2"


def test_a_name_is_given_once_and_there_are_only_so_many(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "MOST_FORKS", 2)
    client.fork("mine")

    assert client.control("POST", "/forks", {"id": "mine"}).status == 409
    client.fork()
    refused = client.control("POST", "/forks", {})
    assert (refused.status, refused.value()["detail"]) == (409, "there are 2 forks already")
    assert client.control("POST", "/forks", {"name": "x"}).status == 400


def test_forks_end_with_their_server_and_so_do_theirs(emulator: Emulator, tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with serve_emulator(emulator, tmp_path) as server:
        client = Client(server)
        fork = client.fork()
        grandchild = client.fork(at=fork["url"])
        sibling = client.fork()
        assert client.names() == ["fork-1", "fork-2"]
        assert client.names(at=fork["url"]) == ["fork-1"]
        client.control("DELETE", "/forks/fork-1")
        assert not answers(grandchild["url"])
        assert answers(sibling["url"])
        client.carrier.close()

    assert not answers(sibling["url"])
    left = {thread.name for thread in set(threading.enumerate()) - threads if thread.name == "partnerauth-server"}
    assert not left
    assert emulator.forks.all() == {}
    with pytest.raises(ValueError, match="no address"):
        emulator.forks.add()


def test_whoever_is_held_at_a_fork_does_not_hold_up_its_end(client: Client) -> None:
    fork = client.fork()
    client.control("POST", "/barriers", {"operation": "token", "seconds": 300}, at=fork["url"])
    held: list[str] = []
    asking = threading.Thread(target=lambda: held.append(client.token(fork["url"])))
    asking.start()
    while not client.control("GET", "/barriers", at=fork["url"]).value()[0]["waiting"]:
        pass

    assert client.control("DELETE", "/forks/fork-1").status == 204

    asking.join(10)
    assert held[0].count(".") == 2, "a token, and no connection that was cut"


def test_the_key_of_a_world_is_that_of_its_forks(emulator: Emulator, tmp_path: Path) -> None:
    key = ("Authorization", f"Bearer {KEY.reveal()}")
    with serve_emulator(emulator, tmp_path, host="127.0.0.1", key=KEY) as server:
        client = Client(server)
        assert client.control("POST", "/forks", {}).status == 401
        fork = client.control("POST", "/forks", {}, key).value()

        assert fork["url"].startswith("https://127.0.0.1:")
        assert client.control("GET", "/people", at=fork["url"]).status == 401
        assert client.control("GET", "/people", None, key, at=fork["url"]).status == 200
        client.carrier.close()


def test_where_nobody_serves_the_world_a_fork_has_no_address(emulator: Emulator) -> None:
    answer = emulator.handle(Request.json("POST", "https://localhost/_emulator/forks", {}))

    assert answer.status == 409
    assert "World.fork" in answer.value()["detail"]


def test_the_document_tells_of_forks(emulator: Emulator) -> None:
    document = emulator.handle(Request("GET", "https://localhost/_emulator/openapi.json")).value()

    assert {*document["paths"]["/_emulator/forks"], *document["paths"]["/_emulator/forks/{id}"]} == {
        "get",
        "post",
        "delete",
    }
    assert set(document["components"]["schemas"]["ForkView"]["properties"]) == {"id", "url", "ca", "control"}
