"""Microsoft's own client for keys, unmodified, against the emulated vault."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport, RequestsTransport
from azure.keyvault.keys import JsonWebKey, KeyClient, KeyCurveName, KeyOperation, KeyType, KeyVaultKey
from azure.keyvault.keys.aio import KeyClient as AsyncKeyClient
from azure.keyvault.keys.crypto import (
    CryptographyClient,
    EncryptionAlgorithm,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from partnerauth.emulator.default import WEB_APP
from partnerauth.emulator.world import World
from tests.emulator.callers import ORIGIN, a_world
from tests.emulator.test_vaults_sdk import REAL, AsyncCredential, Credential, ToTheWorld


@pytest.fixture
def world() -> World:
    return a_world()


def client(world: World, address: str = REAL) -> KeyClient:
    return KeyClient(address, Credential(world), **switches(world, address))


def using(world: World, key: str | None) -> CryptographyClient:
    assert key
    return CryptographyClient(key, Credential(world), **switches(world, REAL))


def modulus(key: KeyVaultKey) -> bytes:
    found: bytes = vars(key.key)["n"]
    return found


def switches(world: World, address: str) -> dict[str, Any]:
    session = requests.Session()
    session.mount("https://", ToTheWorld(world))
    return {
        "transport": RequestsTransport(session=session, session_owner=False),
        "verify_challenge_resource": address == REAL,
        "retry_total": 0,
    }


@pytest.mark.parametrize("address", [REAL, f"{ORIGIN}/contoso.vault.azure.net"], ids=["real name", "localhost"])
def test_it_makes_shows_and_changes_keys(world: World, address: str) -> None:
    vault = client(world, address)
    made = vault.create_rsa_key("k", size=3072, tags={"for": "stores"})
    assert made.id == f"{REAL}/keys/k/{made.properties.version}"
    assert (made.key_type, len(modulus(made))) == (KeyType.rsa, 384)
    assert [str(one) for one in made.key_operations] == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
    assert (made.properties.recoverable_days, made.properties.exportable) == (90, False)

    rotated = vault.rotate_key("k")
    assert rotated.properties.version != made.properties.version
    assert (len(modulus(rotated)), rotated.properties.tags) == (384, {"for": "stores"})
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    changed = vault.update_key_properties(
        "k", made.properties.version, enabled=False, expires_on=ends, key_operations=[KeyOperation.unwrap_key]
    )
    assert (changed.properties.enabled, changed.properties.expires_on) == (False, ends)
    assert changed.key_operations == ["unwrapKey"]
    assert vault.get_key("k").properties.version == rotated.properties.version
    assert modulus(vault.get_key("k", made.properties.version)) == modulus(made)
    versions = {one.version: one.enabled for one in vault.list_properties_of_key_versions("k")}
    assert versions == {made.properties.version: False, rotated.properties.version: True}
    for number in range(5):
        vault.create_ec_key(f"n{number}", curve=KeyCurveName.p_256)
    assert [one.name for one in vault.list_properties_of_keys(max_page_size=2)] == ["k", *(f"n{n}" for n in range(5))]


@pytest.fixture(params=["reads the key", "may not read the key"])
def key(request: pytest.FixtureRequest, world: World) -> str:
    """An RSA key. Who reads it closes and verifies by themselves; who may not leaves it all to the vault."""
    found = client(world).create_rsa_key("k").id
    if request.param == "may not read the key":
        uses = {"encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"}
        world.vaults["contoso"].allowed = set()
        world.vaults["contoso"].access_policies = {WEB_APP: {f"keys/{use}" for use in uses}}
    assert found
    return found


@pytest.mark.parametrize("name", ["RSA-OAEP-256", "RSA-OAEP", "RSA1_5"])
def test_the_vault_opens_what_it_closed(world: World, key: str, name: str) -> None:
    user = using(world, key)

    wrapped = user.wrap_key(KeyWrapAlgorithm(name), bytes(32))
    assert user.unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key == bytes(32)
    closed = user.encrypt(EncryptionAlgorithm(name), b"a text")
    assert user.decrypt(closed.algorithm, closed.ciphertext).plaintext == b"a text"


@pytest.mark.parametrize("name", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_what_the_vault_signs_is_verified(world: World, key: str, name: str) -> None:
    user, digest = using(world, key), hashlib.new(f"sha{name[2:]}", b"a text").digest()

    signed = user.sign(SignatureAlgorithm(name), digest)
    assert user.verify(signed.algorithm, digest, signed.signature).is_valid
    assert not user.verify(signed.algorithm, digest, bytes(256)).is_valid


@pytest.mark.parametrize(
    ("curve", "name"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"), ("P-256K", "ES256K")]
)
def test_what_a_curve_signs_is_verified(world: World, curve: str, name: str) -> None:
    found = client(world).create_ec_key("k", curve=KeyCurveName(curve))
    here, digest = using(world, found.id), hashlib.new(f"sha{name[2:5]}", b"a text").digest()
    world.vaults["contoso"].allowed = set()
    world.vaults["contoso"].access_policies = {WEB_APP: {"keys/sign", "keys/verify"}}
    signed = using(world, found.id).sign(SignatureAlgorithm(name), digest)

    world.vaults["contoso"].access_policies = {WEB_APP: {"keys/get", "keys/verify"}}
    assert here.verify(signed.algorithm, digest, signed.signature).is_valid
    world.vaults["contoso"].access_policies = {WEB_APP: {"keys/verify"}}
    assert using(world, found.id).verify(signed.algorithm, digest, signed.signature).is_valid


def test_it_imports_a_key(world: World) -> None:
    numbers = generate_private_key(public_exponent=65537, key_size=2048).private_numbers()

    def raw(number: int) -> bytes:
        return number.to_bytes((number.bit_length() + 7) // 8, "big")

    members = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1}
    members |= {"qi": numbers.iqmp, "n": numbers.public_numbers.n, "e": numbers.public_numbers.e}
    jwk = JsonWebKey(
        kty="RSA", key_ops=["wrapKey", "unwrapKey"], **{name: raw(number) for name, number in members.items()}
    )
    imported = client(world).import_key("k", jwk)
    wrapped = CryptographyClient.from_jwk(jwk).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"sixteen bytes...")

    assert vars(imported.key).get("d") is None
    assert using(world, imported.id).unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key == b"sixteen bytes..."


def test_it_deletes_recovers_and_brings_back(world: World) -> None:
    vault = client(world)
    key = vault.create_rsa_key("k")
    wrapped = using(world, key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(32))
    gone = vault.begin_delete_key("k").result()
    assert gone.recovery_id == f"{REAL}/deletedkeys/k"
    assert gone.scheduled_purge_date is not None
    assert gone.deleted_date is not None
    assert gone.scheduled_purge_date - gone.deleted_date == timedelta(days=90)
    with pytest.raises(ResourceExistsError):
        vault.create_rsa_key("k")
    with pytest.raises(ResourceNotFoundError):
        using(world, key.id).unwrap_key(wrapped.algorithm, wrapped.encrypted_key)
    assert [one.name for one in vault.list_deleted_keys()] == ["k"]

    vault.begin_recover_deleted_key("k").wait()
    blob = vault.backup_key("k")
    vault.begin_delete_key("k").wait()
    vault.purge_deleted_key("k")
    with pytest.raises(ResourceNotFoundError):
        vault.get_deleted_key("k")
    assert vault.restore_key_backup(blob).id == key.id
    assert using(world, key.id).unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key == bytes(32)


def test_it_knows_a_refusal(world: World) -> None:
    """A disabled key opens nothing, and tells so by its code."""
    vault = client(world)
    key = vault.create_rsa_key("k")
    wrapped = using(world, key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(32))
    vault.update_key_properties("k", enabled=False)

    with pytest.raises(HttpResponseError) as refused:
        using(world, key.id).unwrap_key(wrapped.algorithm, wrapped.encrypted_key)
    assert refused.value.status_code == 403
    assert refused.value.error is not None
    assert refused.value.error.innererror == {"code": "KeyDisabled"}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_its_asynchronous_twin_does_the_same(world: World) -> None:
    session = requests.Session()
    session.mount("https://", ToTheWorld(world))
    transport = AsyncioRequestsTransport(session=session, session_owner=False)
    async with AsyncKeyClient(REAL, AsyncCredential(world), transport=transport, retry_total=0) as vault:
        key = await vault.create_rsa_key("k")
        user = vault.get_cryptography_client("k", key_version=key.properties.version)
        wrapped = await user.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(32))
        await vault.rotate_key("k")
        assert (await user.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key == bytes(32)
        assert len([one async for one in vault.list_properties_of_key_versions("k")]) == 2
        await vault.delete_key("k")
        await vault.recover_deleted_key("k")
        assert (await vault.get_key("k")).key_type == KeyType.rsa
