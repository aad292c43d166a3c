"""A refresh token: what it opens, for how long, and what ends it (entra.md 7.3, 9, 12.3, 17)."""

import json
from datetime import timedelta

from partnerauth.emulator.default import JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP
from partnerauth.emulator.groups import Group
from partnerauth.emulator.relationships import AccessAssignment, Relationship
from tests.emulator.entra.service import (
    FABRIKAM,
    GRAPH,
    GRAPH_ID,
    PARTNER_CENTER,
    PARTNER_CENTER_ID,
    REFERRALS,
    Code,
    Redeem,
    Service,
)


def test_a_refresh_token_opens_every_consented_api(service: Service, stored: str) -> None:
    """entra.md 7.3: bound to person and client, not to a resource; `aud` as asked; `amr` travels with it."""
    for resource in (PARTNER_CENTER, f"{PARTNER_CENTER}/", REFERRALS, GRAPH, PARTNER_CENTER_ID):
        value = service.refreshed(stored, resource=resource).value()
        claims = service.claims(value["access_token"])
        assert (claims["aud"], claims["amr"], value["resource"]) == (resource, ["pwd", "mfa"], resource)
        assert "id_token" not in value
    v2 = service.v2_token(grant_type="refresh_token", refresh_token=stored, scope="User.Read openid").value()
    assert service.claims(v2["access_token"])["aud"] == GRAPH
    assert v2["scope"] == "openid Directory.Read.All User.Read"


def test_without_a_resource_it_is_the_original_one(service: Service, stored: str) -> None:
    """entra.md 7.3, `resource`: default: the original resource."""
    assert service.refreshed(stored, resource="").value()["resource"] == PARTNER_CENTER
    v2 = service.v2_token(grant_type="refresh_token", refresh_token=stored).value()
    assert service.claims(v2["access_token"])["aud"] == PARTNER_CENTER


def test_refresh_tokens_rotate_and_old_ones_stay_good(service: Service, stored: str) -> None:
    """entra.md 7.3: each successful redemption returns a new one; the old one is not revoked."""
    first = service.refreshed(stored).value()["refresh_token"]
    second = service.refreshed(stored).value()["refresh_token"]

    assert len({stored, first, second}) == 3
    assert service.refreshed(first).status == service.refreshed(second).status == 200


def test_ninety_days_without_use_end_it(service: Service, stored: str) -> None:
    """entra.md 7.3 and 20: each token has its own 90 days since it was issued."""
    service.advance(days=60)
    renewed = service.refreshed(stored).value()["refresh_token"]
    service.advance(days=30)

    value = service.refreshed(stored).value()
    assert (value["error"], value["error_codes"]) == ("invalid_grant", [700082])
    assert "inactive for 90.00:00:00" in value["error_description"]
    assert service.refreshed(renewed).status == 200
    service.advance(days=60)
    assert service.refreshed(renewed).value()["error_codes"] == [700082]


def test_a_revocation_ends_it(service: Service, stored: str) -> None:
    """entra.md 7.3 and 8.3: 50173 with suberror `bad_token`; a new sign-in is good again."""
    service.advance(days=1)
    service.person().valid_from = service.world.now()

    value = service.refreshed(stored).value()

    assert (value["error"], value["suberror"], value["error_codes"]) == ("invalid_grant", "bad_token", [50173])


def test_account_and_app_must_still_be_there(service: Service, stored: str) -> None:
    """entra.md 7.3, "Not in the table": each heals by itself, the refresh token itself stays good."""

    def code() -> int:
        value: dict[str, list[int]] = service.refreshed(stored).value()
        return value.get("error_codes", [0])[0]

    service.person().enabled = False
    assert code() == 50057
    service.person().enabled = True
    service.web_app.enabled = False
    assert code() == 7000112
    service.web_app.enabled = True
    service.web_app.secrets[0].ends = service.world.now()
    assert code() == 7000222
    service.web_app.secrets[0].ends = None
    tenant = service.world.partner()
    grants = tenant.grants.pop((WEB_APP, PARTNER_CENTER_ID, ""))
    assert code() == 65001
    tenant.grants[WEB_APP, PARTNER_CENTER_ID, ""] = grants
    assert code() == 0
    person = tenant.people.pop(service.person().id)
    assert code() == 50034
    tenant.people[person.id] = person
    assert code() == 0


def test_a_refresh_token_that_is_none(service: Service, stored: str) -> None:
    """entra.md 7.3: 9002313 malformed, 70000 unknown or another client's."""
    assert service.refreshed("0.AXoA").value()["error_codes"] == [9002313]
    assert service.refreshed(stored[:-1]).value()["error_codes"] == [70000]
    foreign = service.refreshed(stored, client_id=NATIVE_APP, client_secret="").value()
    assert (foreign["error"], foreign["error_codes"]) == ("invalid_grant", [70000])


def test_an_access_token_is_refused_for_what_nobody_granted(service: Service, stored: str) -> None:
    """entra.md 9: 500011 unknown API, 650057 not listed, 65001 `consent_required` where consent lacks."""
    tenant = service.world.partner()
    del tenant.grants[WEB_APP, GRAPH_ID, ""]
    unknown = service.refreshed(stored, resource="https://unknown.example.com").value()
    missing = service.refreshed(stored, resource=GRAPH).value()
    del service.web_app.permissions[GRAPH_ID]
    unlisted = service.refreshed(stored, resource=GRAPH).value()

    assert (unknown["error"], unknown["error_codes"]) == ("invalid_resource", [500011])
    assert (missing["error"], missing["suberror"], missing["error_codes"]) == (
        "invalid_grant",
        "consent_required",
        [65001],
    )
    assert (unlisted["error"], unlisted["error_codes"]) == ("invalid_client", [650057])


