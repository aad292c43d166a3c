"""`partnerauth credential` against a served world: status, rotation, what goes, and what a process that dies leaves."""

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, TENANT, VAULT, WEB_APP
from partnerauth.emulator.graph.certificates import key_id
from partnerauth.emulator.registration import Registration
from partnerauth.emulator.world import FederatedCredential
from tests.canaries import Canary
from tests.cli.shell import SECONDS, Outcome, Place, Shell

GRAPH = APPLICATION_IDS[Api.GRAPH]
ADD = "POST /v1.0/applications/{application}/addPassword"
REMOVE = "POST /v1.0/applications/{application}/removePassword"


@pytest.fixture
def registration(place: Place) -> Iterator[Registration]:
    """The web app, which may change its own registration; afterwards it is as it was."""
    world = place.emulator.world
    found, tenant = world.registrations[WEB_APP], world.tenants[TENANT]
    secrets, grants = [replace(secret) for secret in found.secrets], dict(tenant.application_grants)
    tenant.application_grants[WEB_APP, GRAPH] = {"Application.ReadWrite.All"}
    yield found
    found.secrets, found.certificates = secrets, []
    found.federated.clear()
    tenant.application_grants.clear()
    tenant.application_grants.update(grants)
    world.measures.spreading_takes = timedelta()
    place.emulator.faults.clear()


@pytest.fixture
def file(shell: Shell, place: Place, canary: Canary, registration: Registration) -> Path:
    """The secret in a file of its own; the world's clock stands still, so that pauses cost nothing."""
    found = canary.allowed(shell.home / "client-secret")
    found.write_text(place.secret + "\n")
    shell.settings |= {"client_secret": "", "client_secret_file": str(found), "clock": "emulator"}
    place.emulator.world.clock.freeze()
    return found


def renewed(shell: Shell, place: Place) -> Outcome:
    """The consent, renewed a minute later."""
    place.emulator.world.clock.advance(timedelta(minutes=1))
    return shell.run("renew", "--json")


def ids(registration: Registration) -> list[str]:
    return [secret.id for secret in registration.secrets]


def test_rotate_and_status(shell: Shell, file: Path, registration: Registration) -> None:
    first = registration.secrets[0].id
    before = shell.run("credential", "status", "--json").value

    planned = shell.run("credential", "rotate", "--dry-run", "--json").value
    outcome = shell.run("credential", "rotate", "--json")
    after = shell.run("credential", "status", "--json").value

    assert before == [{"kind": "secret", "place": str(file), "key_id": "", "ends": None, "days_left": None,
                       "known_from": "nobody"}]  # fmt: skip
    assert (planned["kind"], planned["in_place_of"], planned["retires"]) == ("secret", [first], [])
    assert outcome.code == 0
    told = outcome.value
    assert ids(registration) == [first, told["key_id"]]
    assert told["leaving"] == [{"kind": "secret", "key_id": first, "until": None}]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == registration.secrets[1].value.reveal() + "\n"
    assert (after[0]["key_id"], after[0]["days_left"], after[0]["known_from"]) == (told["key_id"], 180, "rotation")
    assert registration.secrets[1].value.reveal() not in (shell.home / "said").read_text()


def test_the_consent_goes_on_and_the_old_secret_can_go(
    shell: Shell, place: Place, file: Path, registration: Registration
) -> None:
    shell.consent()
    first = registration.secrets[0].id

    outcome = shell.run("credential", "rotate", "--retire-now")

    assert outcome.code == 0
    assert "rotated: secret" in outcome.out
    assert f"retired: {first}" in outcome.out
    assert len(registration.secrets) == 1
    assert renewed(shell, place).code == 0
    assert shell.run("status", "--json").value[0]["state"] == "live"


def test_it_waits_until_a_secret_has_spread(shell: Shell, place: Place, file: Path, registration: Registration) -> None:
    """On the running clock, as in life."""
    place.emulator.world.clock.follow()
    shell.settings["clock"] = ""
    place.emulator.world.measures.spreading_takes = timedelta(seconds=1)

    outcome = shell.run("credential", "rotate", "--json")

    assert outcome.code == 0
    assert outcome.value["key_id"] == registration.secrets[1].id


def test_a_daily_job(shell: Shell, place: Place, file: Path, registration: Registration) -> None:
    """It rotates when the end is near, and retires what is due; on all other days it does nothing."""
    registration.secrets[0].ends = place.emulator.world.now() + timedelta(days=100)
    job = ("credential", "rotate", "--within", "30", "--overlap", "7", "--json")

    assert shell.run(*job).value["done"] is False
    place.emulator.world.clock.advance(timedelta(days=71))
    rotated = shell.run(*job).value
    assert rotated["done"]
    assert len(registration.secrets) == 2
    place.emulator.world.clock.advance(timedelta(days=7))
    assert shell.run(*job).value["retired"] == [rotated["leaving"][0]["key_id"]]
    assert ids(registration) == [rotated["key_id"]]


