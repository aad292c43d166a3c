"""Where assignment is required: an application takes only people who have one, an API only applications."""

import pytest

from partnerauth.apis.graph import principals
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP
from partnerauth.emulator.groups import groups, join
from partnerauth.emulator.principals import install
from partnerauth.emulator.worldfile import read_world, write_world
from partnerauth.errors import ApiRefused
from tests.emulator.entra.service import PARTNER_CENTER, PARTNER_CENTER_ID, SITE, Browser
from tests.emulator.graph import Administrator
from tests.emulator.story import OK, Story
from tests.emulator.visitor import Visitor

ANYTHING = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All Directory.Read.All"
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def admin(story: Story) -> Administrator:
    return Administrator(story.world, ADMIN_AGENT, scp=ANYTHING)


def closed(story: Story, application: str) -> None:
    install(story.world, story.world.partner(), application).assignment_required = True


def signed_in(story: Story, upn: str) -> Browser:
    browser = Browser(story)
    asked = {"client_id": WEB_APP, "redirect_uri": SITE, "response_type": "code", "state": "s"}
    browser.open("/common/oauth2/authorize", resource=PARTNER_CENTER, **asked)
    browser.sign_in(upn)
    return browser


def test_a_person_without_assignment_is_sent_back(story: Story) -> None:
    """entra.md 9, 50105: `access_denied` in the redirect, `invalid_grant` at the token endpoint."""
    token = story.consented()
    assert story.code_of(token) == OK
    closed(story, WEB_APP)

    answer = signed_in(story, JOHN).answer

    assert (answer["error"], answer["state"]) == ("access_denied", "s")
    assert answer["error_description"].startswith("AADSTS50105: Your administrator has configured the application")
    refused = story.spend(token)
    assert (refused["error"], refused["error_codes"]) == ("invalid_grant", [50105])
    assert story.password()["error_codes"] == [50105]
    assert [row.code for row in list(story.ledger.log)[-3:]] == [50105] * 3


def test_who_is_assigned_comes_in(story: Story) -> None:
    """By themselves, or as a member of a group; not as a member of a member."""
    closed(story, WEB_APP)
    tenant = story.world.partner()
    here = install(story.world, tenant, WEB_APP)
    here.assigned.add(story.person(JOHN).id)
    assert "code" in signed_in(story, JOHN).answer
    assert "access_token" in story.password()

    agents = next(group for group in groups(tenant).values() if group.agents == "admin_agent")
    helpers = next(group for group in groups(tenant).values() if group.agents == "helpdesk_agent")
    here.assigned = {helpers.id}
    join(tenant, helpers, agents.id)
    assert signed_in(story, ADMIN_AGENT).answer["error"] == "access_denied"
    here.assigned = {agents.id}
    assert "code" in signed_in(story, ADMIN_AGENT).answer


def test_nobody_but_an_administrator_consents_to_it(story: Story) -> None:
    closed(story, NATIVE_APP)
    tenant = story.world.partner()
    install(story.world, tenant, NATIVE_APP).assigned.add(story.person(JOHN).id)
    for key in [key for key in tenant.grants if key[0] == NATIVE_APP]:
        del tenant.grants[key]
    browser = Browser(story)
    asked = {"client_id": NATIVE_APP, "redirect_uri": "http://localhost:1", "response_type": "code"}

    browser.open("/common/oauth2/authorize", resource=PARTNER_CENTER, **asked)
    browser.sign_in(JOHN)

    assert "AADSTS90094" in browser.text


def test_an_api_takes_only_applications_with_a_permission_of_their_own(story: Story) -> None:
    """501051, the twin of 50105 for client credentials."""
    assert "access_token" in story.for_itself()
    closed(story, PARTNER_CENTER_ID)

    assert story.for_itself()["error_codes"] == [501051]
    assert "access_token" in story.for_itself(resource="https://graph.microsoft.com")
    story.world.partner().application_grants[WEB_APP, PARTNER_CENTER_ID] = {"Some.Role"}
    assert "access_token" in story.for_itself()
    assert story.code_of(story.consented()) == OK


def test_graph_requires_it_and_assigns(story: Story, admin: Administrator) -> None:
    own = admin.do(principals.by_app_id(WEB_APP))

    admin.do(principals.update(own.id, {"appRoleAssignmentRequired": True}))

    assert story.password()["error_codes"] == [50105]
    john, agents = story.person(JOHN).id, next(iter(groups(story.world.partner()).values()))
    made = admin.do(principals.assign(own.id, john, DEFAULT_ACCESS))
    admin.do(principals.assign(own.id, agents.id, DEFAULT_ACCESS))
    assert "access_token" in story.password()
    listed = admin.all(principals.ASSIGNED_TO(principal=own.id))
    assert {one.principal_display_name for one in listed} == {"John Doe", agents.name}
    for wrong in ({"principal": john, "role": DEFAULT_ACCESS}, {"principal": story.person().id, "role": WEB_APP}):
        with pytest.raises(ApiRefused):
            admin.do(principals.assign(own.id, wrong["principal"], wrong["role"]))
    admin.do(principals.unassign(own.id, made.id))
    assert story.password()["error_codes"] == [50105]


def test_a_world_file_says_it() -> None:
    text = f"""
extends = "contoso"

[[principals]]
tenant = "contoso.com"
application = "{WEB_APP}"
assignment_required = true
assigned = ["{JOHN}"]
"""
    for written in (text, write_world(read_world(text))):
        story = Story(read_world(written))
        assert "access_token" in story.password()
        assert story.password(ADMIN_AGENT, password=PASSWORD)["error_codes"] != [OK]
        assert install(story.world, story.world.tenants[TENANT], WEB_APP).assigned == {story.person(JOHN).id}


def test_the_portal_requires_it_and_assigns() -> None:
    visitor = Visitor()
    path = f"/portal/enterprise/{WEB_APP}"
    story = Story(visitor.world)
    assert "Anybody in Contoso may use it." in visitor.look(path).text

    visitor.do(f"{path}/assignment", {"required": "yes"})
    assert story.password()["error_codes"] == [50105]
    john = story.person(JOHN).id
    visitor.do(f"{path}/assign", {"who": john})
    assert "access_token" in story.password()
    assert f"Remove {JOHN}" in visitor.look(path).text
    assert "no such user" in visitor.do(f"{path}/assign", {"who": "x"}).text
    visitor.do(f"{path}/unassign", {"who": john})
    assert story.password()["error_codes"] == [50105]
    visitor.do(f"{path}/assignment", {"required": "no"})
    assert "access_token" in story.password()
