"""Every command, as it is run: what it says, to people and to programs, and the code that it ends with."""

import json
import signal
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from partnerauth import __version__
from partnerauth.cli.command import COMMANDS
from partnerauth.cli.person import Person
from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, PASSWORD, TENANT, VAULT, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.evidence import Mfa, read_access_token
from tests.canaries import Canary
from tests.cli.shell import SECONDS, Place, Shell

CUSTOMER = "c0570000-0000-4000-8000-000000000001"


def test_help_names_every_command(shell: Shell) -> None:
    outcome = shell.run("--help")

    assert outcome.code == 0
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in outcome.out
        assert text in outcome.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(shell: Shell, name: str) -> None:
    outcome = shell.run(name, "--help")

    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: partnerauth {name}")


def test_the_version(shell: Shell) -> None:
    assert shell.run("--version").out == f"{__version__}\n"


# --- consent


def test_consent_in_the_browser_for_people(shell: Shell) -> None:
    """S3.1: from a script, with the browser; who consented, for which tenant, with MFA, and how long it is good."""
    outcome = shell.browsing().run("consent")

    assert outcome.code == 0
    assert f"consented: {ADMIN_AGENT} for tenant {TENANT}" in outcome.out
    assert "MFA shown" in outcome.out
    assert "good until" in outcome.out


def test_consent_in_the_browser_for_programs(shell: Shell) -> None:
    told = shell.consent("--json").value

    assert (told["user"], told["tenant"], told["mfa"]) == (ADMIN_AGENT, TENANT, "shown")
    assert datetime.fromisoformat(told["good_until"]) > datetime.fromisoformat(told["consented_at"])
    assert set(told) == {"user", "tenant", "person", "mfa", "roles", "consented_at", "good_until", "store", "apis"}
    assert [(one["api"], one["open"]) for one in told["apis"]] == [
        ("partner-center", True),
        ("referrals", True),
        ("graph", True),
        ("management", True),
    ]
    assert told["apis"][2]["permissions"] == ["Directory.Read.All", "User.Read"]


def test_an_api_that_a_consent_does_not_open_is_told_and_refuses_nothing(shell: Shell, place: Place) -> None:
    """What is tried after a consent: named by a flag, each answered by its code, its cause and its remedy."""
    management, world = APPLICATION_IDS[Api.MANAGEMENT], place.emulator.world
    asked = world.registrations[WEB_APP].permissions.pop(management)
    granted = world.tenants[TENANT].grants.pop((WEB_APP, management, ""))
    try:
        outcome = shell.browsing().run("consent", "--reach", "partner-center,management")
        told = shell.browsing().run("consent", "--reach", "management", "--json").value
    finally:
        world.registrations[WEB_APP].permissions[management] = asked
        world.tenants[TENANT].grants[WEB_APP, management, ""] = granted

    assert outcome.code == 0
    assert "opens partner-center: user_impersonation" in outcome.out
    assert "not permitted management [650057]: The app registration does not list this API." in outcome.out
    assert told["apis"][0].items() >= {"api": "management", "open": False, "code": 650057}.items()
    assert told["apis"][0]["remedy"]
    assert shell.run("status", "--json").value[0]["state"] == "live"
    assert shell.run("consent", "--reach", "nowhere").code == 2


def test_what_stands_before_a_subcommand_is_not_lost(shell: Shell) -> None:
    outcome = shell.run("consent", "--tenant", "contoso.com", "invite")

    assert outcome.code == 2
    assert "--tenant belongs behind `invite`" in outcome.err


def test_consent_by_copy_and_paste(shell: Shell, place: Place) -> None:
    """S2.7: the reply address `urn:ietf:wg:oauth:2.0:oob` of the module; what the page shows is pasted."""
    with shell.started("consent", "--paste", "--json") as process:
        assert process.stderr is not None
        link = next(line.strip() for line in process.stderr if line.startswith("https://"))
        redirect = Request("GET", link).query["redirect_uri"]
        fields = Person(ADMIN_AGENT, Hidden(PASSWORD), place.emulator.handle).sign_in(link, redirect)
        out, err = process.communicate(f"{redirect}?{urlencode(fields)}\n", timeout=SECONDS)

    assert redirect == "urn:ietf:wg:oauth:2.0:oob"
    assert process.returncode == 0, err
    assert json.loads(out)["mfa"] == "shown"


@pytest.mark.parametrize(("pasted", "code"), [("", 3), ("https://localhost/", 2), ("nonsense", 2), ("?state=x", 2)])
def test_what_is_pasted_must_be_an_answer(shell: Shell, pasted: str, code: int) -> None:
    outcome = shell.run("consent", "--paste", typed=f"{pasted}\n")

    assert outcome.code == code
    assert "hint:" in outcome.err


