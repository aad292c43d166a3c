"""Row S0: "Referrals API authentication" (000_a3a8d9d5da6b8a45.txt)."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partnerauth.apis import referrals
from partnerauth.apis.patch import Change
from partnerauth.cloud import GLOBAL, Api, Dialect
from partnerauth.emulator.default import (
    ADMIN_AGENT,
    JOHN,
    PASSWORD,
    REFERRALS_USER,
    TENANT,
    WEB_APP,
    WEB_APP_SECRET,
)
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import (
    AccountBlocked,
    Forbidden,
    InvalidClient,
    InvalidRequest,
    MfaMissing,
    NotFound,
    PermissionNeeded,
    WrongTenant,
)
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.refusals import refused
from partnerauth.oauth.sources import PasswordUser
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import Session
from tests.seeds.conftest import Place, ServeWorld, Shell
from tests.seeds.sample import Sample, differences, request_bytes

REFERRALS = "https://api.partner.microsoft.com"
AS_PRINTED = Sample.named("s0-1-password-as-printed.request").request()
ANSWER = Sample.named("s0-1-password.response").response(access_token="token-value-removed")


def by_password(place: Place, username: str, password: str = PASSWORD, app: Application | None = None) -> PasswordUser:
    """Somebody by their password, at the partner's tenant."""
    authority = place.cloud.authority(TENANT)
    return PasswordUser(app or place.web_app, authority, username, Hidden(password), clock=place.world.clock)


# --- S0.1: the password grant


@pytest.mark.parametrize("absolute", [True, False], ids=["whole address", "path"])
def test_s0_1_the_sample_request_gets_the_sample_answer(place: Place, absolute: bool) -> None:
    answer = place.say(AS_PRINTED, absolute=absolute)

    assert differences(answer, ANSWER) == []
    fields = answer.value()
    assert int(fields["expires_on"]) - int(fields["not_before"]) == 1546469802 - 1546465902
    evidence = read_access_token(fields["access_token"])
    assert (evidence.username, evidence.audience, evidence.application_id) == (JOHN, REFERRALS, WEB_APP)
    listed = Request(
        "GET",
        f"{REFERRALS}/v1.0/engagements/referrals",
        (("Authorization", f"Bearer {fields['access_token']}"), ("Host", "api.partner.microsoft.com")),
    )
    assert place.say(listed).value()["value"]


def test_s0_1_the_request_with_its_placeholders_filled_is_the_sample_request(place: Place) -> None:
    filled = Sample.named("s0-1-password.request").request(
        client_id=WEB_APP, client_secret=WEB_APP_SECRET, username=JOHN, password=PASSWORD
    )

    assert filled.fields == AS_PRINTED.fields
    assert differences(place.say(filled), ANSWER) == []


@pytest.mark.needs("curl")
def test_s0_1_curl_sends_it_with_nothing_changed_but_the_way(place: Place) -> None:
    """`--connect-to` alone leads it here: name, Host, path and body are those of the document."""
    _, body = request_bytes(AS_PRINTED)
    headers = [f"{name}: {value}" for name, value in AS_PRINTED.headers if name not in ("Host", "Content-Length")]
    found = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--include", "--cacert", str(place.server.ca)),
            *("--connect-to", f"login.microsoftonline.com:443:localhost:{place.server.port}"),
            *(part for header in headers for part in ("--header", header)),
            *("--data", "@-", AS_PRINTED.url),
        ],
        input=body,
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    head, _, content = found.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    _, status, reason = first.split(" ", 2)
    pairs = (line.split(": ", 1) for line in lines)
    answer = Response(int(status), tuple((name, value) for name, value in pairs), content, reason)
    assert differences(answer, ANSWER) == []


def test_s0_1_our_classes_read_the_request_and_write_it_back() -> None:
    asked = TokenRequest.read(AS_PRINTED)
    written = asked.to(GLOBAL.authority("common"))

    assert asked.dialect is Dialect.V1
    assert (written.method, written.url) == (AS_PRINTED.method, AS_PRINTED.url)
    assert written.fields == AS_PRINTED.fields
    assert written.header("Accept") == AS_PRINTED.header("Accept")
    assert PASSWORD not in repr(asked)
    assert WEB_APP_SECRET not in repr(asked)


def test_s0_1_our_classes_read_the_answer_and_write_it_back() -> None:
    received = datetime.fromtimestamp(1546465902, UTC) + timedelta(minutes=5)
    tokens = TokenSet.read(ANSWER, received)

    assert tokens.expires_at == datetime.fromtimestamp(1546469802, UTC)
    assert tokens.write(Dialect.V1) == ANSWER.value()