def test_a_customers_tenant_opens_after_consent(service: Service, stored: str) -> None:
    """entra.md 7.3 and 17, CPV: the same token at the customer's endpoint, consent per (tenant, client, API)."""
    asked = {"grant_type": "refresh_token", "refresh_token": stored, "resource": GRAPH}

    refused = service.token(tenant=FABRIKAM, **asked).value()
    service.world.customers[FABRIKAM].grants[WEB_APP, GRAPH_ID, ""] = {"User.Read"}
    claims = service.claims(service.token(tenant="fabrikam.onmicrosoft.com", **asked).value()["access_token"])

    assert refused["error_codes"] == [65001]
    assert (claims["tid"], claims["scp"], claims["oid"]) == (FABRIKAM, "User.Read", service.person().id)
    assert (claims["iss"], claims["idp"]) == tuple(f"https://sts.windows.net/{tid}/" for tid in (FABRIKAM, TENANT))


def test_a_customers_tenant_closes_with_the_relationship(service: Service, stored: str) -> None:
    """entra.md 9 and 17: 50020 without delegated administration, for whom and for as long as it is given."""
    world, fabrikam = service.world, service.world.customers[FABRIKAM]
    fabrikam.grants[WEB_APP, GRAPH_ID, ""] = {"User.Read"}
    fabrikam.gdap.clear()
    tenant = world.partner()
    readers = Group("94090000-0000-4000-8000-000000000001", "Readers")
    tenant.groups[readers.id] = readers
    asked = {"grant_type": "refresh_token", "refresh_token": stored, "resource": GRAPH}

    def code() -> list[int]:
        found: list[int] = service.token(tenant=FABRIKAM, **asked).value().get("error_codes", [])
        return found

    assert code() == [50020]
    lasts, now = timedelta(days=30), world.now()
    given = AccessAssignment("a1", readers.id, {"Directory Readers"}, now, now)
    relationship = Relationship(
        "r1", "Readers", FABRIKAM, "P30D", lasts, set(given.roles), now, now, "active", now, assignments={"a1": given}
    )
    world.relationships[relationship.id] = relationship
    assert code() == [50020], "the agent is in no group that has a role"
    readers.members.append(service.person().id)
    assert code() == []
    relationship.status = "terminated"
    assert code() == [50020]
    relationship.status = "active"
    service.advance(days=29)
    assert code() == []
    service.advance(days=2)
    assert code() == [50020]


def test_a_group_suffices_at_a_customer(service: Service) -> None:
    """Who is no agent of the partner, but in a group that a relationship gives a role, appears there as well."""
    world, now = service.world, service.world.now()
    readers = Group("94090000-0000-4000-8000-000000000001", "Readers", members=[service.person(JOHN).id])
    world.partner().groups[readers.id] = readers
    given = AccessAssignment("a1", readers.id, {"Directory Readers"}, now, now)
    world.relationships["r1"] = Relationship(
        "r1", "Readers", FABRIKAM, "P30D", timedelta(days=30), {"Directory Readers"}, now, now, "active", now,
        assignments={"a1": given},
    )  # fmt: skip
    world.customers[FABRIKAM].grants[WEB_APP, GRAPH_ID, ""] = {"User.Read"}
    at_home = {"grant_type": "password", "username": JOHN, "password": PASSWORD, "resource": GRAPH}
    asked = {"grant_type": "refresh_token", "refresh_token": service.token(**at_home).value()["refresh_token"]}

    value = service.token(tenant=FABRIKAM, resource=GRAPH, **asked).value()

    assert service.claims(value["access_token"])["tid"] == FABRIKAM


def test_only_a_partners_agent_appears_at_a_customer(service: Service, code: Code, redeem: Redeem) -> None:
    """entra.md 9 and 17: 50020 for everybody else."""
    token = service.token(
        grant_type="password", username=JOHN, password=PASSWORD, resource=REFERRALS, scope="openid"
    ).value()["refresh_token"]

    value = service.token(tenant=FABRIKAM, grant_type="refresh_token", refresh_token=token, resource=GRAPH).value()

    assert value["error_codes"] == [50020]


def test_claims_that_demand_a_second_factor(service: Service, stored: str) -> None:
    """entra.md 12.3: refused with the claims to send on, by each dialect's word; satisfied contexts come back."""
    demand = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
    weak = service.token(
        grant_type="password", username=JOHN, password=PASSWORD, resource=REFERRALS, scope="openid"
    ).value()["refresh_token"]

    v1 = service.refreshed(weak, resource=REFERRALS, claims=demand).value()
    scope = f"{REFERRALS}/.default"
    v2 = service.v2_token(grant_type="refresh_token", refresh_token=weak, scope=scope, claims=demand).value()
    strong = service.refreshed(stored, claims=demand).value()

    assert (v1["error"], v2["error"]) == ("interaction_required", "invalid_grant")
    assert (v1["suberror"], v1["error_codes"], v1["claims"]) == ("basic_action", [50076], demand)
    assert service.claims(strong["access_token"])["acrs"] == ["c1"]
    assert service.refreshed(stored, claims="{").value()["error_codes"] == [90023]
    challenge = json.dumps(
        {"access_token": {"nbf": {"essential": True, "value": "1635527790"}, "xms_cc": {"values": ["cp1"]}}}
    )
    assert service.refreshed(stored, claims=challenge).status == 200
