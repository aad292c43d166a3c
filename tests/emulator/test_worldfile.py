"""Worlds as TOML: what is written is read again, and every mistake is named with its place."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.cloud import Api
from partnerauth.emulator import moments
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, WEB_APP, contoso
from partnerauth.emulator.groups import groups
from partnerauth.emulator.rules.access import AccessPolicy, Channel, Control
from partnerauth.emulator.rules.causes import ENDS, Cause, Kind
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
from partnerauth.emulator.worldfile import entries, read_world, write_world
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
APART = ("clock", "lock", "origin")
PARTNER = """
[[tenants]]
name = "Northwind"
domains = ["northwind.example"]
partner = true
"""


def same(one: World, other: World) -> bool:
    """Whether two worlds hold the same."""
    facts = [field.name for field in fields(World) if field.compare and field.name not in APART]
    return all(getattr(one, name) == getattr(other, name) for name in facts) and (
        one.clock.frozen,
        one.clock.frozen and one.now(),
    ) == (other.clock.frozen, other.clock.frozen and other.now())


@pytest.fixture(scope="module")
def certificate() -> tuple[str, datetime]:
    """A certificate as PEM, and when it ends."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import CertificateBuilder, Name, NameAttribute, NameOID

    key, name = generate_private_key(SECP256R1()), Name([NameAttribute(NameOID.COMMON_NAME, "app")])
    builder = CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON + timedelta(days=365))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(), NOON + timedelta(days=365)


# --- reading


def test_a_colleague_more() -> None:
    """The first example of docs/worlds.md."""
    world = read_world(EXAMPLES[0])

    tenant, jane = world.person("jane.roe@contoso.com") or pytest.fail("Jane is there")
    _, john = world.person(JOHN) or pytest.fail("John is there")
    assert tenant is world.partner()
    assert (jane.name, jane.roles, jane.totp) == ("Jane Roe", {Role.ADMIN_AGENT}, Hidden("an ASCII secret"))
    assert (john.enabled, john.roles, john.name) == (False, {Role.REFERRALS_ADMIN}, "John Doe")
    assert "Proseware" in {customer.name for customer in world.customers.values()}
    assert len(world.customers) == 7
    assert world.policies.mfa_at_the_apis == datetime(2026, 6, 8, tzinfo=UTC)


def test_a_world_from_nothing() -> None:
    """The second example of docs/worlds.md."""
    world = read_world(EXAMPLES[1])

    northwind = world.partner()
    app = "22220000-aaaa-4bbb-8ccc-3333dddd4444"
    assert (world.now(), world.clock.frozen, world.seed) == (datetime(2026, 1, 1, 9, tzinfo=UTC), True, 7)
    assert world.automatic == Automatic("ada@northwind.example", mfa=True)
    assert world.policies.nonce_demanded is None
    assert northwind.grants[app, APPLICATION_IDS[Api.PARTNER_CENTER], ""] == {"user_impersonation"}
    assert world.registrations[app].secrets[0].ends == datetime(2026, 7, 1, tzinfo=UTC)
    assert world.registrations[app].platforms == {"https://localhost:8080/back": "web", "http://localhost": "public"}
    _, ada = world.person("ada@northwind.example") or pytest.fail("Ada is there")
    assert world.vaults["northwind"].allowed == {app, ada.id}
    assert world.vaults["northwind"].secrets["greeting"].versions[0].value == Hidden("hello")
    (referral,) = world.referrals.values()
    assert (referral["name"], referral["details"]["dealValue"]) == ("Litware moves to Azure", 50000)


def test_a_world_with_rules() -> None:
    """The third example of docs/worlds.md."""
    world = read_world(EXAMPLES[2])

    agents, codes = world.access_policies.values()
    _, john = world.person(JOHN) or pytest.fail("John is there")
    _, agent = world.person(ADMIN_AGENT) or pytest.fail("the agent is there")
    app = world.registrations[WEB_APP]
    assert world.measures == Measures(None, None, timedelta(days=30), None, timedelta(seconds=30), 0.3)
    assert agents.people == {group.id for group in groups(world.partner()).values() if group.agents != "sales_agent"}
    assert (agents.controls, agents.sign_in_frequency) == ({Control.MFA}, timedelta(hours=12))
    assert (codes.channels, codes.without, codes.controls) == ({Channel.DEVICE_CODE}, {agent.id}, {Control.BLOCK})
    assert (john.methods, john.revoked) == ({Method.PUSH}, {Cause.ADMIN_REVOKED: datetime(2026, 5, 20, 8, tzinfo=UTC)})
    assert (app.exposes, app.name, world.issuers) == (
        {"access_as_user"},
        "Partner Center Access App",
        {app.federated[0].issuer: []},
    )
    fabrikam = next(one for one in world.customers.values() if one.name == "Fabrikam")
    assert fabrikam.grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""] == {"User.Read"}


