"""Row S1: "Partner API authentication" (001_c382594ac6eb62e0.txt)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from partnerauth.apis import referrals
from partnerauth.apis.partnercenter import customers
from partnerauth.cloud import GLOBAL, Api
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import Forbidden, InvalidClient, InvalidRequest, MfaMissing, PermissionNeeded, WrongTenant
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import PUBLIC, Application, Secret
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.refusals import refused
from partnerauth.oauth.sources import AppOnly, PasswordUser
from partnerauth.session import Session
from tests.seeds.conftest import Place, ServeWorld, Shell
from tests.seeds.sample import Sample, differences

MICROSOFT_PARTNER = "4990cffe-04e8-4e8b-808a-1175604b879f"
PARTNER_CENTER = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
NATIVE = "5e9e0000-0000-4000-8000-000000000011"
WEB = "5e9e0000-0000-4000-8000-000000000012"

# --- S1.1: app + user, with a native application


def native(permissions: str) -> str:
    """A world with a native application, its permissions granted."""
    return f"""
extends = "contoso"

[[registrations]]
id = "{NATIVE}"
name = "My native tool"
tenant = "contoso.com"
public = true
redirects.public = ["http://localhost"]
permissions = {{ {permissions} }}
admin_consent = true
"""


BOTH = f'"{MICROSOFT_PARTNER}" = ["user_impersonation"], "{PARTNER_CENTER}" = ["user_impersonation"]'


def test_s1_1_a_native_application_acts_for_a_person_at_both_apis(
    serve_world: ServeWorld, shell: Shell, tmp_path: Path
) -> None:
    place = shell.place = serve_world(read_world(native(BOTH)))
    shell.settings = {"client_id": NATIVE, "client_secret": ""}

    shell.consent(ADMIN_AGENT)

    for api, audience in (
        ("referrals", "https://api.partner.microsoft.com"),
        ("partner-center", "https://api.partnercenter.microsoft.com"),
    ):
        token = shell.run("token", "--api", api)
        evidence = read_access_token(token.out.strip())
        assert (token.code, token.err) == (0, "")
        assert (evidence.audience, evidence.application_id, evidence.username) == (audience, NATIVE, ADMIN_AGENT)
        assert (evidence.scopes, evidence.mfa) == (("user_impersonation",), Mfa.SHOWN)
    assert '"Fabrikam"' in shell.run("call", "GET", "/v1/customers").out
    assert place.world.registrations[NATIVE].secrets == []


@pytest.mark.parametrize(
    ("present", "reachable", "missing"),
    [
        (MICROSOFT_PARTNER, Api.REFERRALS, Api.PARTNER_CENTER),
        (PARTNER_CENTER, Api.PARTNER_CENTER, Api.REFERRALS),
    ],
    ids=["Microsoft Partner only", "Partner Center only"],
)
def test_s1_1_each_api_needs_its_own_permission(
    serve_world: ServeWorld, present: str, reachable: Api, missing: Api
) -> None:
    place = serve_world(read_world(native(f'"{present}" = ["user_impersonation"]')))
    authority = place.cloud.authority(TENANT)
    john = PasswordUser(Application(NATIVE, PUBLIC), authority, JOHN, Hidden(PASSWORD))

    assert read_access_token(place.session.token(john, reachable).access_token).scopes == ("user_impersonation",)
    with pytest.raises(PermissionNeeded) as refusal:
        place.session.token(john, missing)
    assert refusal.value.code == 650057
    assert "Add the API permission" in refusal.value.hint


def test_s1_1_a_native_application_has_no_secret(place: Place) -> None:
    with_secret = Application(NATIVE_APP, Secret("what-it-cannot-keep"))
    john = PasswordUser(with_secret, place.cloud.authority(TENANT), JOHN, Hidden(PASSWORD))

    with pytest.raises(InvalidClient) as refusal:
        place.session.token(john, Api.REFERRALS)

    assert refusal.value.code == 700025


# --- S1.2: app only, with a web application

WEB_WORLD = f"""
extends = "contoso"

