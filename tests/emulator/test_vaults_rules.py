"""A vault's own rules: who may do what, how many at once, what takes its time, what is never purged.

Sections of the reference of Key Vault are named beside the tests.
"""

import base64
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.emulator.groups import groups
from partnerauth.emulator.vaults import Vaults
from partnerauth.emulator.vaults.rights import PERMISSIONS, ROLES
from partnerauth.emulator.vaults.service import ROUTES
from partnerauth.emulator.world import Vault, VaultRole, World
from tests.emulator.callers import Caller, a_world, claims, signed
from tests.emulator.test_vaults import AUDIENCE, HOST, SECONDS, V, caller, put, refusal

PRINCIPAL = "a9900000-0000-4000-8000-000000000001"


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def vault(world: World) -> Vault:
    return world.vaults["contoso"]


def does(world: World, who: Caller) -> dict[str, int]:
    """What a caller is answered, by what they try."""
    done = {
        "set": who.ask("PUT", f"/secrets/n?{V}", {"value": "x"}),
        "get": who.ask("GET", f"/secrets/n?{V}"),
        "list": who.ask("GET", f"/secrets?{V}"),
        "update": who.ask("PATCH", f"/secrets/n?{V}", {}),
        "backup": who.ask("POST", f"/secrets/n/backup?{V}"),
        "delete": who.ask("DELETE", f"/secrets/n?{V}"),
    }
    caller(world, appid=WEB_APP).ask("DELETE", f"/secrets/n?{V}")
    done["recover"] = who.ask("POST", f"/deletedsecrets/n/recover?{V}")
    caller(world, appid=WEB_APP).ask("DELETE", f"/secrets/n?{V}")
    done["purge"] = who.ask("DELETE", f"/deletedsecrets/n?{V}")
    return {name: response.status for name, response in done.items()}


class TestRights:
    """6."""

    @pytest.mark.parametrize(
        ("role", "may"),
        [
            ("Key Vault Administrator", {"set", "get", "list", "update", "backup", "delete", "recover", "purge"}),
            ("Key Vault Secrets Officer", {"set", "get", "list", "update", "backup", "delete", "recover", "purge"}),
            ("Key Vault Secrets User", {"get", "list"}),
            ("Key Vault Reader", {"list"}),
            ("Key Vault Purge Operator", {"purge"}),
            ("Key Vault Contributor", set()),
        ],
    )
    def test_a_role_allows_what_it_is_for(self, world: World, vault: Vault, role: str, may: set[str]) -> None:
        """By the application's id or its service principal's; 403 `ForbiddenByRbac` else."""
        put(world, "n")
        vault.roles.add(VaultRole(PRINCIPAL, role))
        who = caller(world, appid="11111111-2222-4333-8444-555555555555", oid=PRINCIPAL)

        assert {name for name, status in does(world, who).items() if status < 300} == may
        assert role in ROLES
        if "set" not in may:
            refused = who.ask("PUT", f"/secrets/n?{V}", {"value": "x"})
            assert refusal(refused) == (403, "Forbidden", "ForbiddenByRbac")
            assert "setSecret/action" in refused.value()["error"]["message"]

    def test_a_role_may_be_for_one_secret(self, world: World, vault: Vault) -> None:
        """6: "Scope can be a single secret"."""
        put(world, "mine")
        put(world, "other")
        vault.roles.add(VaultRole(PRINCIPAL, "Key Vault Secrets User", "Mine"))
        who = caller(world, appid="11111111-2222-4333-8444-555555555555", oid=PRINCIPAL)

        assert who.ask("GET", f"/secrets/mine?{V}").status == 200
        assert who.ask("GET", f"/secrets/other?{V}").status == 403
        assert who.ask("GET", f"/secrets?{V}").status == 403

    def test_access_policies_stand_in_the_place_of_roles(self, world: World, vault: Vault) -> None:
        """For a person's group as well; 403 `ForbiddenByPolicy` for what they do not give."""
        put(world, "n")
        agents = next(group.id for group in groups(world.tenants[TENANT]).values() if group.agents == "admin_agent")
        vault.access_policies = {agents: {"get", "set"}}
        vault.roles.add(VaultRole(PRINCIPAL, "Key Vault Administrator"))
        person = Caller(Vaults(world).answer, HOST, signed(claims(world, AUDIENCE, ADMIN_AGENT)))
        assert person.ask("GET", f"/secrets/n?{V}").status == 200
        assert refusal(person.ask("GET", f"/secrets?{V}")) == (403, "Forbidden", "ForbiddenByPolicy")
        other = caller(world, appid="11111111-2222-4333-8444-555555555555", oid=PRINCIPAL)
        assert other.ask("GET", f"/secrets/n?{V}").status == 403
        assert agents

    def test_every_route_asks_for_a_right(self) -> None:
        assert {right.named for _, _, right, _ in ROUTES} == PERMISSIONS


