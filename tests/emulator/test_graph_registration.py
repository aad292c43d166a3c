"""An application is registered through Graph, and what was registered works (the reference of app registration, 4)."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from partnerauth.apis.graph import applications, consents, permissions, principals
from partnerauth.apis.graph.applications import Application
from partnerauth.apis.graph.permissions import required
from partnerauth.cloud import Api, Dialect, emulated
from partnerauth.emulator.default import (
    ADMIN_AGENT,
    APPLICATION_IDS,
    JOHN,
    NATIVE_APP,
    PASSWORD,
    TENANT,
    WEB_APP,
)
from partnerauth.emulator.world import Role, World
from partnerauth.errors import ApiRefused, Conflicting, Forbidden, NotFound
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from partnerauth.oauth.application import Certificate
from tests.emulator.callers import ORIGIN, a_world
from tests.emulator.graph import Administrator, caller, code, detail, made_certificate, refusal, token, v1_token

PERMISSIONS = (
    "Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All AppRoleAssignment.ReadWrite.All"
    " User.Read.All Directory.Read.All"
)
PARTNER_CENTER = APPLICATION_IDS[Api.PARTNER_CENTER]
GRAPH = APPLICATION_IDS[Api.GRAPH]
URL = "/v1.0/applications"


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def admin(world: World) -> Administrator:
    return Administrator(world, ADMIN_AGENT, scp=PERMISSIONS)


def registered(admin: Administrator, **more: Any) -> Application:
    """A web application that wants Partner Center, with its service principal."""
    asked: dict[str, Any] = {
        "signInAudience": "AzureADMyOrg",
        "web": {"redirectUris": ["https://localhost:44395/"]},
        "requiredResourceAccess": [
            required(permissions.PARTNER_CENTER, ("user_impersonation",)),
            required(GRAPH, ("User.Read",), ("User.Read.All",)),
        ],
    }
    made = admin.do(applications.create("Sync", **asked | more))
    admin.do(principals.create(made.app_id))
    return made


class TestTheWayOfTheReference:
    """5: application, service principal, secret, consent, and a token at each step's end."""

    def test_from_nothing_to_both_kinds_of_token(self, world: World, admin: Administrator) -> None:
        """7000229 before the service principal, 65001 before the consent; then app only and app + user."""
        made = admin.do(
            applications.create("Sync", requiredResourceAccess=[required(PARTNER_CENTER, ("user_impersonation",))])
        )
        secret = admin.do(applications.add_secret(made.id, "first"))
        itself = {"client_id": made.app_id, "client_secret": secret.value.reveal()}

        def for_itself(scope: str = "https://graph.microsoft.com/.default") -> Any:
            return token(world, TENANT, grant_type="client_credentials", scope=scope, **itself)

        def for_john() -> Any:
            form = {"grant_type": "password", "username": JOHN, "password": PASSWORD}
            return v1_token(world, TENANT, resource="https://api.partnercenter.microsoft.com", **form, **itself)

        assert code(for_itself()) == 7000229
        with pytest.raises(NotFound):
            admin.do(principals.by_app_id(made.app_id))
        own = admin.do(principals.create(made.app_id))
        assert for_itself().ok
        assert code(for_john()) == 65001

        api = admin.do(principals.by_app_id(PARTNER_CENTER))
        assert api.scope_id("user_impersonation") == "1cebfa2a-fb4d-419e-b5f9-839b4383e05a"
        admin.do(consents.create(own.id, api.id, ["user_impersonation"]))
        told = jwt.read(for_john().value()["access_token"])
        assert told.text("scp") == "user_impersonation"
        assert told.text("appid") == made.app_id

        graph = admin.do(principals.by_app_id(GRAPH))
        admin.do(principals.assign(graph.id, own.id, graph.role_id("User.Read.All")))
        app_only = jwt.read(for_itself().value()["access_token"])
        assert app_only.claims["roles"] == ["User.Read.All"]
        assert app_only.text("oid") == own.id
        real = caller(world, roles=app_only.claims["roles"], appid=made.app_id, oid=own.id)
        assert len(real.get("/v1.0/users")["value"]) == 3

    def test_what_is_withdrawn_ends(self, world: World, admin: Administrator) -> None:
        """By 7000215 a secret, by 65001 a consent, by 7000229 a service principal, by 700016 an application."""
        made = registered(admin)
        secret = admin.do(applications.add_secret(made.id, "first"))
        itself = {"client_id": made.app_id, "client_secret": secret.value.reveal()}
        form = {"grant_type": "password", "username": JOHN, "password": PASSWORD, **itself}
        own, api = (admin.do(principals.by_app_id(one)) for one in (made.app_id, PARTNER_CENTER))
        consent = admin.do(consents.create(own.id, api.id, ["user_impersonation"]))

        def ask() -> int:
            return code(v1_token(world, TENANT, resource="https://api.partnercenter.microsoft.com", **form))

        def ask_itself() -> Any:
            return token(
                world, TENANT, grant_type="client_credentials", scope="https://graph.microsoft.com/.default", **itself
            )

        assert ask() == 0
        admin.do(consents.delete(consent.id))
        assert ask() == 65001
        graph = admin.do(principals.by_app_id(GRAPH))
        role = admin.do(principals.assign(graph.id, own.id, graph.role_id("User.Read.All")))
        admin.do(principals.unassign(graph.id, role.id))
        assert "roles" not in jwt.read(ask_itself().value()["access_token"]).claims
        admin.do(applications.remove_secret(made.id, secret.key_id))
        assert code(ask_itself()) in (7000215, 7000218)
        again = admin.do(applications.add_secret(made.id, "second"))
        itself["client_secret"] = again.value.reveal()
        assert ask_itself().ok
        admin.do(principals.update(own.id, {"accountEnabled": False}))
        assert code(ask_itself()) == 7000112
        admin.do(principals.delete(own.id))
        assert code(ask_itself()) == 7000229
        admin.do(applications.delete(made.id))
        assert code(ask_itself()) == 700016

    def test_an_expired_secret_is_expired(self, world: World, admin: Administrator) -> None:
        """7000222 on the world's clock."""
        made = registered(admin)
        ends = world.now() + timedelta(days=10)
        secret = admin.do(applications.add_secret(made.id, "short", ends))
        world.clock.advance(timedelta(days=11))
        form = {"client_id": made.app_id, "client_secret": secret.value.reveal(), "grant_type": "client_credentials"}

        assert code(token(world, TENANT, scope="https://graph.microsoft.com/.default", **form)) == 7000222