def test_s0_1_the_library_asks_what_the_document_asks(place: Place) -> None:
    asked: list[Request] = []

    def send(request: Request) -> Response:
        asked.append(request)
        return ANSWER

    app = Application(WEB_APP, Secret(WEB_APP_SECRET))
    john = PasswordUser(app, GLOBAL.authority("common"), JOHN, Hidden(PASSWORD))

    tokens = Session(send=send).token(john, Api.REFERRALS)

    assert tokens.access_token == Hidden("token-value-removed")
    assert [(request.method, request.url) for request in asked] == [("POST", AS_PRINTED.url)]
    assert asked[0].fields == AS_PRINTED.fields


def test_s0_1_the_command_gets_the_token_and_the_referrals(shell: Shell) -> None:
    shell.settings = {"tenant": "common", "username": JOHN, "password": PASSWORD}

    token = shell.run("token", "--api", "referrals", "--as", "password")
    listed = shell.run("call", "GET", "/v1.0/engagements/referrals", "--api", "referrals", "--as", "password")

    assert (token.code, token.err) == (0, "")
    assert read_access_token(token.out.strip()).audience == REFERRALS
    assert (listed.code, listed.err) == (0, "")
    assert '"Fabrikam moves to Azure"' in listed.out


def test_s0_1_today_the_shared_address_refuses_it_and_the_error_says_what_to_name(today: Place) -> None:
    answer = today.say(AS_PRINTED)

    error = refused(answer)
    assert (answer.status, answer.value()["error"], answer.value()["error_codes"]) == (
        400,
        "invalid_request",
        [9001023],
    )
    assert (type(error), error.code) == (InvalidRequest, 9001023)
    assert "tenant" in error.hint


@pytest.mark.parametrize(("username", "code"), [(JOHN, 50079), (ADMIN_AGENT, 50076)], ids=["no MFA yet", "has MFA"])
def test_s0_1_today_mfa_refuses_it_at_the_tenant_and_the_error_leads_to_a_consent(
    today: Place, username: str, code: int
) -> None:
    at_tenant = Sample.named("s0-1-password.request").request(
        client_id=WEB_APP, client_secret=WEB_APP_SECRET, username=username, password=PASSWORD
    )
    answer = today.say(replace(at_tenant, url=at_tenant.url.replace("/common/", f"/{TENANT}/")))

    error = refused(answer)
    assert (answer.status, answer.value()["error_codes"]) == (400, [code])
    assert (type(error), error.code) == (MfaMissing, code)
    assert "partnerauth consent" in error.hint


def test_s0_1_today_the_command_says_what_to_do_instead(today: Place, shell: Shell) -> None:
    shell.place = today
    shell.settings = {"username": JOHN, "password": PASSWORD}
    ask = ("token", "--api", "referrals", "--as", "password")

    shared = shell.run(*ask, "--tenant", "common")
    own = shell.run(*ask)

    assert (shared.code, shared.out) == (5, "")
    assert "AADSTS9001023" in shared.err
    assert "hint: Name the tenant" in shared.err
    assert (own.code, own.out) == (4, "")
    assert "AADSTS50079" in own.err
    assert "partnerauth consent" in own.err
    assert PASSWORD not in shared.err + own.err


# --- S0.2: people and their Referrals roles

PEOPLE = """
extends = "contoso"

[[people]]
upn = "new.admin@contoso.com"
password = "Temporary-1"
roles = ["referrals_admin"]
temporary_password = true

[[people]]
upn = "new.user@contoso.com"
password = "Temporary-2"
roles = ["referrals_user"]
temporary_password = true

[[people]]
upn = "nobody.yet@contoso.com"
password = "Settled-3-password"
"""

DEAL = {
    "name": "A new deal",
    "type": "Independent",
    "qualification": "Direct",
    "customerProfile": {"name": "Litware", "address": {"country": "US"}},
    "consent": {"consentToContact": True},
    "details": {"dealValue": 100, "currency": "USD"},
}


def test_s0_2_a_referrals_admin_creates_reads_and_updates_all(place: Place) -> None:
    admin = by_password(place, JOHN)

    made = place.session.call(admin, referrals.create(DEAL))
    changed = place.session.call(admin, referrals.update(made.id, [Change("/name", "Renamed")], etag=made.e_tag))
    listed = place.session.pages(admin, referrals.listing())

    assert changed.name == "Renamed"
    assert {one.id for one in listed} == set(place.world.referrals)
    assert any(JOHN not in {member.email for member in one.team} for one in listed)


def test_s0_2_a_referrals_user_reads_only_those_whose_team_holds_them(place: Place) -> None:
    user = by_password(place, REFERRALS_USER)
    teams = {id_: {member["email"] for member in one["team"]} for id_, one in place.world.referrals.items()}
    theirs = next(id_ for id_, team in teams.items() if REFERRALS_USER in team)
    foreign = next(id_ for id_, team in teams.items() if REFERRALS_USER not in team)

    listed = place.session.pages(user, referrals.listing())

    assert {one.id for one in listed} == {id_ for id_, team in teams.items() if REFERRALS_USER in team}
    assert place.session.call(user, referrals.get(theirs)).id == theirs
    with pytest.raises(NotFound):
        place.session.call(user, referrals.get(foreign))
    with pytest.raises(Forbidden):
        place.session.call(user, referrals.create(DEAL))
    with pytest.raises(Forbidden):
        place.session.call(user, referrals.update(theirs, [Change("/name", "Renamed")]))


