"""Partner Center decides as its reference says (its sections are named beside the tests)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import reference
from partnerauth.apis.partnercenter import consents, customers, mfa, profiles, users
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, emulated
from partnerauth.emulator.address import PARTNER_CENTER
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, WEB_APP
from partnerauth.emulator.partnercenter import PartnerCenter
from partnerauth.emulator.world import Customer, CustomerUser, Role, World
from partnerauth.errors import Forbidden, MfaMissing, NotFound
from partnerauth.flow import Flow, Send, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Response
from tests.emulator.callers import NOON, ORIGIN, Caller, a_world, carrier, claims, signed

AUDIENCE = "https://api.partnercenter.microsoft.com"
FABRIKAM = "c0570000-0000-4000-8000-000000000001"
ANA = "05e70000-0000-4000-8000-000001000001"
RESOURCE = emulated(ORIGIN).resource(Api.PARTNER_CENTER)


@pytest.fixture
def world() -> World:
    return a_world()


def caller(world: World, upn: str = "", *, audience: str = AUDIENCE, mfa: bool = False, **changes: Any) -> Caller:
    token = signed(claims(world, audience, upn, mfa=mfa, **changes))
    return Caller(PartnerCenter(world).answer, PARTNER_CENTER, token)


def agent(world: World) -> Caller:
    return caller(world, ADMIN_AGENT, mfa=True)


def refusal(response: Response) -> tuple[int, int]:
    value = response.value()
    assert isinstance(value["description"], str), value
    assert value["source"] == "PartnerFD", value
    return response.status, value["code"]


def test_s2_6_the_users_of_a_customer_are_listed(world: World) -> None:
    """S2.6: the sample call of the seed, with `Authorization`, `Accept` and `X-Locale`."""
    headers: Headers = (("Accept", "application/json"), ("X-Locale", "en-US"))
    response = agent(world).ask("GET", f"/v1/customers/{FABRIKAM}/users", headers=headers)

    assert response.status == 200
    assert response.header("X-Locale") == "en-US"
    assert response.header("Content-Type") == "application/json; charset=utf-8"
    value = response.value()
    assert value["totalCount"] == 3
    assert value["attributes"] == {"objectType": "Collection"}
    assert value["items"][0] == {
        "usageLocation": "US",
        "id": ANA,
        "userPrincipalName": "ana.bowman@fabrikam.onmicrosoft.com",
        "firstName": "Ana",
        "lastName": "Bowman",
        "displayName": "Ana Bowman",
        "userDomainType": "none",
        "state": "active",
        "links": {"self": {"uri": f"/customers/{FABRIKAM}/users/{ANA}", "method": "GET", "headers": []}},
        "attributes": {"objectType": "CustomerUser"},
    }


def test_s4_4_an_application_by_itself_is_refused_where_the_table_says_app_user(world: World) -> None:
    """S4.4 (8.2, step 4): every operation states whom it takes, and keeps to it."""
    alone = caller(world)
    for row in reference.operations(Api.PARTNER_CENTER):
        path = row.path.format(**dict.fromkeys(row.parameters, FABRIKAM))
        response = alone.ask(row.method, path)

        if row.access.value == "app + user":
            assert refusal(response) == (403, 900329), row
        else:
            assert response.status == 200, row


def test_s4_1_the_old_audience_works_until_it_is_refused(world: World) -> None:
    """S4.1 (2.2): `https://graph.windows.net` of the 2019 sample, and 900420 from the policy's date on."""
    alone = caller(world, audience="https://graph.windows.net")
    assert alone.ask("GET", "/v1/customers").status == 200

    world.policies.azure_ad_graph_refused = NOON

    assert refusal(alone.ask("GET", "/v1/customers")) == (401, 900420)