class TestApplications:
    """4.1, 4.2 and 3."""

    def test_a_new_one_is_shown_whole(self, world: World, admin: Administrator) -> None:
        made = registered(admin)
        registration = world.registrations[made.app_id]

        assert made.id != made.app_id
        assert made.sign_in_audience == "AzureADMyOrg"
        assert made.password_credentials == ()
        assert registration.permissions == {PARTNER_CENTER: {"user_impersonation"}, GRAPH: {"User.Read"}}
        assert registration.application_permissions == {GRAPH: {"User.Read.All"}}
        assert registration.platforms == {"https://localhost:44395/": "web"}
        assert not registration.in_partner_center
        [entry, _] = made.required_resource_access
        assert entry["resourceAccess"] == [{"id": "1cebfa2a-fb4d-419e-b5f9-839b4383e05a", "type": "Scope"}]
        assert admin.do(applications.by_app_id(made.app_id)).id == made.id
        assert admin.do(applications.get(made.id)).app_id == made.app_id
        assert [one.id for one in admin.all(applications.named("sync"))] == [made.id]
        assert len(admin.all(applications.listing(top=1))) == 3

    def test_lists_are_replaced_whole(self, world: World, admin: Administrator) -> None:
        """4.2; an unknown permission's id is kept as it is."""
        made = registered(admin)
        other = {"resourceAppId": WEB_APP, "resourceAccess": [{"id": NATIVE_APP, "type": "Scope"}]}
        uris = {"redirectUris": ["http://localhost", "https://login.microsoftonline.com/common/oauth2/nativeclient"]}
        admin.do(applications.update(made.id, {"publicClient": uris, "requiredResourceAccess": [other]}))

        registration = world.registrations[made.app_id]
        assert registration.permissions == {WEB_APP: {NATIVE_APP}}
        assert registration.platforms["https://localhost:44395/"] == "web"
        assert registration.platforms["http://localhost"] == "public"
        assert admin.do(applications.get(made.id)).required_resource_access[0] == other

    def test_a_tenant_or_all_of_them(self, world: World, admin: Administrator) -> None:
        made = registered(admin, signInAudience="AzureADMultipleOrgs")
        assert world.registrations[made.app_id].multi_tenant
        admin.do(applications.update(made.id, {"signInAudience": "AzureADMyOrg"}))
        assert not world.registrations[made.app_id].multi_tenant

    def test_public_where_nothing_decides(self, world: World, admin: Administrator) -> None:
        """3: `isFallbackPublicClient`, for device code and password; a secret makes it confidential."""
        made = registered(admin, isFallbackPublicClient=True)
        form = {"client_id": made.app_id, "scope": "User.Read", "grant_type": "password", "username": JOHN}

        assert code(token(world, TENANT, password=PASSWORD, **form)) == 65001
        admin.do(applications.add_secret(made.id, "one"))
        assert admin.do(applications.get(made.id)).is_fallback_public_client

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({}, None),
            ({"displayName": ""}, None),
            ({"displayName": 1}, None),
            ({"displayName": "x", "signInAudience": "Everybody"}, None),
            ({"displayName": "x", "unheardOf": 1}, None),
            ({"displayName": "x", "passwordCredentials": [{}]}, None),
            ({"displayName": "x", "web": {"redirectUris": ["http://example.com"]}}, "InvalidReplyUrl"),
            ({"displayName": "x", "web": {"redirectUris": ["https://example.com/a(b)"]}}, "InvalidReplyUrl"),
            ({"displayName": "x", "web": {"redirectUris": ["https://" + "x" * 256]}}, "InvalidReplyUrl"),
            ({"displayName": "x", "web": {"redirectUris": ["http://[::1]/"]}}, "InvalidReplyUrl"),
            (
                {
                    "displayName": "x",
                    "web": {"redirectUris": ["http://localhost"]},
                    "publicClient": {"redirectUris": ["http://localhost"]},
                },
                "InvalidReplyUrl",
            ),
            ({"displayName": "x", "identifierUris": ["https://fabrikam.com/x"]}, "HostNameNotOnVerifiedDomain"),
            ({"displayName": "x", "requiredResourceAccess": [{"resourceAppId": "x"}]}, None),
            (
                {
                    "displayName": "x",
                    "requiredResourceAccess": [
                        {"resourceAppId": GRAPH, "resourceAccess": [{"id": GRAPH, "type": "Both"}]}
                    ],
                },
                None,
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, world: World, body: Any, why: str | None) -> None:
        before = set(world.registrations)
        response = caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask("POST", URL, body)

        assert refusal(response) == (400, "Request_BadRequest")
        assert why is None or detail(response) == why
        assert set(world.registrations) == before

    def test_who_may(self, world: World) -> None:
        """A person's permission and role, both; an application's permission, or `OwnedBy` for what it made."""
        world.tenants[TENANT].people["99990000-0000-4000-8000-000000000001"].directory_roles = set()
        with pytest.raises(Forbidden):
            Administrator(world, JOHN, scp=PERMISSIONS).do(applications.create("x"))
        with pytest.raises(Forbidden):
            Administrator(world, ADMIN_AGENT, scp="Application.Read.All").do(applications.create("x"))
        world.tenants[TENANT].people["99990000-0000-4000-8000-000000000001"].directory_roles = {
            "Cloud Application Administrator"
        }
        made = Administrator(world, JOHN, scp=PERMISSIONS).do(applications.create("x"))

        program = Administrator(world, roles=["Application.ReadWrite.OwnedBy"])
        with pytest.raises(Forbidden):
            program.do(applications.update(made.id, {"displayName": "mine"}))
        own = program.do(applications.create("own"))
        program.do(applications.update(own.id, {"displayName": "mine"}))
        assert program.do(applications.get(own.id)).display_name == "mine"


