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
from partnerauth.consent.first import FirstConsent, Kept
from partnerauth.consent.grants import Granted, read_grants
from partnerauth.consent.invitation import PATH, Invitation, Invitations, Purpose
from partnerauth.consent.page import PAGES
from partnerauth.consent.problems import OTHER, told, turned, unjudged
from partnerauth.consent.reach import Reached, reach, roles_seen
from partnerauth.consent.user import AppUser
from partnerauth.consent.visit import JUDGING, REMEMBERED, Stage, Visit, Visits, mark_of
from partnerauth.errors import InvitationOver, Misconfigured, PartnerAuthError, SignInCancelled, StoreFailed, Tampered
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response
from partnerauth.oauth.admin_consent import AdminConsent, admin_consent_link, at_home, is_admin_consent
from partnerauth.oauth.authorize import TICKET_LIFETIME, AuthorizeResponse, Ticket
from partnerauth.oauth.evidence import Mfa
from partnerauth.oauth.sources import AppOnly
from partnerauth.pages import FILES

log = logging.getLogger("partnerauth.consent.desk")

COOKIE = "__Host-visit-"
MARK = re.compile(r"[0-9a-f]{32}", re.ASCII)
MOST_BODY = 65_536
MOST_ADDRESS = 8_192
MOST_FIELD = 32_768
SOON, AT_ONCE = "2", "0; url="
COOKIE_LIFE = TICKET_LIFETIME + REMEMBERED

