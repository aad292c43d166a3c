"""The door of the control API: who may come in, which route is meant, and how a refusal looks."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

import msgspec

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.control import (
    barriers,
    consents,
    faults,
    forks,
    people,
    records,
    registrations,
    rules,
    snapshots,
    things,
    times,
    worlds,
)
from partnerauth.emulator.control.openapi import document
from partnerauth.emulator.control.route import ROOT, Call, Emulated, Problem, Route
from partnerauth.messages import Request, Response

HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Control:
    """Looks at an emulator's world, and changes it."""

    def __init__(self, emulator: Emulated) -> None:
        self._emulator = emulator

    def answer(self, arrival: Arrival) -> Response:
        """The answer to a request below `/_emulator`."""
        request = arrival.request
        try:
            refuse_strangers(request)
            route, parts = _route(request.method, arrival.path.removeprefix(ROOT).rstrip("/"))
            answer = route.act(Call(self._emulator, parts, _query(route, request), _body(route, request)))
        except Problem as problem:
            return refusal(problem)
        if route.gives is None:
            return Response(204, HEADERS)
        response = Response.json(200, answer, HEADERS)
        return Response(200, response.headers) if request.method == "HEAD" else response


def refuse_strangers(request: Request, *, origin_needed: bool = False) -> None:
    """Let no page of another origin drive this world. Raises `Problem`.

    A browser names the page's origin in every request of another method than GET, and with every `fetch` elsewhere.
    """
    origin = request.header("Origin")
    if (origin or origin_needed) and _port_named(origin) != _port_named(request.origin):
        raise Problem(HTTPStatus.FORBIDDEN, "a page of another origin may not ask this")
    if request.method not in ("GET", "HEAD") and request.header("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Problem(HTTPStatus.FORBIDDEN, "a page of another site may not ask this")


def refusal(problem: Problem) -> Response:
    """A problem as RFC 9457 says."""
    value = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    headers = (("Content-Type", "application/problem+json"), *problem.headers, *HEADERS)
    return Response(problem.status.value, headers, msgspec.json.encode(value))


def _port_named(origin: str) -> str:
    return origin.lower().removesuffix(":443")


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    method = "GET" if method == "HEAD" else method
    here = [(route, parts) for route in ROUTES if (parts := route.fits(path)) is not None]
    if not here:
        near = get_close_matches(path, [route.path for route in ROUTES], 1)
        raise Problem(HTTPStatus.NOT_FOUND, "nothing is here" + (f"; did you mean {ROOT}{near[0]}?" if near else ""))
    found = next((one for one in here if one[0].method == method), None)
    if found is None:
        allowed = ", ".join(route.method for route, _ in here)
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"this takes {allowed}", (("Allow", allowed),))
    return found


def _query(route: Route, request: Request) -> dict[str, str]:
    try:
        query = request.query
    except ValueError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, str(wrong)) from None
    _known(query, route.asks)
    return query


def _known(names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            near: Sequence[str] = get_close_matches(name, list(known), 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise Problem(HTTPStatus.BAD_REQUEST, f"there is no field '{name[:40]}' here{hint}")


def _body(route: Route, request: Request) -> Any:
    kind = request.header("Content-Type")
    # A page of another origin can send a form or plain text without asking first, and JSON only after asking.
    if (kind or request.body) and kind.split(";")[0].strip().lower() != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body must be application/json")
    if route.takes is None:
        if request.body:
            raise Problem(HTTPStatus.BAD_REQUEST, "this takes no body")
        return None
    try:
        value = request.value()
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    if isinstance(value, dict):
        _known(value, route.takes.__struct_fields__)
    try:
        return msgspec.convert(value, route.takes)
    except msgspec.ValidationError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, str(wrong).replace("`$.", "`")) from None


def _index(call: Call) -> Any:
    del call
    links = {f"{route.method} {ROOT}{route.path}": route.summary for route in ROUTES}
    return {
        "what": "The control API of the partnerauth emulator: a Partner Center world in one process.",
        "openapi": f"{ROOT}/openapi.json",
        "portal": "/",
        "routes": links,
    }


def _openapi(call: Call) -> Any:
    del call
    return document(ROUTES)


ROUTES: tuple[Route, ...] = (
    Route("GET", "", "What this is", _index, gives=dict[str, Any]),
    Route("GET", "/openapi.json", "This API as an OpenAPI document", _openapi, gives=dict[str, Any]),
    *times.ROUTES,
    *people.ROUTES,
    *things.ROUTES,
    *registrations.ROUTES,
    *consents.ROUTES,
    *rules.ROUTES,
    *worlds.ROUTES,
    *records.ROUTES,
    *faults.ROUTES,
    *barriers.ROUTES,
    *snapshots.ROUTES,
    *forks.ROUTES,
)
