"""App registrations, their credentials, permissions and consents, at the portal."""

from datetime import timedelta

import pytest

from partnerauth.emulator.default import NATIVE_APP, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.keys import SigningKey
from partnerauth.emulator.world import Registration
from tests.emulator.visitor import NOON, Seen, Visitor

PARTNER_CENTER = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
PARTNER = "4990cffe-04e8-4e8b-808a-1175604b879f"
OLD_GRAPH = "00000002-0000-0000-c000-000000000000"
NEW = {"name": "My app", "audience": "single", "platform": "web", "address": "https://localhost:44395/"}


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def added(visitor: Visitor, **changes: str) -> Registration:
    """A new registration, by the form."""
    before = set(visitor.world.registrations)
    visitor.do("/portal/apps/new", NEW | changes)
    [new] = set(visitor.world.registrations) - before
    return visitor.world.registrations[new]


def test_an_application_is_registered(visitor: Visitor) -> None:
    app = added(visitor, id_tokens="yes")

    assert (app.name, app.tenant, app.multi_tenant, app.public) == ("My app", TENANT, False, False)
    assert app.platforms == {"https://localhost:44395/": "web"}
    assert app.id_tokens
    assert not app.in_partner_center
    assert app.id in visitor.look("/portal/apps?search=my").text
    native = added(visitor, platform="public", address="http://localhost", audience="multiple", name="Native")
    assert (native.public, native.multi_tenant, native.id_tokens) == (True, True, False)
    assert added(visitor, address="").platforms == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"audience": "all"}, "audience"),
        ({"platform": "toaster"}, "platform"),
        ({"address": "localhost"}, "address"),
        ({"address": "http://example.com/"}, "address"),
        ({"address": "https://example.com/#part"}, "address"),
        ({"address": "https://me@example.com/"}, "address"),
        ({"address": "https://example.com:99999/"}, "address"),
        ({"address": "https://exämple.com/"}, "address"),
        ({"address": "https://example.com/a b"}, "address"),
        ({"address": "https://[::1/"}, "address"),
        ({"address": "https://example.com/" + "x" * 300}, "address"),
    ],
)
def test_a_mistaken_registration_is_told_beside_the_field(
    visitor: Visitor, changes: dict[str, str], field: str
) -> None:
    assert set(visitor.fail("/portal/apps/new", NEW | changes)) == {field}
    assert len(visitor.world.registrations) == 2
    seen = Seen(visitor.post("/portal/apps/new", NEW | changes).body.decode())
    assert next(one for one in seen.all("input") if one["name"] == "address")["value"] == (NEW | changes)["address"]


def test_a_secret_is_shown_once_and_works(visitor: Visitor) -> None:
    app = added(visitor)
    seen = visitor.do(f"/portal/apps/{app.id}/secrets/add", name="For tests", ends="90")
    [secret] = app.secrets
    assert secret.value.reveal() in seen.text
    assert secret.value.reveal() not in visitor.look(f"/portal/apps/{app.id}/secrets").text
    assert (secret.name, secret.ends) == ("For tests", NOON + timedelta(days=90))
    assert len(secret.value.reveal()) == 40

    fields = {"grant_type": "client_credentials", "client_id": app.id, "client_secret": secret.value.reveal()}
    path = "/contoso.com/oauth2/token"
    assert visitor.ask(path, **fields, resource="https://graph.windows.net").value()["access_token"]
    visitor.world.clock.advance(timedelta(days=91))
    refused = visitor.ask(path, 401, **fields, resource="https://graph.windows.net").value()
    assert refused["error_codes"] == [7000222]
    assert "ended" in visitor.look(f"/portal/apps/{app.id}/secrets").text

    visitor.do(f"/portal/apps/{app.id}/secrets/remove", id=secret.id)
    assert app.secrets == []


