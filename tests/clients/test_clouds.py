"""National clouds under their real names: what our own client and those of Microsoft do there, over TLS."""

import json
import sys
from pathlib import Path

import pytest

from partnerauth.emulator import default
from tests.clients.conftest import WORLD, run_in_emulator
from tests.needs import could_not_run

FLOWS = {"main_job", "key_vault", "itself", "wrong_cloud", "msal_discovered", "msal_code", "azure_identity", "alias"}


def ending(folder: Path, cloud: str, *ways: str) -> dict[str, str]:
    """How each flow ended in a world whose partner lives in `cloud`: an error, or nothing."""
    world = folder / f"{cloud}.toml"
    world.write_text(f'{WORLD}\n[[tenants]]\nid = "{default.TENANT}"\ncloud = "{cloud}"\n')
    command = [sys.executable, "-m", "tests.clients.clouds", cloud]
    done = run_in_emulator(
        folder, ["--world", str(world), "--sign-in", default.ADMIN_AGENT, *ways], command, TEST_FOLDER=str(folder)
    )
    if "may not have names of its own" in done.stderr:
        could_not_run("mount namespaces (as root, or where users may make them)")
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {line["flow"]: line["error"] for line in lines}


@pytest.mark.parametrize(
    ("cloud", "ways"),
    [("china", ["--isolated"]), ("us-government", ["--names", "proxy"]), ("china", ["--names", "proxy"])],
    ids=["china by hosts", "us-government by proxy", "china by proxy"],
)
def test_a_partner_in_a_national_cloud_does_the_main_job(folder: Path, cloud: str, ways: list[str]) -> None:
    assert ending(folder, cloud, *ways) == dict.fromkeys(FLOWS, "")
