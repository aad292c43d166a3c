"""People, groups and directory roles are changed through Graph, and the world with them."""

from datetime import timedelta
from typing import Any

import pytest

from partnerauth.apis import graph
from partnerauth.apis.graph import groups, people, policies, roles, tenant
from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.partnercenter import PartnerCenter
from partnerauth.emulator.rules.access import AccessPolicy, Channel, Control
from partnerauth.emulator.world import Role, World
from partnerauth.errors import ApiRefused, Forbidden, NotFound
from tests.emulator.callers import Caller, a_world, claims, signed
from tests.emulator.entra.service import Browser, Service
from tests.emulator.graph import Administrator, caller, code, detail, refusal, v1_token

PERMISSIONS = (
    "User.ReadWrite.All Group.ReadWrite.All RoleManagement.ReadWrite.Directory Directory.AccessAsUser.All"
    " Policy.Read.All Domain.Read.All User.ReadWrite"
)
NEW = "new.agent@contoso.com"
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def admin(world: World) -> Administrator:
    return Administrator(world, ADMIN_AGENT, scp=PERMISSIONS)


def password(world: World, upn: str, text: str) -> int:
    """What the password grant says to a person: 0 or an AADSTS code."""
    form = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET, "grant_type": "password"}
    return code(v1_token(world, TENANT, resource=PARTNER_CENTER, username=upn, password=text, **form))


class TestPeople:
    """4.9."""

    def test_a_new_one_changes_the_temporary_password_first(self, world: World, admin: Administrator) -> None:
        """50055 for programs, a page for people; afterwards the new one counts."""
        made = admin.do(people.create(NEW, "New Agent", "Temporary1!", usageLocation="US"))
        assert made.user_principal_name == NEW
        assert "password" not in str(made.raw).lower()
        assert password(world, NEW, "Temporary1!") == 50055

        browser = Browser(Service(world))
        asked = {"client_id": WEB_APP, "response_type": "code", "resource": PARTNER_CENTER}
        browser.open(f"/{TENANT}/oauth2/authorize", redirect_uri="https://localhost:44395/", state="1", **asked)
        browser.submit(login=NEW)
        browser.submit(passwd="Temporary1!", choice="sign_in")
        assert "newpasswd" in browser.form.names
        fields = {name: "Temporary1!" for name in browser.form.names if "current" in name or "old" in name}
        browser.submit(newpasswd="Chosen-by-me-1", confirmpasswd="Chosen-by-me-1", **fields)

        assert password(world, NEW, "Chosen-by-me-1") == 0

    def test_are_read_changed_and_removed(self, world: World, admin: Administrator) -> None:
        made = admin.do(people.create(NEW, "New Agent", "Temporary1!"))
        admin.do(people.update(NEW, {"displayName": "Newer", "givenName": "N", "accountEnabled": False}))
        fields = "id,displayName,accountEnabled"
        shown = caller(world, ADMIN_AGENT, scp=PERMISSIONS).get(f"/v1.0/users/{made.id}?$select={fields}")
        assert (shown["displayName"], shown["accountEnabled"]) == ("Newer", False)
        assert password(world, NEW, "Temporary1!") == 50057
        admin.do(people.delete(made.id))
        with pytest.raises(NotFound):
            admin.do(graph.user(NEW))
        assert password(world, NEW, "Temporary1!") == 50034

    def test_a_reset_password_counts_at_once(self, world: World, admin: Administrator) -> None:
        """And the old one no more; refresh tokens from before are revoked (50173)."""
        form = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
        first = v1_token(
            world, TENANT, resource=PARTNER_CENTER, grant_type="password", username=JOHN, password=PASSWORD, **form
        ).value()
        world.clock.advance(timedelta(seconds=1))
        admin.do(people.update(JOHN, {"passwordProfile": {"password": "An-other-1"}}))

        assert password(world, JOHN, PASSWORD) == 50126
        assert password(world, JOHN, "An-other-1") == 0
        again = v1_token(world, TENANT, grant_type="refresh_token", refresh_token=first["refresh_token"], **form)
        assert code(again) == 50173

    def test_revoked_sessions_end_refresh_tokens(self, world: World, admin: Administrator) -> None:
        """50173; by an administrator, and by the person."""
        form = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
        for revoke in (
            lambda: admin.do(people.revoke_sessions(JOHN)),
            lambda: Administrator(world, JOHN, scp="User.ReadWrite").do(people.REVOKE_MINE()),
        ):
            first = v1_token(
                world, TENANT, resource=PARTNER_CENTER, grant_type="password", username=JOHN, password=PASSWORD, **form
            ).value()
            world.clock.advance(timedelta(seconds=1))
            assert revoke()["value"] is True
            again = v1_token(world, TENANT, grant_type="refresh_token", refresh_token=first["refresh_token"], **form)
            assert code(again) == 50173

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"userPrincipalName": "x@fabrikam.com"}, "InvalidValue"),
            ({"userPrincipalName": "x y@contoso.com"}, None),
            ({"userPrincipalName": JOHN.upper()}, "ObjectConflict"),
            ({"passwordProfile": {"password": "weak"}}, "PasswordTooWeak"),
            ({"passwordProfile": {"password": "alllowercase"}}, "PasswordTooWeak"),
            ({"passwordProfile": None}, None),
            ({"accountEnabled": None}, None),
            ({"mailNickname": None}, None),
            ({"usageLocation": "Germany"}, None),
            ({"unheardOf": True}, None),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, world: World, change: dict[str, Any], why: str | None) -> None:
        body = {
            "accountEnabled": True,
            "displayName": "x",
            "mailNickname": "x",
            "userPrincipalName": "x@contoso.com",
            "passwordProfile": {"password": "Long-enough-1"},
        }
        response = caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask("POST", "/v1.0/users", body | change)

        assert refusal(response) == (400, "Request_BadRequest")
        assert why is None or detail(response) == why

    def test_who_may(self, world: World) -> None:
        """A user administrator; but administrators are changed by a global one alone."""
        john = world.tenants[TENANT].person(JOHN)
        assert john is not None
        who = Administrator(world, JOHN, scp=PERMISSIONS)
        with pytest.raises(Forbidden):
            who.do(people.create(NEW, "x", "Long-enough-1"))
        john.directory_roles = {"User Administrator"}
        who.do(people.create(NEW, "x", "Long-enough-1"))
        with pytest.raises(Forbidden):
            who.do(people.update(ADMIN_AGENT, {"passwordProfile": {"password": "Long-enough-1"}}))

    def test_of_a_customer_are_not_made_here(self, world: World) -> None:
        fabrikam = "c0570000-0000-4000-8000-000000000001"
        there = {"tid": fabrikam, "iss": f"https://sts.windows.net/{fabrikam}/"}
        with pytest.raises(Forbidden):
            Administrator(world, ADMIN_AGENT, scp=PERMISSIONS, **there).do(people.create(NEW, "x", "Long-enough-1"))


