"""Other languages and tools come to the emulator under the real names, unmodified."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from partnerauth.emulator import default
from tests.clients.conftest import environment, run_in_emulator, served
from tests.clients.place import REDIRECT_URI
from tests.needs import could_not_run

HERE = Path(__file__).parent
METADATA = f"https://login.microsoftonline.com/{default.TENANT}/v2.0/.well-known/openid-configuration"
CUSTOMERS = "https://api.partnercenter.microsoft.com/v1/customers"
VAULT = "https://contoso.vault.azure.net/secrets?api-version=7.4"
BY_CURL = ["curl", "--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}\n"]


def inside(folder: Path, ways: Sequence[str], command: Sequence[str]) -> str:
    """What a command says inside of `emulator run`; where it has no namespace of its own, it cannot run."""
    options = ["--world", str(folder / "world.toml"), *ways]
    done = run_in_emulator(folder, options, list(command))
    if "may not have names of its own" in done.stderr:
        could_not_run("mount namespaces (as root, or where users may make them)")
    assert done.returncode == 0, done.stderr
    return done.stdout


ISOLATED, PROXY = ["--isolated"], ["--names", "proxy"]


@pytest.mark.needs("curl")
@pytest.mark.parametrize("way", [ISOLATED, PROXY], ids=["hosts", "proxy"])
def test_curl(folder: Path, way: list[str]) -> None:
    said = inside(folder, way, [*BY_CURL, METADATA, "--next", *BY_CURL[1:], CUSTOMERS, "--next", *BY_CURL[1:], VAULT])

    assert said == "200\n401\n401\n"


@pytest.mark.needs("curl")
def test_curl_at_the_proxy_and_by_its_own_switch(folder: Path) -> None:
    with served(folder, "proxy", "--port", "0") as facts:
        port = facts["url"].rpartition(":")[2]
        for way in (["--proxy", facts["proxy"]], ["--connect-to", f"::localhost:{port}"]):
            asked = [*BY_CURL, "--cacert", facts["ca"], *way, METADATA]
            said = subprocess.run(asked, env=environment(folder), capture_output=True, text=True, check=False)
            assert (said.stdout, said.stderr) == ("200\n", "")


@pytest.mark.needs("node")
def test_a_strict_openid_connect_client_in_node(folder: Path) -> None:
    """Node's own HTTP client, and `fetch`, which knows no proxies before Node 22: by names of its own."""
    program = ["node", str(HERE / "strict.mjs"), default.TENANT, default.WEB_APP, default.WEB_APP_SECRET, REDIRECT_URI]

    assert inside(folder, ISOLATED, program) == "6\n"


@pytest.mark.needs("javac")
@pytest.mark.parametrize("way", [ISOLATED, PROXY], ids=["hosts", "proxy"])
def test_java(folder: Path, way: list[str]) -> None:
    program = str(shutil.copy(HERE / "Asks.java", folder))

    assert inside(folder, way, ["java", program, METADATA, CUSTOMERS]) == "200 200\n401 401\n"


BY_HTTPX = f"""
import httpx
print(httpx.get({METADATA!r}).status_code)
"""


@pytest.mark.parametrize("way", [ISOLATED, PROXY], ids=["hosts", "proxy"])
def test_httpx(folder: Path, way: list[str]) -> None:
    assert inside(folder, way, [sys.executable, "-c", BY_HTTPX]) == "200\n"


def test_a_browser(folder: Path, chromium: Path) -> None:
    """Chromium at the sign-in page under its real name, by the flags of the ready line; nothing is installed."""
    from playwright.sync_api import sync_playwright

    for arguments in (["proxy", "--port", "0"], ["--impersonate", "--port", "0"]):
        with served(folder, *arguments) as facts, sync_playwright() as playwright:
            flags = [flag for flag in facts["chromium"] if not flag.startswith("--user-data-dir=")]
            context = playwright.chromium.launch_persistent_context(
                folder / f"profile-{arguments[0]}", executable_path=chromium, args=["--no-sandbox", *flags]
            )
            page = context.new_page()
            answer = page.goto("https://login.microsoftonline.com/common/oauth2/deviceauth")
            assert answer is not None
            assert answer.status == 200
            assert page.locator("input[name=otc]").is_visible()
            context.close()