@pytest.mark.parametrize(
    "audience",
    [AUDIENCE, AUDIENCE + "/", APPLICATION_IDS[Api.PARTNER_CENTER]],
    ids=["plain", "slash", "application id"],
)
def test_the_apis_own_audience_is_accepted(world: World, audience: str) -> None:
    """The identifier with or without a slash at its end, or the application id."""
    assert caller(world, audience=audience).ask("GET", "/v1/customers").status == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "https://graph.microsoft.com"}, (401, 900420)),
        ({"aud": None}, (401, 900420)),
        ({"exp": int(NOON.timestamp())}, (401, 400)),
        ({"exp": None}, (401, 400)),
        ({"nbf": int(NOON.timestamp()) + 1}, (401, 400)),
        ({"iss": "https://sts.windows.net/common/"}, (401, 400)),
        ({"tid": "11110000-0000-4000-8000-000000000000"}, (401, 400)),
        ({"tid": None}, (401, 400)),
    ],
    ids=str,
)
def test_a_token_for_somewhere_or_somewhen_else_is_refused(
    world: World, changes: dict[str, Any], expected: tuple[int, int]
) -> None:
    """8.2, steps 1 and 2: on the world's clock."""
    response = caller(world, **changes).ask("GET", "/v1/customers")

    assert refusal(response) == expected
    assert response.header("WWW-Authenticate").startswith("OAuth realm=urn:cpsvc:cpid:")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_no_token_or_an_unsigned_one_is_refused(world: World, token: str) -> None:
    """8.2, step 1."""
    response = Caller(PartnerCenter(world).answer, PARTNER_CENTER, token).ask("GET", "/v1/customers")

    assert refusal(response) == (401, 400 if token else 800001)


def test_mfa_is_demanded_from_the_policys_date_on(world: World) -> None:
    """3.1 and 8.2, step 3: 401 with 900421 for a person without MFA; applications by themselves are exempt."""
    without, itself = caller(world, ADMIN_AGENT), caller(world)
    assert without.ask("GET", "/v1/customers").status == 200

    world.policies.mfa_at_the_apis = NOON + timedelta(hours=1)
    assert without.ask("GET", "/v1/customers").status == 200
    world.policies.mfa_at_the_apis = NOON

    refused = without.ask("GET", "/v1/customers")
    assert refusal(refused) == (401, 900421)
    assert ("WWW-Authenticate", 'Bearer error="invalid_token"') in refused.headers
    assert refused.header("Request-Context")
    assert itself.ask("GET", "/v1/customers").status == 200
    assert agent(world).ask("GET", "/v1/customers").status == 200


@pytest.mark.parametrize("policy", [None, NOON], ids=["before", "since"])
def test_the_test_header_tells_about_mfa(world: World, policy: Any) -> None:
    """3.1: `ValidateMfa: true` is answered by `isMfaCompliant`, before and after enforcement; app only is compliant."""
    world.policies.mfa_at_the_apis = policy
    asking: Headers = (("ValidateMfa", "true"),)
    callers = {"true": [agent(world), caller(world)], "false": [caller(world, ADMIN_AGENT)]}
    for told, those in callers.items():
        for who in those:
            assert who.ask("GET", "/v1/customers", headers=asking).header("isMfaCompliant") == told

    assert not agent(world).ask("GET", "/v1/customers").header("isMfaCompliant")


def test_who_came_without_mfa_is_reported_for_seven_days(world: World) -> None:
    """3.3."""
    world.tenants[claims(world, "")["tid"]].people[claims(world, "", JOHN)["oid"]].roles.add(Role.SALES_AGENT)
    caller(world, JOHN).get("/v1/customers")

    [found] = agent(world).get("/v1/nonMfaCompliantPartnerPrincipals")["items"]
    assert found["upn"] == JOHN
    assert found["lastNonMfaCompliantRequestDateTime"] == "2026-03-01T12:00:00.000000"

    world.clock.advance(timedelta(days=7, seconds=1))
    assert agent(world).get("/v1/nonMfaCompliantPartnerPrincipals")["items"] == []