def test_secret_to_certificate_to_federation_with_the_same_consent(
    shell: Shell, place: Place, file: Path, registration: Registration, canary: Canary
) -> None:
    shell.consent()
    (consented,) = shell.run("status", "--json").value
    pem = shell.home / "app.pem"

    made = shell.run("credential", "rotate", "--kind", "certificate", "--to", str(pem), "--json")
    assert made.code == 0
    shell.settings["certificate"] = str(pem)
    again = shell.run("credential", "rotate", "--kind", "certificate", "--retire-now", "--json")
    registration.secrets.clear()
    shell.settings["client_secret_file"] = ""

    assert stat.S_IMODE(pem.stat().st_mode) == 0o600
    assert again.value["retired"] == [made.value["key_id"]]
    assert [key_id(one) for one in registration.certificates] == [again.value["key_id"]]
    assert renewed(shell, place).code == 0
    rows = shell.run("credential", "status", "--json").value
    assert [(row["kind"], row["known_from"], row["days_left"]) for row in rows] == [("certificate", "certificate", 364)]

    token = canary.allowed(shell.home / "federated-token")
    token.write_text(issued_elsewhere(place, registration))
    registration.certificates.clear()
    shell.settings |= {"federated_token_file": str(token), "credentials": "federated", "certificate": ""}
    assert renewed(shell, place).code == 0
    (now,) = shell.run("status", "--json").value
    assert (now["consented_at"], now["mfa"], now["state"]) == (consented["consented_at"], "shown", "live")


def issued_elsewhere(place: Place, registration: Registration) -> str:
    """A token of another issuer, whom the registration trusts from now on."""
    world, issuer, subject = place.emulator.world, "https://token.actions.githubusercontent.com", "repo:contoso/sync"
    key = generate_private_key(public_exponent=65537, key_size=2048)
    world.issuers[issuer] = [key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()]
    registration.federated.append(FederatedCredential("f1", "sync", issuer, subject))
    now = int(world.now().timestamp())
    times = {"iat": now, "nbf": now, "exp": now + 300}
    said = {"iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", **times}
    return jwt.encode({"alg": "RS256", "kid": "1"}, said, RSAKey.import_key(key))


def test_into_the_store(shell: Shell, file: Path, registration: Registration) -> None:
    refused = shell.run("credential", "rotate", "--to", "store", "--retire-now")
    assert (refused.code, "still name its place" in refused.err) == (2, True)

    moved = shell.run("credential", "rotate", "--to", "store", "--json").value
    shell.settings["client_secret_file"] = "store"
    assert shell.run("token", "--as", "app", tokens=True).code == 0
    retired = shell.run("credential", "retire", "--all", "--json").value

    assert retired["retired"] == [moved["leaving"][0]["key_id"]]
    assert ids(registration) == [moved["key_id"]]
    assert registration.secrets[0].value.reveal().encode() not in shell.store.read_bytes()
    assert shell.run("store", "verify").code == 0
    assert shell.run("token", "--as", "app", "--store", str(shell.home / "empty.db")).code == 2


def test_refresh_looks_at_the_registration(shell: Shell, place: Place, file: Path, registration: Registration) -> None:
    registration.secrets[0].ends = place.emulator.world.now() + timedelta(days=12, hours=1)

    row = shell.run("credential", "status", "--refresh", "--json").value[0]

    assert (row["key_id"], row["days_left"], row["known_from"]) == (registration.secrets[0].id, 12, "directory")
    assert "12" in shell.run("credential", "status").out


def test_nobody_may(shell: Shell, place: Place, file: Path, registration: Registration) -> None:
    place.emulator.world.tenants[TENANT].application_grants.clear()

    outcome = shell.run("credential", "rotate", "--json")

    assert (outcome.code, outcome.failure["error"]) == (5, "Forbidden")
    assert "Application.ReadWrite.OwnedBy" in outcome.failure["hint"]
    assert len(registration.secrets) == 1


def test_what_makes_no_sense(shell: Shell, file: Path, registration: Registration) -> None:
    assert shell.run("credential", "rotate", "--overlap", "3", "--retire-now").code == 2
    assert shell.run("credential", "rotate", "--kind", "certificate").code == 2
    shell.settings |= {"client_secret": "a variable", "client_secret_file": ""}
    outcome = shell.run("credential", "rotate")
    assert outcome.code == 2
    assert "comes from a variable" in outcome.err
    assert len(registration.secrets) == 1


