"""`partnerauth consent web`, `invite` and `admin`, as they are run: what they say, and how they end."""

import json
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.cli.person import Person
from partnerauth.cloud import Api
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, PASSWORD, TENANT, WEB_APP
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from tests.cli.conftest import place, shell
from tests.cli.shell import SECONDS, Place, Shell
from tests.consent.guest import leads_to
from tests.desk.conftest import free_port

__all__ = ["place", "shell"]

PERSON = "99990000-0000-4000-8000-000000000002"


@contextmanager
def web(shell: Shell, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The consent page, running, and what it said when it was ready."""
    with shell.started("consent", "web", "--json", *arguments) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())


def ended(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    """End it, cleanly; what it said besides."""
    process.send_signal(number)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return said


class Window:
    """A browser at the page of a process: cookies, redirects, forms."""

    def __init__(self, place: Place, ca: str) -> None:
        self._place = place
        self._own = SyncCarrier(Trust(ca))
        self._theirs = SyncCarrier(Trust(place.server.ca))
        self._cookies = ""

    def close(self) -> None:
        """Close the connections."""
        self._own.close()
        self._theirs.close()

    def send(self, request: Request) -> Response:
        """One request to the page."""
        response = self._own.send(request.having(("Cookie", self._cookies)) if self._cookies else request)
        self._cookies = response.header("Set-Cookie").partition(";")[0] or self._cookies
        return response

    def leave(self, url: str, fields: dict[str, str]) -> str:
        """Press the button; the sign-in link."""
        return leads_to(self.send(Request.form(f"{url}start", fields, (("Origin", url.rstrip("/")),))))

    def sign_in(self, link: str, url: str) -> dict[str, str]:
        """Sign in; what comes back."""
        return Person(ADMIN_AGENT, Hidden(PASSWORD), self._theirs.send).sign_in(link, url)

    def come_back(self, url: str, fields: dict[str, str]) -> str:
        """Bring it; the page at the end."""
        there = self.send(Request.form(url, fields)).header("Location")
        return self.send(Request("GET", there)).body.decode()


@pytest.fixture
def url(place: Place) -> str:
    """The address of a page that is not served yet, known to the application."""
    address = f"https://localhost:{free_port()}/"
    place.emulator.world.registrations[WEB_APP].platforms[address] = "web"
    return address


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_page_is_served_until_a_signal_ends_it(shell: Shell, url: str, number: signal.Signals) -> None:
    with web(shell, "--url", url) as (process, facts):
        assert facts["url"] == url
        assert facts["by_invitation"] is False
        context = ssl.create_default_context(cafile=facts["ca"])
        with urllib.request.urlopen(url, context=context, timeout=SECONDS) as answer:
            assert "Let this application act for you" in answer.read().decode()
        assert ended(process, number) == ""


def test_a_colleague_consents_by_the_link_that_the_command_printed(shell: Shell, place: Place, url: str) -> None:
    shell.settings["desk_url"] = url
    made = shell.run("consent", "invite", "--account", ADMIN_AGENT, "--api", "partner-center", "--days", "2")
    link = made.out.strip()
    window = None
    try:
        with web(shell) as (process, facts):
            window = Window(place, facts["ca"])
            assert "can be used once" in window.send(Request("GET", link)).body.decode()
            sign_in = window.leave(url, {"invitation": link.rpartition("/")[2]})
            page = window.come_back(url, window.sign_in(sign_in, url))
            ended(process)
    finally:
        if window is not None:
            window.close()

    assert made.code == 0
    assert link.startswith(f"{url}invite/")
    assert "Can be used once, until" in made.err
    assert "Consent kept" in page
    assert shell.run("status", "--json").value[0]["user"] == ADMIN_AGENT
    [listed] = shell.run("consent", "invite", "--list", "--json").value
    assert (listed["state"], listed["used_by"]) == ("used", ADMIN_AGENT)
    assert ADMIN_AGENT in shell.run("consent", "invite", "--list").out
    assert link.rpartition("/")[2] not in shell.store.read_bytes().decode("latin-1")


def test_another_process_receives_the_person_after_a_crash(shell: Shell, place: Place, url: str) -> None:
    """The page is killed while the person is at the sign-in page; the next one knows them."""
    with web(shell, "--url", url) as (process, facts):
        window = Window(place, facts["ca"])
        fields = window.sign_in(window.leave(url, {}), url)
        process.kill()
        process.wait(SECONDS)
    window.close()
    with web(shell, "--url", url) as (process, facts):
        again = Window(place, facts["ca"])
        again._cookies = window._cookies
        page = again.come_back(url, fields)
        again.close()
        ended(process)

    assert "Consent kept" in page


def test_an_invitation_for_programs_and_taken_back(shell: Shell) -> None:
    made = shell.run("consent", "invite", "--account", PERSON, "--replace", "--json").value
    withdrawn = shell.run("consent", "invite", "--withdraw", made["id"])

    assert made["link"].startswith("https://localhost:44395/invite/")
    assert (made["person"], made["purpose"], made["tenant"]) == (PERSON, "replace", TENANT)
    assert withdrawn.code == 0
    assert shell.run("consent", "invite", "--list", "--json").value[0]["state"] == "withdrawn"
    assert shell.run("consent", "invite", "--withdraw", made["id"]).code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("web", "--url", "http://localhost:44395/"),
        ("web", "--url", "https://consent.contoso.com/?x=1"),
        ("web", "--url", "https://consent.contoso.com/"),
        ("web", "--url", "https://localhost:44395/", "--port", "44396"),
        ("web", "--anyone", "--invited"),
        ("web", "--reach", "nowhere"),
        ("invite", "--account", "nobody"),
        ("invite", "--replace", "--admin"),
        ("invite", "--days", "91"),
        ("invite", "--api", "nowhere"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_told(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.run("consent", *arguments).code == 2


def test_behind_a_proxy_people_need_an_invitation(shell: Shell) -> None:
    port = str(free_port())
    with web(shell, "--url", "https://consent.contoso.com/", "--port", port) as (process, facts):
        assert facts["by_invitation"] is True
        assert facts["listens"] == f"https://localhost:{port}"
        context = ssl.create_default_context(cafile=facts["ca"])
        through = urllib.request.Request(facts["listens"], headers={"Host": "consent.contoso.com"})
        with urllib.request.urlopen(through, context=context, timeout=SECONDS) as answer:
            page = answer.read().decode()
        with pytest.raises(urllib.error.HTTPError) as stranger:
            urllib.request.urlopen(facts["listens"], context=context, timeout=SECONDS)
        stranger.value.close()
        ended(process)

    assert "opened by the link of an invitation" in page
    assert stranger.value.code == 421


def test_the_port_is_taken(shell: Shell, url: str) -> None:
    with web(shell, "--url", url) as (process, _):
        outcome = shell.run("consent", "web", "--url", url)
        ended(process)

    assert outcome.code == 2
    assert "in use" in outcome.err


def test_where_consents_lie_bare_invitations_lie_in_a_sealed_file(shell: Shell, place: Place) -> None:
    shell.settings |= {"store": "environment", "refresh_token": "unused"}

    outcome = shell.run("consent", "invite", "--json")

    assert outcome.code == 0, outcome.err
    assert shell.store.exists()


def test_an_administrator_grants_at_the_loopback(shell: Shell, place: Place) -> None:
    shell.consent()
    grants = place.emulator.world.tenants[TENANT].grants
    management = (WEB_APP, APPLICATION_IDS[Api.MANAGEMENT], "")

    with shell.started("consent", "admin", "--no-browser", "--json") as process:
        assert process.stderr is not None
        assert "Open this link" in process.stderr.readline()
        link = process.stderr.readline().strip()
        redirect = Request("GET", link).query["redirect_uri"]
        carrier = SyncCarrier(Trust(place.server.ca))
        fields = Person(ADMIN_AGENT, Hidden(PASSWORD), carrier.send).sign_in(link, redirect)
        carrier.close()
        with urllib.request.urlopen(f"{redirect}?{urlencode(fields)}", timeout=SECONDS) as answer:
            page = answer.read().decode()
        out, err = process.communicate(timeout=SECONDS)
    granted = {one["api"]: one for one in json.loads(out)["grants"]}
    grants[management].clear()
    checked = shell.run("consent", "admin", "--check")
    grants[management].add("user_impersonation")

    assert process.returncode == 0, err
    assert "Permissions granted" in page
    assert granted["Microsoft Graph"]["missing"] == []
    assert "User.Read" in granted["Microsoft Graph"]["granted"]
    assert checked.code == 3
    assert "not granted: Azure Service Management: user_impersonation" in checked.err
