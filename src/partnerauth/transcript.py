"""HTTP messages as text for people, with the secrets taken out.

What is a secret is decided by where it stands (a field's name, a header) and by how it looks (a token); whatever was
found to be one is taken out wherever else the same message repeats it. A body that cannot be read is only named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlsplit

from partnerauth.hidden import MASK
from partnerauth.messages import FORM, Headers, Request, Response

SECRET_FIELDS = frozenset(
    """
    assertion canary clientassertion clientinfo clientsecret code codeverifier cookie devicecode flowtoken nonce otc
    otp passcode passwd password privatekey pwd secret secrettext state totp usercode value verificationcode
    """.split()
)
"""Names of fields whose values are secrets, in lower case and without `_` and `-`."""
SECRET_ENDINGS = ("token", "tokenhint", "password", "passwd", "secret", "assertion", "verifier")
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
SECRET_HEADER_ENDINGS = ("token", "key", "secret", "password")
ADDRESS_HEADERS = frozenset({"location", "content-location", "referer"})
OPEN_FIELDS = frozenset(
    """
    amr_values api-version client_id code_challenge_method domain_hint error error_codes error_subcode error_uri
    login_hint prompt redirect_uri resource response_mode response_type scope session_state
    """.split()
)
"""Fields of a `Location` or `Referer` whose values are shown; of all others there only the name is."""

JWT = r"e[w-z0-9_-][\w-]{6,}\.[\w-]{2,}\.[\w-]*(?:\.[\w-]*){0,2}"
TOKENS = re.compile(
    rf"{JWT}"  # begins with `{{` in base64url
    r"|[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"
    r"|emulated\.[\w.~+/=-]+"
    r"|(?:\b[0-9]\.A|\bM\.C|\bO?AQAB|\bAwAB)[\w.!*$-]{20,}"  # how Entra ID's refresh tokens and codes begin
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.ASCII | re.DOTALL,
)
ASSIGNED = re.compile(
    r"""(?P<name>[A-Za-z_][\w-]*)(?P<sign>=|%3[dD]|\\*["']\s*:\s*\\*["'])(?P<value>[^&\s;"'\\<>]+)""", re.ASCII
)
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
ERROR_CODE = re.compile(r"[A-Za-z]+(?:[_.][A-Za-z]+)*|[0-9]{1,7}", re.ASCII)
LONGEST_BODY = 256 * 1024
MOST_FIELDS = 200
DEEPEST = 40
SHORTEST_ECHO = 6
"""A secret shorter than this is not looked for elsewhere: it would blot out ordinary words."""


def shown(request: Request) -> str:
    """The request as text: its line, its headers, its body; without secrets. Never raises."""
    page = _Page()
    page.read(request.headers, request.body, request.url)
    return page.written(f"{page.plain(request.method)} {page.address(request.url)}", request.headers, request.body)


def shown_response(response: Response) -> str:
    """The response as text: status, headers, body; without secrets. Never raises."""
    page = _Page()
    page.read(response.headers, response.body, response.header("Location"))
    return page.written(f"{response.status} {page.plain(response.reason)}".rstrip(), response.headers, response.body)


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


@dataclass(slots=True)
class _Page:
    """One message in the making: first its secrets are gathered, then it is written without them."""

    echoes: set[str] = field(default_factory=set)

    def read(self, headers: Headers, body: bytes, address: str) -> None:
        """Gather the secrets of a message."""
        for text in (address, *(value for name, value in headers if name.lower() in ADDRESS_HEADERS)):
            self._gather(_fields(_split(text)[1]) + _fields(_split(text)[2]))
        match _body(headers, body):
            case list(fields):
                self._gather(fields)
            case _Json(value):
                for secret in _secrets(value):
                    self._remember(secret)

    def written(self, first: str, headers: Headers, body: bytes) -> str:
        lines = [first, *(f"{self.plain(name)}: {self._header(name.lower(), value)}" for name, value in headers)]
        text = self._body(headers, body)
        return "\n".join([*lines, "", text] if text else lines)

    def plain(self, text: str) -> str:
        """Any text, on one line, without tokens and without the secrets gathered."""
        return UNPRINTABLE.sub(_escaped, self._clean(text))

    def address(self, text: str, *, strict: bool = False) -> str:
        """A URL; `strict`: of its query and fragment only well-known values."""
        base, query, fragment = _split(text)
        written = self.plain(base)
        for sign, part in (("?", query), ("#", fragment)):
            if part:
                written += sign + "&".join(self._pair(name, value, strict) for name, value in _fields(part))
        return written

    def _gather(self, fields: list[tuple[str, str]]) -> None:
        for name, value in fields:
            if is_secret(name):
                self._remember(value)

    def _remember(self, secret: str) -> None:
        if len(secret) >= SHORTEST_ECHO:
            self.echoes |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), unquote_plus(secret)}

    def _clean(self, text: str) -> str:
        for secret in sorted(self.echoes, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return without_tokens(text)

    def _pair(self, name: str, value: str, strict: bool) -> str:
        shown = not is_secret(name) and (name.lower() in OPEN_FIELDS or not strict)
        return f"{self.plain(name)}={self.plain(value)}" if shown else f"{self.plain(name)}={MASK}"

    def _header(self, name: str, value: str) -> str:
        if name in SECRET_HEADERS or name.endswith(SECRET_HEADER_ENDINGS):
            scheme, space, _ = value.partition(" ")
            named = name.endswith("authorization") and space and scheme.lower() in ("basic", "bearer", "pop")
            return f"{scheme} {MASK}" if named else MASK
        return self.address(value, strict=True) if name in ADDRESS_HEADERS else self.plain(value)

    def _body(self, headers: Headers, body: bytes) -> str:
        match _body(headers, body):
            case list(fields):
                return "\n".join(self._pair(name, value, strict=False) for name, value in fields)
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
            case dict():
                code = _is_error(value)
                return {
                    self.plain(key): item if code and key == "code" else self._value(key, item, depth + 1)
                    for key, item in value.items()
                }
            case list():
                return [self._value(name, item, depth + 1) for item in value]
            case bool() | None:
                return value
            case _ if is_secret(name):
                return MASK
            case str():
                return self.plain(value) if "://" not in value else self.address(value)
        return value


@dataclass(frozen=True, slots=True)
class _Json:
    value: Any


def _body(headers: Headers, body: bytes) -> _Json | list[tuple[str, str]] | str:
    """A body that can be shown, else what it is, or an empty text for none."""
    if not body:
        return ""
    named = next((value for name, value in headers if name.lower() == "content-type"), "")
    kind = named.split(";")[0].strip().lower()
    if len(body) <= LONGEST_BODY:
        if kind == FORM:
            fields = _fields(body.decode("utf-8", "replace"))
            if len(fields) <= MOST_FIELDS:
                return fields
        if kind == "application/json" or kind.endswith("+json"):
            try:
                return _Json(json.loads(body))
            except (ValueError, RecursionError):
                return f"({len(body):,} bytes that are no JSON)"
    return f"({len(body):,} bytes of {kind or 'no type'})"


def _fields(text: str) -> list[tuple[str, str]]:
    """The fields of a query or a form. A value without a name is none: it becomes the value of `state`, so to speak."""
    pairs = []
    for part in text.split("&"):
        name, sign, _ = part.partition("=")
        if sign:
            pairs.extend(parse_qsl(part, keep_blank_values=True, encoding="utf-8", errors="replace", separator="&"))
        elif part:
            pairs.append(("", part) if not name else (MASK, ""))
    return pairs


def _split(address: str) -> tuple[str, str, str]:
    """What stands before the query (without a user's name and password), the query, the fragment. Never raises."""
    rest, _, fragment = address.partition("#")
    base, _, query = rest.partition("?")
    try:
        login, sign, _ = urlsplit(base).netloc.rpartition("@")
    except ValueError:
        return "(no address)", query, fragment
    return base.replace(login + sign, "", 1) if sign else base, query, fragment


def _secrets(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """The texts that stand in secret members of a JSON value."""
    match value:
        case dict() | list() if depth == DEEPEST:
            return
        case dict():
            code = _is_error(value)
            for key, item in value.items():
                if not (code and key == "code"):
                    yield from _secrets(item, key, depth + 1)
        case list():
            for item in value:
                yield from _secrets(item, name, depth + 1)
        case str() if is_secret(name):
            yield value


def _is_error(value: dict[str, Any]) -> bool:
    """Whether this is an API's error, where `code` says which one and is no authorization code."""
    told = "message" in value or "description" in value
    return told and ERROR_CODE.fullmatch(str(value.get("code", ""))) is not None


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("ascii", "backslashreplace").decode() if ord(match[0]) > 0x7F else f"\\x{ord(match[0]):02x}"