[[registrations]]
id = "{WEB}"
name = "My web tool"
tenant = "contoso.com"
secrets = [{{ value = "never-expires" }}, {{ value = "for-a-year", ends = 2027-11-01 }}]
redirects.web = ["https://localhost:44395/"]
permissions = {{ "{MICROSOFT_PARTNER}" = ["user_impersonation"] }}
"""


def app_only(place: Place, key: str = "never-expires", application: str = WEB, directory: str = TENANT) -> AppOnly:
    """The web application by itself: application id, key and directory id."""
    authority = place.cloud.authority(directory)
    return AppOnly(Application(application, Secret(key)), authority, clock=place.world.clock)


def test_s1_2_application_id_key_and_directory_id_give_a_token_for_the_application(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(WEB_WORLD))

    token = place.session.token(app_only(place), Api.REFERRALS)
    listed = place.session.call(app_only(place), customers.listing())

    evidence = read_access_token(token.access_token)
    assert (evidence.app_only, evidence.application_id, evidence.tenant) == (True, WEB, TENANT)
    assert evidence.audience == "https://api.partner.microsoft.com"
    assert len(listed.items) == len(place.world.customers)
    with pytest.raises(Forbidden):
        place.session.call(app_only(place), referrals.listing())


def test_s1_2_each_of_the_three_is_needed(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(WEB_WORLD))
    unknown = "00000000-1111-4222-8333-444444444444"

    found = {}
    for name, source in {
        "key": app_only(place, key="never-expire"),
        "application id": app_only(place, application=unknown),
        "directory id": app_only(place, directory=unknown),
    }.items():
        with pytest.raises((InvalidClient, WrongTenant)) as refusal:
            place.session.token(source, Api.PARTNER_CENTER)
        found[name] = refusal.value.code
    assert found == {"key": 7000215, "application id": 700016, "directory id": 90002}


def test_s1_2_a_key_that_never_expires_never_does_and_another_does(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(WEB_WORLD))
    place.world.clock.advance(timedelta(days=20 * 365))

    assert place.session.token(app_only(place), Api.PARTNER_CENTER).access_token
    with pytest.raises(InvalidClient) as refusal:
        place.fresh_session().token(app_only(place, key="for-a-year"), Api.REFERRALS)
    assert refusal.value.code == 7000222


def test_s1_2_the_command_takes_the_three(shell: Shell) -> None:
    token = shell.run("token", "--as", "app", "--api", "referrals")

    evidence = read_access_token(token.out.strip())
    assert (token.code, token.err) == (0, "")
    assert (evidence.app_only, evidence.application_id, evidence.tenant) == (True, WEB_APP, TENANT)


# --- S1.3: admin consent for the partner account

CONSENT = "/{tenant}/adminconsent?client_id={app}&redirect_uri=https://localhost:44395/&state=seen-again"


def test_s1_3_granted_by_an_administrator_it_holds_for_everybody(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(WEB_WORLD))
    john = PasswordUser(
        Application(WEB, Secret("never-expires")), place.cloud.authority(TENANT), JOHN, Hidden(PASSWORD)
    )
    link = place.server.url + CONSENT.format(tenant=TENANT, app=WEB)
    with pytest.raises(PermissionNeeded) as before:
        place.session.token(john, Api.REFERRALS)

    answer = place.person(ADMIN_AGENT).sign_in(link, "https://localhost:44395/")

    assert before.value.code == 65001
    assert answer == {"admin_consent": "True", "tenant": TENANT, "state": "seen-again"}
    assert read_access_token(place.session.token(john, Api.REFERRALS).access_token).username == JOHN
    assert place.world.tenants[TENANT].grants[WEB, MICROSOFT_PARTNER, ""] == {"user_impersonation"}


def test_s1_3_nobody_but_an_administrator_grants_it(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(WEB_WORLD))
    pages: list[bytes] = []

    def seen(request: Request) -> Response:
        response = place.carrier.send(request)
        pages.append(response.body)
        return response

    link = place.server.url + CONSENT.format(tenant=TENANT, app=WEB)
    with pytest.raises(Exception, match="asks nothing more"):
        place.person(JOHN, seen).sign_in(link, "https://localhost:44395/")

    assert b"AADSTS90094" in pages[-1]
    assert (WEB, MICROSOFT_PARTNER, "") not in place.world.tenants[TENANT].grants


# --- S1.4: the token by a password, without a secret

PRINTED = Sample.named("s1-4-password.request").request(client_id=NATIVE_APP, username=JOHN, password=PASSWORD)
POSTED = replace(PRINTED, method="POST")
ANSWER = Sample.named("s0-1-password.response").response(access_token="token")


def test_s1_4_the_printed_get_is_refused_with_900561(place: Place) -> None:
    answer = place.say(PRINTED)

    error = refused(answer)
    assert (answer.status, answer.value()["error"], answer.value()["error_codes"]) == (400, "invalid_request", [900561])
    assert (type(error), error.code) == (InvalidRequest, 900561)
    assert "POST" in error.message
    assert "Send the same fields as POST" in error.hint


def test_s1_4_posted_it_gets_a_token_without_a_secret(place: Place) -> None:
    answer = place.say(POSTED)

    assert differences(answer, ANSWER) == []
    evidence = read_access_token(answer.value()["access_token"])
    assert (evidence.application_id, evidence.username) == (NATIVE_APP, JOHN)


def test_s1_4_the_library_posts_the_same_fields() -> None:
    asked: list[Request] = []

    def send(request: Request) -> Response:
        asked.append(request)
        return ANSWER

    native_app = Application(NATIVE_APP, PUBLIC)
    john = PasswordUser(native_app, GLOBAL.authority("common"), JOHN, Hidden(PASSWORD))
    Session(send=send).token(john, Api.REFERRALS)

    assert [(request.method, request.url) for request in asked] == [("POST", PRINTED.url)]
    assert asked[0].fields == PRINTED.fields


def test_s1_4_our_classes_read_the_request_and_write_it_back() -> None:
    written = TokenRequest.read(POSTED).to(GLOBAL.authority("common"))

    assert (written.method, written.url) == (POSTED.method, POSTED.url)
    assert written.fields == POSTED.fields


def test_s1_4_a_web_application_needs_its_secret(place: Place) -> None:
    answer = place.say(
        replace(
            Sample.named("s1-4-password.request").request(client_id=WEB_APP, username=JOHN, password=PASSWORD),
            method="POST",
        )
    )

    assert refused(answer).code == 7000218


def test_s1_4_today_it_is_refused_on_the_shared_address_and_for_want_of_mfa(today: Place) -> None:
    shared = refused(today.say(POSTED))
    own = refused(today.say(replace(POSTED, url=POSTED.url.replace("/common/", f"/{TENANT}/"))))

    assert refused(today.say(PRINTED)).code == 900561
    assert (type(shared), shared.code) == (InvalidRequest, 9001023)
    assert "tenant" in shared.hint
    assert (type(own), own.code) == (MfaMissing, 50079)
    assert "partnerauth consent" in own.hint