def test_only_agents_may_ask(world: World) -> None:
    """8.2, step 5: Admin, Sales or Helpdesk agent; John has a role for referrals only."""
    john = claims(world, AUDIENCE, JOHN, mfa=True)
    who = Caller(PartnerCenter(world).answer, PARTNER_CENTER, signed(john))
    assert refusal(who.ask("GET", "/v1/customers")) == (403, 900150)

    for role in (Role.ADMIN_AGENT, Role.SALES_AGENT, Role.HELPDESK_AGENT):
        world.tenants[john["tid"]].people[john["oid"]].roles = {role}
        assert who.ask("GET", "/v1/customers").status == 200


def test_an_application_that_is_not_registered_there_is_refused(world: World) -> None:
    """2.1: app only needs the registration in Partner Center's App management."""
    world.registrations[WEB_APP].in_partner_center = False

    assert refusal(caller(world).ask("GET", "/v1/customers")) == (403, 2032)


def test_a_customer_is_shown_in_full_to_a_partner_with_a_directory_role(world: World) -> None:
    """10.1, row 4: without one, address, e-mail and domains are left out."""
    full = agent(world).get(f"/v1/customers/{FABRIKAM}")
    assert full["companyProfile"]["address"]["city"] == "Redmond"
    assert full["customDomains"] == ["fabrikam.onmicrosoft.com"]

    world.customers[FABRIKAM].gdap = set()

    part = agent(world).get(f"/v1/customers/{FABRIKAM}")
    assert part["companyProfile"].keys() == full["companyProfile"].keys() - {"address", "email"}
    assert "customDomains" not in part


def test_customers_and_users_who_are_not_there(world: World) -> None:
    """8.2, steps 6 and 7; 8.3."""
    who, nobody = agent(world), "c0570000-0000-4000-8000-00000000ffff"
    assert refusal(who.ask("GET", f"/v1/customers/{nobody}")) == (404, 60003)
    assert refusal(who.ask("GET", f"/v1/customers/{nobody}/users")) == (404, 60003)
    assert refusal(who.ask("GET", f"/v1/customers/{FABRIKAM}/users/{nobody}")) == (404, 60002)
    assert refusal(who.ask("GET", "/v1/nothing")) == (404, 1000)
    assert refusal(who.ask("DELETE", "/v1/customers")) == (405, 1000)

    world.customers[FABRIKAM].gdap = {"Global Reader"}
    assert who.ask("GET", f"/v1/customers/{FABRIKAM}/users").status == 200
    world.customers[FABRIKAM].gdap = {"Helpdesk Administrator"}
    assert refusal(who.ask("GET", f"/v1/customers/{FABRIKAM}/users")) == (403, 900308)
    world.customers[FABRIKAM].relationship = "none"
    assert refusal(who.ask("GET", f"/v1/customers/{FABRIKAM}")) == (403, 20002)
    assert len(who.get("/v1/customers")["items"]) == 5


def test_letter_case_and_slashes_of_a_path_do_not_matter(world: World) -> None:
    """6: GUIDs appear in either case."""
    assert agent(world).get(f"/V1/Customers/{FABRIKAM.upper()}/")["id"] == FABRIKAM


def test_a_user_by_id_begins_with_a_byte_order_mark(world: World) -> None:
    """6: one of the six documented bodies that do; the client reads it all the same."""
    response = agent(world).ask("GET", f"/v1/customers/{FABRIKAM}/users/{ANA}")

    assert response.body.startswith(b"\xef\xbb\xbf{")
    assert users.get(FABRIKAM, ANA).read(response).first_name == "Ana"