def test_a_pasted_answer_with_another_state_is_refused(shell: Shell) -> None:
    outcome = shell.run("consent", "--paste", typed="https://localhost/?code=any&state=forged\n")

    assert outcome.code == 5
    assert "a state that was never sent" in outcome.err


def test_consent_without_mfa_is_asked_for_once_more_and_refused(shell: Shell, place: Place) -> None:
    place.signed_in(JOHN, mfa=False)

    outcome = shell.browsing(JOHN).run("consent", "--json")

    assert outcome.code == 4
    assert outcome.failure["error"] == "MfaAbsent"
    assert "asking once more" in outcome.err
    assert outcome.err.count("/oauth2/authorize?") == 2
    assert "prompt=login" in outcome.err
    assert shell.run("status", "--json").value == []


def test_a_colleagues_consent_needs_the_flag(shell: Shell, place: Place) -> None:
    shell.consent()
    place.signed_in(JOHN)

    refused = shell.browsing(JOHN).run("consent", "--json")
    allowed = shell.browsing(JOHN).run("consent", "--replace", "--json")

    assert (refused.code, refused.failure["error"]) == (5, "WrongPerson")
    assert "--replace" in refused.failure["hint"]
    assert (allowed.code, allowed.value["user"]) == (0, JOHN)


def test_no_mfa_is_allowed_in_emulated_clouds_only(shell: Shell, place: Place) -> None:
    place.signed_in(JOHN, mfa=False)

    here = shell.browsing(JOHN).run("consent", "--allow-no-mfa", "--json")
    elsewhere = shell.run("consent", "--allow-no-mfa", "--cloud", "global")
    status = shell.run("status")

    assert (here.code, here.value["mfa"]) == (0, "absent")
    assert elsewhere.code == 2
    assert "in an emulated cloud only" in elsewhere.err
    assert "absent (allowed without)" in status.out


# --- token


def test_a_token_of_the_person_who_consented(shell: Shell) -> None:
    shell.consent()

    outcome = shell.run("token", tokens=True)

    evidence = read_access_token(outcome.out.strip())
    assert (outcome.code, outcome.err) == (0, "")
    assert (evidence.username, evidence.mfa) == (ADMIN_AGENT, Mfa.SHOWN)
    assert evidence.audience == "https://api.partnercenter.microsoft.com"


def test_the_next_run_finds_the_token_on_the_shelf(shell: Shell, place: Place) -> None:
    shell.consent()
    first = shell.run("token", tokens=True).out
    asked = place.emulator.journal.last

    assert shell.run("token", tokens=True).out == first
    assert place.emulator.journal.last == asked, "nobody was asked"


@pytest.mark.parametrize(
    ("api", "audience"),
    [
        ("graph", "https://graph.microsoft.com"),
        ("referrals", "https://api.partner.microsoft.com"),
        ("https://management.azure.com/subscriptions", "https://management.azure.com"),
    ],
)
def test_a_token_for_another_api(shell: Shell, api: str, audience: str) -> None:
    outcome = shell.run("token", "--as", "app", "--api", api, "--output", "json", tokens=True)

    told = outcome.value
    assert read_access_token(told["access_token"]).audience == audience
    assert told["token_type"] == "Bearer"
    assert datetime.fromisoformat(told["expires_at"]).tzinfo is not None


def test_a_token_as_a_header(shell: Shell) -> None:
    outcome = shell.run("token", "--as", "app", "--output", "header", tokens=True)

    assert outcome.out.startswith("Authorization: Bearer ey")


def test_a_token_by_a_password(shell: Shell, place: Place, canary: Canary, tmp_path: Path) -> None:
    """S0.1: the old Referrals recipe; the password comes from a file."""
    password = canary("password")
    found = place.emulator.world.person(JOHN)
    assert found is not None
    found[1].password = Hidden(password)
    kept = canary.allowed(tmp_path / "password")
    kept.write_text(password + "\n")

    outcome = shell.run(
        "token", "--as", "password", "--username", JOHN, "--password-file", str(kept), "--api", "referrals", tokens=True
    )

    assert outcome.code == 0, outcome.err
    assert read_access_token(outcome.out.strip()).username == JOHN


