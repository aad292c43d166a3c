"""Customers, referrals and key vaults, at the portal."""

from datetime import timedelta

import pytest

from partnerauth.emulator.default import NATIVE_APP, WEB_APP
from partnerauth.emulator.relationships import Relationship
from partnerauth.emulator.world import SecretVersion, VaultSecret
from partnerauth.hidden import Hidden
from tests.emulator.callers import a_key
from tests.emulator.visitor import NOON, Visitor

CANARY = "kept-in-the-vault"


@pytest.fixture
def visitor() -> Visitor:
    visitor = Visitor()
    versions = [SecretVersion(name * 32, Hidden(f"{CANARY}-{name}"), NOON, NOON) for name in "ab"]
    versions[1].tags, versions[1].expires, versions[1].not_before = {"epoch": "one"}, 1_900_000_000, 10**18
    visitor.world.vaults["contoso"].secrets["refresh-token"] = VaultSecret("Refresh-Token", versions)
    return visitor


def test_a_customer_is_added_with_a_user_and_roles(visitor: Visitor) -> None:
    visitor.do("/portal/customers", name="Northwind", domain="northwind.onmicrosoft.com")
    customer = next(one for one in visitor.world.customers.values() if one.name == "Northwind")
    path = f"/portal/customers/{customer.id}"
    assert "northwind" in visitor.look("/portal/customers?search=north").text

    visitor.do(f"{path}/users", first_name="Nora", last_name="West", user_name="nora")
    [user] = customer.users.values()
    assert user.upn == "nora@northwind.onmicrosoft.com"
    assert "already" in visitor.fail(f"{path}/users", first_name="N", last_name="W", user_name="NORA")["user_name"]
    assert set(visitor.fail(f"{path}/users", user_name="a@b")) == {"first_name", "last_name", "user_name"}
    visitor.do(f"{path}/users/{user.id}/switch")
    assert not user.active
    visitor.do(f"{path}/users/{user.id}/switch")
    assert user.active

    visitor.do(f"{path}/roles", {"Global Reader": "yes", "Emperor": "yes"})
    assert customer.gdap == {"Global Reader"}
    visitor.do(f"{path}/end")
    assert customer.gdap == set()


@pytest.mark.parametrize(
    ("name", "domain", "wrong"),
    [
        ("", "", {"name", "domain"}),
        ("X", "no domain", {"domain"}),
        ("X", "contoso.com", {"domain"}),
        ("X", "FABRIKAM.onmicrosoft.com", {"domain"}),
    ],
)
def test_a_mistaken_customer_is_not_added(visitor: Visitor, name: str, domain: str, wrong: set[str]) -> None:
    assert set(visitor.fail("/portal/customers", name=name, domain=domain)) == wrong
    assert len(visitor.world.customers) == 6


def test_consents_and_relationships_of_a_customer_are_shown(visitor: Visitor) -> None:
    customer = next(iter(visitor.world.customers.values()))
    customer.grants[WEB_APP, "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", ""] = {"user_impersonation"}
    visitor.world.relationships["r"] = Relationship(
        "r", "For support", customer.id, "P90D", timedelta(days=90), {"Global Reader"}, NOON, NOON, "active", NOON
    )
    path = f"/portal/customers/{customer.id}"
    text = visitor.look(path).text
    assert "Partner Center Access App Microsoft Partner Center user_impersonation" in text
    assert "For support active Global Reader, until" in text
    assert customer.name in visitor.look(f"/portal/enterprise/{WEB_APP}").text

    visitor.do(f"{path}/withdraw", app=WEB_APP)
    assert customer.grants == {}
    assert "was not there" in visitor.do(f"{path}/withdraw", app=WEB_APP).text


def test_a_relationship_is_approved_as_the_customer_does(visitor: Visitor) -> None:
    customer = next(iter(visitor.world.customers.values()))
    asked = Relationship(
        "r", "For support", customer.id, "P90D", timedelta(days=90), {"Global Reader"}, NOON, NOON, "approvalPending"
    )
    visitor.world.relationships["r"] = asked
    path = f"/portal/customers/{customer.id}"
    assert "Approve as the customer" in visitor.look(path).text

    assert "approved the relationship For support" in visitor.do(f"{path}/relationships/r/approve").text
    assert asked.state(NOON) == "active"
    assert "awaits no approval" in visitor.do(f"{path}/relationships/r/approve").text
    assert visitor.post(f"{path}/relationships/x/approve").status == 404