class TestGroups:
    """4.8, and 4.4 of the reference of Partner Center."""

    def test_agents_are_who_is_in_their_group(self, world: World, admin: Administrator) -> None:
        """Whoever joins `AdminAgents` may ask Partner Center; whoever leaves may no more."""
        john = world.tenants[TENANT].person(JOHN)
        assert john is not None
        facts = claims(world, PARTNER_CENTER, JOHN, mfa=True)
        there = Caller(PartnerCenter(world).answer, "api.partnercenter.microsoft.com", signed(facts))
        assert there.ask("GET", "/v1/customers").status == 403
        [agents] = admin.all(groups.named(groups.ADMIN_AGENTS))
        assert [one.user_principal_name for one in admin.all(groups.members(agents.id))] == [ADMIN_AGENT]

        admin.do(groups.add_member(agents.id, john.id))
        assert Role.ADMIN_AGENT in john.roles
        assert there.ask("GET", "/v1/customers").status == 200
        assert "AdminAgents" in [one.display_name for one in admin.all(people.member_of(JOHN))]
        with pytest.raises(ApiRefused, match="already exist"):
            admin.do(groups.add_member(agents.id, john.id))
        admin.do(groups.remove_member(agents.id, john.id))
        assert there.ask("GET", "/v1/customers").status == 403
        with pytest.raises(NotFound):
            admin.do(groups.remove_member(agents.id, john.id))
        with pytest.raises(NotFound):
            admin.do(groups.add_member(agents.id, WEB_APP))

    def test_are_made_filled_at_once_and_removed(self, world: World, admin: Administrator) -> None:
        """Up to 20 members, all or nothing; a group may stand in another one."""
        made = admin.do(groups.create("GDAP readers", "gdap-readers"))
        ids = list(world.tenants[TENANT].people)
        who = caller(world, ADMIN_AGENT, scp=PERMISSIONS)
        link = "https://graph.microsoft.com/v1.0/directoryObjects/{}".format
        path = f"/v1.0/groups/{made.id}"
        assert who.ask("PATCH", path, {"members@odata.bind": [link(ids[0]), link(WEB_APP)]}).status == 404
        assert admin.all(groups.members(made.id)) == []
        assert who.ask("PATCH", path, {"members@odata.bind": [link(one) for one in ids]}).status == 204
        assert len(admin.all(groups.members(made.id, top=1))) == 3
        [agents] = admin.all(groups.named(groups.ADMIN_AGENTS))
        admin.do(groups.add_member(agents.id, made.id))
        assert made.id in [one.id for one in admin.all(groups.members(agents.id))]
        assert who.ask("DELETE", f"/v1.0/groups/{agents.id}").status == 403
        assert who.ask("DELETE", path).status == 204
        assert made.id not in [one.id for one in admin.all(groups.members(agents.id))]

    @pytest.mark.parametrize(
        "change", [{"mailNickname": None}, {"mailEnabled": True}, {"groupTypes": ["Unified"]}, {"securityEnabled": "x"}]
    )
    def test_what_cannot_be_is_refused(self, world: World, change: dict[str, Any]) -> None:
        body = {"displayName": "x", "mailNickname": "x", "mailEnabled": False, "securityEnabled": True}

        assert caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask("POST", "/v1.0/groups", body | change).status == 400


