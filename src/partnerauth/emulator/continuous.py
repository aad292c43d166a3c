"""Continuous access evaluation: an API refuses a token at once where something happened since it was issued.

Only tokens of clients that said they understand it are refused so: those with `xms_cc`.
Source: Microsoft "Continuous access evaluation", "How to use Continuous Access Evaluation enabled APIs".
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import World
from partnerauth.oauth.tokens import BACKDATED

NOTICED = frozenset(Cause) - {Cause.PASSWORD_EXPIRED, Cause.SIGNED_OUT}


def happened_since(world: World, bearer: Bearer) -> datetime | None:
    """When something happened to the person for which the token no longer counts; None where nothing did."""
    issued = bearer.claims.get("iat")
    if "xms_cc" not in bearer.claims or bearer.app_only or not isinstance(issued, int):
        return None
    now, at = world.now(), datetime.fromtimestamp(issued, UTC) + BACKDATED
    person = bearer.person
    if person is None or not person.enabled:
        return now
    moments = [person.valid_from, *(moment for cause, moment in person.revoked.items() if cause in NOTICED)]
    return max((one for one in moments if one is not None and at < one <= now), default=None)


def challenge(client: str, moment: datetime, sign_in: str) -> str:
    """The `WWW-Authenticate` header that asks for a token from `moment` on; `client` is the API's application id.

    `sign_in` is the origin of its cloud's sign-in service.
    """
    demand = {"access_token": {"nbf": {"essential": True, "value": str(int(moment.timestamp()))}}}
    claims = base64.b64encode(msgspec.json.encode(demand)).decode()
    return (
        f'Bearer realm="", authorization_uri="{sign_in}/common/oauth2/authorize", client_id="{client}",'
        f' error="insufficient_claims", claims="{claims}"'
    )
