"""One damaged entry of a store: it is told, and the others are renewed as ever."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from partnerauth.consent.consent import FORMAT
from partnerauth.emulator.default import TENANT
from partnerauth.errors import StoreCorrupt
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from tests.consent.partner import PARTNER_CENTER, Partner
from tests.stores.embedded import file_store
from tests.watch.fleet import Fleet, Recorder


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    """A consent in a file, and beside it a copy that does not open under its name."""
    store = file_store(tmp_path)
    partner = Partner(store)
    partner.consent()
    with closing(sqlite3.connect(tmp_path / "data" / "store.db")) as connection, connection:
        connection.execute("INSERT INTO entry SELECT 'a-copy', version, tags, sealed FROM entry")
    yield partner
    store.close()


def test_the_sound_ones_are_listed_and_the_damage_is_told(partner: Partner) -> None:
    consents, damaged = partner.run(partner.book.sound())

    assert [one.tenant for one in consents] == [TENANT]
    assert [type(error) for error in damaged] == [StoreCorrupt]
    with pytest.raises(StoreCorrupt):
        partner.run(partner.book.consents())


def test_a_consent_of_nobody_knows_which_application_is_a_damage_too() -> None:
    partner = Partner()
    partner.consent()
    partner.store.write("strange", Hidden("token"), {"format": FORMAT}, None)

    consents, damaged = partner.run(partner.book.sound())

    assert ([one.tenant for one in consents], len(damaged)) == ([TENANT], 1)


def test_a_consent_is_found_by_a_domain_beside_it_and_guessed_never(partner: Partner) -> None:
    assert partner.run(partner.book.find("contoso.com")).tenant == TENANT
    for tenant in ("", "fabrikam.com"):
        with pytest.raises(StoreCorrupt):
            partner.run(partner.book.find(tenant))


def test_it_keeps_nobody_from_consenting_finishing_or_forgetting(partner: Partner) -> None:
    assert partner.run(partner.first().finish()) == []
    partner.consent()
    assert partner.token(PARTNER_CENTER).access_token

    partner.run(partner.book.forget(TENANT))

    assert isinstance(partner.store, FileStore)
    assert partner.store.names() == ("a-copy",)


def test_the_watch_renews_the_others_and_tells_of_it() -> None:
    fleet, somebody = Fleet(3).consents(), Recorder()
    entry = fleet.store.read(fleet.book.name(fleet.kept(1).tenant))
    assert entry is not None
    fleet.store.mark(entry.name, {**entry.tags, "generation": "many"}, entry.version)
    fleet.days(8)

    done = fleet.watch(somebody, store_patience=0.0).round()

    assert [fleet.kept(number).generation for number in (0, 2)] == [1, 1]
    assert [type(failure) for failure in done.failures] == [StoreCorrupt]
    assert somebody.told == ["store"]


def test_what_was_told_of_a_consent_is_not_taken_back_because_it_cannot_be_read() -> None:
    fleet, somebody = Fleet(2).consents(), Recorder()
    fleet.revoke(1)
    fleet.days(8)
    fleet.watch(somebody).round()
    assert somebody.told == ["lost"]
    entry = fleet.store.read(fleet.book.name(fleet.kept(1).tenant))
    assert entry is not None
    fleet.store.mark(entry.name, {**entry.tags, "generation": "many"}, entry.version)

    fleet.watch(somebody).round()

    assert somebody.told == ["lost"]
