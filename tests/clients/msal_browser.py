"""MSAL Browser, unmodified, in Chromium: a single-page application at an origin of its own (page/).

People sign in on the pages, and what the browser knows of them later it knows by its cookies.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests
from playwright.sync_api import BrowserContext, Page, sync_playwright

from partnerauth.emulator import default
from tests.chromium import FLAGS, MILLISECONDS
from tests.clients import nodejs, place
from tests.needs import CHROMIUM

NAME = "MSAL Browser"
SWITCHES = ("knownAuthorities: [HOST:PORT]",)
PACKAGE = "@azure/msal-browser"
CLIENT = "5ba00000-0000-4000-8000-000000000001"
PERSON = default.JOHN
AUTHORITY = f"{place.SIGN_IN}/{place.DOMAIN}"
GRAPH = f"{place.ORIGIN}/graph.microsoft.com" if place.ORIGIN else "https://graph.microsoft.com"
MORE = {"knownAuthorities": [urlsplit(place.ORIGIN).netloc]} if place.ORIGIN else {}
SETTINGS = {"auth": {"clientId": CLIENT, "authority": AUTHORITY, **MORE}, "graph": GRAPH}
VERIFIER = "a-verifier-as-long-as-it-must-be-0123456789"


def missing() -> str:
    """What the program cannot run without."""
    if not any(map(shutil.which, CHROMIUM)):
        return "chromium (Debian: apt-get install chromium)"
    return nodejs.lacks(PACKAGE)


class Files(SimpleHTTPRequestHandler):
    """The application's files, and the library's, as they are."""

    def translate_path(self, path: str) -> str:
        """Where the file is that a path names."""
        name = Path(urlsplit(path).path).name or "index.html"
        library = nodejs.FOLDER / "node_modules" / PACKAGE / "lib"
        folders = (Path(__file__).parent / "page", library, library / "redirect-bridge")
        return str(next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def application() -> Iterator[str]:
    """The origin that it is served at."""
    with ThreadingHTTPServer(("localhost", 0), Files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def control(method: str, path: str, **body: Any) -> None:
    """Change the world."""
    ca = os.environ[place.CA if place.ORIGIN else "PARTNERAUTH_CA"]
    answer = requests.request(
        method, f"{os.environ['PARTNERAUTH_CONTROL']}{path}", json=body or None, timeout=10, verify=ca
    )
    assert answer.ok, answer.text


class Visit:
    """The application in a window of the browser."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.address = f"{origin}/?{quote(json.dumps(SETTINGS), safe='')}"
        page.goto(self.address)

    def value(self, script: str) -> Any:
        """What a script of the application comes to."""
        answer = self.page.evaluate(script)
        assert "failure" not in answer, answer
        return answer["value"]

    def failure(self, script: str) -> dict[str, str]:
        """How a script of the application fails."""
        answer = self.page.evaluate(script)
        assert "failure" in answer, answer
        failure: dict[str, str] = answer["failure"]
        return failure

    def sign_in(self, asked: str = "{ scopes }") -> Any:
        """Sign in by a redirect; how it ended."""
        self.page.evaluate(f"void app.loginRedirect({asked})")
        self.page.fill("#login", PERSON)
        self.page.click("text=Next")
        self.page.fill("#passwd", default.PASSWORD)
        self.page.click("text=Sign in")
        self.page.wait_for_url(self.address)
        return self.page.evaluate("ended")

    def signed_in(self) -> None:
        """Sign in unless somebody is."""
        if not self.page.evaluate("ended.then(() => app.getAllAccounts().length)"):
            self.sign_in()


def redirect(visit: Visit) -> None:
    answer = visit.sign_in()["value"]
    assert answer["account"]["username"] == answer["idTokenClaims"]["preferred_username"] == PERSON
    assert visit.page.evaluate("token => me(token)", answer["accessToken"]) == PERSON


def popup(visit: Visit) -> None:
    visit.signed_in()
    answer = visit.value("tried(app.acquireTokenPopup({ scopes }))")
    assert visit.page.evaluate("token => me(token)", answer["accessToken"]) == PERSON