class TestThrottling:
    """7."""

    def test_so_many_in_ten_seconds(self, world: World, vault: Vault) -> None:
        """429 `Throttled`, without `Retry-After` as it was seen, or with it; refused ones do not count."""
        vault.limit = 3
        who = caller(world)
        answers = [who.ask("GET", f"/secrets?{V}") for _ in range(6)]
        assert [answer.status for answer in answers] == [200] * 3 + [429] * 3
        assert refusal(answers[3]) == (429, "Throttled", "")
        assert answers[3].retry_after is None
        vault.retry_after = 4
        assert who.ask("GET", f"/secrets?{V}").retry_after == 4
        world.clock.advance(timedelta(seconds=10))
        assert who.ask("GET", f"/secrets?{V}").status == 200

    def test_strangers_do_not_count(self, world: World, vault: Vault) -> None:
        vault.limit = 1
        for _ in range(3):
            assert Caller(Vaults(world).answer, HOST).ask("GET", f"/secrets?{V}").status == 401
        assert caller(world).ask("GET", f"/secrets?{V}").status == 200


class TestWhatTakesItsTime:
    """5 and 8."""

    def test_two_writes_at_once_are_a_conflict(self, world: World, vault: Vault) -> None:
        """409 `Conflict` without an inner code, for the same secret only, until the first is done."""
        vault.write_takes = timedelta(seconds=1)
        put(world, "n")
        who = caller(world)
        again = who.ask("PUT", f"/secrets/n?{V}", {"value": "y"})
        assert refusal(again) == (409, "Conflict", "")
        assert refusal(who.ask("PATCH", f"/secrets/n?{V}", {}))[:2] == (409, "Conflict")
        assert who.get(f"/secrets/n?{V}")["value"] == "RefreshTokenValue"
        put(world, "other")
        world.clock.advance(timedelta(seconds=1))
        put(world, "n", "y")

    def test_a_deletion_is_visible_only_later(self, world: World, vault: Vault) -> None:
        """404 at both places in between, 409 `ObjectIsBeingDeleted` for who would write."""
        put(world, "n")
        vault.delete_takes = timedelta(seconds=2)
        who = caller(world)
        assert who.ask("DELETE", f"/secrets/n?{V}").status == 200
        assert who.ask("GET", f"/secrets/n?{V}").status == 404
        assert refusal(who.ask("GET", f"/deletedsecrets/n?{V}")) == (404, "SecretNotFound", "")
        assert who.get(f"/deletedsecrets?{V}")["value"] == []
        for method, path in (
            ("PUT", "secrets/n"),
            ("POST", "deletedsecrets/n/recover"),
            ("DELETE", "deletedsecrets/n"),
        ):
            response = who.ask(method, f"/{path}?{V}", {"value": "x"})
            assert refusal(response) == (409, "Conflict", "ObjectIsBeingDeleted")
        world.clock.advance(timedelta(seconds=2))
        assert who.get(f"/deletedsecrets/n?{V}")["deletedDate"] == SECONDS
        again = who.ask("PUT", f"/secrets/n?{V}", {"value": "x"})
        assert refusal(again) == (409, "Conflict", "ObjectIsDeletedButRecoverable")

        assert who.ask("POST", f"/deletedsecrets/n/recover?{V}").status == 200
        assert who.ask("GET", f"/secrets/n?{V}").status == 404
        again = who.ask("PUT", f"/secrets/n?{V}", {"value": "x"})
        assert refusal(again) == (409, "Conflict", "ObjectIsBeingRecovered")
        world.clock.advance(timedelta(seconds=2))
        assert who.get(f"/secrets/n?{V}")["value"] == "RefreshTokenValue"


