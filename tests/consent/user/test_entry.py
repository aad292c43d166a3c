"""What lies in the store under a consent's name and is not ours: of others, of other versions, of other tools."""

from dataclasses import replace

import pytest

from partnerauth.consent.consent import FORMAT, State
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.errors import InvalidGrant, MfaAbsent, Misconfigured, NoConsent, StoreCorrupt
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import NOON, Partner


def test_another_application_does_not_see_it(partner: Partner) -> None:
    other = Partner(partner.store, emulator=partner.emulator, application=Application(NATIVE_APP))

    assert other.run(other.book.consents()) == []
    with pytest.raises(NoConsent):
        other.token()


def test_a_consent_of_another_cloud_goes_nowhere_else(partner: Partner) -> None:
    """An entry copied under our name: its refresh token is not sent to our cloud."""
    stranger = replace(partner.kept(), cloud="china")
    partner.store.forget(partner.book.name(TENANT))
    partner.store.write(partner.book.name(TENANT), stranger.refresh_token, stranger.tags(), None)

    with pytest.raises(Misconfigured, match="is for the china cloud"):
        partner.token()

    assert not partner.asked


@pytest.mark.parametrize("tags", [{"generation": "many"}, {"state": "fine"}, {"obtained": "yesterday"}, {"mfa": ""}])
def test_an_entry_that_cannot_be_read_is_corrupt_and_left_alone(partner: Partner, tags: dict[str, str]) -> None:
    name = partner.book.name(TENANT)
    before = partner.store.read(name)
    assert before is not None
    broken = partner.store.mark(name, {**before.tags, **tags}, before.version)

    with pytest.raises(StoreCorrupt):
        partner.token()

    assert partner.store.read(name) == broken
    assert not partner.asked


def test_an_entry_of_a_newer_version_is_left_alone(partner: Partner) -> None:
    name = partner.book.name(TENANT)
    before = partner.store.read(name)
    assert before is not None
    partner.store.mark(name, {**before.tags, "format": FORMAT[:-1] + "2"}, before.version)

    with pytest.raises(StoreCorrupt, match="newer version"):
        partner.token()

    assert not partner.asked


def left_by_another_tool(partner: Partner, token: Hidden) -> Partner:
    """A partner in whose store another tool has left a bare refresh token under the tenant's name."""
    other = Partner(MemoryStore(), emulator=partner.emulator)
    other.store.write(other.book.name(TENANT), token, {}, None)
    return other


def test_a_token_that_another_tool_left_is_adopted(partner: Partner) -> None:
    other = left_by_another_tool(partner, partner.kept().refresh_token)

    assert other.token().access_token

    kept = other.kept()
    assert (kept.username, kept.mfa, kept.state) == (ADMIN_AGENT, Mfa.SHOWN, State.LIVE)
    assert kept.consented_at == NOON, "when the person signed in, not when the token was found"


def test_a_foreign_token_is_refused_and_left_where_it_lies(partner: Partner) -> None:
    """Of another application, of nobody's making, without MFA: it stays, whoever put it there may need it."""
    world = partner.emulator.world
    another = replace(world.registrations[WEB_APP], id=NATIVE_APP)
    world.registrations[NATIVE_APP] = another
    foreign = Partner(emulator=partner.emulator, application=replace(partner.application, id=another.id)).consent()
    weak = Partner(emulator=partner.emulator).consent(JOHN, mfa=False, without_mfa=True).refresh_token

    for token, kind in (
        (foreign.refresh_token, InvalidGrant),
        (Hidden("no token"), InvalidGrant),
        (weak, MfaAbsent),
        (Hidden(" "), InvalidGrant),
    ):
        other = left_by_another_tool(partner, token)
        with pytest.raises(kind):
            other.token()
        entry = other.store.read(other.book.name(TENANT))
        assert entry is not None
        assert (entry.value, entry.tags) == (token, {})
