"""A credential that we hold, as the settings have it: of which kind it is, and where it lies."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from partnerauth.errors import Misconfigured, StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Certificate, Credential, Federated, Secret, Stored
from partnerauth.oauth.credential_end import CredentialKind

if TYPE_CHECKING:
    from partnerauth.stores.place import Place

log = logging.getLogger("partnerauth.credential")


class Holding:
    """A credential in a `place`, or given as it is (by a variable, which nothing can replace).

    What was read last goes on being used where the place cannot be read for a while.
    """

    def __init__(
        self,
        kind: CredentialKind,
        place: Place | None = None,
        *,
        given: Hidden | None = None,
        passphrase: Callable[[], Hidden | None] = lambda: None,
    ) -> None:
        self.kind = kind
        self.place = place
        self._given = given
        self._passphrase = passphrase
        self._last: tuple[bytes, Credential] | None = None

    @property
    def where(self) -> str:
        """Where it lies, for people."""
        return self.place.where if self.place is not None else "a variable"

    @property
    def passphrase(self) -> Hidden | None:
        """The passphrase of a certificate's key, if it has one."""
        return self._passphrase()

    def credential(self) -> Credential:
        """What the application proves itself with. Raises as `read` does, so that a wrong setting is told at once."""
        if self.place is None:
            return self.read()
        if self.kind is CredentialKind.FEDERATED:
            return Federated(lambda: text_of(self._content(), self.where))
        self.read()
        return Stored(self.read)

    def read(self) -> Credential:
        """The credential that lies there now. Raises `Misconfigured`, `StoreFailed`."""
        if self.place is None:
            return Secret(self._given or "")
        try:
            content = self._content()
            if self._last is None or self._last[0] != content:
                self._last = content, read_credential(self.kind, content, self.passphrase, self.where)
        except (Misconfigured, StoreFailed) as error:
            if self._last is None:
                raise
            log.warning("the %s cannot be read now (%s); the last one read is used", self.kind.value, error.message)
        return self._last[1]

    def _content(self) -> bytes:
        content = self.place.read() if self.place is not None else None
        if content is None:
            raise Misconfigured(
                f"there is no {self.kind.value} in {self.where}: it cannot be read",
                hint="Put it there, or let `partnerauth credential rotate --to` put a new one there.",
            )
        return content


def read_credential(
    kind: CredentialKind, content: bytes, passphrase: Hidden | None, where: str
) -> Certificate | Secret:
    """The secret or the certificate in what lies somewhere. Raises `Misconfigured`."""
    if kind is CredentialKind.CERTIFICATE:
        return (Certificate.from_pem if is_pem(content) else Certificate.from_pfx)(content, passphrase)
    return Secret(text_of(content, where))


def is_pem(content: bytes) -> bool:
    """Whether this is PEM; else it is PFX."""
    return b"-----BEGIN" in content


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8, or as Windows' editor and shell write it, with a mark of the coding before it.

    Raises UnicodeDecodeError.
    """
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def text_of(content: bytes, where: str) -> Hidden:
    """A secret text, without the line's end. Raises `Misconfigured`."""
    try:
        text = decoded(content).rstrip("\r\n")
    except UnicodeDecodeError:
        raise Misconfigured(f"what lies in {where} is no text file") from None
    if not text:
        raise Misconfigured(f"what lies in {where} is empty")
    return Hidden(text)
