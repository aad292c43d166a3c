"""The token inspector and the sign-in log, at the portal."""

import json
from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.keys import signing_keys
from partnerauth.messages import Response
from tests.emulator.callers import claims
from tests.emulator.visitor import Seen, Visitor

PARTNER_CENTER = "https://api.partnercenter.microsoft.com"


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def inspected(visitor: Visitor, typed: str) -> Seen:
    """What is said of what was typed, of which nothing may come back."""
    response = visitor.post("/portal/inspector", token=typed)
    assert response.status == 200, response.body
    body = response.body.decode()
    assert "Location" not in dict(response.headers)
    for part in typed.replace(".", " ").split():
        if len(part) > 45:
            assert part.strip('",') not in body
    seen = Seen(body)
    seen.usable()
    return seen


def token(visitor: Visitor, audience: str = PARTNER_CENTER, upn: str = ADMIN_AGENT, **changes: Any) -> str:
    return signing_keys().sign(claims(visitor.world, audience, upn, **{"mfa": True, **changes}))


def test_a_good_token_is_accepted(visitor: Visitor) -> None:
    text = inspected(visitor, token(visitor)).text

    assert "Partner Center would accept it." in text
    for word in (
        ADMIN_AGENT,
        "Contoso (aaaabbbb",
        "Partner Center Access App (",
        "Microsoft Partner Center (",
        "shown:",
    ):
        assert word in text
    assert "by this world" in text


@pytest.mark.parametrize(
    "spelling", ["{}", "Bearer {}", "Authorization: Bearer {}", " {} \n", '{{"access_token": "{}"}}']
)
def test_a_token_is_found_in_what_people_have_at_hand(visitor: Visitor, spelling: str) -> None:
    assert "would accept it" in inspected(visitor, spelling.format(token(visitor))).text


def test_the_reasons_of_a_refusal_are_told(visitor: Visitor) -> None:
    assert "without MFA (900421)" in inspected(visitor, token(visitor, mfa=False)).text
    assert "(900420)" in inspected(visitor, token(visitor, "https://graph.windows.net")).text
    assert "It has expired" in inspected(visitor, token(visitor, exp=1_700_000_000)).text
    forged = token(visitor)[:-40] + "A" * 40
    assert "Its signature is not of this world" in inspected(visitor, forged).text


def test_a_refresh_token_of_this_world_is_known_by_its_person(visitor: Visitor) -> None:
    fields = {"grant_type": "password", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET, "username": JOHN}
    answer = visitor.ask("/contoso.com/oauth2/token", **fields, password=PASSWORD, resource=PARTNER_CENTER).value()

    text = inspected(visitor, answer["refresh_token"]).text
    assert "A refresh token of this world" in text
    assert JOHN in text
    assert "without" in inspected(visitor, json.dumps(answer)).text


@pytest.mark.parametrize(
    "typed", ["", "   ", "nonsense", "a.b.c", "{}", '{"access_token": 1}', "x" * 100_000, "[" * 5000]
)
def test_what_is_no_token_is_said_to_be_none(visitor: Visitor, typed: str) -> None:
    assert set(visitor.fail("/portal/inspector", token=typed)) == {"token"}


def test_a_token_in_an_address_is_not_read(visitor: Visitor) -> None:
    assert "would accept" not in visitor.look(f"/portal/inspector?token={token(visitor)}").text


def test_hostile_claims_are_only_text(visitor: Visitor) -> None:
    hostile = token(visitor, upn=ADMIN_AGENT, aud="<script>alert(1)</script>", scp="x" * 3000, amr=["<b>"])

    body = visitor.post("/portal/inspector", token=hostile).body.decode()
    assert "<script>" not in body
    assert "<b>&" not in body
    assert len(body) < 20_000


def test_the_sign_in_log_tells_why_and_what_helps(visitor: Visitor) -> None:
    fields = {
        "grant_type": "password",
        "client_id": WEB_APP,
        "client_secret": WEB_APP_SECRET,
        "resource": PARTNER_CENTER,
    }

    def sign_in(username: str, password: str, status: int) -> Response:
        return visitor.ask("/contoso.com/oauth2/token", status, **fields, username=username, password=password)

    sign_in(JOHN, PASSWORD, 200)
    sign_in(JOHN, "wrong", 400)
    sign_in(ADMIN_AGENT, PASSWORD, 400)

    text = visitor.look("/portal/sign-ins").text
    assert "AADSTS50126 The user name or the password is wrong." in text
    assert "AADSTS50076 Multi-factor authentication is required now. Remedy: " in text
    assert "success" in text
    assert "AADSTS" not in visitor.look("/portal/sign-ins?outcome=good").text
    refused = [one for one in visitor.look("/portal/sign-ins?outcome=bad").all("span") if one.get("class") == "tag on"]
    assert refused == []
    assert "No sign-in fits." in visitor.look("/portal/sign-ins?search=AADSTS700016").text
