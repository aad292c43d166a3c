"""What a directory demands, on the world's clock, and the refusals by which it says so (entra.md 8.3, 8.4, 9, 20)."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, TOTP_SECRET, WEB_APP
from partnerauth.emulator.world import Method
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from tests.emulator.entra.service import GRAPH, NOON, ORIGIN, PARTNER_CENTER, REFERRALS, SITE, V2_SCOPE, Browser
from tests.emulator.story import OK, Story

POLICY = "11111111-0000-4000-8000-000000000001"
ASKED = {"client_id": WEB_APP, "response_type": "code", "redirect_uri": SITE, "resource": PARTNER_CENTER, "state": "s"}
AUTHORIZE = "/common/oauth2/authorize"


def said(value: dict[str, Any]) -> tuple[Any, ...]:
    return value["error"], value["error_codes"], value.get("suberror")


def claims(value: dict[str, Any]) -> Any:
    return json.loads(value["claims"])


def test_a_block(story: Story) -> None:
    """entra.md 8.3 and 12.3: 53003, `message_only`, `capolids`; v1 `interaction_required`, v2 `invalid_grant`."""
    token = story.consented()
    story.demand("block")

    v1, v2 = story.spend(token), story.spend(token, v2=True)

    assert said(v1) == ("interaction_required", [53003], "message_only")
    assert said(v2) == ("invalid_grant", [53003], "message_only")
    assert claims(v1) == claims(v2) == {"access_token": {"capolids": {"essential": True, "values": [POLICY]}}}
    story.control("DELETE", f"/access-policies/{POLICY}")
    assert story.code_of(token) == OK


def test_a_block_on_the_page(story: Story) -> None:
    """entra.md 5.4: blocked by policy is a page, and the application hears nothing; silently it is told."""
    browser = Browser(story)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    story.demand("block")

    assert "AADSTS53003: " in browser.open(AUTHORIZE, **ASKED).body.decode()
    browser.open(AUTHORIZE, **ASKED, prompt="none")
    assert browser.answer["error"] == "interaction_required"
    assert json.loads(browser.answer["claims"])["access_token"]["capolids"]["values"] == [POLICY]


def test_a_policy_is_a_dated_fact(story: Story) -> None:
    token = story.consented()
    story.demand("block", begins="2026-01-02T12:00:00Z", ends="2026-01-03T12:00:00Z")

    found = []
    for _ in range(3):
        found.append(story.code_of(token))
        story.advance(days=1)

    assert found == [OK, 53003, OK]


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({}, True),
        ({"people": [ADMIN_AGENT]}, True),
        ({"people": [JOHN]}, False),
        ({"people": ["AdminAgents"]}, True),
        ({"people": ["SalesAgents"]}, False),
        ({"roles": ["global_admin"]}, True),
        ({"roles": ["referrals_admin"]}, False),
        ({"without": [ADMIN_AGENT]}, False),
        ({"without": [JOHN]}, True),
        ({"applications": [WEB_APP]}, True),
        ({"applications": [NATIVE_APP]}, False),
        ({"resources": ["partner-center"]}, True),
        ({"resources": ["graph"]}, False),
        ({"channels": ["browser"]}, True),
        ({"channels": ["native", "device_code", "password"]}, False),
        ({"tenant": "contoso.com"}, True),
    ],
)
def test_conditions(story: Story, condition: dict[str, Any], fits: bool) -> None:
    token = story.consented()
    story.demand("block", **condition)

    assert story.code_of(token) == (53003 if fits else OK)


def test_several_policies_are_all_to_be_satisfied(story: Story) -> None:
    token = story.consented()
    story.demand("mfa")
    story.demand("compliant_device", name="11111111-0000-4000-8000-000000000002")

    assert story.code_of(token) == 53000


@pytest.mark.parametrize("has", [True, False])
def test_mfa_for_one_application(story: Story, has: bool) -> None:
    """entra.md 8.3: 50076 for who has a second factor, 50079 for who must enrol, `basic_action`; 50079 v1 + claims."""
    token = story.consented(JOHN, mfa=False)
    if has:
        story.person(JOHN).totp = Hidden(TOTP_SECRET)
    story.demand("mfa", applications=[WEB_APP])
    code = 50076 if has else 50079

    v1, v2 = story.spend(token), story.spend(token, v2=True)

    assert said(v1) == ("interaction_required", [code], "basic_action")
    assert said(v2) == ("invalid_grant", [code], "basic_action")
    assert ("claims" in v1, "claims" in v2) == (not has, False)
    if not has:
        assert claims(v1) == {"access_token": {"polids": {"essential": True, "values": [POLICY]}}}
    assert story.code_of(story.of_public_client(JOHN, mfa=False), public=True) == OK


def test_who_did_mfa_is_not_asked_again(story: Story) -> None:
    token = story.consented()
    story.demand("mfa")

    assert story.code_of(token) == OK


def test_mfa_for_everybody(story: Story) -> None:
    token = story.consented(JOHN, mfa=False)
    story.control("PUT", "/policies", {"mfa_demanded": "2026-01-02T12:00:00Z"})

    assert (story.code_of(token), "access_token" in story.password()) == (OK, True)
    story.advance(days=1)
    assert said(story.spend(token)) == ("interaction_required", [50079], "basic_action")
    assert "claims" not in story.spend(token)
    assert said(story.password()) == ("interaction_required", [50079], "basic_action")


def test_mfa_for_one_api(story: Story) -> None:
    """The code comes for the sign-in, and is refused for the API (entra.md 7.1, MFA now required 50076)."""
    story.person(JOHN).methods.add(Method.PUSH)
    token = story.consented(JOHN, mfa=False)
    story.demand("mfa", resources=["graph"])

    assert (story.code_of(token), story.code_of(token, resource=GRAPH)) == (OK, 50076)


def test_a_page_asks_for_what_is_demanded(story: Story) -> None:
    story.demand("mfa", people=[JOHN])
    browser = Browser(story)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)

    assert browser.heading == "More information required"


def test_security_defaults(story: Story) -> None:
    """All must enrol; administrators and agents prove it every time."""
    token, agents = story.consented(JOHN, mfa=False), story.consented(mfa=False)
    story.control("PUT", "/policies", {"security_defaults": "2026-01-01T12:00:00Z"})

    assert (story.code_of(token), story.code_of(agents)) == (50079, 50076)
    story.person(JOHN).totp = Hidden(TOTP_SECRET)
    assert story.code_of(token) == OK


def test_a_second_factor_from_too_long_ago(story: Story) -> None:
    """entra.md 9, 50078: earlier MFA too old; `basic_action`. A new sign-in asks for the code, and only for it."""
    token, browser = story.consented(), Browser(story)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    story.measure(mfa_lasts="12h")
    assert story.code_of(token) == OK

    story.advance(hours=12)

    assert said(story.spend(token)) == ("interaction_required", [50078], "basic_action")
    assert said(story.spend(token, v2=True)) == ("invalid_grant", [50078], "basic_action")
    browser.open(AUTHORIZE, **ASKED, prompt="none")
    assert browser.answer["error_description"].startswith("AADSTS50078: ")
    browser.open(AUTHORIZE, **ASKED)
    assert browser.heading == "Enter code"
    browser.submit(otc=story.user_code())
    assert "code" in browser.answer
    assert story.code_of(story.consented()) == OK


def test_sign_in_frequency(story: Story) -> None:
    """entra.md 8.3 and 9, 70043: `token_expired`, v1 `interaction_required`; it counts from the sign-in."""
    token, browser = story.consented(), Browser(story)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in()
    story.demand(sign_in_frequency="4h")
    story.advance(hours=3)
    renewed = story.spend(token)["refresh_token"]
    story.advance(hours=1)

    v1, v2 = story.spend(renewed), story.spend(renewed, v2=True)

    assert said(v1) == ("interaction_required", [70043], "token_expired")
    assert said(v2) == ("invalid_grant", [70043], "token_expired")
    assert "issued on 2026-01-01T15:00:00.0000000Z" in v1["error_description"]
    assert "maximum allowed lifetime for this request is 14400." in v1["error_description"]
    browser.open(AUTHORIZE, **ASKED, prompt="none")
    assert browser.answer["error_description"].startswith("AADSTS70044: ")
    browser.open(AUTHORIZE, **ASKED)
    assert browser.heading == "Enter password"


@pytest.mark.parametrize(
    ("control", "device", "code"),
    [
        ("compliant_device", "", 53000),
        ("compliant_device", "managed", 53000),
        ("compliant_device", "compliant", OK),
        ("managed_device", "", 530003),
        ("managed_device", "managed", OK),
        ("managed_device", "compliant", OK),
    ],
)
def test_devices(story: Story, control: str, device: str, code: int) -> None:
    """entra.md 9: 53000 not compliant, 530003 not managed; the device is that of the sign-in."""
    story.person().device = device
    token = story.consented()
    story.person().device = ""
    story.demand(control)

    assert story.code_of(token) == code
    if code == 53000:
        assert (story.spend(token)["error"], story.spend(token, v2=True)["error"]) == (
            "interaction_required",
            "invalid_grant",
        )


def test_another_companys_second_factor(story: Story) -> None:
    """entra.md 9, 50158."""
    token = story.consented()
    story.demand("external_mfa")

    assert said(story.spend(token)) == ("interaction_required", [50158], "basic_action")


def test_the_device_code_flow_can_be_blocked(story: Story) -> None:
    story.demand("block", channels=["device_code"])
    asked = {"client_id": NATIVE_APP, "resource": PARTNER_CENTER}
    code = story.post("/common/oauth2/devicecode", **asked).value()["user_code"]
    browser = Browser(story)
    browser.open("/common/oauth2/deviceauth")
    browser.submit(otc=code)
    browser.sign_in()

    assert "AADSTS53003: " in browser.text
    assert story.code_of(story.consented()) == OK


def test_passwords_expire(story: Story) -> None:
    """entra.md 9, 50055: `user_password_expired`; refresh tokens live on (7.3)."""
    story.measure(passwords_last="90d")
    token = story.consented(JOHN, mfa=False)
    story.control("POST", f"/people/{JOHN}/password", {"password": "the next one"})
    story.advance(days=89)
    assert "access_token" in story.password(password="the next one")
    kept = story.spend(token)["refresh_token"]
    story.advance(days=1)

    assert said(story.password(password="the next one")) == ("invalid_grant", [50055], "user_password_expired")
    assert story.code_of(kept) == OK


def test_refresh_tokens_of_a_longest_age(story: Story) -> None:
    """entra.md 7.3, 700081: maximum lifetime, however often they were renewed."""
    story.measure(refresh_tokens_last="30d")
    token = story.consented()
    story.advance(days=29)
    token = story.spend(token)["refresh_token"]
    story.advance(days=1)

    assert said(story.spend(token)) == ("invalid_grant", [700081], None)


@pytest.mark.parametrize(("lasts", "seconds"), [("10m", 600), ("1h", 3600), ("24h", 86400)])
def test_the_lifetime_of_access_tokens(story: Story, lasts: str, seconds: int) -> None:
    """entra.md 20: policy 10 min - 24 h; 6: `refresh_in` about half from two hours on, a text in v1."""
    story.measure(access_tokens_last=lasts)

    value, app = story.spend(story.consented()), story.for_itself()

    for one in (value, app):
        found = story.claims(one["access_token"])
        assert (one["expires_in"], found["exp"] - found["iat"]) == (str(seconds), seconds + 300)
        assert one.get("refresh_in") == (str(seconds // 2) if seconds >= 7200 else None)
    asked = {"grant_type": "client_credentials", "scope": f"{PARTNER_CENTER}/.default"}
    assert story.v2_token(**asked).value().get("refresh_in") == (seconds // 2 if seconds >= 7200 else None)


def test_real_lifetimes_are_random(story: Story) -> None:
    """entra.md 20: random 60-90 min; the same in every run of a world with a seed."""
    story.measure(access_tokens_last="random")

    found = [int(story.for_itself()["expires_in"]) for _ in range(20)]

    assert all(3600 <= one <= 5400 for one in found)
    assert len(set(found)) > 10
    again = Story()
    again.measure(access_tokens_last="random")
    assert [int(again.for_itself()["expires_in"]) for _ in range(20)] == found


def test_partner_center_enforces_mfa_at_a_share_of_calls(story: Story) -> None:
    """entra.md 17: from a date on, progressively; seeded, so that a run can be repeated."""

    def answers(story: Story) -> list[int]:
        token = story.spend(story.consented(mfa=False))["access_token"]
        headers = (("Authorization", f"Bearer {token}"), ("Accept", "application/json"))
        url = f"{ORIGIN}/api.partnercenter.microsoft.com/v1/customers"
        return [story.send(Request("GET", url, headers)).status for _ in range(200)]

    def rehearsed(share: float) -> list[int]:
        story = Story()
        story.control("PUT", "/policies", {"mfa_at_the_apis": "2026-01-01T12:00:00Z"})
        story.measure(mfa_share=share)
        return answers(story)

    assert set(answers(story)) == {200}
    assert (set(rehearsed(0)), set(rehearsed(1))) == ({200}, {401})
    found = rehearsed(0.3)
    assert 30 < found.count(401) < 90
    assert rehearsed(0.3) == found


def test_continuous_access(story: Story) -> None:
    """entra.md 12.1 and 12.2: Graph refuses a token from before; a capable client comes back with `claims`."""
    story.measure(continuous_access=True)
    token, capable = story.consented(), json.dumps({"access_token": {"xms_cc": {"values": ["CP1"]}}})
    plain = story.spend(token, resource=GRAPH)["access_token"]
    value = story.spend(token, resource=GRAPH, claims=capable)
    assert (value["expires_in"], story.claims(value["access_token"])["xms_cc"]) == ("86400", ["cp1"])
    assert "xms_cc" not in story.claims(story.spend(token, claims=capable)["access_token"])

    def me(access_token: str) -> Any:
        url = f"{ORIGIN}/graph.microsoft.com/v1.0/me"
        return story.send(Request("GET", url, (("Authorization", f"Bearer {access_token}"),)))

    assert me(value["access_token"]).status == 200
    story.advance(seconds=5)
    story.control("POST", f"/people/{ADMIN_AGENT}/password", {"cause": "password_changed", "password": "x"})

    refused = me(value["access_token"])
    assert refused.status == 401
    challenge = refused.header("WWW-Authenticate")
    assert 'error="insufficient_claims"' in challenge
    demand = json.loads(base64.b64decode(challenge.partition('claims="')[2].partition('"')[0]))
    assert demand == {"access_token": {"nbf": {"essential": True, "value": str(int(NOON.timestamp()) + 5)}}}
    assert "TokenIssuedBeforeRevocationTimestamp" in refused.value()["error"]["message"]
    assert me(plain).status == 200
    renewed = story.spend(token, resource=GRAPH, claims=json.dumps(demand | json.loads(capable)))
    assert me(renewed["access_token"]).status == 200


@pytest.mark.parametrize(
    "measures",
    [
        {"access_tokens_last": "9m"},
        {"access_tokens_last": "25h"},
        {"access_tokens_last": "never"},
        {"mfa_lasts": "0s"},
        {"spreading_takes": "soon"},
        {"mfa_share": 1.1},
        {"mfa_share": "half"},
        {"continuous_access": "yes"},
        {"nonsense": 1},
    ],
)
def test_a_wrong_measure_changes_nothing(story: Story, measures: dict[str, Any]) -> None:
    before = story.control("GET", "/measures")

    assert story.refused("PUT", "/measures", {"refresh_tokens_last": "1d"} | measures)[0] == 400
    assert story.control("GET", "/measures") == before


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ({}, "controls: expected at least one, or a sign-in frequency"),
        ({"controls": ["blok"]}, "controls[0]: there is no control 'blok'; did you mean 'block'?"),
        ({"controls": ["block"], "people": ["nobody@contoso.com"]}, "people[0]: there is no person or group"),
        ({"controls": ["block"], "resources": ["grahp"]}, "resources[0]: there is no API 'grahp'; did you mean"),
        ({"controls": ["block"], "channels": ["post"]}, "channels[0]: there is no channel 'post'"),
        ({"controls": ["block"], "begins": "soon"}, "begins: expected a moment"),
        ({"controls": ["block"], "tenant": "nowhere.example"}, "tenant: there is no tenant"),
        ({"controls": ["block"], "sign_in_frequency": "often"}, "sign_in_frequency: expected seconds"),
        ({"controls": ["block"], "id": POLICY[:-1] + "2"}, "id: this is another one"),
    ],
)
def test_a_wrong_policy_is_told(story: Story, policy: dict[str, Any], word: str) -> None:
    status, detail = story.refused("PUT", f"/access-policies/{POLICY}", {"name": "A policy"} | policy)

    assert (status, word in detail) == (400, True), detail
    assert story.control("GET", "/access-policies") == []


def test_policies_are_shown_as_they_were_given(story: Story) -> None:
    given: dict[str, Any] = {
        "people": [JOHN],
        "roles": ["global_admin"],
        "resources": ["graph"],
        "channels": ["native"],
    }
    story.demand("mfa", "block", sign_in_frequency=3600, begins="2026-02-01T00:00:00Z", **given)

    (shown,) = story.control("GET", "/access-policies")

    assert shown == given | {
        "id": POLICY,
        "name": "A policy",
        "tenant": TENANT,
        "controls": ["block", "mfa"],
        "begins": "2026-02-01T00:00:00Z",
        "sign_in_frequency": "1h",
    }


def test_the_device_does_not_travel_with_the_person(story: Story) -> None:
    """A redemption is judged by the device of the sign-in, not by the one they have now."""
    token = story.consented()
    story.person().device = "compliant"
    story.demand("compliant_device")

    assert story.code_of(token) == 53000
    assert story.code_of(story.consented()) == OK


def test_a_redemption_keeps_what_the_sign_in_proved(story: Story) -> None:
    """`amr` and the moment of the sign-in travel with every rotation (entra.md 10)."""
    token = story.consented()
    for _ in range(3):
        story.advance(days=30)
        token = story.spend(token)["refresh_token"]

    value = story.spend(token, v2=True, scope=V2_SCOPE, claims='{"id_token": {"auth_time": null}}')
    assert story.claims(value["access_token"])["amr"] == ["pwd", "mfa"]
    assert story.claims(value["id_token"], v2=True)["auth_time"] == int(NOON.timestamp())
    assert story.world.now() - NOON == timedelta(days=90)
    assert story.code_of(token, resource=REFERRALS) == OK
