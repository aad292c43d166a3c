"""A vault's keys behave as its REST reference says: errors, rights, times, and that they outlive the process."""

from datetime import timedelta
from typing import Any

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, contoso
from partnerauth.emulator.keeping import read, written
from partnerauth.emulator.vaults import Vaults, pairs
from partnerauth.emulator.vaults.rights import ROLES
from partnerauth.emulator.world import Vault, VaultRole, World
from partnerauth.emulator.worldfile.reading import read_world
from partnerauth.emulator.worldfile.writing import write_world
from partnerauth.messages import Response
from tests.emulator.callers import NOON, Caller, a_world
from tests.emulator.test_vaults import HOST, SECONDS, V, caller, refusal
from tests.emulator.test_vaults_rules import PRINCIPAL

WRAPPING = "RSA-OAEP-256"
USES = {"get", "list", "update", "wrap", "unwrap", "backup"}
KEEPS = {"create", "rotate", "delete", "recover", "purge"}
KEK = pairs.text_of(bytes(range(32)))


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def vault(world: World) -> Vault:
    return world.vaults["contoso"]


def made(world: World, name: str = "k", **more: Any) -> dict[str, Any]:
    response = caller(world).ask("POST", f"/keys/{name}/create?{V}", {"kty": "RSA", **more})
    assert response.status == 200, response.body
    found: dict[str, Any] = response.value()
    return found


def use(who: Caller, operation: str, value: str, *, version: str = "", algorithm: str = WRAPPING) -> Response:
    return who.ask("POST", f"/keys/k/{version}/{operation}?{V}", {"alg": algorithm, "value": value})


def wrapped(world: World) -> str:
    return str(use(caller(world), "wrapkey", KEK).value()["value"])


def changed(world: World, **attributes: Any) -> None:
    assert caller(world).ask("PATCH", f"/keys/k?{V}", {"attributes": attributes}).status == 200


def test_a_key_is_shown_by_its_public_half(world: World) -> None:
    key = made(world)

    kid = key["key"]["kid"]
    assert kid.startswith(f"https://{HOST}/keys/k/")
    assert set(key["key"]) == {"kid", "kty", "key_ops", "n", "e"}
    assert key["key"]["e"] == "AQAB"
    assert key["attributes"] == {
        "enabled": True,
        "created": SECONDS,
        "updated": SECONDS,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
        "exportable": False,
        "hsmPlatform": "0",
    }
    for path in ("/keys/k", "/keys/k/", "/keys/K", f"/keys/k/{kid[-32:]}"):
        assert caller(world).get(f"{path}?{V}") == key
    [listed] = caller(world).get(f"/keys?{V}")["value"]
    assert listed == {"kid": f"https://{HOST}/keys/k", "attributes": key["attributes"]}


def test_what_a_version_wrapped_only_that_version_unwraps(world: World) -> None:
    """400 for the next one, as after a rotation; the version's own name opens it still."""
    first = made(world)["key"]["kid"][-32:]
    closed = wrapped(world)
    caller(world).ask("POST", f"/keys/k/rotate?{V}", {})

    assert refusal(use(caller(world), "unwrapkey", closed)) == (400, "BadParameter", "")
    opened = use(caller(world), "unwrapKey", closed, version=first)
    assert opened.value() == {"kid": f"https://{HOST}/keys/k/{first}", "value": KEK}


@pytest.mark.parametrize("body", [
    {"kty": "oct"}, {"kty": "RSA-HSM"}, {"kty": "RSA", "key_size": 1024}, {"kty": "RSA", "key_size": "2048"},
    {"kty": "RSA", "public_exponent": 3}, {"kty": "RSA", "public_exponent": []}, {"kty": "EC", "crv": "P-128"},
    {"kty": "RSA", "key_ops": ["open"]}, {"kty": "RSA", "key_ops": "sign"},
    {"kty": "RSA", "attributes": {"exp": "soon"}}, {}, {"kty": None},
], ids=str)  # fmt: skip
def test_a_key_that_cannot_be_is_not_made(world: World, vault: Vault, body: dict[str, Any]) -> None:
    response = caller(world).ask("POST", f"/keys/k/create?{V}", body)

    inner = "KeyTypeNotSupported" if body.get("kty") == "oct" else ""
    assert refusal(response) == (400, "BadParameter", inner)
    assert vault.keys == {}