class TestRoles:
    """4.9 and 1.3."""

    def test_are_given_and_taken(self, world: World, admin: Administrator) -> None:
        """In both ways that Graph has; whoever has one may do more at once."""
        john = world.tenants[TENANT].person(JOHN)
        assert john is not None
        who = Administrator(world, JOHN, scp=PERMISSIONS)
        with pytest.raises(Forbidden):
            who.do(groups.create("x", "x"))
        given = admin.do(roles.assign(john.id, "User Administrator"))
        who.do(groups.create("x", "x"))
        assert given.role_definition_id == "fe930be7-5e62-47db-91af-98c3a49a38b1"
        assert [one.id for one in admin.all(roles.assignments(john.id))] == [given.id]
        assert admin.do(roles.ASSIGNMENT(assignment=given.id)).principal_id == john.id
        with pytest.raises(ApiRefused, match="conflicting"):
            admin.do(roles.assign(john.id, "User Administrator"))
        admin.do(roles.unassign(given.id))
        with pytest.raises(Forbidden):
            who.do(groups.create("y", "y"))

        reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{john.id}"}
        globals_ = "roleTemplateId=62e90394-69f5-4237-9190-012177145e10"
        admin.do(roles.ADD_MEMBER(body=reference, role=globals_))
        assert Role.GLOBAL_ADMIN in john.roles
        assert len(admin.all(roles.MEMBERS(role=globals_))) == 2
        admin.do(roles.REMOVE_MEMBER(role=globals_, member=john.id))
        assert Role.GLOBAL_ADMIN not in john.roles

    def test_are_known_by_name(self, admin: Administrator) -> None:
        found = {one.display_name: one.id for one in admin.all(roles.DEFINITIONS())}

        assert found == roles.TEMPLATES
        assert admin.do(roles.DEFINITION(role=found["Global Reader"])).display_name == "Global Reader"
        [held] = admin.all(roles.assignments(role="Global Administrator"))
        assert held.role_definition_id == found["Global Administrator"]
        with pytest.raises(ApiRefused):
            admin.do(roles.assign(WEB_APP, "Global Reader"))


def test_the_tenants_domains(admin: Administrator) -> None:
    """The first is the default one."""
    domains = {one.id: one.is_default for one in admin.all(tenant.domains())}

    assert domains == {"contoso.com": True, "contoso.onmicrosoft.com": False}


def test_conditional_access_policies_are_read(world: World, admin: Administrator) -> None:
    """What is demanded of whom, and from when on."""
    world.access_policies["9"] = AccessPolicy(
        "9",
        "MFA for agents",
        TENANT,
        {Control.MFA},
        begins=world.now() + timedelta(days=1),
        roles={"admin_agent", "Global Administrator"},
        resources={APPLICATION_IDS[Api.PARTNER_CENTER]},
        channels={Channel.BROWSER},
        sign_in_frequency=timedelta(days=2),
    )
    [found] = admin.all(policies.listing())
    assert found.state == "disabled"
    world.clock.advance(timedelta(days=2))
    found = admin.do(policies.get("9"))
    assert found.state == "enabled"
    assert found.grant_controls["builtInControls"] == ["mfa"]
    assert found.session_controls["signInFrequency"]["value"] == 2
    users = found.conditions["users"]
    assert users["includeRoles"] == ["62e90394-69f5-4237-9190-012177145e10"]
    [agents] = admin.all(groups.named(groups.ADMIN_AGENTS))
    assert users["includeGroups"] == [agents.id]
    with pytest.raises(Forbidden):
        Administrator(world, JOHN, scp="Policy.Read.All").do(policies.listing())
