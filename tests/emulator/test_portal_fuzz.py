"""Whatever is typed into the portal, it answers with a page: never a fault, never a secret, never half a change."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TOTP_SECRET, WEB_APP
from partnerauth.emulator.portal.portal import ROUTES
from partnerauth.messages import FORM, Request
from tests.emulator.visitor import ORIGIN, Visitor

POSTS = [one for one in ROUTES if one.method == "POST"]
GETS = [one for one in ROUTES if one.method == "GET"]
FEW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            *("", "yes", "on", "0", "-1", "1e9", "90d", "P1Y", "2026-06-08", "9999-12-31T23:59:59Z", "0001-01-01"),
            *("never", "now", "today", "../../etc", "%00", "\x00", "<b>", "{{7*7}}", "' or 1=1", "a" * 5000),
            *(
                "web",
                "spa",
                "public",
                "single",
                "multiple",
                "status",
                "drop",
                "delay",
                "truncate",
                "entra",
                "mfa_share",
            ),
            *(JOHN, ADMIN_AGENT, WEB_APP, "contoso.com", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "user_impersonation"),
            *(
                "https://localhost:44395/",
                "https://[::1",
                "urn:x",
                "javascript:alert(1)",
                "-----BEGIN CERTIFICATE-----",
            ),
            *(
                "Active · Accepted",
                "Closed · Won",
                " · ",
                "٣",
                "1" * 400,
                "nan",
                "inf",
                "eyJ.eyJ.x",
                '{"access_token":',
            ),
        ]
    ),
)


NAMES = [
    *("begins", "day", "by", "now", "upn", "mfa", "name", "audience", "platform", "address", "id_tokens", "public"),
    *(
        "ends",
        "pem",
        "id",
        "thumbprint",
        "api",
        "kind",
        "person",
        "given_name",
        "family_name",
        "user_name",
        "domain",
    ),
    *("recovery", "role_admin_agent", "username", "passwd", "newpasswd", "confirmpasswd", "status", "reason"),
    *("version", "token", "service", "operation", "user", "happens", "number", "times", "detailed", "app"),
    *(
        "first_name",
        "last_name",
        "access_tokens_last",
        "mfa_lasts",
        "mfa_share",
        "spreading_takes",
        "Global Reader",
    ),
]


@st.composite
def filled(draw: Any) -> tuple[str, dict[str, str]]:
    """A route, at something that is there or is not, and a form."""
    route = draw(st.sampled_from(POSTS))
    fields = draw(st.dictionaries(st.sampled_from(NAMES), text, max_size=8))
    return route.path, fields


def place(visitor: Visitor, path: str) -> str:
    """The path of something that is there, where it still is."""
    world = visitor.world
    known = {
        "person": next((person.id for _, person in world.people()), "x"),
        "app": next(iter(world.registrations), "x"),
        "customer": next(iter(world.customers), "x"),
        "referral": next(iter(world.referrals), "x"),
        "user": next((name for one in world.customers.values() for name in one.users), "x"),
        "vault": next(iter(world.vaults), "x"),
        "key": "store",
        "api": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
        "name": "mfa_at_the_apis",
        "number": "1",
    }
    return re.sub(r"{(\w+)}", lambda found: known.get(found[1], "x"), path)


@FEW
@given(st.lists(filled(), min_size=1, max_size=6))
def test_no_form_breaks_the_portal(forms: list[tuple[str, dict[str, str]]]) -> None:
    visitor = Visitor()
    for path, fields in forms:
        response = visitor.post(place(visitor, path), fields)
        assert response.status in (200, 303, 404, 422), (path, fields, response.body)
        if response.status == 303:
            assert not any(value in response.header("Location") for value in (PASSWORD, TOTP_SECRET))
            assert visitor.send(Request("GET", ORIGIN + response.header("Location"))).status == 200
    for path in ("/", "/portal/people", "/portal/apps", "/portal/policies", "/portal/phone", "/portal/faults"):
        assert visitor.send(Request("GET", ORIGIN + path)).status == 200, forms


@FEW
@given(
    st.sampled_from(GETS), st.dictionaries(st.sampled_from(["search", "status", "outcome", "service", "path"]), text)
)
def test_no_query_breaks_a_page(route: Any, query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    visitor = Visitor()
    address = f"{ORIGIN}{place(visitor, route.path)}?{urlencode(query)}"

    assert visitor.send(Request("GET", address)).status in (200, 404, 422)


@FEW
@given(st.binary(max_size=300), st.sampled_from([FORM, f"{FORM}; charset=latin-1", "multipart/form-data", ""]))
def test_no_body_breaks_a_form(body: bytes, kind: str) -> None:
    visitor = Visitor()
    for path in ("/portal/people/new", "/portal/inspector", "/portal/faults"):
        headers = (("Content-Type", kind), ("Origin", ORIGIN))
        assert visitor.send(Request("POST", ORIGIN + path, headers, body)).status in (200, 400, 422)


@FEW
@given(st.text(alphabet=st.characters(blacklist_characters="?#"), max_size=60))
def test_no_path_breaks_the_portal(path: str) -> None:
    from urllib.parse import quote

    visitor = Visitor()
    for there in (quote(path, safe="/%", errors="replace"), quote(path, safe="", errors="replace")):
        for group in ("people", "apps", "vaults/contoso", "journal", "policies"):
            address = f"{ORIGIN}/portal/{group}/{there}"
            assert visitor.send(Request("GET", address)).status in (200, 400, 404, 405)
            assert visitor.send(Request.form(address, {}, (("Origin", ORIGIN),))).status in (
                200,
                303,
                400,
                404,
                405,
                422,
            )
