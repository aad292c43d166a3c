"""The desk: the web page at which a person consents, with MFA. From request to response, without a network.

A person reads who must sign in and what is granted, leaves by a POST for the sign-in page, comes back by another
site's form post, and is sent on to a page that tells how it went. What must be remembered meanwhile is a `Visit`. The
judging is `FirstConsent`'s.

Sources: the seed document "Authorization code flow using REST API calls" (the web endpoint); OAuth 2.0 Form Post
Response Mode; RFC 9700.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from partnerauth.cloud import Authority, Dialect, Resource
from partnerauth.consent.asked import Turned, cookies, form, only, place_below, query, require_own
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.invitation import PATH, Invitation, Invitations, Purpose
from partnerauth.consent.judge import Judge
from partnerauth.consent.page import PAGES
from partnerauth.consent.problems import OTHER, told
from partnerauth.consent.reach import API_NAMES
from partnerauth.consent.visit import JUDGING, REMEMBERED, Stage, Visit, Visits, mark_of
from partnerauth.errors import InvitationOver, Misconfigured, PartnerAuthError, SignInCancelled, StoreFailed
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response
from partnerauth.oauth.admin_consent import admin_consent_link, is_admin_consent
from partnerauth.oauth.authorize import TICKET_LIFETIME, Ticket
from partnerauth.pages import FILES

log = logging.getLogger("partnerauth.consent.desk")

COOKIE = "__Host-visit-"
MARK = re.compile(r"[0-9a-f]{32}", re.ASCII)
SOON, AT_ONCE = "2", "0; url="
COOKIE_LIFE = TICKET_LIFETIME + REMEMBERED

Judging: TypeAlias = Callable[[Visit], Flow[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Desk:
    """The consent page of one application; its address is `invitations.url`, which is also the redirect URI.

    `authority` is where people sign in, `tenant` the id of the tenant they must belong to (empty: any), `apis` what a
    consent is tried at, by name. With `by_invitation` nobody starts without one.
    """

    first: FirstConsent
    visits: Visits
    invitations: Invitations
    authority: Authority
    apis: Mapping[str, Resource]
    tenant: str = ""
    dialect: Dialect = Dialect.V1
    by_invitation: bool = False

    def __post_init__(self) -> None:
        if self.visits.store.plain or self.invitations.store.plain:
            raise Misconfigured(
                "invitations and visits must not lie where their values are bare",
                hint="Set desk_store to a file or to postgresql://…",
            )

    @property
    def url(self) -> str:
        """The address of the first page, with a slash at its end."""
        return self.invitations.url

    @property
    def _judge(self) -> Judge:
        return Judge(self.first, self.invitations, self.apis, self.dialect)

    def answer(self, request: Request) -> Flow[Response]:
        """The answer to a browser's request: always a page, whatever was sent."""
        try:
            return (yield from self._routed(request))
        except Turned as turned_away:
            return self._shown(turned_away.told, turned_away.headers)
        except PartnerAuthError as error:
            return self._shown(told(error) | {"page": "problem", "again": ""})

    # --- the ways in

    def _routed(self, request: Request) -> Flow[Response]:
        place = place_below(request, self.url)
        if place in FILES:
            only(request, "GET", "HEAD")
            return PAGES.file(place)
        if place == "":
            only(request, "GET", "HEAD", "POST")
            if request.method != "POST":
                return (yield from self._first_page(request, query(request)))
            if urlsplit(request.url).query:  # the redirect URI has none
                raise _wrong_way()
            return (yield from self._back(request, form(request)))
        if place == "start":
            only(request, "POST")
            return (yield from self._start(request, form(request)))
        if place == "admin":
            only(request, "GET", "HEAD")
            self._require_invitation(None)
            return self._start_page(Purpose.ADMIN)
        what, _, rest = place.partition("/")
        if f"{what}/" == PATH:
            only(request, "GET", "HEAD")
            invitation = yield from self.invitations.find(rest)
            return self._start_page(invitation.purpose, invitation, rest)
        if what == "visit" and MARK.fullmatch(rest):
            only(request, "GET", "HEAD")
            return (yield from self._visit_page(request, rest))
        raise Turned(404, "There is no such page", "Nothing is at this address.", "Check the link you were given.")

    # --- before

    def _first_page(self, request: Request, fields: Mapping[str, str]) -> Flow[Response]:
        if is_admin_consent(fields):
            visit = yield from self._visit_of(request, fields["state"])
            if visit.purpose is Purpose.ADMIN:
                return (yield from self._received(visit, lambda back: self._judge.administered(back, fields)))
            return (yield from self._received(visit, lambda back: self._judge.consented(back, fields)))
        if {"code", "id_token", "admin_consent"} & fields.keys():
            raise _wrong_way()
        return self._start_page(Purpose.CONSENT)

    def _start_page(self, purpose: Purpose, invitation: Invitation | None = None, key: str = "") -> Response:
        apis = invitation.apis if invitation and invitation.apis else tuple(self.apis)
        tenant = (
            invitation.tenant if invitation and invitation.tenant not in ("", self.tenant) else self.authority.tenant
        )
        facts = {
            "base": urlsplit(self.url).path,
            "purpose": purpose.value,
            "closed": self.by_invitation and invitation is None,
            "key": key,
            "tenant": "" if Authority(self.authority.cloud, tenant).shared else tenant,
            "username": invitation.username if invitation else "",
            "named": bool(invitation and invitation.person),
            "ends": invitation.ends.isoformat() if invitation else "",
            "application": self.first.application.id,
            "apis": [API_NAMES.get(api, api) for api in apis],
            "sign_in": urlsplit(self.authority.cloud.sign_in).netloc,
        }
        return PAGES.page("start", facts, forms=self.authority.cloud.origin)

    def _start(self, request: Request, fields: Mapping[str, str]) -> Flow[Response]:
        require_own(request, self.url)
        again = fields.get("again", "")
        if again:
            former = yield from self._visit_by(request, again)
            if former.stage is not Stage.OVER or not former.told.get("again"):
                raise SignInCancelled("this sign-in cannot be begun again", hint="Open the link you were given.")
            if former.invitation:
                yield from self.invitations.named(former.invitation)
            else:
                self._require_invitation(None)
            demanding = former.told.get("page") == "again"
            prompt = "login" if demanding else "select_account" if former.told["again"] == OTHER else ""
            ticket = self._ticket(former.ticket)
            return (yield from self._leave(replace(former, ticket=ticket, demanding=demanding), prompt))
        invitation: Invitation | None = None
        if key := fields.get("invitation", ""):
            invitation = yield from self.invitations.find(key)
        self._require_invitation(invitation)
        purpose = Purpose.ADMIN if fields.get("purpose") == Purpose.ADMIN.value else Purpose.CONSENT
        visit = Visit(self._ticket(), purpose)
        if invitation is not None:
            ticket = self._ticket(tenant=invitation.tenant, person=invitation.person, hint=invitation.username)
            visit = Visit(ticket, invitation.purpose, invitation.name, invitation.apis)
        return (yield from self._leave(visit, ""))

    def _ticket(self, former: Ticket | None = None, *, tenant: str = "", person: str = "", hint: str = "") -> Ticket:
        if former is not None:
            tenant, person, hint = former.expected_tenant, former.expected_person, former.login_hint
        cloud = self.authority.cloud
        return Ticket.issue(
            cloud.authority(tenant) if tenant and tenant != self.tenant else self.authority,
            self.first.application.id,
            self.url,
            self.first.clock.now(),
            dialect=self.dialect,
            login_hint=hint,
            expected_tenant=tenant or self.tenant,
            expected_person=person,
        )

    def _leave(self, visit: Visit, prompt: str) -> Flow[Response]:
        """Off to the sign-in page, once it is sure that what comes back can be kept.

        By a page that goes on at once, and not by a redirect: from the sign-in page the way may lead on to the
        partner's own sign-in service, and browsers hold all redirects of a form against `form-action`.
        """
        visit = replace(visit, stage=Stage.OUT, back_at=None, told={}, name="", version="")
        if not self.first.book.store.plain:
            yield from work("check the store", self.first.book.store.check)
        key = yield from self.visits.begin(visit)
        ticket = visit.ticket
        if visit.purpose is Purpose.ADMIN:
            link = admin_consent_link(ticket, self._judge.tried(visit).values())
        else:
            hybrid = self.dialect is Dialect.V1
            asked = ticket.request(self._judge.asked(visit)[0], response_mode="form_post", hybrid=hybrid, prompt=prompt)
            link = asked.to(ticket.authority)
        cookie = f"{COOKIE}{visit.mark}={key.reveal()}; Path=/; Max-Age={int(COOKIE_LIFE.total_seconds())}"
        facts = {"base": urlsplit(self.url).path, "link": link, "sign_in": urlsplit(link).netloc}
        left = PAGES.page("leaving", facts, refresh=AT_ONCE + link)
        set_cookie = ("Set-Cookie", f"{cookie}; Secure; HttpOnly; SameSite=None")
        return replace(left, headers=(*left.headers, set_cookie))

    # --- back

    def _back(self, request: Request, fields: Mapping[str, str]) -> Flow[Response]:
        visit = yield from self._visit_of(request, fields.get("state", ""))
        return (yield from self._received(visit, lambda back: self._judge.consented(back, fields)))

    def _received(self, visit: Visit, judge: Judging) -> Flow[Response]:
        """Judge what was brought, once; whoever brings it again is shown how it went."""
        there = _see_other(f"{self.url}visit/{visit.mark}")
        back = yield from self.visits.spend(visit)
        if back is None:
            return there
        outcome = yield from judge(back)
        try:
            yield from self.visits.end(back, outcome)
        except StoreFailed as error:
            log.error("how a visit ended could not be kept (%s); it was shown at once", type(error).__name__)
            return self._shown(outcome)
        return there

    # --- after

    def _visit_page(self, request: Request, mark: str) -> Flow[Response]:
        visit = yield from self._visit_by(request, mark)
        if visit.stage is Stage.OVER:
            return self._shown({**visit.told, "mark": mark})
        if visit.stage is Stage.BACK and visit.back_at and self.first.clock.now() - visit.back_at < JUDGING:
            return PAGES.page("working", {"base": urlsplit(self.url).path}, refresh=SOON)
        if visit.stage is Stage.BACK:
            yield from self.first.finish()
            raise Turned(
                503,
                "It was interrupted",
                "While your sign-in was looked at, this page was restarted. What could still be judged has been judged "
                "now; whether it was kept is not told here.",
                "Ask whoever sent you here, or open the link again: nothing can happen twice.",
            )
        raise Turned(409, "The sign-in is not finished yet", "It goes on in another window.", "Go on there.")

    def _shown(self, outcome: Mapping[str, Any], headers: Headers = ()) -> Response:
        facts = {"mark": "", **outcome, "base": urlsplit(self.url).path, "closed": self.by_invitation}
        shown = PAGES.page(outcome["page"], facts, status=outcome["status"], forms=self.authority.cloud.origin)
        return replace(shown, headers=(*shown.headers, *headers))

    # --- who may

    def _require_invitation(self, invitation: Invitation | None) -> None:
        if invitation is None and self.by_invitation:
            raise InvitationOver("this page is opened by the link of an invitation")

    def _visit_of(self, request: Request, state: str) -> Flow[Visit]:
        """The visit that a browser answers for: by the state, and the cookie that goes with it."""
        there = cookies(request)
        if not any(name.startswith(COOKIE) for name in there):
            raise Turned(
                400,
                "Your browser did not send back its cookie",
                "It blocks cookies, or the sign-in began in another browser, or long ago. Nothing was stored.",
                "Allow cookies for this page, open the link you were given and start again in this browser.",
            )
        mark = mark_of(Hidden(state))
        if not state or COOKIE + mark not in there:
            raise Turned(
                400,
                "This answer belongs to no sign-in of yours",
                "It carries a state that was never given to this browser. Nothing was stored.",
                "If you did not come here by yourself, close this window; else start again.",
            )
        return (yield from self._visit_by(request, mark))

    def _visit_by(self, request: Request, mark: str) -> Flow[Visit]:
        key = cookies(request).get(COOKIE + mark, "")
        visit = (yield from self.visits.find(key)) if key else None
        if visit is None or visit.mark != mark:
            raise Turned(
                410 if key else 400,
                "This sign-in is over",
                "It is not known here any more, or it began in another browser.",
                "Open the link you were given and start again.",
                (("Set-Cookie", f"{COOKIE}{mark}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"),)
                if key
                else (),
            )
        return visit


def _wrong_way() -> Turned:
    return Turned(
        400,
        "The answer came the wrong way",
        "What the sign-in page sends must come as a form, and not stand in an address.",
        "Start again from the beginning.",
    )


def _see_other(link: str, *headers: tuple[str, str]) -> Response:
    own = (("Location", link), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
    return Response(303, (*own, ("Content-Security-Policy", "default-src 'none'"), *headers))
