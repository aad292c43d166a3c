"""A mail server: aiosmtpd, with STARTTLS or TLS from the start, and one account."""

import asyncio
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class PostOffice:
    """What was delivered, and how the server behaves: `tls` is `start`, `always` or `never`."""

    context: ssl.SSLContext
    tls: str = "start"
    account: tuple[str, str] | None = None
    refuses: str = ""
    """An answer to RCPT TO instead of 250."""
    letters: list[EmailMessage] = field(default_factory=list)
    logins: list[bool] = field(default_factory=list)
    """Whether each login was one."""
    secured: list[bool] = field(default_factory=list)
    """Whether each delivery came by TLS."""
    port: int = 0

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        """Somebody logs in, by a connection with TLS or, where there is none, without."""
        given = (login.login.decode(), login.password.decode())
        self.logins.append(given == self.account)
        return AuthResult(success=self.logins[-1])

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only the account may send, where there is one."""
        if self.account is not None and not session.authenticated:
            return "530 5.7.0 log in first"
        envelope.mail_from = address
        return "250 fine"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Everybody's mail is taken, unless it is refused."""
        if not self.refuses:
            envelope.rcpt_tos.append(address)
        return self.refuses or "250 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A letter."""
        assert isinstance(envelope.content, bytes)
        assert server.transport
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.secured.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 taken"


@contextmanager
def opened(office: PostOffice) -> Iterator[PostOffice]:
    """The server, running."""
    loop = asyncio.new_event_loop()

    def conversation() -> SMTP:
        start = office.context if office.tls == "start" else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it thinks of logins without STARTTLS
            return SMTP(
                office,
                tls_context=start,
                auth_require_tls=start is not None,
                authenticator=office.authenticate,
                loop=loop,
            )

    always = office.context if office.tls == "always" else None
    server = loop.run_until_complete(loop.create_server(conversation, "127.0.0.1", 0, ssl=always))
    office.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield office
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