def test_a_lost_answer_and_an_unreachable_directory(
    shell: Shell, place: Place, file: Path, registration: Registration
) -> None:
    content = file.read_text()
    place.emulator.faults.add(operation=ADD, drop=True, times=1)
    place.emulator.faults.add(operation=REMOVE, reset=True, id="gone")

    outcome = shell.run("credential", "rotate", "--json")

    assert (outcome.code, file.read_text(), len(registration.secrets)) == (6, content, 2)
    assert "the next run takes it back" in outcome.failure["hint"]
    place.emulator.faults.remove("gone")
    assert shell.run("credential", "retire", "--json").code == 0
    assert len(registration.secrets) == 1
    assert shell.run("token", "--as", "app", tokens=True).code == 0


def test_a_process_that_is_killed_while_the_secret_spreads(
    shell: Shell, place: Place, file: Path, registration: Registration
) -> None:
    """The new secret was in its memory alone; the next run takes it out of the directory."""
    place.emulator.world.clock.follow()
    place.emulator.world.measures.spreading_takes = timedelta(hours=1)
    shell.settings["clock"] = ""
    with shell.started("credential", "rotate") as process:
        until = time.monotonic() + SECONDS
        while len(registration.secrets) < 2 and time.monotonic() < until:
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
    orphan = registration.secrets[1].id
    place.emulator.world.measures.spreading_takes = timedelta()

    outcome = shell.run("credential", "rotate", "--json")

    assert outcome.code == 0
    assert orphan not in ids(registration)
    assert len(registration.secrets) == 2


def test_the_next_credential_where_the_first_is_refused(
    shell: Shell, place: Place, file: Path, registration: Registration
) -> None:
    """Secret expired, certificate good: the consent is not even marked."""
    shell.consent()
    pem = shell.home / "app.pem"
    assert shell.run("credential", "rotate", "--kind", "certificate", "--to", str(pem)).code == 0
    shell.settings |= {"certificate": str(pem), "credentials": "secret, certificate"}
    registration.secrets[0].ends = place.emulator.world.now() - timedelta(days=1)

    assert renewed(shell, place).code == 0
    assert shell.run("status", "--json").value[0]["state"] == "live"
    shell.settings["credentials"] = "secret"
    outcome = renewed(shell, place)
    assert outcome.code == 5
    assert json.loads(outcome.out)[0]["code"] == "7000222"


def test_the_consents_in_a_key_vault_and_the_secret_in_a_file(
    shell: Shell, place: Place, file: Path, registration: Registration
) -> None:
    """The notes lie beside the consents, and are nobody's consent; the vault is opened by the new secret afterwards."""
    shell.settings["store"] = place.server.url + f"/{VAULT}.vault.azure.net"
    shell.consent()

    outcome = shell.run("credential", "rotate", "--retire-now", "--json")
    status = shell.run("credential", "status", "--json")

    assert (outcome.code, len(registration.secrets)) == (0, 1)
    assert status.value[0]["key_id"] == outcome.value["key_id"]
    assert [consent["user"] for consent in shell.run("status", "--json").value] == [ADMIN_AGENT]
    assert renewed(shell, place).code == 0
    place.emulator.world.vaults[VAULT].secrets.clear()


@pytest.mark.parametrize("name", [TENANT, "refreshtoken", "a-name-of-its-own"])
def test_a_token_is_taken_over_from_another_tools_vault(
    shell: Shell, place: Place, tmp_path: Path, registration: Registration, name: str
) -> None:
    """Named as the tenant, as CIPP names it, or named by the address; redeemed and judged before it is kept."""
    vault, secrets = place.server.url + f"/{VAULT}.vault.azure.net", place.emulator.world.vaults[VAULT].secrets
    other = Shell(place, tmp_path / "other", {"store": vault})
    other.consent()
    secrets[name] = secrets.pop(TENANT)

    address = f"{vault}/secrets/{name}" if name == "a-name-of-its-own" else f"{vault}/"
    outcome = shell.run("consent", "--import", address, "--json")
    own = other.run("consent", "--import", address, "--json")
    secrets.clear()
    nothing = shell.run("consent", "--import", vault, "--json")

    assert outcome.code == 0
    assert outcome.value["mfa"] == "shown"
    assert shell.run("token", tokens=True).code == 0
    assert (own.code, "the store in use" in own.failure["message"]) == (2, True)
    assert (nothing.code, "no refresh token in that vault" in nothing.failure["message"]) == (2, True)
    assert shell.run("consent", "--import", "https://evil.example/", "--json").code == 2