def test_ids_of_a_request_are_echoed_if_they_are_ids(world: World) -> None:
    """5: MS-RequestId, MS-CorrelationId, MS-CV, MS-ServerId, X-Locale."""
    mine = "11110000-0000-4000-8000-00000000000a"
    sent: Headers = (("ms-requestid", mine), ("MS-CorrelationId", "x\r\nSet-Cookie: a=b"), ("X-Locale", "nl-NL"))
    response = agent(world).ask("GET", "/v1/customers", headers=sent)

    assert response.header("MS-RequestId") == mine
    assert "\r" not in response.header("MS-CorrelationId")
    assert len(response.header("MS-CorrelationId")) == 36
    assert response.header("MS-CV").endswith(".0")
    assert response.header("MS-ServerId")
    assert response.header("X-Locale") == "nl-NL"


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ('{"Field":"CompanyName","Value":"WOOD","Operator":"starts_with"}', ["Woodgrove Bank"]),
        ('{"field":"domain","value":"tail","operator":"Starts_With"}', ["Tailspin Toys"]),
        ('{"Field":"CompanyName","Value":"Toys","Operator":"starts_with"}', []),
        ('{"Field":"IndirectReseller","Value":"x","Operator":"starts_with"}', []),
    ],
)
def test_customers_are_found_by_the_beginning_of_a_name(world: World, condition: str, names: list[str]) -> None:
    """7: `starts_with` on a few fields, letter case ignored."""
    items = agent(world).get(f"/v1/customers?size=0&filter={condition}")["items"]

    assert [item["companyProfile"]["companyName"] for item in items] == names


@pytest.mark.parametrize(
    "condition", ["x", "[]", "{}", '{"Field":"CompanyName","Value":"x","Operator":"equals"}', '{"Field":1}', "[" * 5000]
)
def test_a_filter_that_is_none_is_refused(world: World, condition: str) -> None:
    """8.3: invalid input."""
    assert refusal(agent(world).ask("GET", f"/v1/customers?filter={condition}")) == (400, 800002)


def test_deleted_users_are_listed_by_their_state(world: World) -> None:
    """10.2, row 32."""
    world.customers[FABRIKAM].users[ANA].active = False

    assert [user.state for user in asked(world, users.deleted(FABRIKAM)).items] == ["inactive"]
    assert len(asked(world, users.listing(FABRIKAM)).items) == 2


def test_the_partners_profiles(world: World) -> None:
    """11: the fields of each; an unknown program id is 404 with 3000 (10.1, row 27)."""
    who = agent(world)
    assert who.get("/v1/profiles/organization")["companyName"] == "Contoso"
    assert who.get("/v1/profiles/legalbusiness?vettingVersion=Current")["vettingStatus"] == "authorized"
    assert who.get("/v1/profiles/support")["website"] == "www.contoso.com"
    assert who.get("/v1/profiles/billing")["billingCurrency"] == "USD"
    number = who.get("/v1/profiles/mpn")["mpnId"]
    assert who.get(f"/v1/profiles/mpn?mpnId={number}")["partnerName"] == "Contoso"
    assert refusal(who.ask("GET", "/v1/profiles/mpn?mpnId=0")) == (404, 3000)