class TestSecrets:
    """4.3."""

    def test_are_told_once(self, world: World, admin: Administrator) -> None:
        """The text of 16 to 64 characters, its first three as a hint, two years to live."""
        made = registered(admin)
        secret = admin.do(applications.add_secret(made.id, "first"))

        assert 16 <= len(secret.secret_text) <= 64
        assert secret.secret_text.startswith(secret.hint)
        assert (secret.start_date_time[:4], secret.end_date_time[:4]) == ("2026", "2028")
        [listed] = admin.do(applications.get(made.id)).password_credentials
        assert (listed.key_id, listed.secret_text) == (secret.key_id, "")
        assert "secret" not in repr(secret)

    def test_can_be_forbidden(self, world: World, admin: Administrator) -> None:
        """By a policy of the tenant: too long, or at all."""
        made = registered(admin)
        who = caller(world, ADMIN_AGENT, scp=PERMISSIONS)
        world.tenants[TENANT].secrets_last = timedelta(days=180)
        response = who.ask("POST", f"{URL}/{made.id}/addPassword", {"passwordCredential": {"displayName": "x"}})
        assert refusal(response) == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
        admin.do(applications.add_secret(made.id, "short", world.now() + timedelta(days=90)))
        world.tenants[TENANT].secrets_last = timedelta()
        response = who.ask("POST", f"{URL}/{made.id}/addPassword", {})
        assert refusal(response) == (400, "CredentialTypeNotAllowedAsPerAppPolicy")

    def test_of_nothing_are_refused(self, admin: Administrator) -> None:
        """404 for an application that is not there, 400 for a secret that is not."""
        made = registered(admin)
        with pytest.raises(NotFound):
            admin.do(applications.add_secret(WEB_APP, "x"))
        with pytest.raises(ApiRefused):
            admin.do(applications.remove_secret(made.id, WEB_APP))
        with pytest.raises(ApiRefused):
            admin.do(applications.add_secret(made.id, "x", admin.world.now() - timedelta(days=1)))


