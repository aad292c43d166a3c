"""The authorize endpoint: the question, the ticket that remembers it, and the answer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.cloud import GLOBAL, Api, Dialect
from partnerauth.errors import InvalidRequest, SignInCancelled, Tampered
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.authorize import (
    NAMED,
    PLAIN,
    TICKET_LIFETIME,
    AuthorizeRequest,
    AuthorizeResponse,
    Ticket,
    challenge,
)
from tests.oauth import words
from tests.oauth.sign_in import APPLICATION, NOW, TENANT

AUTHORITY = GLOBAL.authority(TENANT)
PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)

asked = st.builds(
    AuthorizeRequest,
    application_id=words.filled,
    response_type=st.lists(st.sampled_from(["code", "id_token", "token"]), min_size=1, max_size=3).map(tuple),
    dialect=st.sampled_from(Dialect),
    scope=words.scopes,
    client_info=st.booleans(),
    **{name: words.text for name in NAMED if name != "scope"},
)
answered = st.builds(
    AuthorizeResponse,
    code=words.text.map(Hidden),
    id_token=words.text.map(Hidden),
    state=words.text.map(Hidden),
    **dict.fromkeys(PLAIN, words.text),
)


@given(asked)
def test_what_is_written_is_read(asked: AuthorizeRequest) -> None:
    """By the query, and by a form of the same fields."""
    url = asked.to(AUTHORITY)
    address, _, query = url.partition("?")
    posted = Request("POST", address, (("Content-Type", "application/x-www-form-urlencoded"),), query.encode())

    assert AuthorizeRequest.read(Request("GET", url)) == asked
    assert AuthorizeRequest.read(posted) == asked


@given(answered)
def test_what_is_answered_is_read(answered: AuthorizeResponse) -> None:
    """The browser carries all fields, and nothing else."""
    assert AuthorizeResponse.read(answered.fields() | {"unknown": "x"}) == answered


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 900144),
        ("client_id=x", 900144),
        ("response_type=code", 900144),
        ("client_id=x&response_type=code&state=a&state=b", 9002313),
        ("client_id=%ff&response_type=code", 9002313),
    ],
)
def test_requests_that_are_not_right(query: str, code: int) -> None:
    """Each with the code that Entra ID gives for it."""
    with pytest.raises(InvalidRequest) as raised:
        AuthorizeRequest.read(Request("GET", f"https://login.microsoftonline.com/common/oauth2/authorize?{query}"))

    assert raised.value.code == code


def test_the_challenge_of_rfc_7636() -> None:
    """Appendix B."""
    verifier = Hidden("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def ticket(**how: Any) -> Ticket:
    """A ticket of now."""
    return Ticket.issue(AUTHORITY, APPLICATION, "https://app.contoso.com/", NOW, **how)


def answer(ticket: Ticket, **changed: Any) -> AuthorizeResponse:
    """What the browser brings for `ticket`."""
    return AuthorizeResponse(**({"code": Hidden("c"), "state": ticket.state} | changed))


def test_a_ticket_asks_for_mfa() -> None:
    """v1 by `amr_values`; a challenge, a state and a nonce go along, the verifier does not."""
    issued = ticket(login_hint="admin.agent@contoso.com")
    asked = issued.request(PARTNER_CENTER, response_mode="form_post", hybrid=True)

    assert asked.response_type == ("code", "id_token")
    assert (asked.amr_values, asked.resource) == ("mfa", "https://api.partnercenter.microsoft.com")
    assert (asked.code_challenge, asked.code_challenge_method) == (challenge(issued.verifier), "S256")
    assert issued.verifier.reveal() not in asked.to(AUTHORITY)
    assert asked.login_hint == "admin.agent@contoso.com"


def test_a_v2_ticket_asks_for_a_refresh_token() -> None:
    """By `offline_access`; v2 has no `amr_values` and no `resource`."""
    asked = ticket(dialect=Dialect.V2).request(PARTNER_CENTER)

    assert asked.scope == ("openid", "profile", "offline_access", "https://api.partnercenter.microsoft.com/.default")
    assert (asked.amr_values, asked.resource) == ("", "")


def test_no_two_tickets_are_alike() -> None:
    """State, nonce and verifier are drawn anew, long enough not to be guessed, and never shown."""
    first, second = ticket(), ticket()
    secrets = [text.reveal() for one in (first, second) for text in (one.state, one.nonce, one.verifier)]

    assert len(set(secrets)) == 6
    assert all(len(text) >= 43 for text in secrets)
    assert not any(text in repr(first) + repr(first.request(PARTNER_CENTER)) for text in secrets)
    assert 43 <= len(first.verifier.reveal()) <= 128


def test_a_ticket_is_claimed() -> None:
    """The code, with the redirect and the verifier that belong to it."""
    issued = ticket()
    code = issued.claim(answer(issued), NOW)

    assert (code.code, code.redirect_uri, code.verifier) == (Hidden("c"), issued.redirect_uri, issued.verifier)


@pytest.mark.parametrize("state", ["", "another", "é", "\udcff"])
def test_a_foreign_state(state: str) -> None:
    """An answer to somebody else's question, whatever else it says."""
    issued = ticket()

    for changed in ({}, {"error": "access_denied"}):
        with pytest.raises(Tampered, match="state"):
            issued.claim(answer(issued, state=Hidden(state), **changed), NOW)


def test_an_answer_without_a_code() -> None:
    """Nothing to redeem."""
    issued = ticket()

    with pytest.raises(Tampered, match="no usable code"):
        issued.claim(answer(issued, code=Hidden("")), NOW)


def test_a_refusal_comes_before_the_code() -> None:
    """An error beside a code is an error."""
    issued = ticket()

    with pytest.raises(SignInCancelled):
        issued.claim(answer(issued, error="access_denied", error_description="AADSTS65004: x"), NOW)


def test_a_late_return() -> None:
    """A quarter of an hour, to the second."""
    issued = ticket()

    assert issued.claim(answer(issued), NOW + TICKET_LIFETIME - timedelta(seconds=1)).code == Hidden("c")
    with pytest.raises(SignInCancelled, match="longer"):
        issued.claim(answer(issued), NOW + TICKET_LIFETIME)
