"""An application for itself, and a person by password (entra.md 6, 7.4, 7.5)."""

from datetime import timedelta

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, WEB_APP_SECRET
from tests.emulator.entra.service import (
    GRAPH,
    NOON,
    PARTNER_CENTER,
    REFERRALS,
    Service,
)


@pytest.mark.parametrize(
    ("scope", "word", "code"),
    [
        (f"{PARTNER_CENTER}/user_impersonation", "invalid_scope", 70011),
        (f"{PARTNER_CENTER}/.default openid", "invalid_scope", 70011),
        (f"{PARTNER_CENTER}/.default {PARTNER_CENTER}/user_impersonation", "invalid_scope", 70011),
        (f"{PARTNER_CENTER}/.default {GRAPH}/.default", "invalid_scope", 28000),
        (f"{PARTNER_CENTER}/nonsense", "invalid_scope", 70011),
        (f"{PARTNER_CENTER}/", "invalid_scope", 70011),
        ("openid", "invalid_scope", 70011),
        ("https://unknown.example.com/.default", "invalid_resource", 500011),
        ("", "invalid_request", 900144),
    ],
)
def test_the_scope_of_an_application_for_itself(service: Service, scope: str, word: str, code: int) -> None:
    """entra.md 6 (scope grammar) and 7.4: `{resource}/.default`, exactly one."""
    value = service.v2_token(grant_type="client_credentials", scope=scope).value()

    assert (value["error"], value["error_codes"]) == (word, [code])


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"),
        (f"{GRAPH}/.default", GRAPH),
    ],
)
def test_the_audience_repeats_what_was_asked(service: Service, scope: str, audience: str) -> None:
    """entra.md 6: a doubled slash keeps the slash."""
    value = service.v2_token(grant_type="client_credentials", scope=scope).value()

    claims = service.claims(value["access_token"])
    assert (claims["aud"], claims["sub"], claims["appidacr"]) == (audience, claims["oid"], "1")
    assert not {"scp", "upn", "amr"} & claims.keys()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"username": "nobody@contoso.com"}, 50034),
        ({"username": "nobody@elsewhere.example.com"}, 50034),
        ({"password": "wrong"}, 50126),
        ({"username": ADMIN_AGENT}, 50076),
        ({"resource": "https://unknown.example.com"}, 500011),
        ({"username": ""}, 900144),
    ],
)
def test_the_password_grant_says_no(service: Service, fields: dict[str, str], code: int) -> None:
    """entra.md 7.5: works only without MFA."""
    asked = {"grant_type": "password", "username": JOHN, "password": PASSWORD, "resource": REFERRALS} | fields

    assert service.token(tenant="organizations", **asked).value()["error_codes"] == [code]


def test_v2_serves_no_password_on_common(service: Service) -> None:
    """entra.md 2: 9001023 on /common and /consumers; v1 /common until its policy's date."""
    asked = {"grant_type": "password", "username": JOHN, "password": PASSWORD}
    v1, v2 = {"resource": REFERRALS, **asked}, {"scope": f"{REFERRALS}/.default", **asked}

    assert service.v2_token(tenant="common", **v2).value()["error_codes"] == [9001023]
    assert service.v2_token(tenant="organizations", **v2).status == 200
    assert service.v2_token(**v2).status == 200
    assert service.token(tenant="common", **v1).status == 200
    service.world.policies.password_on_common_refused = NOON + timedelta(days=1)
    assert service.token(tenant="common", **v1).status == 200
    service.advance(days=1)
    assert service.token(tenant="common", **v1).value()["error_codes"] == [9001023]


def test_security_defaults_refuse_the_password_grant(service: Service) -> None:
    """entra.md 8.3: 50079 for who must enrol, `interaction_required` in v1 and `invalid_grant` in v2."""
    service.world.policies.password_grant_refused = NOON
    asked = {"grant_type": "password", "username": JOHN, "password": PASSWORD}

    v1 = service.token(resource=REFERRALS, **asked).value()
    v2 = service.v2_token(scope=f"{REFERRALS}/.default", **asked).value()

    assert (v1["error"], v1["suberror"], v1["error_codes"]) == ("interaction_required", "basic_action", [50079])
    assert (v2["error"], v2["error_codes"]) == ("invalid_grant", [50079])


def test_a_temporary_password_must_be_changed_first(service: Service) -> None:
    """Seed 000, step 6, and entra.md 9: 50055 with suberror `user_password_expired`."""
    service.person(JOHN).password_is_temporary = True

    value = service.token(grant_type="password", username=JOHN, password=PASSWORD, resource=REFERRALS).value()

    assert (value["error_codes"], value["suberror"]) == ([50055], "user_password_expired")


def test_ten_wrong_passwords_lock_the_account_for_a_minute(service: Service) -> None:
    """entra.md 9: 50053; the right password does not help while it is locked."""
    asked = {"grant_type": "password", "username": JOHN, "resource": REFERRALS}

    found = [service.token(password=f"wrong {n}", **asked).value()["error_codes"][0] for n in range(11)]

    assert found == [50126] * 10 + [50053]
    assert service.token(password=PASSWORD, **asked).value()["error_codes"] == [50053]
    service.advance(seconds=60)
    assert service.token(password=PASSWORD, **asked).status == 200


def test_the_password_grant_has_no_secret_to_tell(service: Service) -> None:
    """Neither the log nor an answer repeats what was sent."""
    service.token(grant_type="password", username=JOHN, password="wrong-and-secret", resource=REFERRALS)

    assert "wrong-and-secret" not in repr(service.ledger)
    assert WEB_APP_SECRET not in repr(service.ledger)
