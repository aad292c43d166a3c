"""Two applications with one key vault, by the command: consent, status, renewal, the watch, import, forget."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, NATIVE_APP, TENANT, VAULT, WEB_APP
from partnerauth.emulator.vault import SecretVersion, VaultSecret
from partnerauth.hidden import Hidden
from tests.cli.shell import Place, Shell

OWN = f"{TENANT}-{NATIVE_APP}"


@pytest.fixture
def secrets(place: Place) -> Iterator[dict[str, VaultSecret]]:
    """The vault, empty; a second application may use it, and may do what the first one may."""
    world = place.emulator.world
    before = world.registrations[NATIVE_APP], dict(world.tenants[TENANT].grants)
    world.registrations[NATIVE_APP] = replace(world.registrations[WEB_APP], id=NATIVE_APP)
    grants = world.tenants[TENANT].grants
    grants |= {(NATIVE_APP, api, who): set(names) for (one, api, who), names in grants.items() if one == WEB_APP}
    world.vaults[VAULT].allowed.add(NATIVE_APP)
    yield world.vaults[VAULT].secrets
    world.vaults[VAULT].secrets.clear()
    world.vaults[VAULT].allowed.discard(NATIVE_APP)
    world.registrations[NATIVE_APP] = before[0]
    grants.clear()
    grants |= before[1]


def test_two_applications_share_a_vault(
    shell: Shell, place: Place, secrets: dict[str, VaultSecret], tmp_path: Path
) -> None:
    vault = place.server.url + f"/{VAULT}.vault.azure.net"
    shell.settings["store"] = vault
    other = Shell(place, tmp_path / "other", settings={"store": vault, "client_id": NATIVE_APP})
    shell.consent()
    other.consent()

    assert {name for name in secrets if name.startswith(TENANT)} == {TENANT, OWN}
    for one, client in ((shell, WEB_APP), (other, NATIVE_APP)):
        (row,) = one.run("status", "--json").value
        assert (row["client_id"], row["user"]) == (client, ADMIN_AGENT)
    assert other.run("renew", "--json").value[0]["exit_code"] == 0
    assert '"consents": 1' in other.run("watch", "--once", "--json").out
    assert [sum(version.enabled for version in secrets[name].versions) for name in (TENANT, OWN)] == [1, 1]

    third = Shell(place, tmp_path / "third", settings={"client_id": NATIVE_APP})
    assert third.run("consent", "--import", vault, "--json").value["user"] == ADMIN_AGENT

    assert other.run("forget", "--yes").code == 0
    assert shell.run("token", tokens=True).code == 0
    assert secrets[TENANT].deleted is None


def test_what_another_tool_wrote_over_is_adopted_by_a_timer(
    shell: Shell, place: Place, secrets: dict[str, VaultSecret]
) -> None:
    """By `renew --due` and by a watch that saw nothing of it; what is refused is told, and alarms."""
    shell.settings["store"] = place.server.url + f"/{VAULT}.vault.azure.net"
    shell.consent()
    ours = secrets[TENANT].versions[-1].value

    def left(value: Hidden) -> None:
        now, number = place.emulator.world.now(), len(secrets[TENANT].versions)
        secrets[TENANT].versions.append(SecretVersion(f"{number:032x}", value, now, now))

    left(ours)
    done = shell.run("renew", "--due", "--json")
    assert (done.code, "that another tool left" in done.err) == (0, True), done
    assert [row["last_outcome"] for row in shell.run("status", "--json").value] == ["adopted"]

    left(Hidden("nobody's"))
    done = shell.run("renew", "--due")
    assert (done.code, "not kept" in done.err) == (5, True), done
    watched = shell.run("watch", "--once", "--json")
    events = [json.loads(line) for line in watched.out.splitlines()]
    assert watched.code == 5
    assert [event["cause"] for event in events if event["event"] == "alarm"] == ["overwritten"]
