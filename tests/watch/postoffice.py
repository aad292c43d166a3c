"""A mail server: SMTP as smtplib and others speak it, with STARTTLS or TLS from the start, and one account."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class PostOffice:
    """What was delivered, and how the server behaves: `tls` is `start`, `always` or `never`."""

    context: ssl.SSLContext
    tls: str = "start"
    account: tuple[str, str] | None = None
    refuses: str = ""
    """An answer to RCPT TO instead of 250."""
    letters: list[EmailMessage] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    """Whether each delivery came by TLS."""
    port: int = 0


@contextmanager
def opened(office: PostOffice) -> Iterator[PostOffice]:
    """The server, running."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                self.converse()
            except (OSError, ssl.SSLError):
                office.said.append("broken off")
            finally:
                self.rfile.close()
                self.request.close()

        def converse(self) -> None:
            self.secure = False
            if office.tls == "always":
                self.secured()
            self.answer("220 mail.example ESMTP")
            known = False
            while line := self.rfile.readline(2000).decode().rstrip("\r\n"):
                word = line.upper().partition(" ")[0]
                office.said.append(word)
                if word == "EHLO":
                    offers = ["mail.example", "8BITMIME"]
                    if office.tls == "start" and not self.secure:
                        offers.append("STARTTLS")
                    if office.account and self.secure:
                        offers.append("AUTH PLAIN LOGIN")
                    self.answer(*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")
                elif word == "STARTTLS":
                    self.answer("220 go ahead")
                    self.secured()
                elif word == "AUTH":
                    known = office.account is not None and self.login(line) == office.account
                    self.answer("235 welcome" if known else "535 5.7.8 no")
                elif word == "RCPT" and office.refuses:
                    self.answer(office.refuses)
                elif word == "MAIL" and office.account and not known:
                    self.answer("530 5.7.0 log in first")
                elif word == "DATA":
                    self.answer("354 go on")
                    content = b""
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        content += part[1:] if part.startswith(b".") else part
                    letter = message_from_bytes(content, policy=policy.default)
                    assert isinstance(letter, EmailMessage)
                    office.letters.append(letter)
                    office.secured.append(self.secure)
                    self.answer("250 taken")
                elif word == "QUIT":
                    self.answer("221 bye")
                    return
                else:
                    self.answer("250 fine")

        def login(self, line: str) -> tuple[str, str]:
            words = line.split()
            if words[1].upper() == "PLAIN":
                _, user, password = base64.b64decode(words[2]).decode().split("\0")
                return user, password
            raise AssertionError(line)

        def secured(self) -> None:
            self.request = office.context.wrap_socket(self.request, server_side=True)
            self.connection = self.request
            self.rfile, self.secure = self.request.makefile("rb"), True

        def answer(self, *lines: str) -> None:
            self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Conversation) as server:
        office.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield office
        finally:
            server.shutdown()
            thread.join()
