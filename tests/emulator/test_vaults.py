"""Key Vault's secrets behave as their reference says (its sections are named beside the tests)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.cloud import Api
from partnerauth.emulator.default import APPLICATION_IDS, TENANT
from partnerauth.emulator.vaults import Vaults
from partnerauth.emulator.world import World
from partnerauth.messages import Response
from tests.emulator.callers import NOON, ORIGIN, Caller, a_world, claims, signed

HOST = "contoso.vault.azure.net"
AUDIENCE = "https://vault.azure.net"
V = "api-version=7.4"
SECONDS = int(NOON.timestamp())


@pytest.fixture
def world() -> World:
    return a_world()


def caller(world: World, *, audience: str = AUDIENCE, real: bool = False, **changes: Any) -> Caller:
    return Caller(Vaults(world).answer, HOST, signed(claims(world, audience, **changes)), real)


def put(world: World, name: str = "tenant-id", value: str = "RefreshTokenValue", **more: Any) -> dict[str, Any]:
    response = caller(world).ask("PUT", f"/secrets/{name}?{V}", {"value": value, **more})
    assert response.status == 200, response.body
    value_set: dict[str, Any] = response.value()
    return value_set


def refusal(response: Response) -> tuple[int, str, str]:
    error = response.value()["error"]
    assert error["message"], error
    return response.status, error["code"], error.get("innererror", {}).get("code", "")


def test_s2_4_the_refresh_token_is_stored_as_a_secret(world: World) -> None:
    """S2.4: set secret, as the reference documents it (2, 2.1)."""
    response = caller(world).ask("PUT", f"/secrets/{TENANT}?{V}", {"value": "RefreshTokenValue"})
    stored = response.value()
    assert response.status == 200
    version = stored["id"].rpartition("/")[2]
    assert len(version) == 32
    assert stored == {
        "value": "RefreshTokenValue",
        "id": f"https://{HOST}/secrets/{TENANT}/{version}",
        "attributes": {
            "enabled": True,
            "created": SECONDS,
            "updated": SECONDS,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
    }

    assert caller(world).get(f"/secrets/{TENANT}?{V}") == stored
    assert caller(world).get(f"/secrets/{TENANT}/?{V}") == stored
    assert caller(world).get(f"/secrets/{TENANT}/{version}?{V}") == stored


class TestChallenge:
    """3.1 and 10."""

    @pytest.mark.parametrize("path", ["/secrets/x", "/secrets", "/deletedsecrets/x", "/", "/nothing/at/all"])
    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
    def test_comes_first_at_every_path(self, world: World, method: str, path: str) -> None:
        """Before the body and the api-version are looked at, in the address's own words."""
        response = Caller(Vaults(world).answer, HOST).ask(method, path, raw=b"no JSON")

        assert refusal(response) == (401, "Unauthorized", "")
        assert response.value()["error"]["message"].startswith("AKV10000")
        assert response.header("WWW-Authenticate") == (
            f'Bearer authorization="{ORIGIN}/{TENANT}", resource="https://vault.azure.net"'
        )

    def test_names_the_real_sign_in_at_the_real_name(self, world: World) -> None:
        """So that unmodified programs go where they would go."""
        response = Caller(Vaults(world).answer, HOST, real=True).ask("GET", "/secrets/x")

        assert f'authorization="https://login.microsoftonline.com/{TENANT}"' in response.header("WWW-Authenticate")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"audience": AUDIENCE + "/"}, "AKV10022"),
            ({"audience": "https://graph.microsoft.com"}, "AKV10022"),
            ({"iss": "https://sts.windows.net/c0570000-0000-4000-8000-000000000001/"}, "AKV10032"),
            (
                {
                    "iss": "https://sts.windows.net/c0570000-0000-4000-8000-000000000001/",
                    "tid": "c0570000-0000-4000-8000-000000000001",
                },
                "AKV10032",
            ),
            ({"exp": SECONDS}, "IDX10223"),
        ],
        ids=str,
    )
    def test_tells_what_is_wrong_with_a_token(self, world: World, changes: dict[str, Any], code: str) -> None:
        """4."""
        response = caller(world, **changes).ask("GET", f"/secrets/x?{V}")

        assert refusal(response) == (401, "Unauthorized", "")
        assert code in response.value()["error"]["message"]
        assert response.header("WWW-Authenticate").startswith("Bearer authorization=")

    def test_does_not_know_somebody_elses_key(self, world: World) -> None:
        """4: AKV10046."""
        response = Caller(Vaults(world).answer, HOST, "a.b.c").ask("GET", f"/secrets/x?{V}")

        assert "AKV10046" in response.value()["error"]["message"]

    def test_takes_the_application_id_as_audience(self, world: World) -> None:
        """3.1."""
        who = caller(world, audience=APPLICATION_IDS[Api.KEY_VAULT])

        assert who.ask("GET", f"/secrets?{V}").status == 200

    def test_is_followed_by_403_for_whoever_has_no_role(self, world: World) -> None:
        """4: `ForbiddenByRbac`."""
        world.vaults["contoso"].allowed = {"99990000-0000-4000-8000-000000000001"}
        assert refusal(caller(world).ask("GET", f"/secrets?{V}")) == (403, "Forbidden", "ForbiddenByRbac")

        john = signed(claims(world, AUDIENCE, "john.doe@contoso.com"))
        assert Caller(Vaults(world).answer, HOST, john).ask("GET", f"/secrets?{V}").status == 200

    def test_is_not_for_vaults_that_are_not_there(self, world: World) -> None:
        assert Caller(Vaults(world).answer, "fabrikam.vault.azure.net").ask("GET", f"/secrets?{V}").status == 404