def test_a_token_in_a_customers_tenant(shell: Shell, place: Place) -> None:
    world = place.emulator.world
    world.customers[CUSTOMER].grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""] = {"User.Read"}
    shell.consent()

    outcome = shell.run("token", "--api", "graph", "--tenant", CUSTOMER, tokens=True)

    assert outcome.code == 0, outcome.err
    assert read_access_token(outcome.out.strip()).tenant == CUSTOMER


def test_nobody_has_consented(shell: Shell) -> None:
    people, programs = shell.run("token"), shell.run("token", "--output", "json")

    assert people.code == programs.code == 3
    assert "error: nobody has consented" in people.err
    assert "hint: Let an admin agent run `partnerauth consent`." in people.err


# --- status, renew, forget


def test_status_of_nothing(shell: Shell) -> None:
    assert "No consent is kept" in shell.run("status").out
    assert shell.run("status", "--json").value == []


def test_status_for_people_and_programs(shell: Shell) -> None:
    shell.consent()

    table, (facts,) = shell.run("status").out, shell.run("status", "--json").value

    for text in (ADMIN_AGENT, TENANT, "shown", "0 d", "89", "renewed", "live"):
        assert text in table
    assert (facts["user"], facts["client_id"], facts["cloud"]) == (ADMIN_AGENT, WEB_APP, shell.place.server.url)
    assert (facts["days_left"], facts["state"], facts["last_outcome"]) == (89, "live", "renewed")


def test_renewing_renews(shell: Shell) -> None:
    shell.consent()

    dry, due = shell.run("renew", "--dry-run"), shell.run("renew", "--due")
    renewed, again = shell.run("renew"), shell.run("renew", "--json").value

    assert (dry.code, due.code, renewed.code) == (0, 0, 0)
    assert "would renew" in dry.out
    assert "Nothing is due." in due.out
    assert "renewed, good until" in renewed.out
    assert again[0]["result"].startswith("renewed")
    assert shell.run("status", "--json").value[0]["last_outcome"] == "renewed"


def test_a_revoked_consent_needs_a_person(shell: Shell, place: Place) -> None:
    shell.consent()
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()

    renewed = shell.run("renew", "--json")
    dry, token = shell.run("renew", "--dry-run"), shell.run("token")

    assert renewed.code == dry.code == token.code == 3
    assert renewed.value[0]["exit_code"] == 3
    assert renewed.value[0]["state"] == "lost"
    assert "needs consent" in dry.out
    assert "50173" in token.err


def test_renewing_all_and_due_exclude_each_other(shell: Shell) -> None:
    assert shell.run("renew", "--all", "--due").code == 2


def test_forgetting_asks_first(shell: Shell) -> None:
    shell.consent()

    declined, kept = shell.run("forget", typed="n\n"), shell.run("status", "--json").value
    forgotten, gone = shell.run("forget", "--yes"), shell.run("status", "--json").value

    assert declined.code == 1
    assert len(kept) == 1
    assert (forgotten.code, gone) == (0, [])
    assert f"forgotten: {ADMIN_AGENT} for {TENANT}" in forgotten.out
    assert shell.run("forget", "--yes").code == 3


# --- call


def test_a_call_prints_json_and_follows_the_pages(shell: Shell, place: Place) -> None:
    outcome = shell.run("call", "GET", "/v1/customers?size=2", "--as", "app")

    told = outcome.value
    assert outcome.code == 0
    assert {customer["id"] for customer in told["items"]} == set(place.emulator.world.customers)


def test_a_call_as_the_person_who_consented(shell: Shell) -> None:
    """S2.6: the customer's users, which only app + user may see."""
    shell.consent()

    person, app = (
        shell.run("call", "GET", f"/v1/customers/{CUSTOMER}/users"),
        shell.run("call", "get", f"/v1/customers/{CUSTOMER}/users", "--as", "app"),
    )

    assert (person.code, len(person.value["items"])) == (0, 3)
    assert app.code == 5
    assert "900329" in app.err


def test_a_call_by_address(shell: Shell, place: Place) -> None:
    shell.consent()

    outcome = shell.run("call", "GET", f"{place.server.url}/graph.microsoft.com/v1.0/me")

    assert outcome.value["userPrincipalName"] == ADMIN_AGENT


