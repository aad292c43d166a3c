"""The web server for one answer: it takes the answer to its own question, from this machine, and nothing else."""

import http.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from partnerauth.cli.browser import MOST_BYTES, LoopbackReceiver, page
from partnerauth.errors import MfaAbsent, Misconfigured, SignInCancelled
from partnerauth.hidden import Hidden
from partnerauth.messages import FORM
from tests.canaries import Canary

SECONDS = 20
STATE = "the state that was sent"
ANSWER = {"code": "the code", "state": STATE}


class Knocking:
    """A browser on this machine, at the door of a receiver."""

    def __init__(self, receiver: LoopbackReceiver) -> None:
        self.receiver = receiver
        self.port = urlsplit(receiver.redirect_uri).port
        self.pool = ThreadPoolExecutor(8)

    def knock(
        self, method: str = "POST", path: str = "/", body: str = "", host: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """What is answered: status, headers, page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        named = {"Host": host or f"localhost:{self.port}", "Content-Type": FORM, **headers}
        try:
            connection.request(method, path, body.encode(), named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def later(self, method: str, path: str, body: str = "") -> "Future[tuple[int, http.client.HTTPMessage, str]]":
        """The same for an answer that is taken: it waits for its page."""
        return self.pool.submit(self.knock, method, path, body)


@pytest.fixture
def door() -> Iterator[Knocking]:
    """A receiver that waits for an answer with our state."""
    with LoopbackReceiver() as receiver:
        receiver.expect(Hidden(STATE))
        knocking = Knocking(receiver)
        yield knocking
    knocking.pool.shutdown()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_answer_is_taken_and_the_page_shown_when_it_is_known_how_it_went(door: Knocking, method: str) -> None:
    coded = urlencode(ANSWER)

    waiting = door.later(method, f"/?{coded}" if method == "GET" else "/", coded if method == "POST" else "")
    fields = door.receiver.wait(SECONDS)
    assert not waiting.done()
    door.receiver.reply("<p>kept</p>")

    status, headers, text = waiting.result(SECONDS)
    assert fields == ANSWER
    assert (status, text) == (200, "<p>kept</p>")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_refusal_is_an_answer_too(door: Knocking) -> None:
    waiting = door.later("POST", "/", urlencode({"error": "access_denied", "state": STATE}))

    assert door.receiver.wait(SECONDS)["error"] == "access_denied"
    door.receiver.reply("declined")
    waiting.result(SECONDS)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", "", 404),
        ("GET", "/favicon.ico", "", 404),
        ("GET", "/?state=x", "", 404),
        ("GET", f"/elsewhere?{urlencode(ANSWER)}", "", 404),
        ("POST", "/", urlencode(ANSWER | {"state": "forged"}), 404),
        ("POST", "/", "code=any", 404),
        ("POST", "/", f"{urlencode(ANSWER)}&code=again", 404),
        ("POST", "/", "x" * (MOST_BYTES + 1), 413),
        ("PUT", "/", urlencode(ANSWER), 501),
    ],
)
def test_what_is_no_answer_is_turned_away_and_the_right_one_still_taken(
    door: Knocking, method: str, path: str, body: str, status: int
) -> None:
    """Any page in the browser may send something here, and would end the sign-in if that counted."""
    assert door.knock(method, path, body)[0] == status

    waiting = door.later("POST", "/", urlencode(ANSWER))
    assert door.receiver.wait(SECONDS) == ANSWER
    door.receiver.reply("kept")
    assert waiting.result(SECONDS)[0] == 200


def test_a_second_answer_is_turned_away(door: Knocking) -> None:
    first = door.later("POST", "/", urlencode(ANSWER))
    door.receiver.wait(SECONDS)

    before = door.knock("POST", "/", urlencode(ANSWER))[0]
    door.receiver.reply("kept")
    first.result(SECONDS)
    after = door.knock("POST", "/", urlencode(ANSWER))[0]

    assert (before, after) == (404, 404)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "[::1]", ""])
def test_a_strangers_name_does_not_lead_here(door: Knocking, host: str) -> None:
    """DNS rebinding: the name is theirs, the address ours."""
    assert door.knock("POST", "/", urlencode(ANSWER), host=host or ":80")[0] == 421


def test_nobody_comes_in_time(door: Knocking) -> None:
    with pytest.raises(SignInCancelled, match="in time"):
        door.receiver.wait(0.01)


@pytest.mark.parametrize(
    "address",
    ["https://localhost/", "http://evil.example/", "http://127.0.0.2/", "http://localhost.evil.example", "urn:x"],
)
def test_the_browser_comes_back_to_this_machine_or_not_at_all(address: str) -> None:
    with pytest.raises(Misconfigured, match="cannot come back"):
        LoopbackReceiver(address)


def test_a_path_and_a_port_are_kept_and_a_port_that_is_taken_is_told() -> None:
    with LoopbackReceiver("http://127.0.0.1/answer") as receiver:
        parts = urlsplit(receiver.redirect_uri)
        assert (parts.hostname, parts.path) == ("127.0.0.1", "/answer")
        with pytest.raises(Misconfigured, match=f"port {parts.port} cannot be listened on"):
            LoopbackReceiver(receiver.redirect_uri)


def test_the_page_runs_nothing_that_somebody_wrote() -> None:
    """Names and messages come from a directory that anybody may have filled."""
    error = MfaAbsent("<script>alert(1)</script> signed in", hint="<img src=x onerror=alert(1)>")

    text = page(error)

    assert "<script>" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert "Nothing was stored" in text


def test_the_page_of_a_fault_says_nothing_of_it(canary: Canary) -> None:
    assert canary("token", awkward=False)[:12] not in page(RuntimeError(canary("token")))
