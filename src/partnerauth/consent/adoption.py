"""Adopting a refresh token that another tool left in a plain store: redeemed, judged, then kept as ours.

The layout is that of the seed documents: one secret a partner tenant, the bare token as its value.
"""

from __future__ import annotations

from partnerauth.clock import Clock
from partnerauth.cloud import Api, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.consent.first import new_epoch, unproven
from partnerauth.errors import InvalidGrant
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.evidence import Mfa, judge, read_access_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import RefreshToken


def adopt(
    token: Hidden, tenant: str, application: Application, book: ConsentBook, clock: Clock, dialect: Dialect
) -> Flow[Consent]:
    """Redeem `token` for Partner Center, judge what comes, and keep it for `tenant` (its id).

    Nothing is overwritten unless MFA is shown. Raises `MfaAbsent`, `MfaUnseen`, `WrongTenant`, `Tampered` and what
    `exchange` raises.
    """
    value = Hidden(token.reveal().strip())
    if not value:
        raise InvalidGrant(f"the secret for {tenant} is empty", hint="Consent again: partnerauth consent")
    resource = book.cloud.resource(Api.PARTNER_CENTER)
    authority = book.cloud.authority(tenant)
    tokens = yield from exchange(application, authority, RefreshToken(value), resource, clock, dialect=dialect)
    evidence = read_access_token(tokens.access_token)
    judge(evidence, None, application_id=application.id, tenant=tenant)
    if evidence.mfa is not Mfa.SHOWN:
        raise unproven(evidence.mfa, evidence.username)
    now = tokens.received_at
    consent = Consent(
        cloud=book.cloud.name,
        tenant=tenant.lower(),
        application_id=application.id.lower(),
        person=evidence.person,
        username=evidence.username,
        epoch=new_epoch(now),
        generation=0,
        refresh_token=tokens.refresh_token or value,
        mfa=evidence.mfa,
        consented_at=evidence.auth_time or now,
        obtained_at=now,
        attempted_at=now,
        outcome="adopted",
    )
    return (yield from book.keep(consent))
