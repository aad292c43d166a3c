"""Several applications share one plain store: which entry is whose is told by the names and by the tags."""

from dataclasses import replace

import pytest

from partnerauth.cloud import Cloud
from partnerauth.emulator.default import JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.errors import Misconfigured, NoConsent
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import PARTNER_CENTER, Partner, spent_tokens
from tests.consent.process import Process

OWN = f"{TENANT}-{NATIVE_APP}"


def plain() -> MemoryStore:
    """A store whose values lie bare."""
    store = MemoryStore()
    store.plain = True
    return store


def beside(partner: Partner, store: SecretStore | None = None) -> Partner:
    """Another application of the same partner, with the same store."""
    world = partner.emulator.world
    world.registrations[NATIVE_APP] = replace(world.registrations[WEB_APP], id=NATIVE_APP)
    grants = world.tenants[TENANT].grants
    grants |= {(NATIVE_APP, api, who): set(names) for (one, api, who), names in grants.items() if one == WEB_APP}
    application = replace(partner.application, id=NATIVE_APP)
    return Partner(store or partner.store, emulator=partner.emulator, application=application)


@pytest.fixture
def first() -> Partner:
    """The application that came first."""
    partner = Partner(plain())
    partner.consent()
    return partner


@pytest.fixture
def second(first: Partner) -> Partner:
    """The one that came second, with its consent."""
    partner = beside(first)
    partner.consent()
    return partner


def names(store: SecretStore) -> list[str]:
    return [entry.name for entry in store.list()]


def test_the_second_application_keeps_its_consent_under_a_name_of_its_own(first: Partner, second: Partner) -> None:
    assert names(first.store) == [TENANT, OWN]

    for partner in (first, second):
        assert partner.token().access_token
        assert partner.kept().application_id == partner.application.id
        assert partner.kept().generation == 1
        assert [one.application_id for one in partner.run(partner.book.consents())] == [partner.application.id]


def test_both_stay_where_they_are_when_they_are_renewed_and_consented_anew(first: Partner, second: Partner) -> None:
    first.days(1)
    second.consent()
    first.consent()
    second.token()

    assert names(first.store) == [TENANT, OWN]
    assert (first.kept().generation, second.kept().generation) == (0, 1)


def test_whoever_forgets_its_own_leaves_the_others(first: Partner, second: Partner) -> None:
    second.run(second.book.forget(TENANT))
    assert names(first.store) == [TENANT]
    with pytest.raises(NoConsent):
        second.token()

    second.consent()
    first.run(first.book.forget(TENANT))
    assert names(first.store) == [OWN]
    assert second.token().access_token
    with pytest.raises(NoConsent):
        first.token()


def test_who_has_a_name_of_its_own_stays_there_although_the_usual_one_is_free(first: Partner, second: Partner) -> None:
    first.run(first.book.forget(TENANT))

    second.consent()
    second.token()
    assert names(first.store) == [OWN]

    first.consent()
    assert names(first.store) == [TENANT, OWN]


def test_what_another_tool_writes_under_the_usual_name_is_not_for_who_has_another(
    first: Partner, second: Partner
) -> None:
    theirs = Partner(emulator=first.emulator).consent().refresh_token
    there = first.store.read(TENANT)
    assert there is not None
    first.store.write(TENANT, theirs, {}, there.version)

    assert second.token().access_token
    assert theirs.reveal() not in spent_tokens(second)

    assert first.token().access_token
    assert theirs.reveal() in spent_tokens(first), "the application of the usual name adopts it"


def test_what_another_tool_writes_under_the_name_of_an_application_is_adopted_by_that_one(
    first: Partner, second: Partner
) -> None:
    theirs = beside(first, MemoryStore()).consent().refresh_token
    there = second.store.read(OWN)
    assert there is not None
    second.store.write(OWN, theirs, {}, there.version)

    assert second.token().access_token
    assert theirs.reveal() in spent_tokens(second)
    assert names(first.store) == [TENANT, OWN]