def silent(visit: Visit) -> None:
    visit.signed_in()
    kept, fresh, again = (visit.value(f"silently({{ forceRefresh: {how} }})") for how in ("false", "true", "true"))
    assert [one["fromCache"] for one in (kept, fresh, again)] == [True, False, False]
    assert visit.page.evaluate("token => me(token)", again["accessToken"]) == PERSON


def hidden_frame(visit: Visit) -> None:
    visit.signed_in()
    answer = visit.value("silently({ cacheLookupPolicy: msal.CacheLookupPolicy.Skip })")
    assert (answer["fromCache"], answer["account"]["username"]) == (False, PERSON)
    assert visit.value(f"tried(app.ssoSilent({{ scopes, loginHint: '{PERSON}' }}))")["account"]["username"] == PERSON


def sign_out(visit: Visit) -> None:
    visit.signed_in()
    visit.page.evaluate("void app.logoutRedirect({ postLogoutRedirectUri: `${location.origin}/left.html` })")
    visit.page.wait_for_url(f"{visit.origin}/left.html?state=*")
    visit.page.goto(visit.address)
    assert visit.page.evaluate("ended.then(() => app.getAllAccounts().length)") == 0
    assert visit.failure("tried(app.ssoSilent({ scopes }))")["errorCode"] == "login_required"


def other_sites(visit: Visit) -> None:
    endpoint, keys, error = visit.page.evaluate("published()")
    assert (urlsplit(endpoint).netloc, keys, error) == (urlsplit(AUTHORITY).netloc, True, "unsupported_grant_type")


def refusals(visit: Visit) -> None:
    ended = visit.sign_in("{ scopes, redirectUri: `${location.origin}/web/answer.html` }")
    assert ended["failure"]["errorNo"] == "9002326", ended
    asked = {"client_id": CLIENT, "response_type": "code", "redirect_uri": f"{visit.origin}/left.html"}
    asked |= {"scope": "openid", "code_challenge": VERIFIER, "response_mode": "fragment"}
    visit.page.goto(f"{AUTHORITY}/oauth2/v2.0/authorize?{urlencode(asked)}")
    code = dict(parse_qsl(urlsplit(visit.page.url).fragment))["code"]
    fields = asked | {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    answer = requests.post(f"{AUTHORITY}/oauth2/v2.0/token", fields, timeout=10, **place.SWITCH)
    assert answer.json()["error_codes"] == [9002327], answer.text


def a_day_later(visit: Visit) -> None:
    visit.signed_in()
    control("PUT", "/clock", advance="1d")
    by_token = visit.failure("silently({ forceRefresh: true, cacheLookupPolicy: msal.CacheLookupPolicy.RefreshToken })")
    assert by_token["errorNo"] == "700084", by_token
    assert visit.failure("silently({ forceRefresh: true })")["name"] == "InteractionRequiredAuthError"


FLOWS: dict[str, Callable[[Visit], None]] = {
    "asked from another site": other_sites,
    "redirect: code, PKCE": redirect,
    "popup": popup,
    "silent, by its cache and by refresh": silent,
    "silent, by a hidden frame": hidden_frame,
    "a refresh token of yesterday": a_day_later,
    "sign-out": sign_out,
    "refusals": refusals,
}
"""One after the other in one window: who is signed in stays so."""


@contextmanager
def browser() -> Iterator[BrowserContext]:
    """Chromium with a profile of its own, which keeps cookies of other sites in frames: some editions do not."""
    chromium = next(path for path in map(shutil.which, CHROMIUM) if path)
    with TemporaryDirectory() as profile, sync_playwright() as playwright:
        Path(profile, "Default").mkdir()
        Path(profile, "Default", "Preferences").write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, ignore_https_errors=True
        )
        context.set_default_timeout(MILLISECONDS)
        yield context
        context.close()


if __name__ == "__main__":
    control("DELETE", "/sign-in")
    with application() as origin, browser() as context:
        visit = Visit(context.new_page(), origin)
        place.main({name: partial(flow, visit) for name, flow in FLOWS.items()})
