"""Worlds as TOML, as docs/worlds.md tells it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, WEB_APP
from partnerauth.emulator.groups import groups
from partnerauth.emulator.rules.access import Channel, Control
from partnerauth.emulator.rules.causes import ENDS, Cause, Kind
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.world import Automatic, Method, Role
from partnerauth.emulator.worldfile import entries, read_world, write_world
from partnerauth.hidden import Hidden
from tests.emulator.worldfile.worlds import PARTNER, same

PAGE = Path(__file__).parents[3] / "docs" / "worlds.md"
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


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


def test_admin_agent_is_still_the_one_with_a_phone() -> None:
    _, agent = read_world('extends = "contoso"').person(ADMIN_AGENT) or pytest.fail("the agent is there")

    assert agent.totp is not None