class TestConsentInACustomersTenant:
    """4.2."""

    GRAPH = APPLICATION_IDS[Api.GRAPH]

    def test_is_granted_once_and_withdrawn(self, world: World) -> None:
        """Repeating it says that the permission entry already exists."""
        world.customers[FABRIKAM].gdap = {"Application Administrator"}
        call = consents.grant(FABRIKAM, WEB_APP, "Portal", {self.GRAPH: ["User.Read", "Directory.Read.All"]})
        who, request = agent(world), call.to(RESOURCE)
        path = f"/v1/customers/{FABRIKAM}/applicationconsents"

        granted = who.ask("POST", path, raw=request.body)
        assert granted.status == 201
        assert call.read(granted).application_grants[0].scope == "User.Read,Directory.Read.All"
        assert world.customers[FABRIKAM].grants == {(WEB_APP, self.GRAPH, ""): {"User.Read", "Directory.Read.All"}}
        again = who.ask("POST", path, raw=request.body)
        assert again.status == 409
        assert "Permission entry already exists" in again.value()["description"]

        assert who.ask("DELETE", f"{path}/{WEB_APP}").status == 204
        assert world.customers[FABRIKAM].grants == {}
        assert who.ask("DELETE", f"{path}/{WEB_APP}").status == 404

    def test_takes_keys_in_pascal_case(self, world: World) -> None:
        """As a well-known client sends them."""
        world.customers[FABRIKAM].gdap = {"Global Administrator"}
        grants = [{"EnterpriseApplicationId": self.GRAPH, "Scope": "User.Read, Group.Read.All"}]
        body = {"ApplicationId": WEB_APP, "ApplicationGrants": grants}

        assert agent(world).ask("POST", f"/v1/customers/{FABRIKAM}/applicationconsents", body).status == 201
        assert world.customers[FABRIKAM].grants[WEB_APP, self.GRAPH, ""] == {"User.Read", "Group.Read.All"}

    def test_needs_a_role_that_may_grant(self, world: World) -> None:
        """Reading the directory is not enough."""
        world.customers[FABRIKAM].gdap = {"Directory Readers"}

        response = agent(world).ask("POST", f"/v1/customers/{FABRIKAM}/applicationconsents", {})

        assert refusal(response) == (403, 900308)

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            {"applicationId": WEB_APP},
            {"applicationId": WEB_APP, "applicationGrants": [1]},
            {"applicationId": WEB_APP, "applicationGrants": [{"enterpriseApplicationId": GRAPH, "scope": ","}]},
            {"applicationId": WEB_APP, "applicationGrants": [{"enterpriseApplicationId": "x", "scope": "a"}]},
            {"applicationId": GRAPH, "applicationGrants": [{"enterpriseApplicationId": GRAPH, "scope": "a"}]},
        ],
        ids=str,
    )
    def test_of_anything_else_is_refused(self, world: World, body: Any) -> None:
        """8.3: invalid input."""
        world.customers[FABRIKAM].gdap = {"Global Administrator"}
        response = agent(world).ask("POST", f"/v1/customers/{FABRIKAM}/applicationconsents", body)

        assert refusal(response) == (400, 800002)


class TestPages:
    """7: `size`, `MS-ContinuationToken`, `seekOperation`; the two ways to end."""

    def test_a_next_page_is_asked_by_header(self, world: World) -> None:
        """As Microsoft's own tool does it: `seekOperation=next` in lower case is understood too."""
        first = agent(world).get("/v1/customers?size=4")
        assert first["totalCount"] == 4
        following = first["links"]["next"]
        assert following["uri"] == "/customers?size=4&seekOperation=Next"
        [header] = following["headers"]
        assert header["key"] == "MS-ContinuationToken"

        token = (header["key"], header["value"])
        last = agent(world).get("/v1/customers?size=4&seekOperation=next", token)
        assert last["totalCount"] == 2
        assert "next" not in last["links"]

    def test_a_link_is_whole_in_any_letter_case(self, world: World) -> None:
        links = agent(world).get("/V1/Customers?size=4")["links"]
        assert links["self"]["uri"] == "/Customers?size=4"
        assert links["next"]["uri"] == "/Customers?size=4&seekOperation=Next"

    def test_a_full_last_page_is_followed_by_400_and_2000(self, world: World) -> None:
        """The other end; so is a continuation token that is none."""
        full = agent(world).get("/v1/customers?size=6")
        token = full["links"]["next"]["headers"][0]["value"]
        for sent in (token, "", "nonsense", "e30", "W10"):
            headers: Headers = (("MS-ContinuationToken", sent),)
            response = agent(world).ask("GET", "/v1/customers?size=6&seekOperation=Next", headers=headers)
            assert refusal(response) == (400, 2000)

    @pytest.mark.parametrize("size", ["-1", "x", "1.5", "٣", "9999999999"])
    def test_a_size_that_is_none_is_refused(self, world: World, size: str) -> None:
        assert refusal(agent(world).ask("GET", f"/v1/customers?size={size}")) == (400, 800002)

    @settings(deadline=None)
    @given(count=st.integers(0, 30), size=st.integers(0, 12))
    def test_every_item_comes_exactly_once_whatever_the_size(self, count: int, size: int) -> None:
        """By the client's own reading, both ends included."""
        world = a_world()
        world.customers = {str(n): Customer(str(n), f"Company {n}", "x.example") for n in range(count)}
        call = customers.listing(size)
        found = run(pages(call, RESOURCE, lambda: bearing(agent(world))), send(world))

        assert sorted(customer.id for customer in found) == sorted(map(str, range(count)))

    def test_what_is_added_and_removed_between_two_pages_disturbs_nobody_else(self, world: World) -> None:
        """A token names the last item, not a place."""
        first = asked(world, users.listing(FABRIKAM, 1))
        del world.customers[FABRIKAM].users[ANA]
        world.customers[FABRIKAM].users["0"] = CustomerUser("0", "new@x.example", "New", "One")
        assert first.next is not None

        assert [user.first_name for user in asked(world, first.next).items] == ["Ben"]