def test_the_table_of_revocations_is_in_the_page() -> None:
    """As the code has it."""
    rows = {line.split("`")[1]: line.split("|")[2:-1] for line in PAGE.read_text().splitlines() if line[:3] == "| `"}

    for cause in Cause:
        kinds = ("password_cookie", "password_token", "other_cookie", "other_token", "confidential_token")
        assert [cell.strip() for cell in rows[cause.value]] == ["ends" if Kind(k) in ENDS[cause] else "" for k in kinds]
    for measure in Measures.READ:
        assert measure in rows
    for control in Control:
        assert control.value in rows


def test_the_same_file_makes_the_same_world() -> None:
    assert same(read_world(EXAMPLES[1]), read_world(EXAMPLES[1]))


def test_every_member_is_in_the_page() -> None:
    """What nobody documented is not finished."""
    text = PAGE.read_text()

    for kind, entry in entries.TABLES.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `[[{kind}]]`"))
        assert set(entry.__struct_fields__) <= set(re.findall(r"`(\w+)`", row)), kind
    for name in entries.SETTINGS:
        assert f"`{name}`" in text or f"`[{name}]`" in text
    assert all(f"`{role.value}`" in text for role in Role)
    assert all(f"`{api.value}`" in text for api in APPLICATION_IDS)


def test_a_world_from_a_file_finds_certificates_beside_it(tmp_path: Path, certificate: tuple[str, datetime]) -> None:
    pem, ends = certificate
    (tmp_path / "app.pem").write_text(pem)
    path = tmp_path / "world.toml"
    registration = '[[registrations]]\nid = "22220000-aaaa-4bbb-8ccc-3333dddd4444"\nname = "App"\n'
    path.write_text(f'{PARTNER}{registration}tenant = "northwind.example"\ncertificates = ["app.pem"]\n')

    (app,) = read_world(path).registrations.values()

    assert app.certificates[0].ends == ends


def test_a_file_world_goes_back_to_its_beginning() -> None:
    world = read_world(EXAMPLES[1])
    beginning = write_world(world)

    world.clock.advance(timedelta(days=90))
    world.registrations.clear()
    world.become((world.origin or pytest.fail("there is an origin"))())

    assert write_world(world) == beginning


