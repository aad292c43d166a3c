"""An operation is a row of an API's reference; a call is that row filled in.

Client, emulator, command line and reference page read the same rows. A call knows its request (without the token, which
the session adds) and how to read the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from types import NoneType
from typing import Any, Generic, TypeVar, cast, get_args, get_origin
from urllib.parse import quote, unquote, urlencode, urlsplit

from partnerauth.apis.page import Page, ends
from partnerauth.apis.record import Record
from partnerauth.cloud import Api, Resource
from partnerauth.errors import Misconfigured, Tampered, Unreadable
from partnerauth.messages import Headers, Request, Response

T = TypeVar("T")


class Access(Enum):
    """Whose token an operation takes, in the words of the documents."""

    APP_ONLY = "app only"
    APP_USER = "app + user"
    EITHER = "app only or app + user"


@dataclass(frozen=True)
class Operation(Generic[T]):
    """A row: how to ask, who may ask, what comes back.

    `path` is a template (`/v1/customers/{customer}`). `returns` is a record, a `Page` of records, `dict` for plain
    JSON, or `NoneType`. `query` names the parameters. Empty, where none is asked for: `roles` are the partner roles (at
    Graph: the directory roles) of which the person needs one, `gdap` the directory roles in the customer's tenant of
    which the partner needs one, `permissions` those of which the token must carry one.
    """

    method: str
    path: str
    api: Api
    access: Access
    returns: type[T]
    summary: str
    query: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    gdap: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()

    def __call__(
        self, query: Mapping[str, str] | None = None, body: Any = None, headers: Headers = (), **parameters: str
    ) -> Call[T]:
        """This row filled in. Raises `Misconfigured` for a parameter that is empty or no path segment."""
        if set(parameters) != set(self.parameters):
            raise TypeError(f"{self} takes the parameters {', '.join(self.parameters) or 'none'}")
        for name, value in parameters.items():
            if value in ("", ".", ".."):
                raise Misconfigured(f"'{value}' is no {name}", hint=f"Give the {name} for {self}.")
        path = self.path.format(**{name: quote(value, safe="") for name, value in parameters.items()})
        return Call(self, path, self.read, query or {}, body, headers)

    @cached_property
    def _segments(self) -> tuple[tuple[str, str, str], ...]:
        """Of each segment what stands before a parameter (in lower case), its name, and what stands behind it."""
        parts = (segment.replace("}", "{").split("{") for segment in self.path.strip("/").split("/"))
        return tuple((first.lower(), *(rest or ("", ""))) for first, *rest in parts)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(name for _, name, _ in self._segments if name)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters, decoded, if a request for `path` (percent-encoded) asks this; else None.

        The services are indifferent to letter case and to a slash at the end.
        """
        if method.upper() != self.method:
            return None
        given = path.strip("/").split("/")
        if len(given) != len(self._segments):
            return None
        found = {}
        for (before, name, behind), theirs in zip(self._segments, given, strict=True):
            text = unquote(theirs)
            if not name:
                if text.lower() != before:
                    return None
                continue
            value = text[len(before) : len(text) - len(behind)]
            if not value or text.lower() != f"{before}{value}{behind}".lower():
                return None
            found[name] = value
        return found

    def allows(self, mode: Access) -> bool:
        """Whether a token of that mode (app only, or app + user) may be used here."""
        return self.access in (mode, Access.EITHER)

    def read(self, call: Call[T], response: Response) -> T:
        """What a successful `response` to `call` says. Raises `Unreadable`."""
        if self.returns is NoneType:
            return cast(T, None)
        kind: Any = get_origin(self.returns) or self.returns
        try:
            value = response.value()
        except ValueError as error:
            raise Unreadable(
                f"{self} answered with something else than JSON ({error})", status=response.status
            ) from None
        if kind is Page:
            return cast(T, Page.read(get_args(self.returns)[0], cast("Call[Page[Any]]", call), response, value))
        return cast(T, kind.read(value) if issubclass(kind, Record) else value)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One thing to ask: a value that any session can carry.

    `link` is a server's link to a next page, which then stands for path and query.
    """

    operation: Operation[Any]
    path: str
    reader: Callable[[Call[T], Response], T] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    headers: Headers = field(default=(), repr=False)
    link: str = field(default="", repr=False)

    @property
    def api(self) -> Api:
        """The API that is asked."""
        return self.operation.api

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.operation.method

    @property
    def safe(self) -> bool:
        """Whether asking twice changes nothing (RFC 9110 9.2.1)."""
        return self.method in ("GET", "HEAD")

    def to(self, resource: Resource) -> Request:
        """The request, without a token. Raises `Tampered` where a link leads away from the resource."""
        if self.link:
            url = follow(self.link, resource)
        else:
            query = urlencode(self.query, quote_via=quote, safe="$")
            url = resource.address.rstrip("/") + self.path + (f"?{query}" if query else "")
        headers = (("Accept", "application/json"), *self.headers)
        if self.body is None:
            return Request(self.method, url, headers)
        return Request.json(self.method, url, self.body, headers)

    def ends(self, response: Response) -> bool:
        """Whether a refusal only says that there is no next page."""
        return ends(self, response)

    def read(self, response: Response) -> T:
        """What the answer says. Raises `Unreadable`."""
        return self.reader(self, response)


def follow(link: str, resource: Resource) -> str:
    """The address that a server's link means, by https and at the resource's own address.

    The services' links come as `http://`, and with more than one path (the reference of Referrals, 5). Raises
    `Tampered` where the link names another host, for our token goes nowhere else.
    """
    base = urlsplit(resource.address)
    try:
        asked = urlsplit(link)
        port = asked.port or (base.port if asked.scheme == "http" and not base.port else None)
        here = asked.hostname is None or (asked.hostname, port or 443) == (base.hostname, base.port or 443)
    except ValueError:
        raise Tampered("the link to the next page is no address") from None
    if (
        not here
        or asked.username is not None
        or asked.scheme not in ("https", "http", "")
        or ".." in unquote(asked.path)
    ):
        raise Tampered(f"the link to the next page leads away from {base.hostname}")
    path = asked.path
    if base.path and (path == base.path or path.startswith(base.path.rstrip("/") + "/")):
        path = path[len(base.path.rstrip("/")) :]
    url = resource.address.rstrip("/") + "/" + path.lstrip("/")
    return f"{url}?{asked.query}" if asked.query else url