class TestCertificates:
    """4.4."""

    def test_the_first_one_comes_by_patch(self, world: World, admin: Administrator) -> None:
        """And proves the application at the token endpoint; the bytes are shown where they are asked for."""
        made = registered(admin)
        key, certificate = made_certificate()
        der = certificate.public_bytes(Encoding.DER)
        admin.do(applications.update(made.id, {"keyCredentials": [applications.certificate(der, "CN=one")]}))
        shown = admin.do(applications.get(made.id))
        assert shown.key_credentials[0].display_name == "CN=one"
        assert shown.raw["keyCredentials"][0]["key"] is None
        whole = admin.do(applications.get(made.id, fields=["keyCredentials"])).raw["keyCredentials"][0]
        assert base64.b64decode(whole["key"]) == der

        endpoint = emulated(ORIGIN).authority(TENANT).token_endpoint(Dialect.V2)
        proof = Certificate(certificate, key).prove(made.app_id, endpoint, world.now())
        form = {name: value.reveal() for name, value in proof.items()}
        answer = token(
            world,
            TENANT,
            client_id=made.app_id,
            grant_type="client_credentials",
            scope="https://graph.microsoft.com/.default",
            **form,
        )
        assert answer.ok, answer.body

    def test_earlier_ones_stay_where_they_are_sent_back(self, admin: Administrator) -> None:
        """By their id, without their bytes; others go."""
        made = registered(admin)
        first, second = (made_certificate()[1].public_bytes(Encoding.DER) for _ in range(2))
        admin.do(applications.update(made.id, {"keyCredentials": [applications.certificate(first)]}))
        [kept] = admin.do(applications.get(made.id)).raw["keyCredentials"]
        admin.do(applications.update(made.id, {"keyCredentials": [kept, applications.certificate(second)]}))
        assert len(admin.do(applications.get(made.id)).key_credentials) == 2
        admin.do(applications.update(made.id, {"keyCredentials": []}))
        assert admin.do(applications.get(made.id)).key_credentials == ()

    def test_later_ones_come_with_a_proof(self, world: World, admin: Administrator) -> None:
        """Signed by an earlier one, for this object, for ten minutes at most."""
        made = registered(admin)
        (key, first), (_, second), (stranger, _) = (made_certificate() for _ in range(3))
        der = [one.public_bytes(Encoding.DER) for one in (first, second)]
        admin.do(applications.update(made.id, {"keyCredentials": [applications.certificate(der[0])]}))
        now = int(world.now().timestamp())
        right = {"aud": applications.PROOF_AUDIENCE, "iss": made.id, "nbf": now, "exp": now + 600}

        def proof(by: Any = key, **changes: Any) -> str:
            return jwt.sign(right | changes, by).reveal()

        for wrong in (
            proof(stranger),
            proof(aud=GRAPH),
            proof(iss=made.app_id),
            proof(exp=now + 601),
            proof(exp=now),
            proof(nbf=now + 600, exp=now + 700),
            proof(nbf="x"),
            "x.y.z",
        ):
            response = caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask(
                "POST",
                f"{URL}/{made.id}/addKey",
                {"keyCredential": applications.certificate(der[1]), "proof": wrong},
            )
            assert response.status == 401, wrong
        added = admin.do(applications.add_key(made.id, applications.certificate(der[1]), proof()))
        assert len(world.registrations[made.app_id].certificates) == 2
        admin.do(applications.remove_key(made.id, added.key_id, proof()))
        assert len(world.registrations[made.app_id].certificates) == 1

    @pytest.mark.parametrize(
        "change",
        [{"key": "x"}, {"key": "eA=="}, {"type": "Symmetric"}, {"usage": "Sign"}, {"endDateTime": "9999-01-01"}],
    )
    def test_what_is_none_is_refused(self, world: World, admin: Administrator, change: dict[str, str]) -> None:
        made = registered(admin)
        der = made_certificate()[1].public_bytes(Encoding.DER)
        body = {"keyCredentials": [applications.certificate(der) | change]}

        assert caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask("PATCH", f"{URL}/{made.id}", body).status == 400


