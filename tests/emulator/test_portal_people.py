"""User management and the first sign-in, at the portal."""

import base64
from typing import Any

import pytest

from partnerauth.emulator import totp
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.entra.approvals import waiting
from partnerauth.emulator.world import Automatic, Person, Role
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from tests.emulator.visitor import ORIGIN, Seen, Visitor

NEW = {"given_name": "Ann", "family_name": "Lee", "user_name": "ann.lee", "domain": "contoso.com"}
OWN = "Chosen-by-myself-9"
REFERRALS = "https://api.partner.microsoft.com"


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def person(visitor: Visitor, upn: str) -> Person:
    found = visitor.world.person(upn)
    assert found is not None
    return found[1]


def at(visitor: Visitor, upn: str, act: str = "") -> str:
    return f"/portal/people/{person(visitor, upn).id}{'/' + act if act else ''}"


def temporary(visitor: Visitor, seen: Seen, upn: str = "ann.lee@contoso.com") -> str:
    password = person(visitor, upn).password.reveal()
    assert f"Temporary password {password}" in seen.text
    return password


def by_password(visitor: Visitor, username: str, password: str, status: int = 200) -> Any:
    return visitor.ask(
        "/contoso.com/oauth2/token",
        status,
        grant_type="password",
        client_id=WEB_APP,
        client_secret=WEB_APP_SECRET,
        username=username,
        password=password,
        resource=REFERRALS,
    ).value()


def test_a_user_is_added_and_signs_in_for_the_first_time(visitor: Visitor) -> None:
    """The seed "Referrals API authentication", step 1."""
    seen = visitor.do("/portal/people/new", NEW | {"role_referrals_admin": "yes", "recovery": "ann@example.com"})
    assert "User name ann.lee@contoso.com" in seen.text
    password = temporary(visitor, seen)
    assert password not in visitor.look(at(visitor, "ann.lee@contoso.com")).text

    ann = person(visitor, "ann.lee@contoso.com")
    assert (ann.name, ann.roles, ann.password_is_temporary) == ("Ann Lee", {Role.REFERRALS_ADMIN}, True)
    assert 50055 in by_password(visitor, ann.upn, password, 400)["error_codes"]

    form = {"username": ann.upn, "passwd": password, "newpasswd": OWN, "confirmpasswd": OWN}
    assert "The account is active." in visitor.do("/portal/activate", form).text
    assert by_password(visitor, ann.upn, OWN)["access_token"]
    assert "success" in visitor.look("/portal/sign-ins?search=ann.lee").text


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"given_name": " "}, {"given_name": "Type the first name."}),
        ({"family_name": "x" * 65}, {"family_name": "At most 64 characters, please."}),
        (
            {"user_name": "ann lee"},
            {"user_name": "Letters, digits, and . _ ' - between them; the domain stands beside."},
        ),
        ({"user_name": "John.Doe"}, {"user_name": "There is John.Doe@contoso.com already."}),
        ({"given_name": "A\x00nn"}, {"given_name": "This holds characters that cannot be printed."}),
        ({"domain": "fabrikam.com"}, {"domain": "Choose one of these."}),
        ({"recovery": "ann"}, {"recovery": "Expected a mail address such as me@example.com, or nothing."}),
    ],
)
def test_a_mistake_is_told_beside_the_field_and_nothing_is_lost(
    visitor: Visitor, changes: dict[str, str], wrong: dict[str, str]
) -> None:
    typed = NEW | {"role_admin_agent": "yes"} | changes
    assert visitor.fail("/portal/people/new", typed) == wrong

    seen = Seen(visitor.post("/portal/people/new", typed).body.decode())
    values = {one["name"]: one.get("value", "") for one in seen.all("input")}
    assert {name: values[name] for name in ("given_name", "family_name", "user_name")} == {
        name: typed[name] for name in ("given_name", "family_name", "user_name")
    }
    assert [one["name"] for one in seen.all("input") if "checked" in one] == ["role_admin_agent"]
    assert {one["name"] for one in seen.all("input") if one.get("aria-invalid")} == set(wrong) - {"domain"}
    assert len(list(visitor.world.people())) == 3


def test_roles_are_changed(visitor: Visitor) -> None:
    visitor.do(at(visitor, JOHN, "roles"), role_sales_agent="yes", role_helpdesk_agent="yes", role_unknown="yes")
    assert person(visitor, JOHN).roles == {Role.SALES_AGENT, Role.HELPDESK_AGENT}
    assert "Sales agent" in visitor.look("/portal/people?search=helpdesk").text

    visitor.do(at(visitor, JOHN, "roles"))
    assert person(visitor, JOHN).roles == set()


def test_a_password_is_reset_and_shown_once(visitor: Visitor) -> None:
    seen = visitor.do(at(visitor, JOHN, "reset-password"))
    password = temporary(visitor, seen, JOHN)

    assert password != PASSWORD
    assert person(visitor, JOHN).password_is_temporary
    assert 50126 in by_password(visitor, JOHN, PASSWORD, 400)["error_codes"]


def test_an_authenticator_is_registered_and_its_key_shown_once(visitor: Visitor) -> None:
    seen = visitor.do(at(visitor, JOHN, "register-mfa"))
    secret = person(visitor, JOHN).totp
    assert secret is not None
    key = base64.b32encode(secret.reveal().encode()).decode().rstrip("=")
    assert key in seen.text.replace(" ", "")
    assert key not in visitor.look(at(visitor, JOHN)).text.replace(" ", "")
    assert 50076 in by_password(visitor, JOHN, PASSWORD, 400)["error_codes"]
    code = totp.code(secret, visitor.world.now())
    assert f"{code[:3]} {code[3:]}" in visitor.look("/portal/phone").text

    visitor.do(at(visitor, JOHN, "remove-mfa"))
    assert by_password(visitor, JOHN, PASSWORD)["access_token"]


