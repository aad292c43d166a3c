"""Second factors on the sign-in pages: enrolment, the telephone's question, security keys, another company's check."""

import base64
import re

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD
from partnerauth.emulator.entra.approvals import answer, waiting
from partnerauth.emulator.rules.access import AccessPolicy, Control
from partnerauth.emulator.totp import code
from partnerauth.emulator.world import Method
from partnerauth.hidden import Hidden
from tests.emulator.entra.service import ASKED, AUTHORIZE, NOON, Browser, Service


def amr(service: Service, browser: Browser) -> list[str]:
    found: list[str] = service.claims(service.redeemed(browser)["access_token"])["amr"]
    return found


def test_who_must_have_a_second_factor_enrols_one(service: Service, browser: Browser) -> None:
    """entra.md 9, 50079: register; the authenticator's key is shown, its first code ends the enrolment."""
    browser.open(AUTHORIZE, **ASKED, amr_values="mfa")
    browser.sign_in(JOHN)
    assert browser.heading == "More information required"
    assert "AADSTS50079" in browser.text
    assert service.ledger.log[-1].code == 50079
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.text)
    assert found is not None
    key = found[1].replace(" ", "")
    secret = Hidden(base64.b32decode(key + "=" * (-len(key) % 8)).decode())

    browser.submit(otc="000000")
    assert "expected verification code" in browser.text
    assert service.person(JOHN).totp is None
    browser.submit(otc=code(secret, NOON))

    assert amr(service, browser) == ["pwd", "mfa"]
    assert service.person(JOHN).totp == secret
    browser.open(AUTHORIZE, **ASKED, prompt="login")
    browser.sign_in(JOHN)
    assert browser.heading == "Enter code"


def test_enrolment_is_no_matter_for_a_silent_request(service: Service, browser: Browser) -> None:
    """entra.md 5.1: `prompt=none` answers `interaction_required`."""
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)

    browser.open(AUTHORIZE, **ASKED, amr_values="mfa", prompt="none")

    assert browser.answer["error"] == "interaction_required"
    assert browser.answer["error_description"].startswith("AADSTS50079: ")
    assert service.person(JOHN).totp is None


@pytest.fixture
def asked_by_telephone(service: Service, browser: Browser) -> Browser:
    service.person().methods.add(Method.PUSH)
    browser.open(AUTHORIZE, **ASKED)
    browser.submit(login=ADMIN_AGENT)
    browser.submit(passwd=PASSWORD, choice="sign_in")
    assert browser.heading == "Approve sign in request"
    return browser


def again(browser: Browser) -> None:
    """What the page does by itself every three seconds."""
    found = re.search(r'content="3; url=https://localhost:8443([^"?]+)\?flow=([^"]+)"', browser.text)
    assert found is not None
    browser.open(found[1], flow=found[2].replace("%3D", "="))


def test_the_telephone_is_asked(service: Service, asked_by_telephone: Browser) -> None:
    """The page shows a number and asks again by itself; whoever holds the telephone approves it."""
    browser = asked_by_telephone
    (call,) = waiting(service.world, service.person())
    assert f">{call.number}</p>" in browser.text
    assert (call.application, call.upn) == ("Partner Center Access App", ADMIN_AGENT)

    again(browser)
    assert browser.heading == "Approve sign in request"
    assert [one.number for one in waiting(service.world, service.person())] == [call.number]
    answer(service.world, service.person(), approve=True, number=call.number)
    again(browser)

    assert amr(service, browser) == ["pwd", "mfa"]
    assert not waiting(service.world, service.person())


def test_a_wrong_number_approves_nothing(service: Service, asked_by_telephone: Browser) -> None:
    number = waiting(service.world, service.person())[0].number
    with pytest.raises(ValueError, match="another number"):
        answer(service.world, service.person(), approve=True, number="09" if number != "09" else "08")

    again(asked_by_telephone)
    assert asked_by_telephone.heading == "Approve sign in request"


def test_a_denied_question_can_be_asked_again(service: Service, asked_by_telephone: Browser) -> None:
    browser = asked_by_telephone
    answer(service.world, service.person(), approve=False)
    browser.submit(choice="check")
    assert "denied the request" in browser.text
    assert service.ledger.log[-1].code == 50074

    browser.submit(choice="again")
    answer(service.world, service.person(), approve=True)
    browser.submit(choice="check")

    assert browser.page.status == 302


def test_nobody_waits_for_ever(service: Service, asked_by_telephone: Browser) -> None:
    service.advance(minutes=2)
    assert not waiting(service.world, service.person())

    again(asked_by_telephone)

    assert "We didn&#x27;t hear from you" in asked_by_telephone.text


def test_a_code_may_be_typed_instead(service: Service, asked_by_telephone: Browser) -> None:
    asked_by_telephone.submit(choice="code")
    assert asked_by_telephone.heading == "Enter code"
    asked_by_telephone.submit(otc=service.user_code())

    assert asked_by_telephone.page.status == 302


def test_a_page_that_asks_again_skips_nothing(service: Service, browser: Browser) -> None:
    """A GET brings no field, whatever stands in its query."""
    browser.open(AUTHORIZE, **ASKED)
    flow = browser.form.fields["flow"]

    browser.open("/common/login", flow=flow, step="account", login=ADMIN_AGENT)

    assert browser.heading == "Sign in"


def test_a_security_key_in_place_of_a_password(service: Service, browser: Browser) -> None:
    """entra.md 10: `amr` has `rsa` and `mfa`, and no `pwd`."""
    service.person().methods.add(Method.SECURITY_KEY)
    browser.open(AUTHORIZE, **ASKED, login_hint=ADMIN_AGENT)
    browser.submit(choice="key")

    assert amr(service, browser) == ["rsa", "mfa"]


def test_a_security_key_that_nobody_has(service: Service, browser: Browser) -> None:
    browser.open(AUTHORIZE, **ASKED, login_hint=JOHN)
    browser.submit(choice="key")

    assert "password is incorrect" in browser.text


def test_a_security_key_after_the_password(service: Service, browser: Browser) -> None:
    service.person(JOHN).methods.add(Method.SECURITY_KEY)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    assert browser.heading == "Security key"
    browser.submit()

    assert amr(service, browser) == ["pwd", "mfa"]


def test_another_companys_check(service: Service, browser: Browser) -> None:
    """entra.md 9, 50158: external challenge unmet."""
    tenant = service.world.partner().id
    service.world.access_policies["p"] = AccessPolicy("p", "Other", tenant, {Control.EXTERNAL_MFA})
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    assert "AADSTS50158: " in browser.text

    service.person(JOHN).methods.add(Method.EXTERNAL)
    browser.open(AUTHORIZE, **ASKED)
    browser.sign_in(JOHN)
    assert browser.heading == "Another company's check"
    browser.submit()

    assert amr(service, browser) == ["pwd"]