Judge: TypeAlias = Callable[[Visit], Flow[Mapping[str, Any]]]


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

    def answer(self, request: Request) -> Flow[Response]:
        """The answer to a browser's request: always a page, whatever was sent."""
        try:
            return (yield from self._routed(request))
        except _Turned as turned_away:
            return self._shown(turned_away.told, turned_away.headers)
        except PartnerAuthError as error:
            return self._shown(told(error) | {"page": "problem", "again": ""})

    # --- the ways in

    def _routed(self, request: Request) -> Flow[Response]:
        place = self._place(request)
        if place in FILES:
            _only(request, "GET", "HEAD")
            return PAGES.file(place)
        if place == "":
            _only(request, "GET", "HEAD", "POST")
            if request.method != "POST":
                return (yield from self._first_page(request, _query(request)))
            if urlsplit(request.url).query:  # the redirect URI has none
                raise _wrong_way()
            return (yield from self._back(request, _form(request)))
        if place == "start":
            _only(request, "POST")
            return (yield from self._start(request, _form(request)))
        if place == "admin":
            _only(request, "GET", "HEAD")
            self._require_invitation(None)
            return self._start_page(Purpose.ADMIN)
        what, _, rest = place.partition("/")
        if f"{what}/" == PATH:
            _only(request, "GET", "HEAD")
            invitation = yield from self.invitations.find(rest)
            return self._start_page(invitation.purpose, invitation, rest)
        if what == "visit" and MARK.fullmatch(rest):
            _only(request, "GET", "HEAD")
            return (yield from self._visit_page(request, rest))
        raise _Turned(404, "There is no such page", "Nothing is at this address.", "Check the link you were given.")

    def _place(self, request: Request) -> str:
        """The path below the desk's own. Whoever came by another name than the desk's is turned away."""
        try:
            here, asked = urlsplit(self.url), urlsplit(request.url)
            same = asked.scheme == here.scheme and _authority(asked.netloc) == _authority(here.netloc)
        except ValueError:
            raise _Turned(400, "This address cannot be read", "It is broken.", "Check the link.") from None
        if not same:  # a stranger's name may lead here too (DNS rebinding)
            raise _Turned(421, "This is another page's address", "This desk does not answer under that name.", "")
        if len(request.url) > MOST_ADDRESS:
            raise _Turned(414, "This address is too long", "Nothing was done.", "Check the link you were given.")
        if not asked.path.startswith(here.path):
            raise _Turned(404, "There is no such page", "Nothing is at this address.", "Check the link you were given.")
        return asked.path.removeprefix(here.path)

    # --- before

    def _first_page(self, request: Request, fields: Mapping[str, str]) -> Flow[Response]:
        if is_admin_consent(fields):
            visit = yield from self._visit_of(request, fields["state"])
            if visit.purpose is Purpose.ADMIN:
                return (yield from self._received(visit, lambda back: self._administered(back, fields)))
            return (yield from self._received(visit, lambda back: self._consented(back, fields)))
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
        self._require_own(request)
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
            link = admin_consent_link(ticket, self._tried(visit).values())
        else:
            hybrid = self.dialect is Dialect.V1
            asked = ticket.request(self.first.apis[0], response_mode="form_post", hybrid=hybrid, prompt=prompt)
            link = asked.to(ticket.authority)
        cookie = f"{COOKIE}{visit.mark}={key.reveal()}; Path=/; Max-Age={int(COOKIE_LIFE.total_seconds())}"
        facts = {"base": urlsplit(self.url).path, "link": link, "sign_in": urlsplit(link).netloc}
        left = PAGES.page("leaving", facts, refresh=AT_ONCE + link)
        set_cookie = ("Set-Cookie", f"{cookie}; Secure; HttpOnly; SameSite=None")
        return replace(left, headers=(*left.headers, set_cookie))

    # --- back

    def _back(self, request: Request, fields: Mapping[str, str]) -> Flow[Response]:
        visit = yield from self._visit_of(request, fields.get("state", ""))
        return (yield from self._received(visit, lambda back: self._consented(back, fields)))

    def _received(self, visit: Visit, judge: Judge) -> Flow[Response]:
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

    def _consented(self, visit: Visit, fields: Mapping[str, str]) -> Flow[Mapping[str, Any]]:
        first = replace(self.first, replacing=visit.purpose is Purpose.REPLACE)
        spent: Invitation | None = None
        try:
            if visit.purpose is Purpose.ADMIN:
                raise Tampered("an answer to another question came")
            if visit.invitation:
                spent = yield from self.invitations.spend(visit.invitation)
            kept = yield from first.answer(visit.ticket, AuthorizeResponse.read(fields))
        except PartnerAuthError as error:
            return (yield from self._refused(visit, spent, error))
        yield from self._settled(spent, kept.consent.username)
        reached = yield from reach(self._user(kept.consent.tenant), self._tried(visit))
        roles = yield from roles_seen(reached, self.authority.cloud, kept.evidence.roles)
        return _kept(kept, reached, roles)

    def _administered(self, visit: Visit, fields: Mapping[str, str]) -> Flow[Mapping[str, Any]]:
        spent: Invitation | None = None
        try:
            if visit.invitation:
                spent = yield from self.invitations.spend(visit.invitation)
            if self.first.clock.now() >= visit.ticket.ends:
                raise SignInCancelled("the sign-in took longer than a quarter of an hour", hint="Start again.")
            granted = AdminConsent.claim(visit.ticket, fields)
        except PartnerAuthError as error:
            return (yield from self._refused(visit, spent, error))
        yield from self._settled(spent, "an administrator")
        home = at_home(visit.ticket, granted.tenant).authority
        alone = AppOnly(self.first.application, home, self.dialect, self.first.clock)
        found: list[Granted] = []
        unread = ""
        try:
            found = yield from read_grants(self.first.application.id, [alone, self._user(granted.tenant)])
        except PartnerAuthError as error:
            unread = error.message
        return {
            "page": "granted",
            "status": 200,
            "again": "",
            "tenant": granted.tenant,
            "scopes": list(granted.scopes),
            "grants": [one.facts() for one in found],
            "unread": unread,
        }

    def _refused(self, visit: Visit, spent: Invitation | None, error: PartnerAuthError) -> Flow[Mapping[str, Any]]:
        """Tell why, and give the invitation back, unless the consent may still come of what was left."""
        log.warning("a visit ended with %s%s", type(error).__name__, f" {error.code}" if error.code else "")
        if error.unjudged:
            return unjudged(error)
        if spent is not None:
            try:
                yield from self.invitations.give_back(spent)
            except StoreFailed as failure:
                log.error("an invitation could not be given back (%s)", type(failure).__name__)
        return told(error, demanding=visit.demanding)

    def _settled(self, spent: Invitation | None, username: str) -> Flow[None]:
        if spent is None:
            return
        try:
            yield from self.invitations.settle(spent, username)
        except StoreFailed as failure:
            log.error("who used an invitation could not be noted (%s)", type(failure).__name__)

    # --- after

    def _visit_page(self, request: Request, mark: str) -> Flow[Response]:
        visit = yield from self._visit_by(request, mark)
        if visit.stage is Stage.OVER:
            return self._shown({**visit.told, "mark": mark})
        if visit.stage is Stage.BACK and visit.back_at and self.first.clock.now() - visit.back_at < JUDGING:
            return PAGES.page("working", {"base": urlsplit(self.url).path}, refresh=SOON)
        if visit.stage is Stage.BACK:
            yield from self.first.finish()
            raise _Turned(
                503,
                "It was interrupted",
                "While your sign-in was looked at, this page was restarted. What could still be judged has been judged "
                "now; whether it was kept is not told here.",
                "Ask whoever sent you here, or open the link again: nothing can happen twice.",
            )
        raise _Turned(409, "The sign-in is not finished yet", "It goes on in another window.", "Go on there.")

    def _shown(self, outcome: Mapping[str, Any], headers: Headers = ()) -> Response:
        facts = {"mark": "", **outcome, "base": urlsplit(self.url).path, "closed": self.by_invitation}
        shown = PAGES.page(outcome["page"], facts, status=outcome["status"], forms=self.authority.cloud.origin)
        return replace(shown, headers=(*shown.headers, *headers))

    # --- who may

    def _require_invitation(self, invitation: Invitation | None) -> None:
        if invitation is None and self.by_invitation:
            raise InvitationOver("this page is opened by the link of an invitation")

    def _require_own(self, request: Request) -> None:
        """Only our own page starts something: by its origin, and by what the browser says of the site."""
        here = urlsplit(self.url)
        origin, site = request.header("Origin"), request.header("Sec-Fetch-Site")
        try:
            asked = urlsplit(origin)
            own = (asked.scheme, _authority(asked.netloc)) == (here.scheme, _authority(here.netloc))
        except ValueError:
            own = False
        if (origin and not own) or (site and site != "same-origin") or not (origin or site):
            raise _Turned(
                403,
                "This was sent by another page",
                "Only this page's own button starts a sign-in.",
                "Open the link you were given, and use its button.",
            )

    def _visit_of(self, request: Request, state: str) -> Flow[Visit]:
        """The visit that a browser answers for: by the state, and the cookie that goes with it."""
        cookies = _cookies(request)
        if not any(name.startswith(COOKIE) for name in cookies):
            raise _Turned(
                400,
                "Your browser did not send back its cookie",
                "It blocks cookies, or the sign-in began in another browser, or long ago. Nothing was stored.",
                "Allow cookies for this page, open the link you were given and start again in this browser.",
            )
        mark = mark_of(Hidden(state))
        if not state or COOKIE + mark not in cookies:
            raise _Turned(
                400,
                "This answer belongs to no sign-in of yours",
                "It carries a state that was never given to this browser. Nothing was stored.",
                "If you did not come here by yourself, close this window; else start again.",
            )
        return (yield from self._visit_by(request, mark))

    def _visit_by(self, request: Request, mark: str) -> Flow[Visit]:
        key = _cookies(request).get(COOKIE + mark, "")
        visit = (yield from self.visits.find(key)) if key else None
        if visit is None or visit.mark != mark:
            raise _Turned(
                410 if key else 400,
                "This sign-in is over",
                "It is not known here any more, or it began in another browser.",
                "Open the link you were given and start again.",
                (("Set-Cookie", f"{COOKIE}{mark}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"),)
                if key
                else (),
            )
        return visit

    def _user(self, tenant: str) -> AppUser:
        return AppUser(self.first.application, self.first.book, tenant, dialect=self.dialect, clock=self.first.clock)

    def _tried(self, visit: Visit) -> Mapping[str, Resource]:
        if not visit.apis:
            return self.apis
        return {api.value: resource for api, resource in self.authority.cloud.apis.items() if api.value in visit.apis}