@pytest.mark.parametrize("version", ["2016-10-01", "7.0", "7.4", "7.6", "2025-07-01", "2026-04-01", "7.6-preview.1"])
def test_every_published_api_version_is_taken(world: World, version: str) -> None:
    """1."""
    assert caller(world).ask("GET", f"/secrets?api-version={version}").status == 200


@pytest.mark.parametrize("query", ["", "api-version=", "api-version=9.9", "api-version=7.4&api-version=7.4"])
def test_an_api_version_is_required(world: World, query: str) -> None:
    """1: 400 `BadParameter`."""
    assert refusal(caller(world).ask("GET", f"/secrets?{query}")) == (400, "BadParameter", "")


def test_each_set_adds_a_version_and_the_last_is_current(world: World) -> None:
    """2 and 8: there is no compare and swap; names are case-insensitive and keep their case."""
    first = put(world, "Refresh-Token", "one")
    second = put(world, "refresh-token", "two")

    assert caller(world).get(f"/secrets/REFRESH-TOKEN?{V}")["value"] == "two"
    assert second["id"].startswith(f"https://{HOST}/secrets/Refresh-Token/")
    versions = caller(world).get(f"/secrets/Refresh-Token/versions?{V}")["value"]
    assert [version["id"] for version in versions] == [first["id"], second["id"]]
    assert not any("value" in version for version in versions)
    assert caller(world).get(f"/secrets/Refresh-Token/{first['id'].rpartition('/')[2]}?{V}")["value"] == "one"


def test_an_update_changes_properties_and_never_the_value(world: World) -> None:
    """2: no new version, absent members stay, tags are replaced; with and without a version, and a trailing slash."""
    first = put(world, tags={"a": "1"}, contentType="text/plain", attributes={"exp": SECONDS + 5, "nbf": 0})
    world.clock.advance(timedelta(seconds=9))
    answer = caller(world).ask("PATCH", f"/secrets/tenant-id/?{V}", {"tags": {"b": "2"}, "value": "other"}).value()

    assert "value" not in answer
    assert answer["id"] == first["id"]
    assert answer["tags"] == {"b": "2"}
    assert answer["contentType"] == "text/plain"
    assert answer["attributes"] == first["attributes"] | {"updated": SECONDS + 9}
    assert caller(world).get(f"/secrets/tenant-id?{V}")["value"] == "RefreshTokenValue"


def test_a_disabled_version_is_not_read(world: World) -> None:
    """4: 403 `SecretDisabled`; it is listed all the same, and the next one is read again."""
    old = put(world)["id"].rpartition("/")[2]
    caller(world).ask("PATCH", f"/secrets/tenant-id/{old}?{V}", {"attributes": {"enabled": False}})
    assert refusal(caller(world).ask("GET", f"/secrets/tenant-id?{V}")) == (403, "Forbidden", "SecretDisabled")
    assert len(caller(world).get(f"/secrets?{V}")["value"]) == 1

    put(world, value="newer")

    assert caller(world).get(f"/secrets/tenant-id?{V}")["value"] == "newer"
    assert refusal(caller(world).ask("GET", f"/secrets/tenant-id/{old}?{V}"))[0] == 403