class TestServicePrincipals:
    """4.5."""

    def test_of_microsofts_apis_tell_their_permissions(self, admin: Administrator) -> None:
        """By the ids of the reference (1.1); what is not published has one that can be found out."""
        for api, named in permissions.PERMISSIONS.items():
            if api == permissions.EXCHANGE:
                continue
            shown = admin.do(principals.by_app_id(api))
            for one in named:
                assert shown.scope_id(one.name) == one.scope, one
                assert shown.role_id(one.name) == one.role or not one.role, one
        assert admin.do(principals.by_app_id(permissions.MICROSOFT_PARTNER)).scope_id("user_impersonation")

    def test_can_be_installed(self, world: World, admin: Administrator) -> None:
        """An API that is not there yet; a second time is a conflict."""
        with pytest.raises(NotFound):
            admin.do(principals.by_app_id(permissions.EXCHANGE))
        made = admin.do(principals.create(permissions.EXCHANGE))
        assert made.role_id("Exchange.ManageAsApp") == "dc50a0fb-09a3-484d-be87-e023b12c6440"
        with pytest.raises(Conflicting):
            admin.do(principals.create(permissions.EXCHANGE))
        response = caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask(
            "POST", "/v1.0/servicePrincipals", {"appId": WEB_APP}
        )
        assert refusal(response) == (409, "Request_MultipleObjectsWithSameKeyValue")

    def test_need_an_application_behind_them(self, world: World, admin: Administrator) -> None:
        """`NoBackingApplicationObject`, also while a new application spreads."""
        who = caller(world, ADMIN_AGENT, scp=PERMISSIONS)
        response = who.ask("POST", "/v1.0/servicePrincipals", {"appId": "11111111-2222-4333-8444-555555555555"})
        assert refusal(response) == (400, "Request_BadRequest")
        assert detail(response) == "NoBackingApplicationObject"

        world.measures.spreading_takes = timedelta(seconds=20)
        made = admin.do(applications.create("new"))
        response = who.ask("POST", "/v1.0/servicePrincipals", {"appId": made.app_id})
        assert detail(response) == "NoBackingApplicationObject"
        world.clock.advance(timedelta(seconds=20))
        assert admin.do(principals.create(made.app_id)).app_id == made.app_id

    def test_of_the_default_world_are_there(self, admin: Administrator) -> None:
        """Its applications and the APIs that they may use; the address knows both keys."""
        found = {one.app_id: one for one in admin.all(principals.listing())}

        assert found.keys() >= {WEB_APP, NATIVE_APP, *APPLICATION_IDS.values()}
        assert admin.do(principals.get(found[WEB_APP].id)).app_id == WEB_APP


