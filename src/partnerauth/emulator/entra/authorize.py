"""The authorize endpoint: is the question well put, and may its answer go where it asks?

Nothing is sent to a redirect URI before client and URI are known to belong together; what is wrong before is a page.
Sources: RFC 6749 4.1, RFC 7636 4, RFC 9700 2.1; Microsoft "Authorization code flow", "OpenID Connect", and v1 of both.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.browser import session_of
from partnerauth.emulator.entra.claims import Demand
from partnerauth.emulator.entra.directory import client, place
from partnerauth.emulator.entra.issue import HINT, login_hint
from partnerauth.emulator.entra.ledger import Visit
from partnerauth.emulator.entra.permissions import Wanted, by_resource, by_scope, one_of
from partnerauth.emulator.entra.redirects import chosen
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.reply import answered, deliver, refusal_fields, refused
from partnerauth.emulator.entra.sign_in import begin
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.rules.access import Channel
from partnerauth.emulator.world import Registration
from partnerauth.errors import InvalidRequest
from partnerauth.oauth.authorize import AuthorizeRequest

RESPONSE_TYPES = tuple(map(frozenset, (["code"], ["id_token"], ["code", "id_token"], ["token"], ["id_token", "token"])))
RESPONSE_MODES = ("query", "fragment", "form_post")
PROMPTS = ("", "login", "consent", "select_account", "none", "create")
V1_PROMPTS = (*PROMPTS, "admin_consent")
CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")
LONGEST_MAX_AGE = 10**9


def authorize(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The first page of a sign-in, or its answer. Raises `Denied` for what an application must not hear of."""
    try:
        asked = AuthorizeRequest.read(turn.arrival.request)
    except InvalidRequest as error:
        raise Denied(error.code if isinstance(error.code, int) else 9002313, error.message) from None
    where = place(turn, segment)
    registration = client(turn.world, asked.application_id, where)
    redirect, platform = chosen(registration, asked.redirect_uri, dialect)
    mode = _mode(asked)
    try:
        _check(turn, asked, registration)
        wanted, demand = _wanted(turn, asked, registration), Demand.read(asked.claims)
        max_age = _max_age(asked)
    except Denied as denied:
        fields = refusal_fields(turn, denied, asked.state)
        return partial(deliver, turn, redirect, mode, fields)
    named = bool(asked.resource) or dialect is Dialect.V2
    visit = Visit(
        browser=b"",
        segment=where.segment,
        client=registration.id,
        began=turn.now,
        finish=answered,
        refuse=refused,
        wanted=wanted,
        resources=frozenset(one.api for one in wanted[: 1 if asked.resource else None]) if named else frozenset(),
        channel=Channel.NATIVE if platform == "public" else Channel.BROWSER,
        asked=asked,
        redirect=redirect,
        mode=mode,
        platform=platform,
        hint=_hint(turn, asked),
        needs_mfa=demand.mfa or "mfa" in re.split(r"[ ,]+", asked.amr_values),
        acrs=demand.acrs,
        optional=demand.identity,
        ask_consent=asked.prompt in ("consent", "admin_consent"),
        for_all=asked.prompt == "admin_consent",
    )
    session = session_of(turn)
    stale = session is not None and max_age is not None and turn.now - session.who.at > max_age
    return begin(
        turn,
        visit,
        silent=asked.prompt == "none",
        fresh=asked.prompt == "login" or stale,
        choosing=asked.prompt == "select_account",
    )


def _mode(asked: AuthorizeRequest) -> str:
    usual = "query" if set(asked.response_type) == {"code"} else "fragment"
    mode = asked.response_mode.lower()
    return usual if mode not in RESPONSE_MODES or (mode == "query" and usual == "fragment") else mode