class TestSoftDelete:
    """2 and 5."""

    def test_keeps_the_name_until_it_is_purged(self, world: World) -> None:
        """409 `ObjectIsDeletedButRecoverable` in between."""
        stored = put(world)
        gone = caller(world).ask("DELETE", f"/secrets/tenant-id?{V}").value()
        assert gone["recoveryId"] == f"https://{HOST}/deletedsecrets/tenant-id"
        assert (gone["deletedDate"], gone["scheduledPurgeDate"]) == (SECONDS, SECONDS + 7_776_000)
        assert gone["id"] == stored["id"]
        assert "value" not in gone

        who = caller(world)
        assert refusal(who.ask("GET", f"/secrets/tenant-id?{V}")) == (404, "SecretNotFound", "")
        again = who.ask("PUT", f"/secrets/tenant-id?{V}", {"value": "x"})
        assert refusal(again) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
        assert who.get(f"/deletedsecrets/tenant-id?{V}") == gone
        assert who.get(f"/secrets?{V}")["value"] == []
        [listed] = who.get(f"/deletedsecrets?{V}")["value"]
        assert listed["id"] == f"https://{HOST}/secrets/tenant-id"
        assert who.ask("DELETE", f"/deletedsecrets/tenant-id?{V}").status == 204
        assert refusal(who.ask("GET", f"/deletedsecrets/tenant-id?{V}")) == (404, "SecretNotFound", "")
        put(world)

    def test_can_be_taken_back(self, world: World) -> None:
        stored = put(world)
        caller(world).ask("DELETE", f"/secrets/tenant-id?{V}")
        recovered = caller(world).ask("POST", f"/deletedsecrets/tenant-id/recover?{V}")

        assert recovered.status == 200
        assert "value" not in recovered.value()
        assert caller(world).get(f"/secrets/tenant-id?{V}") == stored

    def test_ends_by_itself_after_the_retention(self, world: World) -> None:
        """90 days by default; a shorter one is called customized."""
        world.vaults["contoso"].retention_days = 7
        assert put(world)["attributes"]["recoveryLevel"] == "CustomizedRecoverable+Purgeable"
        caller(world).ask("DELETE", f"/secrets/tenant-id?{V}")
        world.clock.advance(timedelta(days=7))

        assert caller(world).get(f"/deletedsecrets?{V}")["value"] == []
        put(world)


class TestBackup:
    """2."""

    def test_brings_all_versions_back(self, world: World) -> None:
        """The blob is opaque: no value can be read out of it."""
        put(world, value="one")
        put(world, value="two")
        blob = caller(world).ask("POST", f"/secrets/tenant-id/backup?{V}", raw=b"").value()

        def restore() -> Response:
            return caller(world).ask("POST", f"/secrets/restore?{V}", blob)

        assert refusal(restore()) == (409, "Conflict", "")
        caller(world).ask("DELETE", f"/secrets/tenant-id?{V}")
        assert refusal(restore()) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
        caller(world).ask("DELETE", f"/deletedsecrets/tenant-id?{V}")

        assert restore().status == 200
        assert len(caller(world).get(f"/secrets/tenant-id/versions?{V}")["value"]) == 2
        assert caller(world).get(f"/secrets/tenant-id?{V}")["value"] == "two"

    def test_refuses_other_blobs(self, world: World) -> None:
        response = caller(world).ask("POST", f"/secrets/restore?{V}", {"value": "x"})

        assert refusal(response) == (400, "BadParameter", "")


