"""A token in a variable: it is read, and every write is refused with what to do instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from partnerauth.config import Settings
from partnerauth.emulator.default import TENANT
from partnerauth.errors import MfaMissing, Misconfigured, StoreUnwritable
from partnerauth.stores.environment import EnvironmentStore
from tests.canaries import Canary
from tests.consent.partner import GRAPH, PARTNER_CENTER, Partner
from tests.stores.conditions import NAME, NEW, OLD

ENV = {"PARTNERAUTH_STORE": "environment", "PARTNERAUTH_TENANT": NAME, "PARTNERAUTH_REFRESH_TOKEN": OLD.reveal()}


@pytest.fixture
def store() -> EnvironmentStore:
    return EnvironmentStore(NAME, OLD)


def test_the_token_is_read_for_its_tenant_only(store: EnvironmentStore) -> None:
    entry = store.read(NAME.upper())

    assert entry
    assert (entry.name, entry.value, entry.tags) == (NAME, OLD, {})
    assert store.read("another") is None
    assert store.list() == []
    assert store.fingerprint(OLD) != store.fingerprint(NEW)
    lock = store.lock("a")
    assert lock.attempt()
    assert not store.lock("a").attempt()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda store: store.write(NAME, NEW, {}, "1"),
        lambda store: store.write("another", NEW, {}, None),
        lambda store: store.mark(NAME, {}, "1"),
        lambda store: store.forget(NAME),
        lambda store: store.check(),
    ],
)
def test_every_write_is_refused_with_a_remedy(
    store: EnvironmentStore, attempt: Callable[[EnvironmentStore], object]
) -> None:
    with pytest.raises(StoreUnwritable, match="PARTNERAUTH_REFRESH_TOKEN") as caught:
        attempt(store)
    assert "partnerauth consent" in caught.value.hint


def test_a_setting_chooses_it(tmp_path: Path, canary: Canary) -> None:
    token = canary("refresh token")
    settings = Settings.load({}, {**ENV, "PARTNERAUTH_REFRESH_TOKEN": token, "HOME": str(tmp_path)}, tmp_path)

    entry = settings.store.read(NAME)
    assert entry
    assert entry.value.reveal() == token
    assert settings.stores.shelf is None
    assert token not in repr((settings, settings.store.explain()))


@pytest.mark.parametrize("missing", ["PARTNERAUTH_TENANT", "PARTNERAUTH_REFRESH_TOKEN"])
def test_without_token_or_tenant_it_says_which(tmp_path: Path, missing: str) -> None:
    env = {**ENV, missing: "", "HOME": str(tmp_path)}

    with pytest.raises(Misconfigured, match="is not set"):
        _ = Settings.load({}, env, tmp_path).store


def test_a_job_gets_tokens_by_it_and_nothing_is_kept(tmp_path: Path) -> None:
    """The token is judged first, as any that comes from elsewhere; what came in its place lasts as long as the job."""
    partner = Partner()
    held = partner.consent().refresh_token
    settings = Settings.load({}, {**ENV, "HOME": str(tmp_path)}, tmp_path)
    store = EnvironmentStore(TENANT, held).working_copy()
    job = Partner(store=store, emulator=partner.emulator)

    tokens = [job.token(resource) for resource in (PARTNER_CENTER, GRAPH)]

    assert all(one.access_token for one in tokens)
    assert [one.refresh_token for one in tokens] == [None, None]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert isinstance(settings.store, EnvironmentStore)
    with pytest.raises(StoreUnwritable):
        settings.store.check()


def test_a_token_without_mfa_is_refused_to_a_job() -> None:
    partner = Partner()
    held = partner.consent(mfa=False, without_mfa=True).refresh_token
    job = Partner(store=EnvironmentStore(TENANT, held).working_copy(), emulator=partner.emulator)

    with pytest.raises(MfaMissing):
        job.token(PARTNER_CENTER)