class TestPurgeProtection:
    """5."""

    def test_refuses_to_purge(self, world: World, vault: Vault) -> None:
        """403, and a recovery level that says so; after the retention it is gone all the same."""
        vault.purge_protection = True
        assert put(world, "n")["attributes"]["recoveryLevel"] == "Recoverable"
        who = caller(world)
        who.ask("DELETE", f"/secrets/n?{V}")
        assert refusal(who.ask("DELETE", f"/deletedsecrets/n?{V}")) == (403, "Forbidden", "")
        world.clock.advance(timedelta(days=90))
        assert caller(world).ask("GET", f"/deletedsecrets/n?{V}").status == 404

    def test_a_shorter_retention_is_customized(self, world: World, vault: Vault) -> None:
        vault.purge_protection, vault.retention_days = True, 14
        attributes = put(world, "n")["attributes"]

        assert (attributes["recoveryLevel"], attributes["recoverableDays"]) == ("CustomizedRecoverable", 14)


class TestBackup:
    """2: limits."""

    def test_of_more_than_500_versions_is_refused(self, world: World, vault: Vault) -> None:
        put(world, "n")
        vault.secrets["n"].versions *= 501

        assert refusal(caller(world).ask("POST", f"/secrets/n/backup?{V}"))[:2] == (400, "BadParameter")

    def test_comes_back_only_to_its_own_tenant(self, world: World, vault: Vault) -> None:
        """Another vault of the tenant takes it."""
        put(world, "n")
        blob = caller(world).ask("POST", f"/secrets/n/backup?{V}").value()
        world.vaults["second"] = Vault("second", TENANT, {WEB_APP})
        who = Caller(Vaults(world).answer, "second.vault.azure.net", signed(claims(world, AUDIENCE)))
        assert who.ask("POST", f"/secrets/restore?{V}", blob).value()["id"].startswith("https://second.vault.azure.net")
        caller(world).ask("DELETE", f"/secrets/n?{V}")
        caller(world).ask("DELETE", f"/deletedsecrets/n?{V}")
        world.vaults["contoso"].tenant = "c0570000-0000-4000-8000-000000000001"
        issuer = "https://sts.windows.net/c0570000-0000-4000-8000-000000000001/"
        there = caller(world, tid=world.vaults["contoso"].tenant, iss=issuer)
        assert refusal(there.ask("POST", f"/secrets/restore?{V}", blob))[:2] == (400, "BadParameter")


class TestContinuousAccess:
    """3.2."""

    def test_older_tokens_are_challenged_for_newer_ones(self, world: World, vault: Vault) -> None:
        """401 with the claims that a new token must satisfy."""
        old = caller(world)
        world.clock.advance(timedelta(seconds=10))
        vault.valid_from = world.now()
        response = old.ask("GET", f"/secrets?{V}")

        assert refusal(response)[:2] == (401, "Unauthorized")
        header = response.header("WWW-Authenticate")
        assert 'error="insufficient_claims"' in header
        told = msgspec.json.decode(base64.b64decode(header.rpartition('claims="')[2].rstrip('"')))
        assert told == {"access_token": {"nbf": {"essential": True, "value": str(SECONDS + 10)}}}
        assert caller(world).ask("GET", f"/secrets?{V}").status == 200


@settings(deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(
            [
                ("PUT", "secrets/n", {"value": "x"}),
                ("PATCH", "secrets/n", {}),
                ("DELETE", "secrets/n", None),
                ("DELETE", "deletedsecrets/n", None),
                ("POST", "deletedsecrets/n/recover", None),
                ("POST", "secrets/n/backup", None),
                ("GET", "secrets/n/versions", None),
            ]
        ),
        max_size=12,
    ),
    takes=st.integers(0, 2),
)
def test_no_order_of_requests_makes_it_stumble(steps: list[tuple[str, str, Any]], takes: int) -> None:
    """A name is live, deleted, or free; it is listed at one place at most."""
    world = a_world()
    vault = world.vaults["contoso"]
    vault.delete_takes = vault.write_takes = timedelta(seconds=takes)
    who = caller(world)
    for method, path, body in steps:
        assert who.ask(method, f"/{path}?{V}", body).status < 500
        world.clock.advance(timedelta(seconds=1))
        live, gone = (who.get(f"/{kind}?{V}")["value"] for kind in ("secrets", "deletedsecrets"))
        assert len(live) + len(gone) <= 1