@pytest.mark.parametrize("jwk", [
    None, {"kty": "RSA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "?"}, {"kty": "RSA", "n": "é"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"},
    {"kty": "RSA", **dict.fromkeys(("n", "e", "d", "p", "q", "dp", "dq", "qi"), "_" * 342)},
], ids=str)  # fmt: skip
def test_a_key_that_is_none_is_not_imported(world: World, vault: Vault, jwk: Any) -> None:
    response = caller(world).ask("PUT", f"/keys/k?{V}", {"key": jwk})

    assert refusal(response)[:2] == (400, "BadParameter")
    assert vault.keys == {}


def test_only_a_premium_vault_has_hardware(world: World, vault: Vault) -> None:
    vault.premium = True
    key = made(world, kty="RSA-HSM")

    assert (key["key"]["kty"], key["attributes"]["hsmPlatform"]) == ("RSA-HSM", "2")
    assert use(caller(world), "unwrapkey", wrapped(world)).value()["value"] == KEK


class TestUse:
    """Who is refused what: "Key attributes" and the error codes of the reference."""

    def test_a_disabled_key_does_nothing(self, world: World) -> None:
        made(world)
        closed = wrapped(world)
        changed(world, enabled=False)

        for operation, value in (("wrapkey", KEK), ("unwrapkey", closed), ("encrypt", KEK), ("decrypt", closed)):
            assert refusal(use(caller(world), operation, value)) == (403, "Forbidden", "KeyDisabled")
        assert caller(world).get(f"/keys/k?{V}")["attributes"]["enabled"] is False

    @pytest.mark.parametrize(
        ("attributes", "code"), [({"exp": SECONDS}, "KeyExpired"), ({"nbf": SECONDS + 1}, "KeyNotYetValid")]
    )
    def test_outside_of_its_time_it_only_opens(self, world: World, attributes: dict[str, int], code: str) -> None:
        made(world)
        closed = wrapped(world)
        changed(world, **attributes)

        for operation in ("wrapkey", "encrypt"):
            assert refusal(use(caller(world), operation, KEK)) == (403, "Forbidden", code)
        for operation in ("unwrapkey", "decrypt"):
            assert use(caller(world), operation, closed).value()["value"] == KEK

    def test_only_for_its_operations(self, world: World) -> None:
        made(world, key_ops=["wrapKey"])

        assert refusal(use(caller(world), "unwrapkey", wrapped(world))) == (403, "Forbidden", "KeyOperationForbidden")

    @pytest.mark.parametrize(
        ("operation", "value", "algorithm"),
        [
            ("wrapkey", KEK, "A256KW"),
            ("wrapkey", KEK, "RS256"),
            ("sign", KEK, WRAPPING),
            ("sign", KEK, "ES256"),
            ("sign", "AAAA", "RS256"),
            ("wrapkey", "A" * 400, WRAPPING),
            ("unwrapkey", KEK, WRAPPING),
            ("unwrapkey", "no base64!", WRAPPING),
        ],
    )
    def test_what_does_not_fit_is_refused(self, world: World, operation: str, value: str, algorithm: str) -> None:
        made(world)

        assert refusal(use(caller(world), operation, value, algorithm=algorithm))[:2] == (400, "BadParameter")

    def test_a_curve_wraps_nothing(self, world: World) -> None:
        made(world, kty="EC")

        assert refusal(use(caller(world), "wrapkey", KEK))[:2] == (403, "Forbidden")
        caller(world).ask("PATCH", f"/keys/k?{V}", {"key_ops": ["wrapKey"]})
        assert refusal(use(caller(world), "wrapkey", KEK))[:2] == (400, "BadParameter")

    def test_what_is_not_there_is_not_found(self, world: World) -> None:
        assert refusal(use(caller(world), "wrapkey", KEK)) == (404, "KeyNotFound", "")
        made(world)
        assert refusal(use(caller(world), "wrapkey", KEK, version="0" * 32)) == (404, "KeyNotFound", "")
        assert refusal(caller(world).ask("GET", f"/deletedkeys/k?{V}")) == (404, "KeyNotFound", "")
        assert refusal(caller(world).ask("GET", f"/secrets/k?{V}")) == (404, "SecretNotFound", "")

    def test_it_counts_as_a_request(self, world: World, vault: Vault) -> None:
        made(world)
        vault.limit = 1
        wrapped(world)
        assert refusal(use(caller(world), "wrapkey", KEK)) == (429, "Throttled", "")