def test_a_secret_ends_when_it_is_told_to(visitor: Visitor) -> None:
    path = f"/portal/apps/{WEB_APP}/secrets/add"
    visitor.do(path, ends="")
    visitor.do(path, ends="on", day="2026-02-01")
    assert [one.ends for one in visitor.world.registrations[WEB_APP].secrets[1:]] == [None, NOON + timedelta(days=30.5)]

    assert set(visitor.fail(path, ends="5")) == {"ends"}
    assert set(visitor.fail(path, ends="on", day="soon")) == {"day"}
    assert set(visitor.fail(path, ends="on", day="2025-01-01")) == {"day"}
    visitor.world.partner().secrets_last = timedelta(days=100)
    assert set(visitor.fail(path, ends="180")) == {"ends"}
    assert set(visitor.fail(path, ends="")) == {"ends"}


def test_a_certificate_is_uploaded_as_text(visitor: Visitor) -> None:
    key = SigningKey.make().pem().decode()
    certificate = key[key.index("-----BEGIN CERTIFICATE") :]
    path = f"/portal/apps/{WEB_APP}/certificates/add"
    app = visitor.world.registrations[WEB_APP]

    private = visitor.post(path, pem=key)
    assert private.status == 422
    assert b"PRIVATE KEY" not in private.body
    for wrong in (
        "",
        "nonsense",
        certificate.replace("MII", "AAA", 1),
        "-----BEGIN CERTIFICATE-----\n\xff",
        "x" * 70_000,
    ):
        assert set(visitor.fail(path, pem=wrong)) == {"pem"}
    assert app.certificates == []

    seen = visitor.do(path, pem=certificate)
    assert "The certificate was added." in seen.text
    assert set(visitor.fail(path, pem=certificate)) == {"pem"}
    print_ = next(one["value"] for one in seen.all("input") if one["name"] == "thumbprint")
    assert print_ in seen.text
    visitor.do(f"/portal/apps/{WEB_APP}/certificates/remove", thumbprint=print_)
    assert app.certificates == []
    visitor.world.clock.advance(timedelta(days=36500))
    assert "ended" in visitor.fail(path, pem=certificate)["pem"]


def test_reply_addresses_and_settings_are_changed(visitor: Visitor) -> None:
    app, path = visitor.world.registrations[NATIVE_APP], f"/portal/apps/{NATIVE_APP}/authentication"
    visitor.do(f"{path}/add", address="urn:ietf:wg:oauth:2.0:oob", platform="web")
    assert app.platforms["urn:ietf:wg:oauth:2.0:oob"] == "web"
    assert set(visitor.fail(f"{path}/add", address="http://localhost", platform="web")) == {"address"}
    assert set(visitor.fail(f"{path}/add", address="", platform="none")) == {"address", "platform"}
    visitor.do(f"{path}/remove", address="http://localhost")
    assert "http://localhost" not in app.platforms
    assert "This address was not there." in visitor.do(f"{path}/remove", address="http://localhost").text

    visitor.do(path, audience="single", id_tokens="", access_tokens="yes", public="")
    assert (app.multi_tenant, app.id_tokens, app.access_tokens, app.public) == (False, False, True, False)
    assert set(visitor.fail(path, audience="other")) == {"audience"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Microsoft Partner", {PARTNER, PARTNER_CENTER}),
        ("microsoft dev center", {PARTNER}),
        ("4990c", {PARTNER}),
        (PARTNER, {PARTNER}),
        ("SampleBECAApp", {PARTNER_CENTER}),
        ("Azure Management", {"797f4846-ba00-4fd7-ba43-dac1f8f63013"}),
        ("Windows Azure Active Directory", {OLD_GRAPH}),
        ("nothing", set()),
    ],
)
def test_an_api_is_found_by_what_the_documents_call_it(visitor: Visitor, typed: str, found: set[str]) -> None:
    seen = visitor.look(f"/portal/apps/{WEB_APP}/permissions/add?search={typed.replace(' ', '+')}")

    ends = {link["href"].rpartition("/")[2] for link in seen.all("a") if "/permissions/add/" in link["href"]}
    assert ends == found


