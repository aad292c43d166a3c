"""What comes of an answer that was brought to the desk: a consent that is kept, permissions, or why there is none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from partnerauth.cloud import Dialect, Resource
from partnerauth.consent.first import FirstConsent, Kept, judging
from partnerauth.consent.grants import Granted, read_grants
from partnerauth.consent.invitation import Invitation, Invitations, Purpose
from partnerauth.consent.problems import told, unjudged
from partnerauth.consent.reach import API_NAMES, Reached, reach, roles_seen
from partnerauth.consent.user import AppUser
from partnerauth.consent.visit import Visit
from partnerauth.errors import PartnerAuthError, SignInCancelled, StoreFailed, Tampered
from partnerauth.flow import Flow
from partnerauth.oauth.admin_consent import AdminConsent, at_home
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.oauth.evidence import Mfa
from partnerauth.oauth.sources import AppOnly

log = logging.getLogger("partnerauth.consent.desk")


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges by `first`, spends the invitation of the visit with it, and tries the consent at `apis`.

    What it gives back are the facts of the page that tells how it went, by the page's name.
    """

    first: FirstConsent
    invitations: Invitations
    apis: Mapping[str, Resource]
    dialect: Dialect

    def consented(self, visit: Visit, fields: Mapping[str, str]) -> Flow[Mapping[str, Any]]:
        """What came of a consent. A refusal is told, and never raised."""
        first = replace(self.first, replacing=visit.purpose is Purpose.REPLACE, apis=self.asked(visit))
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
        reached = yield from reach(self._user(kept.consent.tenant), self.tried(visit))
        roles = yield from roles_seen(reached, self.first.book.cloud, kept.evidence.roles)
        return _kept(kept, reached, roles)

    def administered(self, visit: Visit, fields: Mapping[str, str]) -> Flow[Mapping[str, Any]]:
        """What came of an administrator's consent."""
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
            **_page("granted"),
            "tenant": granted.tenant,
            "scopes": list(granted.scopes),
            "grants": [one.facts() for one in found],
            "unread": unread,
        }

    def asked(self, visit: Visit) -> list[Resource]:
        """The APIs that its consent is asked and judged by, in that order."""
        return judging(self.first.book.cloud, self.tried(visit).values())

    def tried(self, visit: Visit) -> Mapping[str, Resource]:
        """The APIs that its consent is tried at, by name."""
        if not visit.apis:
            return self.apis
        return {api.value: resource for api, resource in self.first.book.cloud.apis.items() if api.value in visit.apis}

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

    def _user(self, tenant: str) -> AppUser:
        return AppUser(self.first.application, self.first.book, tenant, dialect=self.dialect, clock=self.first.clock)


def _page(name: str) -> dict[str, Any]:
    """The beginning of the facts of a page that says that it went well."""
    return {"page": name, "status": 200, "again": ""}


def _kept(kept: Kept, reached: list[Reached], roles: tuple[str, ...]) -> dict[str, Any]:
    consent = kept.consent
    return {
        **_page("kept"),
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
