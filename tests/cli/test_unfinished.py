"""What a sign-in left unjudged is judged by whichever command comes next; an alarm brings an invitation along."""

import json
import sys

import pytest

from partnerauth.cli.person import Person
from partnerauth.config import Settings
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TENANT, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from tests.cli.shell import Place, Shell
from tests.consent.partner import REPLY
from tests.consent.process import Process


def left_unfinished(shell: Shell, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> None:
    """A person has signed in, and the process ended before it judged what came of that."""
    shell.place.signed_in(upn, mfa=mfa)
    settings = Settings.load({}, shell.environment, shell.here)
    first = settings.first_consent()
    ticket = Ticket.issue(settings.authority(), WEB_APP, REPLY, settings.clock.now())
    asked = ticket.request(first.apis[0], response_mode="form_post", hybrid=True)
    with settings.session as session:
        fields = Person(upn, Hidden(PASSWORD), session.send).sign_in(asked.to(ticket.authority), REPLY)
        process = Process(first.answer(ticket, AuthorizeResponse.read(fields)), session.send)
        process.after("fill a slot")
        process.kill()
    settings.stores.file.close()


def test_consent_finds_it_and_asks_nobody(shell: Shell) -> None:
    left_unfinished(shell)
    assert shell.run("status", "--json").value == []

    outcome = shell.run("consent", "--json", "--no-browser")

    assert outcome.code == 0, outcome.err
    assert (outcome.value["user"], outcome.value["mfa"]) == (ADMIN_AGENT, "shown")
    assert "left unfinished; it has been judged now" in outcome.err
    assert shell.run("status", "--json").value[0]["tenant"] == TENANT


def test_consent_goes_on_where_it_is_not_whom_it_asks_for(shell: Shell) -> None:
    left_unfinished(shell, JOHN, mfa=False)
    shell.place.signed_in()

    outcome = shell.consent("--json")

    assert outcome.value["user"] == ADMIN_AGENT
    assert "left unfinished, and is not kept: john.doe@contoso.com signed in without a second factor" in outcome.err


def test_renew_finds_it(shell: Shell) -> None:
    left_unfinished(shell)

    outcome = shell.run("renew", "--json")

    assert outcome.code == 0, outcome.err
    assert f"kept: a sign-in of {ADMIN_AGENT} for {TENANT}" in outcome.err
    assert [row["user"] for row in outcome.value] == [ADMIN_AGENT]


def test_the_watch_finds_it(shell: Shell) -> None:
    left_unfinished(shell)
    left_unfinished(shell, JOHN, mfa=False)

    outcome = shell.run("watch", "--once", "--json")

    events = {event["event"]: event for event in map(json.loads, outcome.out.splitlines())}
    assert outcome.code == 0, outcome
    assert events["kept"]["user"] == ADMIN_AGENT
    assert "without a second factor" in events["not-kept"]["error"]
    assert events["round"]["consents"] == 1


@pytest.mark.parametrize("desk", ["https://consent.contoso.com/", ""])
def test_an_alarm_brings_a_fresh_way_to_consent(shell: Shell, place: Place, desk: str) -> None:
    """The link of an invitation where there is a consent page; else the command."""
    shell.consent()
    told = shell.home / "told.json"
    teller = shell.home / "tell.py"
    teller.write_text(f"import pathlib, sys\npathlib.Path({str(told)!r}).write_text(sys.stdin.read())\n")
    shell.settings |= {"alarm_command": f"{sys.executable} {teller}", "desk_url": desk}
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()
    assert shell.run("renew").code == 3

    assert shell.run("watch", "--once").code == 3

    way = json.loads(told.read_text())["consent"]
    if not desk:
        assert way.startswith(f"partnerauth consent --tenant {TENANT}")
        return
    assert way.startswith(f"{desk}invite/")
    (listed,) = shell.run("consent", "invite", "--list", "--json").value
    assert (listed["state"], listed["user"], listed["tenant"]) == ("open", ADMIN_AGENT, TENANT)
