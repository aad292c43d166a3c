"""HTTP messages as plain frozen values, the same for client and emulator; none prints its body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote, urlsplit

Headers = tuple[tuple[str, str], ...]

FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=utf-8"
MOST_FIELDS = 200


def _header(headers: Headers, name: str) -> str:
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), "")


class _Codes(dict[str, str]):
    """How a form writes the characters that do not stand for themselves."""

    def __missing__(self, character: str) -> str:
        code = self[character] = quote_plus(character)
        return code


_codes = _Codes()
_special = re.compile(r"[^A-Za-z0-9_.~-]").sub


def _coded(text: str) -> str:
    # Most of what is sent needs little coding or none; `quote_plus` looks at each character of what needs some.
    return _special(lambda found: _codes[found[0]], text)


def read_form(text: str) -> dict[str, str]:
    """The fields of a query or of a form body, decoded.

    Raises ValueError for a repeated field (RFC 6749 3.1 forbids it), broken UTF-8 or more than `MOST_FIELDS` fields.
    """
    if text.count("&") >= MOST_FIELDS:
        raise ValueError("there are too many parameters")
    # By hand what `parse_qsl` does, in a third of its time: most values have nothing to decode.
    parts = (part.partition("=") for part in text.split("&") if part)
    pairs = [(_decoded(name), _decoded(value)) for name, _, value in parts]
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the parameter '{twice[:40]}' stands there more than once")
    return fields


def _decoded(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, "utf-8", "strict") if "%" in text else text


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP request: a method, an absolute URL, headers as pairs, a body."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    @classmethod
    def form(cls, url: str, fields: Mapping[str, str], headers: Headers = ()) -> Request:
        """A POST of `fields` as `application/x-www-form-urlencoded`."""
        body = "&".join([f"{_coded(name)}={_coded(value)}" for name, value in fields.items()])
        return cls("POST", url, (("Content-Type", FORM), *headers), body.encode("ascii"))

    @classmethod
    def json(cls, method: str, url: str, value: Any, headers: Headers = ()) -> Request:
        """A request whose body is `value` as JSON."""
        return cls(method, url, (("Content-Type", "application/json"), *headers), _encode(value))

    @property
    def scheme(self) -> str:
        """`https`, in practice."""
        return urlsplit(self.url).scheme

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL, as addressed."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """The host name of the URL in lower case, without the port."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The path of the URL, still percent-encoded."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query. Raises ValueError as `read_form` does."""
        return read_form(urlsplit(self.url).query)

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a form body. Raises ValueError as `read_form` does, and for a body that is no form."""
        if self.header("Content-Type").split(";")[0].strip().lower() != FORM:
            raise ValueError("the body is not a form")
        return read_form(self.body.decode("utf-8"))

    def header(self, name: str) -> str:
        """The value of the first header of that name in any letter case, or an empty text."""
        return _header(self.headers, name)

    def having(self, *headers: tuple[str, str]) -> Request:
        """The same request with `headers` added, each taking the place of one of the same name."""
        named = {name.lower() for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in named)
        return Request(self.method, self.url, (*kept, *headers), self.body)

    def value(self) -> Any:
        """The JSON body as Python values. Raises ValueError."""
        return _decode(self.body)

    def __repr__(self) -> str:
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return f"<Request {self.method} to no address>"
        return f"<Request {self.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}>"


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """One HTTP response: a status, headers as pairs, a body, and the reason phrase where it matters."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    reason: str = ""

    @classmethod
    def json(cls, status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """A response whose body is `value` as JSON."""
        return cls(status, (("Content-Type", JSON), *headers), _encode(value))

    @classmethod
    def html(cls, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """A response whose body is a page."""
        return cls(status, (("Content-Type", "text/html; charset=utf-8"), *headers), text.encode())

    @property
    def ok(self) -> bool:
        """Whether the status says success (2xx)."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """The value of the first header of that name in any letter case, or an empty text."""
        return _header(self.headers, name)

    def value(self) -> Any:
        """The JSON body as Python values; a byte-order mark before it is tolerated. Raises ValueError."""
        return _decode(self.body)

    @property
    def retry_after(self) -> float | None:
        """The seconds of `Retry-After` (RFC 9110 10.2.3), if it is there as a number; these services send no dates."""
        text = self.header("Retry-After").strip()
        return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


def _encode(value: Any) -> bytes:
    import msgspec  # loaded late: to print a token from the shelf, no message is read or written

    return msgspec.json.encode(value)


def _decode(body: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no JSON: {type(error).__name__}") from None