def bearing(who: Caller) -> Flow[Hidden]:
    yield from ()
    return Hidden(who.token)


def asked(world: World, call: Any) -> Any:
    return run(perform(call, RESOURCE, lambda: bearing(agent(world))), send(world))


def send(world: World) -> Send:
    return carrier(PartnerCenter(world))


class TestTheClient:
    """The client's own calls against this service: one table, both sides."""

    def test_reads_all_that_the_service_writes(self, world: World) -> None:
        for call in (
            customers.listing(),
            customers.get(FABRIKAM),
            customers.company(FABRIKAM),
            users.get(FABRIKAM, ANA),
            profiles.organization(),
            profiles.legal_business(),
            profiles.mpn(),
            profiles.support(),
            profiles.billing(),
            mfa.without(),
        ):
            assert asked(world, call) is not None

        assert [c.id for c in asked(world, customers.by_company("fab")).items] == [FABRIKAM]
        assert [c.id for c in asked(world, customers.by_domain("fab")).items] == [FABRIKAM]

    def test_knows_refusals_by_their_kind(self, world: World) -> None:
        """8.3."""
        itself, without = caller(world), caller(world, ADMIN_AGENT)
        world.policies.mfa_at_the_apis = NOON
        with pytest.raises(MfaMissing) as missing:
            run(perform(customers.listing(), RESOURCE, lambda: bearing(without)), send(world))
        with pytest.raises(Forbidden) as forbidden:
            run(perform(users.listing(FABRIKAM), RESOURCE, lambda: bearing(itself)), send(world))
        with pytest.raises(NotFound):
            run(perform(customers.get("nobody"), RESOURCE, lambda: bearing(itself)), send(world))

        assert missing.value.code == 900421
        assert forbidden.value.code == 900329
        assert run(mfa.compliance(RESOURCE, lambda: bearing(without)), send(world)) is False
        assert run(mfa.compliance(RESOURCE, lambda: bearing(agent(world))), send(world)) is True


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get"]),
    path=st.sampled_from([row.path for row in reference.operations(Api.PARTNER_CENTER)]) | st.text(max_size=40),
    parameter=st.sampled_from([FABRIKAM, ANA]) | st.text(max_size=20),
    query=st.text(max_size=40),
    body=st.binary(max_size=60) | st.just(b"[" * 5000) | st.just(b'{"applicationId":{}}'),
    header=st.sampled_from(["MS-ContinuationToken", "MS-RequestId", "X-Locale", "ValidateMfa", "If-Match"]),
    value=st.text(max_size=30),
)
def test_no_input_makes_it_stumble(
    method: str, path: str, parameter: str, query: str, body: bytes, header: str, value: str
) -> None:
    """Whatever a stranger with a token sends is answered, by 4xx at worst."""
    world = a_world()
    world.customers[FABRIKAM].gdap = {"Global Administrator", "Global Reader"}
    path = "/" + path.replace("{customer}", parameter).replace("{user}", parameter).lstrip("/")
    response = agent(world).ask(method, f"{path}?{query}", raw=body, headers=((header, value),))

    assert response.status < 500
