"""The portal's door: which page is asked for, who may change something, and the way back to a page afterwards."""

from __future__ import annotations

import base64
from dataclasses import replace
from http import HTTPStatus

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.control.door import refuse_strangers
from partnerauth.emulator.control.route import Emulated, Problem
from partnerauth.emulator.portal import (
    activation,
    applications,
    authentication,
    credentials,
    customers,
    enterprise,
    faults,
    inspector,
    journal,
    overview,
    people,
    permissions,
    phones,
    policies,
    referrals,
    settings,
    sign_ins,
    vaults,
)
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Route, nowhere
from partnerauth.emulator.portal.frame import frame
from partnerauth.emulator.portal.notices import Notice, Notices
from partnerauth.emulator.portal.page import PAGES
from partnerauth.errors import Misconfigured
from partnerauth.messages import Request, Response
from partnerauth.pages import FILES, HEADERS

LONGEST_FORM = 128 * 1024
"""A token of 64 KB, each of whose characters may be written as three."""
NAME_BYTES = 24

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *people.ROUTES,
    *activation.ROUTES,
    *phones.ROUTES,
    *applications.ROUTES,
    *authentication.ROUTES,
    *credentials.ROUTES,
    *permissions.ROUTES,
    *enterprise.ROUTES,
    *customers.ROUTES,
    *referrals.ROUTES,
    *vaults.ROUTES,
    *sign_ins.ROUTES,
    *inspector.ROUTES,
    *settings.ROUTES,
    *policies.ROUTES,
    *faults.ROUTES,
    *journal.ROUTES,
)


class Portal:
    """The pages at `/` and below `/portal/`."""

    def __init__(self, emulator: Emulated) -> None:
        self._emulator = emulator
        self._notices = Notices()

    def answer(self, arrival: Arrival) -> Response:
        """The page at this address; or, for a form, what it asks is done and the way on is shown."""
        try:
            response = self._answer(arrival)
        except Problem as problem:
            response = self._refusal(problem)
        except Misconfigured as missing:
            text = f"{missing.message}. {missing.hint}\nThe control API answers at /_emulator.\n"
            response = Response(501, (("Content-Type", "text/plain; charset=utf-8"), *HEADERS), text.encode())
        return replace(response, body=b"") if arrival.request.method == "HEAD" else response

    def _answer(self, arrival: Arrival) -> Response:
        path = arrival.path.rstrip("/") or "/"
        if path == "/favicon.ico":
            return Response(204, HEADERS)
        name = path.removeprefix("/portal/")
        if name in FILES and path != name:
            return PAGES.file(name)
        route, parts = _route(arrival.request.method, path)
        ask = Ask(self._emulator, arrival, parts, _query(arrival.request), _fields(arrival.request))
        # Templates read the world's records, so the page is written under the lock too.
        with self._emulator.world.lock:
            return self._written(ask, route.act(ask))

    def _written(self, ask: Ask, outcome: Outcome) -> Response:
        world, request = self._emulator.world, ask.arrival.request
        if isinstance(outcome, Done):
            name = base64.urlsafe_b64encode(world.bytes(NAME_BYTES)).decode()
            notice = Notice(outcome.said, world.now(), outcome.shown, outcome.warns)
            cookie = self._notices.leave(name, notice)
            return Response(303, (("Location", outcome.to), cookie, *HEADERS))
        notice_ = self._notices.take(request, world.now()) if request.method == "GET" else None
        facts = {**frame(world), "notice": notice_, **outcome.facts}
        return PAGES.page(outcome.name, facts, status=outcome.status, refresh=str(outcome.refresh or ""))

    def _refusal(self, problem: Problem) -> Response:
        with self._emulator.world.lock:
            facts = frame(self._emulator.world) | {"problem": problem, "notice": None}
            response = PAGES.page("problem", facts, status=problem.status.value)
        return replace(response, headers=(*response.headers, *problem.headers))


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    here = [(route, parts) for route in ROUTES if (parts := route.fits(path)) is not None]
    if not here:
        raise nowhere()
    wanted = "GET" if method == "HEAD" else method
    found = next((one for one in here if one[0].method == wanted), None)
    if found is None:
        known = {route.method for route, _ in here}
        allowed = ", ".join(sorted(known | ({"HEAD"} if "GET" in known else set())))
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"This takes {allowed}.", (("Allow", allowed),))
    return found


def _query(request: Request) -> dict[str, str]:
    try:
        return request.query
    except ValueError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, f"This address cannot be read: {wrong}.") from None


def _fields(request: Request) -> dict[str, str]:
    if request.method != "POST":
        return {}
    refuse_strangers(request, origin_needed=True)
    if len(request.body) > LONGEST_FORM:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too long.")
    try:
        return request.fields if request.body else {}
    except ValueError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, f"This form cannot be read: {wrong}.") from None
