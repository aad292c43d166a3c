"""Each way to tell somebody, against what is really on the other side: a TLS server, a mail server, a process."""

import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from partnerauth.errors import Misconfigured, PartnerAuthError, Refused, Unreachable, Untrusted
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.server import Server, serve
from partnerauth.session import Session
from partnerauth.watch.alarm import Alarm, Cause, Notice
from partnerauth.watch.mail import Mail
from partnerauth.watch.program import Program
from partnerauth.watch.webhook import Webhook
from tests.canaries import Canary
from tests.consent.partner import NOON
from tests.watch.postoffice import PostOffice, opened

ALARM = Alarm(
    Cause.LOST,
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "the consent of admin.agent@contoso.com is lost: The grant was revoked",
    "the person who consents",
    "Let an admin agent run `partnerauth consent` again.",
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "admin.agent@contoso.com",
    "50173",
    consentable=True,
)
NOTICE = Notice(
    ALARM, NOON, NOON, "00001111-aaaa-2222-bbbb-3333cccc4444", "global", link=Hidden("https://desk.example/i")
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for this machine's names."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Receiver:
    """Whoever listens to the webhook, and the answers it gives first."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.heard.append(request)
        status = self.statuses.pop(0) if self.statuses else 204
        return Response(status, (("Location", "https://localhost/elsewhere"), ("Retry-After", "0")))


@pytest.fixture
def receiver() -> Receiver:
    """Who listens."""
    return Receiver()


@pytest.fixture
def server(receiver: Receiver, certificates: Certificates) -> Iterator[Server]:
    """Where."""
    with serve(receiver.handle, certificates.bundle.parent) as running:
        yield running


def told(channel: Any, notice: Notice = NOTICE, ca: str = "") -> None:
    """Tell it, without pauses."""
    with Session(ca=ca or None) as session:
        run(channel.tell(notice), session.send, lambda seconds: None)


# --- webhook


def test_a_webhook_gets_the_facts_and_can_check_who_sent_them(
    server: Server, receiver: Receiver, canary: Canary
) -> None:
    key = canary("webhook key")
    told(Webhook(Hidden(f"{server.url}/hook?room=7"), Hidden(key)), ca=str(server.ca))

    (request,) = receiver.heard
    stamp = request.header("Partnerauth-Timestamp")
    expected = hmac.new(key.encode(), f"{stamp}.".encode() + request.body, hashlib.sha256).hexdigest()
    assert request.header("Partnerauth-Signature") == f"v1={expected}"
    assert int(stamp) == int(NOON.timestamp())
    assert request.header("Partnerauth-Id") == NOTICE.id
    assert (request.path, request.query) == ("/hook", {"room": "7"})
    facts = request.value()
    assert facts == json.loads(json.dumps(NOTICE.facts()))
    assert (facts["event"], facts["cause"], facts["consent"]) == ("alarm", "lost", "https://desk.example/i")


def test_another_body_another_moment_another_key_do_not_check(server: Server, receiver: Receiver) -> None:
    for notice, key in ((NOTICE, "a"), (replace(NOTICE, over=True), "a"), (NOTICE, "b")):
        told(Webhook(Hidden(f"{server.url}/"), Hidden(key)), notice, ca=str(server.ca))
    told(
        Webhook(Hidden(f"{server.url}/"), Hidden("a")), replace(NOTICE, at=NOON + timedelta(seconds=1)), str(server.ca)
    )

    assert len({request.header("Partnerauth-Signature") for request in receiver.heard}) == 4


def test_a_receiver_that_stumbles_is_asked_again_with_the_same_id(server: Server, receiver: Receiver) -> None:
    receiver.statuses = [503, 429]

    told(Webhook(Hidden(f"{server.url}/")), ca=str(server.ca))

    assert len(receiver.heard) == 3
    assert len({request.header("Partnerauth-Id") for request in receiver.heard}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404])
def test_a_redirect_is_not_followed_and_no_is_no(server: Server, receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]

    with pytest.raises(Refused, match=str(status)):
        told(Webhook(Hidden(f"{server.url}/")), ca=str(server.ca))
    assert len(receiver.heard) == 1


def test_a_receiver_that_nobody_vouches_for_is_told_nothing(server: Server, receiver: Receiver) -> None:
    with pytest.raises(Untrusted):
        told(Webhook(Hidden(f"{server.url}/")))
    assert not receiver.heard


def test_on_this_machine_it_may_go_without_tls() -> None:
    heard: list[tuple[str, bytes]] = []

    class Plain(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Plain) as listening:
        thread = threading.Thread(target=listening.handle_request)
        thread.start()
        told(Webhook(Hidden(f"http://127.0.0.1:{listening.server_port}/hook")))
        thread.join()

    assert heard[0][0] == "/hook"
    with pytest.raises(Unreachable):
        told(Webhook(Hidden(f"http://127.0.0.1:{listening.server_port}/hook")))


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example/",
        "http://127.0.0.1.example/",
        "https://user:word@hooks.example/",
        "ftp://127.0.0.1/",
        "https://",
        "https://hooks.example/#part",
        "http://[::1",
        "",
    ],
)
def test_elsewhere_it_may_not(address: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        Webhook(Hidden(address))
    assert not address or address not in raised.value.message, "the address may be a secret"


# --- mail


@pytest.fixture
def office(certificates: Certificates) -> Iterator[PostOffice]:
    """A mail server with STARTTLS."""
    with opened(PostOffice(certificates.context_for("localhost"))) as running:
        yield running


def by(office: PostOffice, certificates: Certificates, scheme: str = "smtp", **more: Any) -> Mail:
    """Mail by that server."""
    given = {"to": ("ops@example.com", "boss@example.com"), "ca": str(certificates.bundle)} | more
    return Mail(f"{scheme}://localhost:{office.port}", "watch@example.com", **given)


def test_a_mail_says_what_who_and_how_by_tls(office: PostOffice, certificates: Certificates, canary: Canary) -> None:
    password = canary("mail password")
    office.account = ("watch", password.encode("ascii", "ignore").decode())

    told(by(office, certificates, user="watch", password=Hidden(office.account[1])))

    (letter,) = office.letters
    text = letter.get_content()
    assert office.secured == [True]
    assert letter["Subject"] == "[partnerauth] A consent is lost: admin.agent@contoso.com"
    assert letter["To"] == "ops@example.com, boss@example.com"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"] == f"<{NOTICE.id}@example.com>"
    assert "The grant was revoked" in text
    assert "Who must act: the person who consents" in text
    assert "https://desk.example/i" in text
    assert "Code: 50173" in text


def test_a_mail_by_tls_from_the_start_and_the_all_clear(certificates: Certificates) -> None:
    with opened(PostOffice(certificates.context_for("localhost"), tls="always")) as office:
        told(by(office, certificates, "smtps"), replace(NOTICE, over=True, link=Hidden("")))

    assert office.secured == [True]
    assert office.letters[0]["Subject"].startswith("[partnerauth] All clear")
    assert "This is over" in office.letters[0].get_content()


def test_without_tls_no_password_is_given_away(certificates: Certificates) -> None:
    """Somebody in between took STARTTLS out of the offers."""
    with opened(PostOffice(certificates.context_for("localhost"), tls="never")) as office:
        with pytest.raises(Refused, match="STARTTLS"):
            told(by(office, certificates, user="watch", password=Hidden("word")))
        assert not office.logins
        told(by(office, certificates))

    assert office.secured == [False], "on this machine, without a password, it may"


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(office: PostOffice, certificates: Certificates) -> None:
    with pytest.raises(Untrusted):
        told(by(office, certificates, ca=""))
    assert not office.letters


@pytest.mark.parametrize("answer", ["550 5.1.1 nobody", "451 4.3.0 later"])
def test_a_mail_server_that_refuses_is_told_of(office: PostOffice, certificates: Certificates, answer: str) -> None:
    office.refuses = answer
    with pytest.raises(Refused):
        told(by(office, certificates))


def test_a_wrong_password_is_told_of_without_it(office: PostOffice, certificates: Certificates) -> None:
    office.account = ("watch", "right")
    for password in ("wrong-canary", "wröng-canary"):
        with pytest.raises(PartnerAuthError) as raised:
            told(by(office, certificates, user="watch", password=Hidden(password)))
        assert "canary" not in str(raised.value)
        assert raised.value.__context__ is None, "what smtplib raised may hold what was sent"


def test_no_mail_server_is_no_answer(certificates: Certificates) -> None:
    with opened(PostOffice(certificates.context_for("localhost"))) as office:
        pass
    with pytest.raises(Unreachable):
        told(by(office, certificates))


def test_what_a_name_holds_breaks_no_header(office: PostOffice, certificates: Certificates) -> None:
    """A user's name comes from a token: it may hold anything."""
    alarm = replace(ALARM, username="a@b\r\nBcc: thief@example.com\r\n\r\nHello", what="x\r\n.\r\nMAIL FROM:<a@b>")

    told(by(office, certificates), replace(NOTICE, alarm=alarm))

    (letter,) = office.letters
    assert letter["Bcc"] is None
    assert set(letter.keys()) >= {"From", "To", "Subject", "Date", "Message-ID"}
    assert "MAIL FROM:<a@b>" in letter.get_content()


@pytest.mark.parametrize(
    "given",
    [
        {"server": "smtp.example.com"},
        {"server": "http://smtp.example.com"},
        {"server": "smtp://u:p@smtp.example.com"},
        {"server": "smtp://smtp.example.com:99999"},
        {"sender": "nobody"},
        {"sender": "a@b\nBcc: c@d"},
        {"to": ()},
        {"to": ("a@b, c@d",)},
        {"user": "somebody"},
        {"password": Hidden("word")},
    ],
)
def test_mail_that_is_half_set_up_is_an_error_at_once(given: dict[str, Any]) -> None:
    right: dict[str, Any] = {"server": "smtps://smtp.example.com", "sender": "a@b.example", "to": ("c@d.example",)}
    Mail(**right)

    with pytest.raises(Misconfigured):
        Mail(**right | given)


# --- command


def test_a_command_gets_the_facts_on_its_standard_input_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Canary
) -> None:
    out = tmp_path / "heard.json"
    monkeypatch.setenv("PARTNERAUTH_CLIENT_SECRET", canary("client secret", awkward=False))
    script = (
        "import json, os, sys\n"
        "facts = {'argv': sys.argv[1:], 'stdin': json.load(sys.stdin), 'env': sorted(os.environ)}\n"
        f"json.dump(facts, open({str(out)!r}, 'w'))\n"
        "print(dict(os.environ))\n"
    )

    told(Program((sys.executable, "-c", script, "page the operator")))

    heard = json.loads(out.read_text())
    assert heard["argv"] == ["page the operator"]
    assert heard["stdin"] == json.loads(json.dumps(NOTICE.facts()))
    assert not [name for name in heard["env"] if name.startswith("PARTNERAUTH_")]


def test_a_command_that_fails_hangs_or_is_not_there_is_told_of() -> None:
    failing = Program((sys.executable, "-c", "raise SystemExit(3)"))
    hanging = Program((sys.executable, "-c", "import signal; signal.pause()"), seconds=0.3)
    deaf = Program((sys.executable, "-c", "pass"))

    with pytest.raises(Refused, match="ended with 3"):
        told(failing)
    with pytest.raises(Unreachable, match="did not end"):
        told(hanging)
    with pytest.raises(Refused, match="cannot be run"):
        told(Program(("/nowhere/to/be/found",)))
    with pytest.raises(Misconfigured):
        Program(())
    told(deaf)


def test_nothing_of_a_channel_prints_its_secrets(canary: Canary) -> None:
    with ExitStack():
        url, key, word = (canary(name, awkward=False) for name in ("url", "key", "word"))
        said = repr([Webhook(Hidden(f"https://hooks.example/{url}"), Hidden(key))])
        said += repr(Mail("smtps://h.example", "a@b.example", ("c@d.example",), "u", Hidden(word)))

    assert not any(secret in said for secret in (url, key, word))