def test_a_sign_in_is_approved_on_the_phone(visitor: Visitor) -> None:
    assert "saved" in visitor.do(at(visitor, JOHN, "methods"), method_push="yes", method_telepathy="yes").text
    answer = f"/portal/phone/{person(visitor, JOHN).id}/answer"
    assert "is asked nothing now" in visitor.do(answer, choice="no").text
    seen = visitor.look(f"/common/oauth2/authorize?client_id={WEB_APP}&response_type=code&scope=openid")
    for name, typed in (("login", JOHN), ("passwd", PASSWORD)):
        hidden = {one["name"]: one["value"] for one in seen.all("input") if one.get("type") == "hidden"}
        step = visitor.post(seen.all("form")[0]["action"].removeprefix(ORIGIN), hidden | {name: typed})
        seen = Seen(step.body.decode())
    assert "enter the number shown" in seen.text

    asked = visitor.look("/portal/phone")
    asked.usable()
    assert "Are you trying to sign in? Partner Center Access App" in asked.text
    [question] = waiting(visitor.world, person(visitor, JOHN))
    assert "Type the number" in visitor.do(answer, choice="yes", number="").text
    wrong = "11" if question.number != "11" else "12"
    assert "The page shows another number." in visitor.do(answer, choice="yes", number=wrong).text
    assert "approved the sign-in" in visitor.do(answer, choice="yes", number=question.number).text
    assert "Nobody asks it to approve a sign-in now." in visitor.look("/portal/phone").text


def test_somebody_is_disabled_revoked_and_deleted(visitor: Visitor) -> None:
    visitor.do(at(visitor, JOHN, "disable"))
    assert 50057 in by_password(visitor, JOHN, PASSWORD, 400)["error_codes"]
    visitor.do(at(visitor, JOHN, "enable"))
    refresh = by_password(visitor, JOHN, PASSWORD)["refresh_token"]

    visitor.world.clock.advance(visitor.world.measures.access_tokens_last or visitor.world.clock.ahead)
    visitor.do(at(visitor, JOHN, "revoke"))
    fields = {"grant_type": "refresh_token", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    refused = visitor.ask("/contoso.com/oauth2/token", 400, **fields, refresh_token=refresh, resource=REFERRALS).value()
    assert 50173 in refused["error_codes"]

    tenant = visitor.world.partner()
    tenant.grants[WEB_APP, "an-api", person(visitor, JOHN).id] = {"x"}
    visitor.world.automatic = Automatic(JOHN, mfa=False)
    gone = at(visitor, JOHN)
    assert f"({JOHN}) was deleted" in visitor.do(at(visitor, JOHN, "delete")).text
    assert visitor.world.automatic is None
    assert (WEB_APP, "an-api") not in [key[:2] for key in tenant.grants]
    assert visitor.look(gone, 404)


def test_the_list_is_searched(visitor: Visitor) -> None:
    assert JOHN in visitor.look("/portal/people?search=DOE").text
    assert ADMIN_AGENT not in visitor.look("/portal/people?search=DOE").text
    assert "Nobody here fits" in visitor.look("/portal/people?search=nobody").text


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"username": "nobody@contoso.com"}, "username", "The user account nobody@contoso.com does not exist"),
        ({"passwd": "wrong"}, "passwd", "Error validating credentials"),
        ({"confirmpasswd": "another"}, "confirmpasswd", "The passwords do not match."),
        ({"newpasswd": "short", "confirmpasswd": "short"}, "newpasswd", "At least 8 characters"),
        ({"newpasswd": PASSWORD, "confirmpasswd": PASSWORD}, "newpasswd", "At least 8 characters"),
        ({"passwd": ""}, "passwd", "Type the password that you were given."),
        ({"newpasswd": "x" * 300}, "newpasswd", "At most 256 characters, please."),
    ],
)
def test_a_first_sign_in_that_fails_changes_nothing(
    visitor: Visitor, changes: dict[str, str], field: str, sentence: str
) -> None:
    typed = {"username": JOHN, "passwd": PASSWORD, "newpasswd": OWN, "confirmpasswd": OWN} | changes

    assert visitor.fail("/portal/activate", typed)[field].startswith(sentence)
    answer = visitor.post("/portal/activate", typed).body.decode()
    assert not [secret for secret in (PASSWORD, OWN) if secret in answer]
    assert person(visitor, JOHN).password == Hidden(PASSWORD)


def test_many_wrong_passwords_lock_the_account(visitor: Visitor) -> None:
    for _ in range(10):
        visitor.fail("/portal/activate", username=JOHN, passwd="wrong", newpasswd=OWN, confirmpasswd=OWN)

    said = visitor.fail("/portal/activate", username=JOHN, passwd=PASSWORD, newpasswd=OWN, confirmpasswd=OWN)
    assert "locked" in said["passwd"]
    assert "AADSTS50053" in visitor.look("/portal/sign-ins").text


def test_nobody_stands_in_an_empty_world() -> None:
    from partnerauth.emulator.emulator import Emulator
    from partnerauth.emulator.world import World

    visitor = Visitor(Emulator(World()))

    assert "Nobody here yet" in visitor.look("/portal/people").text
    assert "domain" in visitor.fail("/portal/people/new", NEW)
    assert visitor.send(Request("GET", ORIGIN + "/portal/people/x")).status == 404
