"""Whose certificates we believe."""

from __future__ import annotations

import os
import re
import ssl
import sys
from functools import cached_property
from pathlib import Path

from partnerauth.errors import Misconfigured

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_MANY = 50


class Trust:
    """The roots that a server's certificate must lead to: the system's, or those in one PEM file and no others.

    Verification is always on, TLS is 1.2 or later. `SSL_CERT_FILE` and `SSL_CERT_DIR` say where the system's roots are.
    Raises `Misconfigured` for a file that cannot be read or holds no certificate.
    """

    def __init__(self, ca: str | Path | None = None) -> None:
        self.ca = None if ca is None else Path(ca).absolute()
        if self.ca is not None:
            self.context = _context()
            try:
                self.context.load_verify_locations(cafile=self.ca)
            except ssl.SSLError:
                raise Misconfigured(f"there is no certificate in PEM format in {self.ca}") from None
            except OSError as error:
                raise Misconfigured(f"the CA file {self.ca} cannot be read: {error.strerror}") from None

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What a TLS client is configured with. Shared: whoever gets it leaves it as it is."""
        context = _context()
        if directory := _hashed_directory():
            context.load_verify_locations(capath=directory)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _hashed_directory() -> str | None:
    """A directory that OpenSSL looks single roots up in.

    Parsing the system's whole bundle takes 25 ms, longer than all else that a single request needs; this takes none.
    """
    if sys.platform != "linux" or "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return None
    directory = ssl.get_default_verify_paths().openssl_capath
    try:
        hashed = sum(1 for name in os.listdir(directory) if _HASHED.fullmatch(name))
    except OSError:
        return None
    return directory if hashed >= _MANY else None