class TestConsents:
    """4.6 and 4.7."""

    def test_are_merged_by_patch(self, world: World, admin: Administrator) -> None:
        """A second one is a conflict; one for all and one for a person are two."""
        own, api = (admin.do(principals.by_app_id(one)) for one in (WEB_APP, GRAPH))
        with pytest.raises(Conflicting):
            admin.do(consents.create(own.id, api.id, ["Mail.Read"]))
        [found] = admin.all(consents.between(own.id, api.id))
        assert found.permissions == {"User.Read", "Directory.Read.All"}
        admin.do(consents.update(found.id, {*found.permissions, "User.Read.All"}))
        assert world.tenants[TENANT].grants[WEB_APP, GRAPH, ""] == {"User.Read", "Directory.Read.All", "User.Read.All"}
        john = world.tenants[TENANT].person(JOHN)
        assert john is not None
        admin.do(consents.create(own.id, api.id, ["Mail.Read"], john.id))
        kinds = sorted(one.consent_type for one in admin.all(consents.between(own.id, api.id)))
        assert kinds == ["AllPrincipals", "Principal"]

    def test_spread(self, world: World, admin: Administrator) -> None:
        """65001 while they do."""
        made = registered(admin)
        secret = admin.do(applications.add_secret(made.id, "one"))
        own, api = (admin.do(principals.by_app_id(one)) for one in (made.app_id, PARTNER_CENTER))
        world.measures.spreading_takes = timedelta(minutes=1)
        world.clock.advance(timedelta(minutes=2))
        admin.do(consents.create(own.id, api.id, ["user_impersonation"]))
        form = {"client_id": made.app_id, "client_secret": secret.value.reveal(), "grant_type": "password"}
        person = {"username": JOHN, "password": PASSWORD, "resource": "https://api.partnercenter.microsoft.com"}

        assert code(v1_token(world, TENANT, **form, **person)) == 65001
        world.clock.advance(timedelta(minutes=1))
        assert code(v1_token(world, TENANT, **form, **person)) == 0

    def test_graphs_own_permissions_take_a_privileged_administrator(self, world: World, admin: Administrator) -> None:
        """For applications; others are for application administrators. Twice is 400."""
        own, graph, exchange = (
            admin.do(principals.by_app_id(WEB_APP)),
            admin.do(principals.by_app_id(GRAPH)),
            admin.do(principals.create(permissions.EXCHANGE)),
        )
        role = graph.role_id("User.Read.All")
        john = world.tenants[TENANT].person(JOHN)
        assert john is not None
        john.directory_roles, john.roles = {"Application Administrator"}, {Role.REFERRALS_ADMIN}
        lesser = Administrator(world, JOHN, scp=PERMISSIONS)
        with pytest.raises(Forbidden):
            lesser.do(principals.assign(graph.id, own.id, role))
        lesser.do(principals.assign(exchange.id, own.id, exchange.role_id("Exchange.ManageAsApp")))
        admin.do(principals.assign(graph.id, own.id, role))
        with pytest.raises(ApiRefused, match="already exists"):
            admin.do(principals.assign(graph.id, own.id, role))
        assert len(admin.all(principals.assignments(own.id))) == 2
        with pytest.raises(ApiRefused):
            admin.do(principals.assign(graph.id, own.id, WEB_APP))


def test_a_customers_directory_takes_consents_by_gdap(world: World) -> None:
    """Where the partner is an application administrator there."""
    fabrikam = "c0570000-0000-4000-8000-000000000001"
    there = {"tid": fabrikam, "iss": f"https://sts.windows.net/{fabrikam}/"}
    admin = Administrator(world, ADMIN_AGENT, scp=PERMISSIONS, **there)
    own = admin.do(principals.create(WEB_APP))
    api = admin.do(principals.by_app_id(GRAPH))
    admin.do(consents.create(own.id, api.id, ["User.Read.All"]))
    assert world.customers[fabrikam].grants == {(WEB_APP, GRAPH, ""): {"User.Read.All"}}

    world.customers[fabrikam].gdap = {"Directory Readers"}
    with pytest.raises(Forbidden):
        admin.do(consents.create(own.id, api.id, ["Mail.Read"]))


def test_no_secret_is_in_what_graph_shows(world: World, admin: Administrator) -> None:
    """But in the one answer that tells it."""
    made = registered(admin)
    secret = admin.do(applications.add_secret(made.id, "one"))
    shown = caller(world, ADMIN_AGENT, scp=PERMISSIONS).ask("GET", f"{URL}?$top=999").body

    assert secret.secret_text.encode() not in shown
    assert Hidden(secret.secret_text) == secret.value
