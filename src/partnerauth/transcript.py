"""HTTP messages as text for people, with the secrets taken out.

What is a secret is decided by where it stands (a field's name, a header) and by how it looks (a token); whatever was
found to be one is taken out wherever else the same message repeats it. A body that cannot be read is only named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, quote_plus, unquote_plus

from partnerauth.hidden import MASK
from partnerauth.messages import FORM, Headers, Request, Response

SECRET_FIELDS = frozenset(
    {"assertion", "canary", "clientassertion", "clientinfo", "clientsecret", "code", "codeverifier", "cookie"}
    | {"devicecode", "flow", "flowtoken", "nonce", "otc", "otp", "passcode", "passwd", "password", "privatekey", "pwd"}
    | {"secret", "secrettext", "state", "totp", "usercode", "value", "verificationcode"}
)
"""Names of fields whose values are secrets, in lower case and without `_` and `-`."""
SECRET_ENDINGS = ("token", "tokenhint", "password", "passwd", "secret", "assertion", "verifier")
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
SECRET_HEADER_ENDINGS = ("token", "key", "secret", "password")
SCHEMES = ("basic", "bearer", "pop")
ADDRESS_HEADERS = frozenset({"location", "content-location", "referer"})
OPEN_FIELDS = frozenset(
    {"amr_values", "api-version", "client_id", "code_challenge_method", "domain_hint", "error", "error_codes"}
    | {"error_subcode", "error_uri", "login_hint", "prompt", "redirect_uri", "resource", "response_mode"}
    | {"response_type", "scope", "session_state"}
)
"""Fields of a `Location` or `Referer` whose values are shown; of all others there only the name is."""

JWT = r"e[w-z0-9_-][\w-]{6,4000}\.[\w-]{2,}\.[\w-]*(?:\.[\w-]*){0,2}"
TOKENS = re.compile(
    rf"{JWT}"  # begins with `{{` in base64url
    r"|(?<![\w-])[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"
    r"|emulated\.[\w.~+/=-]+"
    r"|(?:\b[0-9]\.A|\bM\.C|\bO?AQAB|\bAwAB)[\w.!*$-]{20,}"  # how Entra ID's refresh tokens and codes begin
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.ASCII | re.DOTALL,
)
ASSIGNED = re.compile(
    r"""(?P<name>[A-Za-z_][\w-]{0,80})(?P<sign>=|%3[dD]|\\*["']\s*:\s*\\*["'])(?P<value>[^&\s;"'\\<>]+)""", re.ASCII
)
ADDRESS_WITH_FIELDS = re.compile(r"https?://[^=]*[?#][^=]*=", re.IGNORECASE)
LOGIN = re.compile(r"//[^/]*@")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
ERROR_CODE = re.compile(r"[A-Za-z]+(?:[_.][A-Za-z]+)*|[0-9]{1,7}", re.ASCII)
LONGEST_BODY = 256 * 1024
MOST_FIELDS = 200
DEEPEST = 40
SHORTEST_ECHO = 6
"""A secret shorter than this is not looked for elsewhere: it would blot out ordinary words."""


def shown(request: Request) -> str:
    """The request as text: its line, its headers, its body; without secrets. Never raises."""
    page = _Page(request.headers, _content(request.headers, request.body), request.url)
    return page.written(f"{page.plain(request.method)} {page.address(request.url)}")


def shown_response(response: Response) -> str:
    """The response as text: status, headers, body; without secrets. Never raises."""
    page = _Page(response.headers, _content(response.headers, response.body))
    return page.written(f"{response.status} {page.plain(response.reason)}".rstrip())


def is_secret(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    plain = name.lower().replace("_", "").replace("-", "")
    return plain in SECRET_FIELDS or plain.endswith(SECRET_ENDINGS)


def without_tokens(text: str) -> str:
    """The text without what looks like a token, or like the value of a secret field. For paths and messages."""
    return ASSIGNED.sub(_assigned, TOKENS.sub(MASK, text))


def _assigned(match: re.Match[str]) -> str:
    value = MASK if is_secret(match["name"]) else match["value"]
    return f"{match['name']}{match['sign']}{value}"


Fields: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Json:
    value: Any


@dataclass(slots=True)
class _Page:
    """One message: its secrets are gathered first, then it is written without them."""

    headers: Headers
    content: _Json | Fields | str
    address_asked: str = ""
    echoes: list[str] = field(init=False)

    def __post_init__(self) -> None:
        addresses = [self.address_asked, *(text for name, text in self.headers if name.lower() in ADDRESS_HEADERS)]
        found = {text for address in addresses for part in _split(address)[1:] for text in _secrets(_fields(part))}
        match self.content:
            case list(fields):
                found.update(_secrets(fields))
            case _Json(value):
                found.update(_hidden_in(value))
        spelt = {spelling for secret in found if len(secret) >= SHORTEST_ECHO for spelling in _spellings(secret)}
        self.echoes = sorted(spelt, key=len, reverse=True)

    def written(self, first: str) -> str:
        """The message under its `first` line."""
        lines = [first, *(f"{self.plain(name)}: {self._header(name.lower(), text)}" for name, text in self.headers)]
        body = self._body()
        return "\n".join([*lines, "", body] if body else lines)

    def clean(self, text: str) -> str:
        """Any text, without tokens and without the secrets of this message."""
        for secret in self.echoes:
            text = text.replace(secret, MASK)
        return without_tokens(text)

    def plain(self, text: str) -> str:
        """The same on one line, without anything that would steer a terminal."""
        return UNPRINTABLE.sub(_escaped, self.clean(text))

    def address(self, text: str, *, strict: bool = False) -> str:
        """A URL; `strict`: of its query and fragment only well-known values."""
        base, query, fragment = _split(text)
        written = self.plain(base)
        for sign, part in (("?", query), ("#", fragment)):
            if part:
                written += sign + "&".join(self._pair(name, value, strict) for name, value in _fields(part))
        return written

    def _pair(self, name: str, value: str, strict: bool = False) -> str:
        if not name:
            return MASK
        open_ = not is_secret(name) and (name.lower() in OPEN_FIELDS or not strict)
        return f"{self.plain(name)}={self.plain(value) if open_ else MASK}"

    def _header(self, name: str, value: str) -> str:
        if name in SECRET_HEADERS or name.endswith(SECRET_HEADER_ENDINGS):
            scheme, space, _ = value.partition(" ")
            return f"{scheme} {MASK}" if space and scheme.lower() in SCHEMES else MASK
        return self.address(value, strict=True) if name in ADDRESS_HEADERS else self.plain(value)

    def _body(self) -> str:
        match self.content:
            case list(fields):
                return "\n".join(self._pair(name, value) for name, value in fields)
            case _Json(value):
                text = json.dumps(self._value("", value, 0), indent=2, ensure_ascii=False)
                return "\n".join(UNPRINTABLE.sub(_escaped, line) for line in text.split("\n"))
            case str(said):
                return self.plain(said)

    def _value(self, name: str, value: Any, depth: int) -> Any:
        """A JSON value without secrets; `name` is that of its member (for the items of a list, the list's)."""
        match value:
            case dict() | list() if depth == DEEPEST:
                return "…"
            case dict() | list() if _covers(name):
                return MASK
            case dict():
                told = _told(value)
                return {
                    self.clean(key): item if key in told else self._value(key, item, depth + 1)
                    for key, item in value.items()
                }
            case list():
                return [self._value(name, item, depth + 1) for item in value]
            case bool() | None:
                return value
            case _ if is_secret(name):
                return MASK
            case str():
                return self.address(value) if ADDRESS_WITH_FIELDS.match(value) else self.clean(value)
        return value


def _content(headers: Headers, body: bytes) -> _Json | Fields | str:
    """A body that can be shown, else what it is; an empty text for none."""
    if not body:
        return ""
    named = next((value for name, value in headers if name.lower() == "content-type"), "")
    kind = named.split(";")[0].strip().lower()
    if len(body) <= LONGEST_BODY:
        if kind == FORM and body.count(b"&") < MOST_FIELDS:
            return _fields(body.decode("utf-8", "replace"))
        if kind == "application/json" or kind.endswith("+json"):
            try:
                return _Json(json.loads(body))
            except (ValueError, RecursionError):
                return f"({len(body):,} bytes that are no JSON)"
    return f"({len(body):,} bytes of {kind or 'no named type'})"


def _fields(text: str) -> Fields:
    """The fields of a query or a form, decoded; a part without `=` has no name."""
    parts = (part.rpartition("=") if "=" not in part else part.partition("=") for part in text.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in parts]


def _split(address: str) -> tuple[str, str, str]:
    """What stands before the query (without a name and password), the query, the fragment."""
    rest, _, fragment = address.partition("#")
    base, _, query = rest.partition("?")
    return LOGIN.sub("//", base, count=1), query, fragment


def _secrets(fields: Fields) -> Iterator[str]:
    return (value for name, value in fields if is_secret(name))


def _hidden_in(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """The texts that stand in secret members of a JSON value."""
    match value:
        case dict() if depth < DEEPEST:
            told = _told(value)
            for key, item in value.items():
                if key not in told:
                    yield from _hidden_in(item, name if _covers(name) else key, depth + 1)
        case list() if depth < DEEPEST:
            for item in value:
                yield from _hidden_in(item, name, depth + 1)
        case str() if is_secret(name):
            yield value


def _covers(name: str) -> bool:
    """Whether whatever is inside a member of this name is secret too. `value` is also what lists are called (OData)."""
    return is_secret(name) and name.lower() != "value"


def _spellings(secret: str) -> set[str]:
    """How a secret may be repeated: as it is, in a URL, in JSON."""
    urls = {
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    return {secret, unquote_plus(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], *urls}


def _told(value: dict[str, Any]) -> tuple[str, ...]:
    """`code` in an API's error, where it says which one and is no authorization code."""
    error = "message" in value or "description" in value
    return ("code",) if error and ERROR_CODE.fullmatch(str(value.get("code", ""))) else ()


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