def test_a_referral_leads_its_life(visitor: Visitor) -> None:
    deal = next(iter(visitor.world.referrals.values()))
    path = f"/portal/referrals/{deal['id']}"
    assert deal["name"] in visitor.look("/portal/referrals?status=New").text
    assert deal["name"] not in visitor.look("/portal/referrals?status=Closed").text

    visitor.do(path, status="Active · Accepted", reason="ours")
    after = visitor.world.referrals[deal["id"]]
    assert (after["status"], after["substatus"], after["statusReason"]) == ("Active", "Accepted", "ours")
    assert after["eTag"] != deal["eTag"]
    assert "cannot become New" in visitor.fail(path, status="New · Pending")["status"]
    assert set(visitor.fail(path, status="Lost")) == {"status"}
    visitor.do(path, status="Closed · Won")
    assert "cannot be edited any more" in visitor.look(path).text
    assert "cannot be edited" in visitor.fail(path, status="Closed · Lost")["status"]


def test_a_referral_is_shown_as_people_read_it(visitor: Visitor) -> None:
    """Amounts in groups, moments as everywhere; what a program wrote as no plain number stands as it is."""
    deal = next(iter(visitor.world.referrals.values()))
    path = f"/portal/referrals/{deal['id']}"
    assert "120,000 USD" in visitor.look(path).text
    assert "2026-01-01T12:00:00.0000000Z" not in visitor.look(path).text

    deal["details"]["dealValue"] = "1e3"
    assert "1e3 USD" in visitor.look(path).text


def test_an_unanswered_referral_expires(visitor: Visitor) -> None:
    deal = next(iter(visitor.world.referrals.values()))
    visitor.do("/portal/clock/advance", by="15d")

    assert "Expired" in visitor.look(f"/portal/referrals/{deal['id']}").text


def test_a_value_is_shown_once_where_somebody_asks_for_it(visitor: Visitor) -> None:
    path = "/portal/vaults/contoso/refresh-token"
    seen = visitor.look(path)
    assert CANARY not in seen.text
    assert "epoch=one" in seen.text
    assert "until Sun 17 Mar 2030" in seen.text

    done = visitor.post(f"{path}/show", version="b" * 32)
    assert CANARY not in str(done.headers)
    assert f"{CANARY}-b" in visitor.look(done.header("Location")).text
    assert CANARY not in visitor.look(path).text
    assert visitor.post(f"{path}/show", version="c" * 32).status == 404


def test_a_key_is_shown_by_what_may_be_known_of_it(visitor: Visitor) -> None:
    key = visitor.world.vaults["contoso"].keys["store"] = a_key(NOON)
    assert "EC P-256" in visitor.look("/portal/vaults/contoso").text

    seen = visitor.look("/portal/vaults/contoso/keys/store").text
    for told in (key.versions[0].id, "EC P-256", "sign", "for=tests", "enabled"):
        assert told in seen
    visitor.do("/portal/vaults/contoso/keys/store/switch", version=key.versions[0].id)
    key.deleted = NOON
    assert "deleted" in visitor.look("/portal/vaults/contoso").text
    assert "disabled" in visitor.look("/portal/vaults/contoso/keys/store").text
    visitor.look("/portal/vaults/contoso/keys/none", 404)


def test_a_key_is_generated_and_renewed(visitor: Visitor) -> None:
    seen = visitor.do("/portal/vaults/contoso/keys", name="Store")
    assert "RSA 2048" in seen.text
    visitor.do("/portal/vaults/contoso/keys", name="store")
    key = visitor.world.vaults["contoso"].keys["store"]
    assert [version.operations[-1] for version in key.versions] == ["unwrapKey"] * 2

    assert set(visitor.fail("/portal/vaults/contoso/keys", name="a key")) == {"name"}
    key.deleted = NOON
    assert "keeps it" in visitor.fail("/portal/vaults/contoso/keys", name="STORE")["name"]
    assert visitor.post("/portal/vaults/contoso/keys/store/switch", version="?").status == 404


def test_a_vault_is_made_and_an_application_let_in(visitor: Visitor) -> None:
    visitor.do("/portal/vaults", name="Tailspin")
    vault = visitor.world.vaults["tailspin"]
    assert "Nobody yet" in visitor.look("/portal/vaults/tailspin").text
    visitor.do("/portal/vaults/tailspin/allow", id=NATIVE_APP)
    assert vault.allowed == {NATIVE_APP}
    assert set(visitor.fail("/portal/vaults/tailspin/allow", id="somebody")) == {"id"}
    visitor.do("/portal/vaults/tailspin/exclude", id=NATIVE_APP)
    assert vault.allowed == set()
    assert "was not there" in visitor.do("/portal/vaults/tailspin/exclude", id=NATIVE_APP).text


@pytest.mark.parametrize("name", ["", "x", "contoso", "has space", "-ab", "1abc", "a--b", "x" * 25, "ünicode"])
def test_a_mistaken_vault_is_not_made(visitor: Visitor, name: str) -> None:
    assert set(visitor.fail("/portal/vaults", name=name)) == {"name"}
    assert len(visitor.world.vaults) == 1