API_NAMES: Mapping[str, str] = {
    "partner-center": "Microsoft Partner Center",
    "referrals": "Partner Center Referrals",
    "graph": "Microsoft Graph",
    "management": "Azure Resource Manager",
    "key-vault": "Azure Key Vault",
}


class _Turned(Exception):
    """A request that nothing is done for, and the page that says so."""

    def __init__(self, status: int, title: str, message: str, advice: str, headers: Headers = ()) -> None:
        super().__init__(title)
        self.told = turned(status, title, message, advice)
        self.headers = headers


def _kept(kept: Kept, reached: list[Reached], roles: tuple[str, ...]) -> dict[str, Any]:
    consent = kept.consent
    return {
        "page": "kept",
        "status": 200,
        "again": "",
        "user": consent.username,
        "tenant": consent.tenant,
        "person": consent.person,
        "mfa": consent.mfa is Mfa.SHOWN,
        "roles": list(roles),
        "consented_at": consent.consented_at.isoformat(),
        "good_until": consent.idle_end.isoformat(),
        "reached": [
            {**one.facts(), "name": API_NAMES.get(one.api, one.api), "unasked": one.unasked} for one in reached
        ],
    }


def _wrong_way() -> _Turned:
    return _Turned(
        400,
        "The answer came the wrong way",
        "What the sign-in page sends must come as a form, and not stand in an address.",
        "Start again from the beginning.",
    )


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = (("Allow", ", ".join(methods)),)
        raise _Turned(405, "That cannot be done here", "This page takes no such request.", "Go back.", allowed)


def _form(request: Request) -> Mapping[str, str]:
    if len(request.body) > MOST_BODY:
        raise _Turned(413, "That is too long", "More was sent than a sign-in ever sends.", "Start again.")
    return _fields(lambda: request.fields)


def _query(request: Request) -> Mapping[str, str]:
    return _fields(lambda: request.query)


def _fields(read: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    try:
        fields = read()
    except ValueError:
        fields = None
    if fields is None or any(len(value) > MOST_FIELD for value in fields.values()):
        raise _Turned(
            400,
            "What was sent cannot be read",
            "It is no form, has a field twice, or is not written in UTF-8. Nothing was done.",
            "Start again from the beginning.",
        )
    return fields


def _cookies(request: Request) -> dict[str, str]:
    text = ";".join(value for name, value in request.headers if name.lower() == "cookie")
    pairs = (pair.strip().partition("=") for pair in text.split(";"))
    return {name: value for name, _, value in pairs}


def _authority(netloc: str) -> str:
    """A host and port, so that two spellings of the same compare equal."""
    return netloc.lower().removesuffix(":443")


def _see_other(link: str, *headers: tuple[str, str]) -> Response:
    own = (("Location", link), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
    return Response(303, (*own, ("Content-Security-Policy", "default-src 'none'"), *headers))