def _check(turn: Turn, asked: AuthorizeRequest, registration: Registration) -> None:
    v1 = asked.dialect is Dialect.V1
    kinds = frozenset(asked.response_type)
    if kinds not in RESPONSE_TYPES:
        raise Denied(
            70005, f"The response type '{shown(' '.join(asked.response_type))}' is not supported or not enabled."
        )
    if "id_token" in kinds and not registration.id_tokens:
        raise Denied(
            700054, f"response_type 'id_token' is not enabled for the application '{shown(registration.name)}'."
        )
    if "token" in kinds and not registration.access_tokens:
        raise Denied(700051, f"response_type 'token' is not enabled for the application '{shown(registration.name)}'.")
    mode = asked.response_mode.lower()
    if mode and (mode not in RESPONSE_MODES or (mode == "query" and kinds != {"code"})):
        raise Denied(70007, f"'{shown(asked.response_mode)}' is not a supported value of 'response_mode' here.")
    if asked.sid and asked.login_hint:
        raise Denied(90005, "The request cannot carry both 'sid' and 'login_hint'.")
    if v1 and "token" in kinds and not asked.resource:
        raise Denied(900144, "The request must contain the following parameter: 'resource'.")
    if not v1:
        if asked.resource:
            raise Denied(901002, "The 'resource' request parameter is not supported.")
        if not asked.scope:
            raise Denied(900144, "The request must contain the following parameter: 'scope'.")
        if "id_token" in kinds and "openid" not in asked.scope:
            raise Denied(70011, "The scope must contain 'openid' where an id_token is asked for.")
    if "id_token" in kinds and not asked.nonce and turn.world.policies.holds("nonce_demanded", turn.now):
        raise Denied(900144, "The request must contain the following parameter: 'nonce'.")
    if asked.prompt not in (V1_PROMPTS if v1 else PROMPTS):
        raise Denied(90023, f"'{shown(asked.prompt)}' is not a supported value of 'prompt'.")
    _check_challenge(asked)


def _check_challenge(asked: AuthorizeRequest) -> None:
    if not asked.code_challenge:
        if asked.code_challenge_method:
            raise Denied(50147, "The code challenge is missing.")
        return
    if asked.code_challenge_method not in ("", "plain", "S256"):
        raise Denied(50147, f"The code challenge method '{shown(asked.code_challenge_method)}' is not supported.")
    if not CHALLENGE.fullmatch(asked.code_challenge):
        raise Denied(501491, "The size of the code challenge must be 43 to 128 characters.")


def _wanted(turn: Turn, asked: AuthorizeRequest, registration: Registration) -> tuple[Wanted, ...]:
    """What consent is needed for: in v1 all that the registration lists, in v2 what the scope names."""
    if asked.dialect is Dialect.V2:
        named = by_scope(turn, asked.scope)[1]
        if "token" in asked.response_type:
            one_of(named)
        return tuple(named)
    listed = tuple(Wanted(api, "") for api in registration.permissions)
    if not asked.resource:
        return listed
    wanted = by_resource(turn, asked.resource)
    if wanted.api not in registration.permissions:
        raise Denied(
            650057,
            "Invalid resource. The client has requested access to a resource which is not listed in the requested"
            f" permissions in the client's application registration. Client app ID: {registration.id}. Resource value"
            f" from request: {shown(asked.resource)}. Resource app ID: {wanted.api}.",
        )
    return (wanted, *(one for one in listed if one.api != wanted.api))


def _hint(turn: Turn, asked: AuthorizeRequest) -> str:
    """Whom the application means: by user name, or by the opaque `login_hint` of an id_token."""
    if asked.prompt == "select_account":
        return ""
    hinted = (person.upn for _, person in turn.world.people() if login_hint(person.id) == asked.login_hint)
    return next(hinted, "") if asked.login_hint.startswith(HINT) else asked.login_hint[:200]


def _max_age(asked: AuthorizeRequest) -> timedelta | None:
    if not asked.max_age:
        return None
    if not asked.max_age.isascii() or not asked.max_age.isdigit() or len(asked.max_age) > 10:
        raise Denied(90023, "The parameter 'max_age' is not a number of seconds.")
    return timedelta(seconds=min(int(asked.max_age), LONGEST_MAX_AGE))