def test_a_call_with_a_body(shell: Shell, tmp_path: Path) -> None:
    """In an argument, in a file, on standard input."""
    shell.consent()
    grants = [{"enterpriseApplicationId": APPLICATION_IDS[Api.GRAPH], "scope": "User.Read"}]
    body = json.dumps({"applicationId": WEB_APP, "applicationGrants": grants})
    (tmp_path / "body.json").write_text(body)
    path = "/v1/customers/c0570000-0000-4000-8000-000000000002/applicationconsents"

    first = shell.run("call", "POST", path, "--body", body)
    second = shell.run("call", "POST", path, "--body", f"@{tmp_path / 'body.json'}")
    third = shell.run("call", "POST", path, "--body", "-", typed=body)
    broken = shell.run("call", "POST", path, "--body", "{")
    missing = shell.run("call", "POST", path, "--body", "@nowhere")

    assert first.code == 0, first.err
    assert (second.code, third.code) == (5, 5), "it is there already"
    assert "409" in second.err
    assert "409" in third.err
    assert (broken.code, missing.code) == (2, 2)


def test_a_call_to_nobodys_address_sends_nothing(shell: Shell, place: Place) -> None:
    asked = place.emulator.journal.last

    for address in ("https://evil.example/v1/customers", "https://graph.microsoft.com.evil.example/"):
        outcome = shell.run("call", "GET", address, "--as", "app")
        assert outcome.code == 2
        assert "is no API of" in outcome.err

    assert place.emulator.journal.last == asked


def test_a_call_as_curl_reads_the_token_from_standard_input(shell: Shell) -> None:
    """A token in an argument would stand in the process list."""
    outcome = shell.run("call", "GET", "/v1/customers", "--output", "curl", "--as", "app")

    assert outcome.out.startswith("partnerauth token --api partner-center --as app --output header | curl ")
    assert "--header @-" in outcome.out


def test_what_an_api_refuses_is_explained(shell: Shell) -> None:
    outcome = shell.run("call", "GET", "/v1/customers/c0570000-0000-4000-8000-999999999999", "--as", "app")

    assert outcome.code == 5
    assert "hint:" in outcome.err
    assert "correlation id:" in outcome.err


# --- inspect, explain


def test_inspecting_a_token_says_what_it_says_and_not_the_token(shell: Shell, tmp_path: Path) -> None:
    shell.consent()
    token = shell.run("token", tokens=True).out

    people, programs = shell.run("inspect", typed=token), shell.run("inspect", "-", "--json", typed=f"Bearer {token}")

    assert people.code == 0
    for text in (ADMIN_AGENT, TENANT, "shown", "accepted by partner center"):
        assert text in people.out
    assert programs.value["amr"] == ["pwd", "mfa"]
    assert programs.value["mfa"] == "shown"
    assert programs.value["accepted_by_partner_center"] is True


def test_inspecting_what_is_no_token(shell: Shell) -> None:
    for typed in ("", "no token", "a.b.c", "x" * 300_000):
        outcome = shell.run("inspect", typed=typed)
        assert outcome.code in (2, 6)
        assert "hint:" in outcome.err


def test_a_token_given_as_an_argument_is_not_repeated(shell: Shell, canary: Canary) -> None:
    outcome = shell.run("inspect", canary("token", awkward=False))

    assert outcome.code == 2


def test_explaining_a_code(shell: Shell) -> None:
    people, programs = shell.run("explain", "AADSTS50076"), shell.run("explain", "700082", "--json")

    assert people.code == 0
    for text in ("cause:", "who:", "remedy:", "again:"):
        assert text in people.out
    assert (programs.value["code"], programs.value["needs_consent"]) == (700082, True)
    assert programs.value["exit_code"] == 3
    assert shell.run("explain", "12").code == 2


# --- emulator


def test_the_emulator_says_when_it_is_ready_and_ends_politely(shell: Shell, tmp_path: Path) -> None:
    """One line for programs: where it is, what to trust, where its control API is."""
    with shell.started("emulator", "--port", "0", "--json", "--directory", str(tmp_path / "kept")) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, err
    assert {"url", "ca", "control"} <= facts.keys()
    assert facts["url"].startswith("https://localhost:")
    assert Path(facts["ca"]).is_absolute()


def test_the_command_is_the_module_too(shell: Shell) -> None:
    """The entry point and `python -m partnerauth` are one."""
    from partnerauth.cli import main

    assert callable(main)
    assert shell.run("--version").code == 0


def test_a_key_vault_as_the_store(shell: Shell, place: Place) -> None:
    """S2.4: the consent as a secret, read back by the next command."""
    shell.settings["store"] = place.server.url + f"/{VAULT}.vault.azure.net"

    shell.consent()
    status, token = shell.run("status", "--json"), shell.run("token", tokens=True)

    assert [facts["user"] for facts in status.value] == [ADMIN_AGENT]
    assert read_access_token(token.out.strip()).mfa is Mfa.SHOWN
    place.emulator.world.vaults[VAULT].secrets.clear()
