"""The portal's door: which page is asked for, and what its forms do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from partnerauth.emulator import moments
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.control import records
from partnerauth.emulator.control.door import refuse_strangers
from partnerauth.emulator.control.people import SignInChange, change_sign_in, stop_sign_in
from partnerauth.emulator.control.route import Call, Emulated, Problem
from partnerauth.emulator.control.times import DateChanges, TimeChange, change_policies, change_time
from partnerauth.emulator.portal import views
from partnerauth.emulator.portal.page import HEADERS, page, stylesheet
from partnerauth.emulator.world import Policies
from partnerauth.errors import Misconfigured
from partnerauth.messages import Response

Fields: TypeAlias = Mapping[str, str]

NOWHERE = Problem(HTTPStatus.NOT_FOUND, "There is no such page.")
LONGEST_FORM = 4096


class Portal:
    """The pages at `/` and below `/portal/`."""

    def __init__(self, emulator: Emulated) -> None:
        self._emulator = emulator
        self._pages: dict[str, Callable[[], Response]] = {
            "/": self._overview,
            "/portal": self._overview,
            "/portal/": self._overview,
            "/portal/phone": self._phones,
            "/portal/style.css": stylesheet,
            "/favicon.ico": lambda: Response(204, HEADERS[-2:]),
        }
        self._forms: dict[str, Callable[[Fields], str]] = {
            "/portal/clock": self._change_clock,
            "/portal/policies": self._change_policy,
            "/portal/sign-in": self._change_sign_in,
            "/portal/reset": self._reset,
        }

    def answer(self, arrival: Arrival) -> Response:
        """The page at this address; or, for a form, what it asks is done and the way back to the page is shown."""
        try:
            return self._answer(arrival)
        except Problem as problem:
            return self._refusal(problem)
        except Misconfigured as missing:
            text = f"{missing.message}. {missing.hint}\nThe control API answers at /_emulator.\n"
            return Response(501, (("Content-Type", "text/plain; charset=utf-8"), *HEADERS), text.encode())

    def _answer(self, arrival: Arrival) -> Response:
        request, method = arrival.request, arrival.request.method
        known = {
            name: there
            for name, there in (("GET", self._pages), ("HEAD", self._pages), ("POST", self._forms))
            if arrival.path in there
        }
        if not known:
            raise NOWHERE
        if method not in known:
            allowed = ", ".join(known)
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"This takes {allowed}.", (("Allow", allowed),))
        if method == "POST":
            refuse_strangers(request, origin_needed=True)
            if len(request.body) > LONGEST_FORM:
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too long.")
            try:
                fields = request.fields
            except ValueError as wrong:
                raise Problem(HTTPStatus.BAD_REQUEST, f"This form cannot be read: {wrong}.") from None
            return Response(303, (("Location", self._forms[arrival.path](fields)), *HEADERS))
        response = self._pages[arrival.path]()
        return Response(response.status, response.headers) if method == "HEAD" else response

    def _overview(self) -> Response:
        return page("overview", views.overview(self._emulator))

    def _phones(self) -> Response:
        facts = views.phones(self._emulator)
        return page("phone", facts, refresh=0 if facts["frozen"] else facts["left"])

    def _refusal(self, problem: Problem) -> Response:
        facts = views.common(self._emulator.world) | {"problem": problem}
        response = page("problem", facts, status=problem.status.value)
        return Response(response.status, (*response.headers, *problem.headers), response.body)

    def _change_clock(self, fields: Fields) -> str:
        frozen = fields.get("frozen")
        change = TimeChange(
            now=fields.get("now") or UNSET,
            advance=fields.get("advance") or UNSET,
            frozen=UNSET if frozen is None else frozen == "yes",
        )
        change_time(Call(self._emulator, body=change))
        return "/#clock"

    def _change_policy(self, fields: Fields) -> str:
        name, begins = fields.get("name", ""), fields.get("begins", "")
        if name not in Policies.FIELDS:
            raise Problem(HTTPStatus.BAD_REQUEST, "There is no such policy.")
        written = moments.text(self._emulator.world.now()) if begins == "now" else begins
        change_policies(Call(self._emulator, body=msgspec.convert({name: written}, DateChanges)))
        return "/#policies"

    def _change_sign_in(self, fields: Fields) -> str:
        if upn := fields.get("upn"):
            mfa = {"yes": True, "no": False}.get(fields.get("mfa", ""))
            change_sign_in(Call(self._emulator, body=SignInChange(upn, mfa)))
        else:
            stop_sign_in(Call(self._emulator))
        return "/#sign-in"

    def _reset(self, fields: Fields) -> str:
        del fields
        records.reset(Call(self._emulator))
        return "/"