# --- mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "this is no TOML: Invalid value (at end of document)"),
        ("people = 3", "people: expected tables, each under [[people]]"),
        ("[people]", "people: expected tables, each under [[people]]"),
        ("[[persons]]", "there is no setting or list 'persons'"),
        ("[[poeple]]", "there is no setting or list 'poeple'; did you mean 'people'?"),
        ('extends = "fabrikam"', "extends: there is no world 'fabrikam'; known are contoso"),
        ("extends = 3", "extends: there is no world '3'"),
        ("seed = true", "seed: expected a whole number"),
        ("frozen = 1", "frozen: expected true or false"),
        ('start = "noon"', "start: expected a moment such as 2026-06-08T00:00:00Z"),
        ("", "tenants: one tenant must be the partner's (partner = true), and here 0 are"),
        ('extends = "contoso"\npolicies = 3', "policies: expected a table"),
        (
            'extends = "contoso"\n[policies]\nmfa_at_the_api = "today"',
            "policies: there is no policy 'mfa_at_the_api'; did you mean 'mfa_at_the_apis'?",
        ),
        (
            'extends = "contoso"\n[policies]\nnonce_demanded = "soon"',
            "policies.nonce_demanded: expected today, never or a moment",
        ),
        ('extends = "contoso"\n[sign_in]\nupn = "jon.doe@contoso.com"', "did you mean 'john.doe@contoso.com'?"),
        ('extends = "contoso"\nsign_in = 3', "sign_in: expected a table, got a whole number"),
        (f"{PARTNER}[[people]]\nupn = 3", "people[0].upn: expected a text, got a whole number"),
        (f'{PARTNER}[[people]]\nupn = "a@northwind.example"', "people[0]: 'password' is missing"),
        (
            f'{PARTNER}[[people]]\nupn = "a@northwind.example"\npasword = "x"',
            "people[0]: there is no member 'pasword'; did you mean 'password'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(text)

    assert said in caught.value.message
    assert "docs/worlds.md" in caught.value.hint


GOOD: dict[str, dict[str, str]] = {
    "tenants": {"name": '"Fabrikam"', "domains": '["fabrikam.example"]'},
    "people": {"upn": '"a@northwind.example"', "password": '"x"'},
    "registrations": {
        "id": '"22220000-aaaa-4bbb-8ccc-3333dddd4444"',
        "name": '"App"',
        "tenant": '"northwind.example"',
    },
    "grants": {
        "tenant": '"northwind.example"',
        "application": '"22220000-aaaa-4bbb-8ccc-3333dddd4444"',
        "api": '"graph"',
        "permissions": "[]",
    },
    "customers": {"name": '"Litware"', "domain": '"litware.onmicrosoft.com"'},
    "vaults": {"name": '"northwind"', "tenant": '"northwind.example"'},
    "referrals": {"name": '"A deal"', "customer": '"Litware"'},
}


def table(kind: str, **members: str) -> str:
    written = "\n".join(f"{name} = {value}" for name, value in (GOOD[kind] | members).items())
    return f"[[{kind}]]\n{written}\n"


def test_the_least_of_everything_is_a_world() -> None:
    world = read_world(PARTNER + "".join(map(table, GOOD)))

    assert len(world.tenants) == 2


@pytest.mark.parametrize(
    ("kind", "members", "said"),
    [
        ("tenants", {"domains": "[]"}, "tenants[1].domains: expected at least one domain"),
        ("tenants", {"domains": '["no domain"]'}, "tenants[1].domains[0]: expected a domain"),
        ("tenants", {"domains": '["Northwind.example"]'}, "this domain is there already, at tenants[0].domains[0]"),
        ("tenants", {"partner": "true"}, "and here 2 are"),
        ("tenants", {"id": '"fabrikam"'}, "tenants[1].id: expected an id such as"),
        (
            "people",
            {"upn": '"ada"'},
            "people[0].upn: expected name@domain, with a domain of a tenant: northwind.example",
        ),
        ("people", {"upn": '"a@b.example"'}, "people[0].upn: expected name@domain"),
        ("people", {"upn": '"@northwind.example"'}, "people[0].upn: expected name@domain"),
        ("people", {"password": '""'}, "people[0].password: expected a password"),
        ("people", {"roles": '["admin"]'}, "people[0].roles[0]: there is no role 'admin'; did you mean 'admin_agent'?"),
        ("people", {"totp": '"é"'}, "people[0].totp: expected the authenticator's secret as ASCII"),
        ("people", {"valid_from": '"now"'}, "people[0].valid_from: expected a moment"),
        ("people", {"enabled": '"yes"'}, "people[0].enabled: expected true or false, got a text"),
        ("registrations", {"tenant": '"northwnd.example"'}, "did you mean 'northwind.example'?"),
        (
            "registrations",
            {"redirects": '{web = ["localhost"]}'},
            "registrations[0].redirects.web[0]: expected a whole",
        ),
        ("registrations", {"redirects": '{web = ["https://[x"]}'}, "registrations[0].redirects.web[0]: "),
        ("registrations", {"redirects": '{web = ["a:b"], spa = ["a:b"]}'}, "already, for web"),
        ("registrations", {"redirects": "{wbe = []}"}, "registrations[0].redirects: there is no member 'wbe'"),
        ("registrations", {"permissions": "{partnercenter = []}"}, "did you mean 'partner-center'?"),
        (
            "registrations",
            {"secrets": '[{value = "x", end = 1}]'},
            "registrations[0].secrets[0]: there is no member 'end'",
        ),
        (
            "registrations",
            {"secrets": '[{value = "x", ends = "?"}]'},
            "registrations[0].secrets[0].ends: expected a moment",
        ),
        (
            "registrations",
            {"certificates": '["none.pem"]'},
            "registrations[0].certificates[0]: 'none.pem' cannot be read",
        ),
        ("registrations", {"certificates": '["."]'}, "registrations[0].certificates[0]: '.' cannot be read"),
        (
            "registrations",
            {"certificates": '["-----BEGIN X"]'},
            "registrations[0].certificates[0]: expected a certificate",
        ),
        ("registrations", {"certificates": '[{pm = ""}]'}, "registrations[0].certificates[0]: there is no member 'pm'"),
        ("grants", {"application": '"x"'}, "grants[0].application: expected an id"),
        ("grants", {"person": '"nobody@northwind.example"'}, "grants[0].person: there is no person"),
        ("customers", {"domain": '"x"'}, "customers[0].domain: expected a domain"),
        ("customers", {"users": "[{}]"}, "customers[0].users[0]: 'upn' is missing"),
        ("vaults", {"name": '"a"'}, "vaults[0].name: expected 3 to 24"),
        ("vaults", {"allowed": '["x"]'}, "vaults[0].allowed[0]: there is no person 'x'"),
        ("vaults", {"secrets": '[{name = "a"}, {name = "A"}]'}, "already, at vaults[0].secrets[0].name"),
        ("vaults", {"keys": '[{name = "a"}, {name = "A"}]'}, "already, at vaults[0].keys[0].name"),
        ("vaults", {"keys": '[{name = "a", versions = [{size = 1024}]}]'}, "keys[0].versions[0].size: expected one of"),
        ("vaults", {"keys": '[{name = "a", versions = [{private = "none.pem"}]}]'}, "'none.pem' cannot be read"),
        (
            "vaults",
            {"keys": '[{name = "a", versions = [{private = "-----BEGIN"}]}]'},
            "vaults[0].keys[0].versions[0].private: expected a private key as PEM",
        ),
        ("referrals", {"customer": '""'}, "referrals[0]: expected `name` and `customer`"),
        ("referrals", {"document": "'[]'"}, "referrals[0].document: expected a JSON object with an `id`"),
        ("referrals", {"document": "'{'"}, "referrals[0].document: "),
        ("referrals", {"id": '"a"', "document": """'{"id": "b"}'"""}, "referrals[0].id: this is another id"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_place(kind: str, members: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(PARTNER + table(kind, **members))

    assert said in caught.value.message


@pytest.mark.parametrize("kind", ["people", "registrations", "customers", "vaults", "referrals"])
def test_nothing_is_there_twice(kind: str) -> None:
    with pytest.raises(Misconfigured, match=rf"{kind}\[1\]\..*already, at {kind}\[0\]"):
        read_world(PARTNER + table(kind) + table(kind))


def test_what_the_extended_world_has_is_not_there_twice() -> None:
    with pytest.raises(Misconfigured, match=r"already, at extends\.people\[1\]\.id"):
        read_world(f'extends = "contoso"\n[[people]]\nupn = "{JOHN}"\nid = "99990000-0000-4000-8000-000000000002"')


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "world.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Misconfigured, match=r"world\.toml"):
        read_world(path)


def test_a_mistake_never_prints_a_password() -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(PARTNER + table("people", password='"SECRETSECRET"', roles="[3]"))

    assert "SECRETSECRET" not in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_is_too_broken(text: str) -> None:
    for source in (text, f"{PARTNER}\n{text}", f'{PARTNER}[[people]]\nupn = "{text}"\npassword = "x"'):
        try:
            read_world(source)
        except Misconfigured:
            continue


# --- round trip

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


# --- moments


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90d", 7_776_000),
        ("1w2d", 777_600),
        ("PT15M", 900),
        ("P1DT12H", 129_600),
        ("1.5s", 1.5),
        ("12h30m", 45_000),
        (0, 0),
    ],
)
def test_durations(written: Any, seconds: float) -> None:
    assert moments.duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written", ["", "P", "PT", "5", "-1d", "1y", "d", "1d1d", float("nan"), float("inf"), -1, True, None, "٣d"]
)
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        moments.duration(written)


@given(st.datetimes(timezones=st.sampled_from([UTC])))
def test_moments_are_read_as_they_are_written(moment: datetime) -> None:
    assert moments.moment(moments.text(moment)) == moment


def test_admin_agent_is_still_the_one_with_a_phone() -> None:
    _, agent = read_world('extends = "contoso"').person(ADMIN_AGENT) or pytest.fail("the agent is there")

    assert agent.totp is not None