def test_s0_2_without_a_referrals_role_nothing_is_read(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(PEOPLE))

    with pytest.raises(Forbidden):
        place.session.call(by_password(place, "nobody.yet@contoso.com", "Settled-3-password"), referrals.listing())


@pytest.mark.parametrize(
    ("username", "temporary", "sees"),
    [("new.admin@contoso.com", "Temporary-1", 4), ("new.user@contoso.com", "Temporary-2", 0)],
)
def test_s0_2_the_temporary_password_is_changed_at_the_first_sign_in(
    serve_world: ServeWorld, username: str, temporary: str, sees: int
) -> None:
    place = serve_world(read_world(PEOPLE))

    with pytest.raises(AccountBlocked) as refusal:
        place.session.call(by_password(place, username, temporary), referrals.listing())
    person = place.person(username)
    person.password, person.new_password = Hidden(temporary), Hidden("Chosen-by-myself-9")
    link = f"{place.server.url}/common/oauth2/authorize?client_id={WEB_APP}&response_type=code"
    answer = person.sign_in(link, "https://localhost:44395/")

    assert refusal.value.code == 50055
    assert "Change the password" in refusal.value.hint
    assert answer["code"]
    with pytest.raises(Exception, match="50126"):
        place.session.call(by_password(place, username, temporary), referrals.listing())
    settled = by_password(place, username, "Chosen-by-myself-9")
    assert len(place.session.pages(settled, referrals.listing())) == sees


# --- S0.3: the client application

APP = "5e9e0000-0000-4000-8000-000000000001"
REGISTRATION = f"""
extends = "contoso"

[[registrations]]
id = "{APP}"
name = "My referrals tool"
tenant = "contoso.com"
secrets = [{{ value = "a-secret-of-its-own" }}]
redirects.web = ["https://localhost:44395/"]
"""
MICROSOFT_PARTNER = """permissions = { "4990cffe-04e8-4e8b-808a-1175604b879f" = ["user_impersonation"] }\n"""
ADMIN_CONSENT = "admin_consent = true\n"
OWN_APP = Application(APP, Secret("a-secret-of-its-own"))


def test_s0_3_registration_secret_permission_and_admin_consent_make_a_client(serve_world: ServeWorld) -> None:
    place = serve_world(read_world(REGISTRATION + MICROSOFT_PARTNER + ADMIN_CONSENT))
    john = by_password(place, JOHN, app=OWN_APP)

    found = place.session.pages(john, referrals.listing())

    evidence = read_access_token(place.session.token(john, Api.REFERRALS).access_token)
    assert len(found) == 4
    assert (evidence.application_id, evidence.scopes, evidence.mfa) == (APP, ("user_impersonation",), Mfa.ABSENT)
    with pytest.raises(PermissionNeeded) as refusal:
        place.session.token(john, Api.PARTNER_CENTER)
    assert refusal.value.code == 650057


@pytest.mark.parametrize(
    ("described", "code", "remedy"),
    [
        (MICROSOFT_PARTNER, 65001, "Grant admin consent"),
        ("", 650057, "Add the API permission"),
    ],
    ids=["without admin consent", "without the permission"],
)
def test_s0_3_what_is_left_out_is_named(
    serve_world: ServeWorld, shell: Shell, described: str, code: int, remedy: str
) -> None:
    shell.place = serve_world(read_world(REGISTRATION + described))
    shell.settings = {
        "client_id": APP,
        "client_secret": "a-secret-of-its-own",
        "username": JOHN,
        "password": PASSWORD,
    }

    told = shell.run("token", "--api", "referrals", "--as", "password")

    assert (told.code, told.out) == (3, "")
    assert f"AADSTS{code}:" in told.err
    assert f"hint: {remedy}" in told.err


def test_s0_3_a_single_tenant_application_is_used_at_its_own_tenant(serve_world: ServeWorld) -> None:
    """The document leaves the account type to the reader; with "Single Tenant" its `/common` no longer fits."""
    place = serve_world(read_world(REGISTRATION + MICROSOFT_PARTNER + ADMIN_CONSENT))
    shared = PasswordUser(OWN_APP, place.cloud.authority("common"), JOHN, Hidden(PASSWORD))

    with pytest.raises(WrongTenant) as refusal:
        place.session.token(shared, Api.REFERRALS)

    assert refusal.value.code == 50194
    assert "tenant" in refusal.value.hint


def test_s0_3_the_secret_is_asked_for(place: Place) -> None:
    wrong = by_password(place, JOHN, app=Application(WEB_APP, Secret("5ec2e700-0000-4000-8000-000000000001")))

    with pytest.raises(InvalidClient) as refusal:
        place.session.token(wrong, Api.REFERRALS)

    assert refusal.value.code == 7000215
