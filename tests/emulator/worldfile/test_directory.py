"""What Graph made of a world is written to a world file, and read again."""

from datetime import timedelta

import pytest

from partnerauth.apis.graph import applications, consents, groups, people, principals, relationships, roles
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.emulator.graph.service import ANSWERS
from partnerauth.emulator.relationships import approve
from partnerauth.emulator.world import VaultRole, World
from partnerauth.emulator.worldfile import read_world, write_world
from partnerauth.errors import Misconfigured
from tests.emulator.callers import a_world
from tests.emulator.graph import Administrator

EVERYTHING = " ".join({name for row in ANSWERS for name in row.permissions})
FABRIKAM = "c0570000-0000-4000-8000-000000000001"
CONTOSO = 'extends = "contoso"\n'


def changed() -> World:
    """The default world, after an administrator was at work."""
    world = a_world()
    admin = Administrator(world, ADMIN_AGENT, scp=EVERYTHING)
    made = admin.do(applications.create("Sync", notes="a note", isFallbackPublicClient=True))
    admin.do(applications.add_secret(made.id, "first"))
    admin.do(applications.create("Lonely"))
    own = admin.do(principals.create(made.app_id))
    graph = admin.do(principals.by_app_id("00000003-0000-0000-c000-000000000000"))
    admin.do(consents.create(own.id, graph.id, ["User.Read"]))
    admin.do(principals.assign(graph.id, own.id, graph.role_id("User.Read.All")))
    native = admin.do(principals.by_app_id(NATIVE_APP))
    admin.do(principals.update(native.id, {"accountEnabled": False, "tags": ["off"]}))
    person = admin.do(people.create("new@contoso.com", "New Person", "Temporary1!", usageLocation="DE"))
    admin.do(roles.assign(person.id, "User Administrator"))
    group = admin.do(groups.create("Readers", "readers"))
    admin.do(groups.add_member(group.id, person.id))
    one = admin.do(relationships.create("Readers", ["Directory Readers"], customer=FABRIKAM, duration="P1Y"))
    admin.do(relationships.request(one.id, relationships.LOCK))
    approve(world, one.id)
    admin.do(relationships.assign(one.id, group.id, ["Directory Readers"]))
    for relationship in world.relationships.values():
        relationship.requests.clear()
    vault = world.vaults["contoso"]
    vault.roles = {VaultRole(WEB_APP, "Key Vault Reader"), VaultRole(NATIVE_APP, "Key Vault Secrets User", "n")}
    vault.access_policies = {WEB_APP: {"get", "list"}}
    vault.purge_protection, vault.limit, vault.retry_after = True, 4000, 5
    vault.delete_takes, vault.write_takes = timedelta(seconds=2), timedelta(seconds=1.5)
    vault.valid_from = world.now()
    world.tenants[TENANT].secrets_last = timedelta(days=180)
    return world


def test_it_is_the_same_world() -> None:
    """Every record, but what is remembered of conversations."""
    world = changed()
    again = read_world(write_world(world))

    for name in ("tenants", "registrations", "relationships", "vaults", "customers"):
        assert getattr(again, name) == getattr(world, name), name


def test_the_page_can_say_it_in_short() -> None:
    """Names in the place of ids, and little else."""
    world = read_world(
        CONTOSO
        + f"""
[[people]]
upn = "{JOHN}"
directory_roles = ["User Administrator"]

[[groups]]
tenant = "contoso.com"
name = "Readers"
members = ["{JOHN}"]

[[principals]]
tenant = "contoso.com"
application = "{NATIVE_APP}"
absent = true

[[relationships]]
name = "Readers"
customer = "{FABRIKAM}"
roles = ["Directory Readers"]

[[vaults]]
name = "contoso"
roles = [{{ principal = "{JOHN}", role = "Key Vault Reader" }}]
"""
    )
    tenant = world.tenants[TENANT]
    john = tenant.person(JOHN)
    assert john is not None
    assert john.directory_roles == {"User Administrator"}
    assert [group.members for group in tenant.groups.values()] == [[john.id]]
    assert tenant.principals == {NATIVE_APP: None}
    assert next(iter(world.relationships.values())).state(world.now()) == "active"
    assert world.vaults["contoso"].roles == {VaultRole(john.id, "Key Vault Reader")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'[[people]]\nupn = "{JOHN}"\ndirectory_roles = ["Boss"]', "directory_roles[0]: there is no directory role"),
        ('[[groups]]\ntenant = "contoso.com"\nname = "x"\nmembers = ["nobody"]', "members[0]: there is no person"),
        ('[[groups]]\ntenant = "contoso.com"\nname = "x"\nagents = "boss"', "agents: there is no group of agents"),
        ('[[relationships]]\nname = "x"\nroles = []\nduration = "P9Y"', "duration: expected a duration from P1D"),
        ('[[relationships]]\nname = "x"\nroles = []\ncustomer = "x"', "customer: there is no customer"),
        ('[[vaults]]\nname = "contoso"\nwrite_takes = "x"', "write_takes: expected seconds"),
        (
            f'[[registrations]]\nid = "{WEB_APP}"\ndetails = "[]"',
            "details: expected a JSON object",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(CONTOSO + text)

    assert said in caught.value.message
