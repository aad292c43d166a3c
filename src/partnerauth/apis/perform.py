"""A call performed: the token, the headers the service wants, the wait where it says so, and its refusals as errors."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from partnerauth.apis.operation import Access, Call
from partnerauth.apis.page import Page
from partnerauth.cloud import Api, Resource
from partnerauth.errors import Forbidden, Unreadable
from partnerauth.flow import LONGEST_PAUSE, MOST_TRIES, Flow, ask, insist, wait
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response
from partnerauth.oauth.api_refusals import api_refused

T = TypeVar("T")

LOCALE = "en-US"
APP_ONLY_REFUSED = 900329


def perform(
    call: Call[T], resource: Resource, bearer: Callable[[], Flow[Hidden]], *, mode: Access | None = None
) -> Flow[T]:
    """What the service answers to `call`, asked with the access token that `bearer` gets.

    `mode` says whose token that is, where it is known: an operation that does not take it is then refused before
    anything is sent. A read is repeated on a passing fault, anything else only where the service says "too many
    requests"; every repetition carries the same `MS-RequestId`. Raises the error that a refusal stands for (see
    `oauth.refusals`; missing MFA is among them and is never asked again), `Unreadable`, `Unreachable`, `Tampered`.
    """
    admit(call, mode)
    token = yield from bearer()
    request = call.to(resource)
    own = ("Authorization", f"Bearer {token.reveal()}")
    asked = request.having(*_missing(request, identification(call.api)), own)
    response = yield from insist(asked) if call.safe else _patiently(asked)
    if not response.ok and not call.ends(response):
        raise api_refused(response, call.api.value)
    return call.read(response)


def pages(
    call: Call[Page[T]], resource: Resource, bearer: Callable[[], Flow[Hidden]], *, mode: Access | None = None
) -> Flow[list[T]]:
    """All the items that `call` begins to list, page by page.

    Raises as `perform` does, and `Unreadable` for pages in a circle.
    """
    found: list[T] = []
    seen: set[tuple[str, Headers]] = set()
    following: Call[Page[T]] | None = call
    while following is not None:
        mark = (following.link, following.headers)
        if mark in seen:
            raise Unreadable(f"{call.operation} leads to a page that it had led to before")
        seen.add(mark)
        page = yield from perform(following, resource, bearer, mode=mode)
        found.extend(page.items)
        following = page.next
    return found


def admit(call: Call[Any], mode: Access | None) -> None:
    """Raise `Forbidden` if the operation does not take a token of that mode; None is not known, and passes."""
    if mode is None or call.operation.allows(mode):
        return
    raise Forbidden(
        f"{call.operation} takes {call.operation.access.value}, and this token is {mode.value}",
        code=APP_ONLY_REFUSED if mode is Access.APP_ONLY else None,
        hint="Use a consent for this call (app + user)."
        if mode is Access.APP_ONLY
        else "Use the application by itself for this call (app only).",
    )


def identification(api: Api) -> Headers:
    """Headers by which a call is found again in the service's logs, and recognised when it comes twice."""
    if api is Api.PARTNER_CENTER:
        return (("MS-RequestId", str(uuid.uuid4())), ("MS-CorrelationId", str(uuid.uuid4())), ("X-Locale", LOCALE))
    return (("client-request-id", str(uuid.uuid4())),)


def _missing(request: Request, headers: Headers) -> Headers:
    return tuple(pair for pair in headers if not request.header(pair[0]))


def _patiently(request: Request) -> Flow[Response]:
    for attempt in range(1, MOST_TRIES):
        response = yield from ask(request)
        pause = response.retry_after if response.retry_after is not None else 2.0 ** (attempt - 1)
        if response.status != 429 or pause > LONGEST_PAUSE:
            return response
        yield from wait(pause)
    return (yield from ask(request))
