"""Any world that a file can describe is written, and read again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import APPLICATION_IDS, contoso
from partnerauth.emulator.rules.access import AccessPolicy, Channel, Control
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.world import (
    AppCertificate,
    AppSecret,
    Automatic,
    Customer,
    CustomerUser,
    FederatedCredential,
    KeyVersion,
    Method,
    Person,
    Policies,
    Registration,
    Role,
    SecretVersion,
    Tenant,
    Vault,
    VaultKey,
    VaultSecret,
    World,
)
from partnerauth.emulator.worldfile import read_world, write_world
from partnerauth.hidden import Hidden
from tests.emulator.worldfile.worlds import NOON, same

texts = st.text(min_size=1, max_size=12, alphabet=st.characters(exclude_categories=["Cs"]))
hidden = texts.map(Hidden)
guids = st.uuids(version=4).map(str)
dates = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
perhaps = st.none() | dates
flags = st.booleans()
names = st.sets(texts, max_size=3)
PAIR = pairs.make_ec("P-256")
labels = st.from_regex(r"[a-z][a-z0-9]{2,10}", fullmatch=True)


def whole(span: timedelta) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()))


spans = st.timedeltas(timedelta(seconds=1), timedelta(days=1000)).map(whole)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | flags | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world that a file can describe."""
    world = World(clock=WorldClock(frozen_at=draw(dates)), seed=draw(st.none() | st.integers()))
    domains = draw(st.lists(labels, min_size=2, max_size=3, unique=True))
    for number, label in enumerate(domains):
        tenant = Tenant(draw(guids), draw(texts), [f"{label}.example"], draw(texts), partner=number == 0)
        world.tenants[tenant.id] = tenant
        for local in draw(st.lists(labels, max_size=2, unique=True)):
            person = Person(
                draw(guids),
                f"{local}@{label}.example",
                draw(texts),
                draw(texts),
                draw(hidden),
                draw(st.sets(st.sampled_from(Role))),
                draw(st.none() | st.text("abc ", min_size=1).map(Hidden)),
                draw(flags),
                draw(flags),
                draw(perhaps),
            )
            person.methods = draw(st.sets(st.sampled_from(Method)))
            person.device = draw(st.sampled_from(["", "managed", "compliant"]))
            person.password_ends = draw(perhaps)
            person.revoked = draw(st.dictionaries(st.sampled_from(Cause), dates, max_size=2))
            tenant.people[person.id] = person
        tenant.grants = draw(
            st.dictionaries(
                st.tuples(
                    guids,
                    guids | st.sampled_from(list(APPLICATION_IDS.values())),
                    st.sampled_from(["", *tenant.people]),
                ),
                names,
                max_size=2,
            )
        )
    some_tenant = st.sampled_from(list(world.tenants))
    for app in draw(st.lists(guids, max_size=2, unique=True)):
        world.registrations[app] = Registration(
            app,
            draw(texts),
            draw(some_tenant),
            draw(flags),
            draw(flags),
            [AppSecret(draw(guids), draw(hidden), draw(perhaps)) for _ in range(draw(st.integers(0, 2)))],
            [],
            draw(
                st.dictionaries(labels.map("https://{}/".format), st.sampled_from(["web", "public", "spa"]), max_size=3)
            ),
            draw(st.dictionaries(guids, names, max_size=2)),
            draw(flags),
            draw(flags),
            draw(flags),
            federated=draw(
                st.lists(
                    st.builds(FederatedCredential, guids, texts, texts, texts, st.lists(texts, max_size=2)), max_size=1
                )
            ),
            exposes=draw(names),
            logout_url=draw(st.just("") | texts),
        )
    for name in draw(st.lists(guids, max_size=2, unique=True)):
        users = [CustomerUser(draw(guids), draw(texts), draw(texts), draw(texts), draw(texts), draw(flags))]
        customer = Customer(name, draw(texts), f"c{name}.example", draw(texts), draw(texts), gdap=draw(names))
        customer.grants = draw(st.dictionaries(st.tuples(guids, guids, st.just("")), names, max_size=1))
        customer.subscriptions = draw(st.lists(st.dictionaries(texts, texts | st.integers(), max_size=2), max_size=1))
        customer.users = {user.id: user for user in users[: draw(st.integers(0, 1))]}
        world.customers[name] = customer
    for name in draw(st.lists(labels, max_size=1)):
        vault = Vault(
            name, draw(some_tenant), draw(st.sets(guids, max_size=2)), retention_days=draw(st.integers(0, 90))
        )
        version = st.builds(
            SecretVersion,
            guids,
            hidden,
            dates,
            dates,
            flags,
            st.none() | texts,
            st.none() | st.dictionaries(texts, texts, max_size=2),
            st.none() | st.integers(),
            st.none() | st.integers(),
        )
        for secret in draw(st.lists(labels, max_size=2, unique=True)):
            vault.secrets[secret] = VaultSecret(secret, draw(st.lists(version, max_size=2)), draw(perhaps))
        key_version = st.builds(
            KeyVersion,
            guids,
            st.sampled_from(["EC", "EC-HSM"]),
            st.just(PAIR),
            dates,
            dates,
            st.lists(st.sampled_from(["sign", "verify"]), max_size=2),
            flags,
            st.none() | st.dictionaries(texts, texts, max_size=2),
            st.none() | st.integers(),
            st.none() | st.integers(),
        )
        for key in draw(st.lists(labels, max_size=2, unique=True)):
            vault.keys[key] = VaultKey(key, draw(st.lists(key_version, max_size=2)), draw(perhaps))
        vault.premium = draw(flags)
        world.vaults[name] = vault
    for name in draw(st.lists(guids, max_size=1)):
        world.referrals[name] = draw(st.dictionaries(texts, json_values, max_size=3)) | {"id": name}
    policy = st.builds(
        AccessPolicy,
        id=guids,
        name=texts,
        tenant=some_tenant,
        controls=st.sets(st.sampled_from(Control), min_size=1),
        begins=perhaps,
        ends=perhaps,
        people=st.sets(guids, max_size=2),
        roles=names,
        without=st.sets(guids, max_size=1),
        applications=st.sets(guids, max_size=1),
        resources=st.sets(guids | st.sampled_from(list(APPLICATION_IDS.values())), max_size=1),
        channels=st.sets(st.sampled_from(Channel)),
        sign_in_frequency=st.none() | spans,
    )
    world.access_policies = {one.id: one for one in draw(st.lists(policy, max_size=2, unique_by=lambda one: one.id))}
    world.issuers = draw(st.dictionaries(texts, st.just([]), max_size=1))
    world.measures = draw(
        st.builds(
            Measures,
            st.none() | st.timedeltas(timedelta(minutes=10), timedelta(hours=24)).map(whole),
            st.none() | spans,
            st.none() | spans,
            st.none() | spans,
            spans,
            st.floats(0, 1),
            flags,
        )
    )
    world.policies = Policies(**{policy: draw(perhaps) for policy in Policies.FIELDS})
    people = [person.upn for _, person in world.people()]
    if people:
        world.automatic = draw(st.none() | st.builds(Automatic, st.sampled_from(people), flags))
    return world


@settings(deadline=None, max_examples=60)
@given(worlds())
def test_a_written_world_is_read_again(world: World) -> None:
    assert same(read_world(write_world(world)), world)


def test_the_default_world_is_read_again() -> None:
    for world in (contoso(WorldClock(frozen_at=NOON)), contoso(seed=1, today=True)):
        assert same(read_world(write_world(world)), world)


def test_certificates_and_a_clock_ahead_are_read_again(certificate: tuple[str, datetime]) -> None:
    from ssl import PEM_cert_to_DER_cert

    world = contoso()
    app = next(iter(world.registrations.values()))
    app.certificates.append(AppCertificate(PEM_cert_to_DER_cert(certificate[0]), NOON))
    world.clock.advance(timedelta(days=90))

    again = read_world(write_world(world))

    assert same(again, world)
    assert abs(again.clock.ahead - timedelta(days=90)) < timedelta(minutes=1)