class TestLists:
    """2.2."""

    def test_go_on_at_the_address_that_was_asked(self, world: World) -> None:
        """`id` carries the vault's real host, `nextLink` the addressed one (10)."""
        for number in range(3):
            put(world, f"n{number}")
        page = caller(world).get(f"/secrets?{V}&maxresults=2")
        assert [item["id"] for item in page["value"]] == [f"https://{HOST}/secrets/n{n}" for n in (0, 1)]
        link = page["nextLink"]
        assert link.startswith(f"{ORIGIN}/{HOST}/secrets?api-version=7.4&$skiptoken=")

        rest = caller(world).get(link.removeprefix(f"{ORIGIN}/{HOST}"))
        assert [item["id"][-2:] for item in rest["value"]] == ["n2"]
        assert rest["nextLink"] is None

        real = caller(world, real=True).get(f"/secrets?{V}&maxresults=2")
        assert real["nextLink"].startswith(f"https://{HOST}/secrets?")

    @settings(deadline=None, max_examples=30)
    @given(
        count=st.integers(0, 40),
        size=st.integers(1, 25),
        kind=st.sampled_from(["secrets", "deletedsecrets", "versions"]),
    )
    def test_hand_out_everything_exactly_once(self, count: int, size: int, kind: str) -> None:
        """Whatever the page size."""
        world = a_world()
        who = caller(world)
        path = "/secrets/one/versions" if kind == "versions" else f"/{kind}"
        put(world, "one")
        for number in range(count):
            put(world, "one" if kind == "versions" else f"n{number}")
            if kind == "deletedsecrets":
                who.ask("DELETE", f"/secrets/n{number}?{V}")
        found, link = [], f"{path}?{V}&maxresults={size}"
        while link:
            page = who.get(link.removeprefix(f"{ORIGIN}/{HOST}"))
            assert len(page["value"]) <= size
            found += [item["id"] for item in page["value"]]
            link = page["nextLink"]

        assert len(found) == len(set(found)) == count + (kind != "deletedsecrets")

    @pytest.mark.parametrize(
        "query", ["maxresults=0", "maxresults=26", "maxresults=x", "$skiptoken=x", "$skiptoken=W10"]
    )
    def test_refuse_other_sizes_and_tokens(self, world: World, query: str) -> None:
        assert refusal(caller(world).ask("GET", f"/secrets?{V}&{query}")) == (400, "BadParameter", "")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a_b", {"value": "x"}),
        ("john@contoso.com", {"value": "x"}),
        ("a" * 128, {"value": "x"}),
        ("n", {}),
        ("n", []),
        ("n", {"value": 1}),
        ("n", {"value": "x" * 25_601}),
        ("n", {"value": "x", "contentType": "x" * 256}),
        ("n", {"value": "x", "tags": {str(n): "" for n in range(16)}}),
        ("n", {"value": "x", "tags": {"a": 1}}),
        ("n", {"value": "x", "tags": {"a": "x" * 513}}),
        ("n", {"value": "x", "attributes": []}),
        ("n", {"value": "x", "attributes": {"exp": "tomorrow"}}),
        ("n", {"value": "x", "attributes": {"nbf": -1}}),
        ("n", {"value": "x", "attributes": {"enabled": "yes"}}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_limits_are_kept(world: World, name: str, body: Any) -> None:
    """1 and 2.3."""
    assert refusal(caller(world).ask("PUT", f"/secrets/{name}?{V}", body)) == (400, "BadParameter", "")
    assert world.vaults["contoso"].secrets == {}


def test_a_tenant_id_is_a_name_and_25_kilobytes_are_a_value(world: World) -> None:
    """2.3 and 9."""
    put(world, TENANT, "x" * 25_600, contentType="x" * 255, tags={str(n): "x" * 512 for n in range(15)})


def test_headers_stand_on_every_answer(world: World) -> None:
    """4."""
    for who in (caller(world), Caller(Vaults(world).answer, HOST)):
        response = who.ask("GET", f"/secrets?{V}", headers=(("x-ms-client-request-id", "mine"),))
        assert response.header("x-ms-client-request-id") == "mine"
        assert response.header("Cache-Control") == "no-cache"
        assert response.header("x-ms-request-id")


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"]),
    path=st.lists(
        st.sampled_from(["secrets", "deletedsecrets", "n", "versions", "restore", "backup"]) | st.text(max_size=8)
    ),
    query=st.sampled_from([V, f"{V}&maxresults=", f"{V}&$skiptoken=", "api-version="]),
    text=st.text(max_size=12),
    body=st.binary(max_size=40)
    | st.just(b'{"value":"\\ud800"}')
    | st.just(b'{"value":"x","tags":{"\\u0000":"\\u0000"},"attributes":{"exp":1e400}}')
    | st.just(b'{"value":"x","attributes":{"exp":99999999999999999999}}')
    | st.just(b'{"attributes":null,"tags":null}'),
)
def test_no_input_makes_it_stumble(method: str, path: list[str], query: str, text: str, body: bytes) -> None:
    """Whatever a stranger with a token sends is answered, by 4xx at worst."""
    world = a_world()
    put(world, "n")
    response = caller(world).ask(method, f"/{'/'.join(path)}?{query}{text}", raw=body)

    assert response.status < 500
