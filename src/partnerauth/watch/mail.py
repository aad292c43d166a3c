"""Alarms as e-mails, by SMTP over TLS.

Sources: RFC 5321, RFC 3207 (STARTTLS), RFC 8314 (TLS from the start), RFC 3834 (automatic messages).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from partnerauth.errors import Misconfigured, PartnerAuthError, Refused, Unreachable, Untrusted
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.watch.alarm import Notice
from partnerauth.watch.webhook import loopback

if TYPE_CHECKING:
    from email.message import EmailMessage

SECONDS = 30
PORTS = {"smtps": 465, "smtp": 587}
LOOK = "Look at the settings alarm_mail_… and at the mail server's log."


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends from `sender` to `to` by `server`: `smtps://HOST` (TLS from the start) or `smtp://HOST` (STARTTLS).

    Without TLS nothing is sent, but on this machine, and never a password. `ca` is a PEM bundle of authorities.
    """

    server: str
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: Hidden | None = field(default=None, repr=False)
    ca: str = ""
    name: str = "mail"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.server)
            fine = parts.scheme in PORTS and bool(parts.hostname) and parts.username is None and parts.path in ("", "/")
            fine = fine and (parts.port is None or parts.port > 0)
        except ValueError:
            fine = False
        if not fine:
            raise Misconfigured("the mail server cannot be used", hint="Write smtps://HOST[:465] or smtp://HOST[:587].")
        if not self.sender or not self.to:
            raise Misconfigured(
                "alarms by mail need a sender and addresses", hint="Set alarm_mail_from, alarm_mail_to."
            )
        for address in (self.sender, *self.to):
            if not _is_address(address):
                raise Misconfigured(f"{address[:60]!r} is no e-mail address", hint="Write name@example.com.")
        if bool(self.user) != (self.password is not None):
            raise Misconfigured("of the mail server's user and password one is set", hint="Set both, or neither.")

    def tell(self, notice: Notice) -> Flow[None]:
        """Send it. Raises `Unreachable`, `Refused`."""
        letter = self.letter(notice)
        yield from work("mail", lambda: self._send(letter))

    def letter(self, notice: Notice) -> EmailMessage:
        """The e-mail."""
        from email.message import EmailMessage

        letter = EmailMessage()
        letter["From"] = self.sender
        letter["To"] = ", ".join(self.to)
        letter["Subject"] = _one_line(f"[partnerauth] {notice.title}")
        letter["Date"] = format_datetime(notice.at)
        letter["Message-ID"] = f"<{notice.id}@{self.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content("\n".join(_lines(notice)) + "\n", cte="quoted-printable")
        return letter

    def _send(self, letter: EmailMessage) -> None:
        import smtplib

        parts = urlsplit(self.server)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        context = ssl.create_default_context(cafile=self.ca or None)
        failure: PartnerAuthError
        try:
            if parts.scheme == "smtps":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
            else:
                server = smtplib.SMTP(host, port, timeout=SECONDS)
            with server:
                self._secure(server, parts.scheme, host, context)
                if self.password is not None:
                    server.login(self.user, self.password.reveal())
                if server.send_message(letter):
                    raise Refused("the mail server refused some of the addresses", hint=LOOK)
            return
        except PartnerAuthError:
            raise
        except ssl.SSLCertVerificationError as error:
            failure = Untrusted(f"the certificate of {host} is not trusted: {error.verify_message}")
        except smtplib.SMTPResponseException as error:
            failure = Refused(f"the mail server {host} refused with {error.smtp_code}", hint=LOOK)
        except smtplib.SMTPRecipientsRefused:
            failure = Refused(f"the mail server {host} refused all of the addresses", hint=LOOK)
        except smtplib.SMTPNotSupportedError:
            failure = Refused(f"the mail server {host} does not offer what is needed to log in", hint=LOOK)
        except UnicodeError:
            failure = Misconfigured("the mail server's user or password is not ASCII", hint=LOOK)
        except (smtplib.SMTPException, OSError) as error:
            failure = Unreachable(f"the mail server {host} did not take the message ({type(error).__name__})")
        # Outside, for what smtplib raises may keep what was sent.
        raise failure

    def _secure(self, server: object, scheme: str, host: str, context: ssl.SSLContext) -> None:
        import smtplib

        if scheme == "smtps" or not isinstance(server, smtplib.SMTP):
            return
        server.ehlo_or_helo_if_needed()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif not loopback(host) or self.password is not None:
            raise Refused(
                f"the mail server {host} offers no STARTTLS, and without TLS nothing is sent",
                hint="Use smtps://, or let the server offer STARTTLS.",
            )


def _lines(notice: Notice) -> list[str]:
    alarm = notice.alarm
    lines = [_one_line(alarm.what) + ".", ""]
    if notice.over:
        return [f"This is over: {_one_line(alarm.what)}.", "", f"It held since {notice.since:%Y-%m-%d %H:%M} UTC."]
    lines += [f"Who must act: {alarm.who}", f"What helps: {_one_line(alarm.remedy)}", ""]
    if notice.link:
        lines += ["To consent:", f"  {_one_line(notice.link.reveal())}", ""]
    facts = {
        "Tenant": alarm.tenant,
        "User": alarm.username,
        "Application": notice.application,
        "Cloud": notice.cloud,
        "Code": alarm.code,
        "Ends": f"{alarm.ends:%Y-%m-%d %H:%M} UTC" if alarm.ends else "",
        "Since": f"{notice.since:%Y-%m-%d %H:%M} UTC",
    }
    return lines + [f"{name}: {_one_line(value)}" for name, value in facts.items() if value]


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _is_address(text: str) -> bool:
    name, at, host = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not any(c in ' <>,;:"()[]\\' for c in text)
    return bool(at and name and host and plain and len(text) <= 254 and "@" not in name)