def test_a_colleague_of_another_application_is_nobody_to_be_replaced(first: Partner) -> None:
    other = beside(first)
    other.emulator.world.measures.mfa_lasts = None

    kept = other.consent(JOHN, mfa=False, without_mfa=True)

    assert (kept.name, kept.username) == (OWN, JOHN)
    assert first.kept().username != JOHN


def test_two_that_find_a_free_name_at_once_end_under_two(first: Partner) -> None:
    """The name is taken between the look and the write."""
    store = plain()
    one, other = Partner(store, emulator=first.emulator), beside(first, store)
    ticket = one.ticket()
    answer = AuthorizeResponse.read(one.sign_in(ticket))
    slow = Process(one.first().answer(ticket, answer), one.send)
    slow.until("write")
    taken = other.consent()

    kept = slow.finish().consent

    assert taken.name == TENANT
    assert kept.name == f"{TENANT}-{WEB_APP}"
    assert (one.kept().epoch, other.kept().epoch) == (kept.epoch, taken.epoch)


def test_who_has_nothing_to_forget_takes_away_nothing_that_comes_meanwhile(first: Partner) -> None:
    """The name is taken between the look and the taking away."""
    store = plain()
    one, other = Partner(store, emulator=first.emulator), beside(first, store)
    forgetting = Process(one.book.forget(TENANT), one.send)
    forgetting.until("read", nth=2)
    other.consent()

    forgetting.finish()

    assert names(store) == [TENANT]
    assert other.token().access_token


@pytest.mark.parametrize("cloud", ["china", "https://localhost:9443"])
def test_the_same_application_of_another_cloud_is_refused(first: Partner, cloud: str) -> None:
    """Its refresh token goes nowhere else, and nothing is written over it."""
    there = first.store.read(TENANT)
    assert there is not None
    first.store.mark(TENANT, {**there.tags, "cloud": cloud}, there.version)

    for door in (first.token, first.consent):
        with pytest.raises(Misconfigured, match=f"is for the {cloud} cloud"):
            door()

    found = first.store.read(TENANT)
    assert found is not None
    assert found.value == there.value
    assert not spent_tokens(first)


def test_an_entry_of_another_application_that_nobody_here_can_read_is_in_nobodys_way(first: Partner) -> None:
    there = first.store.read(TENANT)
    assert there is not None
    strange = first.store.mark(TENANT, {**there.tags, "client": NATIVE_APP, "format": "partnerauth/7"}, there.version)

    first.consent()

    assert first.token().access_token
    assert [one.tenant for one in first.run(first.book.consents())] == [TENANT]
    assert first.store.read(TENANT) == strange


def test_of_two_entries_of_one_application_the_usual_name_counts_and_both_are_forgotten(first: Partner) -> None:
    first.store.write(f"{TENANT}-{WEB_APP}", Hidden("an older one"), first.kept().tags(), None)

    assert [one.name for one in first.run(first.book.consents())] == [TENANT]
    first.token()
    first.run(first.book.forget(TENANT))

    assert names(first.store) == []


def test_a_sealed_store_names_application_and_emulated_cloud_as_ever(first: Partner) -> None:
    sealed = Partner(emulator=first.emulator)

    assert sealed.consent().name == sealed.book.names(TENANT)[0]
    assert sealed.book.names(TENANT)[0].startswith(f"{TENANT}-{WEB_APP}-")
    real: Cloud = replace(sealed.cloud, emulated=False)
    assert Partner(cloud=real).book.names(TENANT) == (f"{TENANT}-{WEB_APP}",)


def test_every_name_is_one_that_a_key_vault_takes(first: Partner) -> None:
    kept = first.consent()
    longest = f"{TENANT}-{first.book.own}-superseded-{kept.epoch}"

    assert all(len(name) <= 127 and name.replace("-", "").isalnum() for name in (*first.book.names(TENANT), longest))


def test_two_applications_spend_each_their_own_token(first: Partner, second: Partner) -> None:
    own = [partner.kept().refresh_token.reveal() for partner in (first, second)]
    first.token(PARTNER_CENTER)
    second.token(PARTNER_CENTER)

    assert [spent_tokens(first), spent_tokens(second)] == [own[:1], own[1:]]
