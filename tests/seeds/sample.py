"""The documents' HTTP samples: read from text, and written as the bytes that go over the wire."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

from partnerauth.messages import Headers, Request, Response

SAMPLES = Path(__file__).parent / "samples"
VARIABLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Sample:
    """A message as its file has it: first line, headers, body, with variables in them (see samples/README.md)."""

    first: str
    headers: Headers
    body: str

    @classmethod
    def named(cls, name: str) -> "Sample":
        """The sample in the file `{name}.txt`."""
        head, _, body = (SAMPLES / f"{name}.txt").read_text("utf-8").removesuffix("\n").partition("\n\n")
        first, *lines = head.split("\n")
        pairs = (line.split(": ", 1) for line in lines)
        return cls(first, tuple((name, value) for name, value in pairs), body)

    @property
    def variables(self) -> set[str]:
        """The names of the variables that must be given values."""
        texts = (self.first, *(value for _, value in self.headers), self.body)
        return {name for text in texts for name in VARIABLE.findall(text)} - {"length"}

    def request(self, **values: str) -> Request:
        """The request, its variables filled in."""
        headers, body = self._filled(values)
        method, url, _ = self.first.split(" ")
        return Request(method, _fill(url, values, _in_an_address), headers, body)

    def response(self, **values: str) -> Response:
        """The response, its variables filled in."""
        headers, body = self._filled(values)
        _, status, reason = self.first.split(" ", 2)
        return Response(int(status), headers, body, reason)

    def _filled(self, values: dict[str, str]) -> tuple[Headers, bytes]:
        assert values.keys() == self.variables, f"{sorted(self.variables)} are to be filled in"
        kinds = [value for name, value in self.headers if name == "Content-Type"]
        body = _fill(self.body, values, _in_json if kinds and "json" in kinds[0] else _in_an_address).encode()
        measured = {"length": str(len(body)), **values}
        return tuple((name, _fill(value, measured, str)) for name, value in self.headers), body


def request_bytes(request: Request, *, absolute: bool = True) -> tuple[bytes, bytes]:
    """Head and body of `request` as HTTP/1.1, with just the headers it has.

    `absolute`: the whole address stands in the first line, as the documents print it; else path and query.
    """
    parts = urlsplit(request.url)
    target = request.url if absolute else parts.path + (f"?{parts.query}" if parts.query else "")
    return _head(f"{request.method} {target} HTTP/1.1", request.headers), request.body


def response_bytes(response: Response) -> tuple[bytes, bytes]:
    """Head and body of `response` as HTTP/1.1, with just the headers it has."""
    reason = response.reason or HTTPStatus(response.status).phrase
    return _head(f"HTTP/1.1 {response.status} {reason}", response.headers), response.body


def _head(first: str, headers: Headers) -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in headers), "", ""]).encode("latin-1")


def _fill(text: str, values: dict[str, str], written: Callable[[str], str]) -> str:
    return VARIABLE.sub(lambda found: written(values[found[1]]), text)


def _in_an_address(value: str) -> str:
    return quote(value, safe="")


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def differences(real: Response, sample: Response) -> list[str]:
    """What the sample has and `real` lacks: status and reason, headers, fields of the JSON with their types and values.

    Numbers must be numbers, text text, and digits in text digits in text. Values that vary from answer to answer
    (tokens, moments, a lifetime) are not compared. A header with a list is compared as a list.
    """
    found = []
    if (real.status, real.reason) != (sample.status, sample.reason):
        found.append(f"{real.status} {real.reason}")
    for name, value in sample.headers:
        if name != "Content-Length" and _listed(real.header(name)) != _listed(value):
            found.append(f"{name}: {real.header(name)}")
    given = real.value()
    for name, value in sample.value().items():
        if name not in given:
            found.append(f"no {name}")
        elif _kind(given[name]) != _kind(value) or (name in CONSTANT and given[name] != value):
            found.append(f"{name}: {given[name]!r}")
    return found


CONSTANT = ("token_type", "resource", "scope")


def _listed(value: str) -> set[str]:
    return {part.strip().lower() for part in value.split(",")}


def _kind(value: object) -> str:
    return "digits in text" if isinstance(value, str) and value.isdigit() else type(value).__name__