class TestLife:
    def test_a_deleted_key_keeps_its_name(self, world: World, vault: Vault) -> None:
        """A secret of the same name is another thing; after its time the key is gone."""
        made(world)
        closed = wrapped(world)
        caller(world).ask("DELETE", f"/keys/k?{V}")

        again = caller(world).ask("POST", f"/keys/k/create?{V}", {"kty": "EC"})
        assert refusal(again) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
        assert refusal(use(caller(world), "unwrapkey", closed))[0] == 404
        assert caller(world).ask("PUT", f"/secrets/k?{V}", {"value": "x"}).status == 200
        world.clock.advance(timedelta(days=90))
        caller(world).get(f"/secrets/k?{V}")
        assert vault.keys == {}

    def test_a_backup_comes_back_as_what_it_was(self, world: World) -> None:
        made(world)
        caller(world).ask("PUT", f"/secrets/s?{V}", {"value": "x"})
        key = caller(world).ask("POST", f"/keys/k/backup?{V}").value()
        secret = caller(world).ask("POST", f"/secrets/s/backup?{V}").value()

        assert refusal(caller(world).ask("POST", f"/keys/restore?{V}", secret))[0] == 400
        assert refusal(caller(world).ask("POST", f"/secrets/restore?{V}", key))[0] == 400
        assert refusal(caller(world).ask("POST", f"/keys/restore?{V}", key))[0] == 409

    def test_who_takes_the_name_while_a_pair_is_found_has_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Finding a pair holds nobody up, so the name may be deleted meanwhile."""
        made(world)

        def meanwhile(size: int) -> Any:
            caller(world).ask("DELETE", f"/keys/k?{V}")
            return pairs.make_ec("P-256")

        monkeypatch.setattr(pairs, "make_rsa", meanwhile)
        raced = caller(world).ask("POST", f"/keys/k/create?{V}", {"kty": "RSA"})
        assert refusal(raced) == (409, "Conflict", "ObjectIsDeletedButRecoverable")

    def test_it_outlives_the_process(self, world: World) -> None:
        """In a snapshot, in the folder of the state, in a world file."""
        made(world, tags={"a": "b"}, attributes={"exp": SECONDS + 100})
        closed, before = wrapped(world), caller(world).get(f"/keys/k?{V}")
        kept, exported = world.snapshot(), write_world(world)
        del world.vaults["contoso"].keys["k"]
        other = contoso(WorldClock())

        world.restore(kept)
        other.restore(read(written(kept)))
        for there in (world, other, read_world(exported)):
            assert Vaults(there) is not None
            assert there.vaults["contoso"].keys["k"].versions[0].id == before["key"]["kid"][-32:]
        for there in (world, other):
            assert caller(there).get(f"/keys/k?{V}") == before
            assert use(caller(there), "unwrapkey", closed).value()["value"] == KEK
        assert read_world(exported).vaults["contoso"].keys == world.vaults["contoso"].keys


class TestRights:
    """Azure's built-in roles for Key Vault, and access policies."""

    @pytest.mark.parametrize(
        ("role", "may"),
        [
            ("Key Vault Administrator", USES | KEEPS),
            ("Key Vault Crypto Officer", USES | KEEPS),
            ("Key Vault Crypto User", USES),
            ("Key Vault Crypto Service Encryption User", {"get", "list", "wrap", "unwrap"}),
            ("Key Vault Reader", {"get", "list"}),
            ("Key Vault Purge Operator", {"purge"}),
            ("Key Vault Secrets Officer", set()),
        ],
    )
    def test_a_role_allows_what_it_is_for(self, world: World, vault: Vault, role: str, may: set[str]) -> None:
        made(world)
        closed = wrapped(world)
        vault.roles.add(VaultRole(PRINCIPAL, role))
        who = caller(world, appid="11111111-2222-4333-8444-555555555555", oid=PRINCIPAL)
        done = {
            "unwrap": use(who, "unwrapkey", closed),
            "wrap": use(who, "wrapkey", KEK),
            "get": who.ask("GET", f"/keys/k?{V}"),
            "list": who.ask("GET", f"/keys?{V}"),
            "update": who.ask("PATCH", f"/keys/k?{V}", {}),
            "backup": who.ask("POST", f"/keys/k/backup?{V}"),
            "create": who.ask("POST", f"/keys/other/create?{V}", {"kty": "EC"}),
            "rotate": who.ask("POST", f"/keys/k/rotate?{V}"),
            "delete": who.ask("DELETE", f"/keys/k?{V}"),
        }
        caller(world).ask("DELETE", f"/keys/k?{V}")
        done["recover"] = who.ask("POST", f"/deletedkeys/k/recover?{V}")
        caller(world).ask("DELETE", f"/keys/k?{V}")
        done["purge"] = who.ask("DELETE", f"/deletedkeys/k?{V}")

        assert {name for name, response in done.items() if response.status < 300} == may
        assert role in ROLES
        refused = [response for response in done.values() if response.status >= 300]
        assert {refusal(response)[2] for response in refused} <= {"ForbiddenByRbac"}

    def test_a_role_may_be_for_one_key(self, world: World, vault: Vault) -> None:
        made(world)
        made(world, "other")
        vault.roles.add(VaultRole(PRINCIPAL, "Key Vault Crypto User", key="K"))
        vault.roles.add(VaultRole(PRINCIPAL, "Key Vault Administrator", secret="k"))
        who = caller(world, appid="11111111-2222-4333-8444-555555555555", oid=PRINCIPAL)

        assert use(who, "wrapkey", KEK).status == 200
        assert who.ask("GET", f"/keys/other?{V}").status == 403
        assert who.ask("DELETE", f"/keys/k?{V}").status == 403

    def test_a_policy_tells_keys_from_secrets(self, world: World, vault: Vault) -> None:
        """A `get` is for secrets, `keys/get` for keys."""
        made(world)
        vault.allowed, vault.access_policies = set(), {WEB_APP: {"get", "set", "keys/wrapKey"}}

        assert use(caller(world), "wrapkey", KEK).status == 200
        refused = caller(world).ask("GET", f"/keys/k?{V}")
        assert refusal(refused) == (403, "Forbidden", "ForbiddenByPolicy")
        assert "does not have keys get permission" in refused.value()["error"]["message"]


def test_a_world_file_has_keys(world: World) -> None:
    """A pair of its own for each without one; a PEM where it says which."""
    pem = pairs.make_rsa(2048).reveal()
    text = f"""
extends = "contoso"
start = {NOON.isoformat()}
frozen = true
[[vaults]]
name = "contoso"
tenant = "{TENANT}"
allowed = ["{WEB_APP}"]
premium = true
keys = [
  {{ name = "K", versions = [{{ private = '''{pem}''', hardware = true, enabled = false }}, {{ size = 3072 }}] }},
  {{ name = "other" }},
]
"""
    keys = read_world(text).vaults["contoso"].keys

    first, second = keys["k"].versions
    assert (first.kind, first.private.reveal(), first.enabled) == ("RSA-HSM", pem, False)
    assert (second.kind, pairs.size(second.private), second.operations) == ("RSA", 3072, first.operations)
    assert [pairs.size(version.private) for version in keys["other"].versions] == [2048]