def test_permissions_are_added_granted_and_withdrawn(visitor: Visitor) -> None:
    """The seeds "Referrals API authentication", steps 2.6 to 2.8, and "Partner API authentication"."""
    app = added(visitor)
    path, tenant = f"/portal/apps/{app.id}/permissions", visitor.world.partner()
    assert "not granted" in visitor.do(f"{path}/add/{PARTNER}", user_impersonation="yes").text
    visitor.do(f"{path}/add/{PARTNER_CENTER}", user_impersonation="yes")
    old = {"User.Read": "yes", "Directory.AccessAsUser.All": "yes", "application.Directory.Read.All": "yes"}
    assert "Retired" in visitor.do(f"{path}/add/{OLD_GRAPH}", old).text
    assert app.permissions == {
        PARTNER: {"user_impersonation"},
        PARTNER_CENTER: {"user_impersonation"},
        OLD_GRAPH: {"User.Read", "Directory.AccessAsUser.All"},
    }
    assert app.application_permissions == {OLD_GRAPH: {"Directory.Read.All"}}

    seen = visitor.do(f"/portal/enterprise/{app.id}/grant")
    assert "Admin consent was granted for everybody in Contoso" in seen.text
    assert tenant.grants[app.id, PARTNER, ""] == {"user_impersonation"}
    assert tenant.application_grants[app.id, OLD_GRAPH] == {"Directory.Read.All"}
    assert "not granted" not in visitor.look(path).text

    visitor.do(f"/portal/enterprise/{app.id}/withdraw", api=PARTNER, person="", kind="delegated")
    visitor.do(f"/portal/enterprise/{app.id}/withdraw", api=OLD_GRAPH, kind="application")
    assert (app.id, PARTNER, "") not in tenant.grants
    assert (app.id, OLD_GRAPH) not in tenant.application_grants
    assert "was not there" in visitor.do(f"/portal/enterprise/{app.id}/withdraw", api=PARTNER).text
    visitor.do(f"{path}/grant")
    assert tenant.grants[app.id, PARTNER, ""] == {"user_impersonation"}

    visitor.do(f"{path}/remove", api=PARTNER, name="user_impersonation")
    visitor.do(f"{path}/remove", api=OLD_GRAPH, name="Directory.Read.All", kind="application")
    assert PARTNER not in app.permissions
    assert app.application_permissions == {}
    assert "was not there" in visitor.do(f"{path}/remove", api=PARTNER, name="x").text
    assert set(visitor.fail(f"{path}/add/{PARTNER}", Something="yes")) == {"permissions"}


def test_an_application_without_permissions_is_granted_nothing(visitor: Visitor) -> None:
    app = added(visitor)

    assert "names no permissions" in visitor.do(f"/portal/enterprise/{app.id}/grant").text


def test_an_application_is_switched_off_and_deleted(visitor: Visitor) -> None:
    fields = {"grant_type": "client_credentials", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    fields["resource"] = "https://graph.windows.net"
    app, path = visitor.world.registrations[WEB_APP], f"/portal/apps/{WEB_APP}"
    visitor.do(f"{path}/disable")
    assert 7000112 in visitor.ask("/contoso.com/oauth2/token", 400, **fields).value()["error_codes"]
    visitor.do(f"{path}/enable")
    assert visitor.ask("/contoso.com/oauth2/token", **fields).value()["access_token"]
    visitor.do(f"{path}/remove-from-partner-center")
    assert not app.in_partner_center
    visitor.do(f"{path}/add-to-partner-center")
    assert app.in_partner_center

    visitor.do(f"{path}/delete")
    assert WEB_APP not in visitor.world.registrations
    assert not [key for key in visitor.world.partner().grants if key[0] == WEB_APP]
    visitor.look(path, 404)
    visitor.look(f"/portal/enterprise/{WEB_APP}", 404)


def test_the_sign_in_link_is_the_documents(visitor: Visitor) -> None:
    links = [link["href"] for link in visitor.look(f"/portal/apps/{WEB_APP}").all("a") if "authorize" in link["href"]]

    [link] = links
    assert link.startswith(
        f"/common/oauth2/authorize?client_id={WEB_APP}&response_mode=form_post&response_type=code%20id_token"
    )
    assert "Sign in" in visitor.look(link).text
    assert not [one for one in visitor.look(f"/portal/apps/{NATIVE_APP}").all("a") if "authorize" in one["href"]]
