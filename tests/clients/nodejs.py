"""Clients for Node.js: a program of `node/` for each, which does its flows as `place.main` does."""

import os
import shutil
import subprocess
from pathlib import Path

from partnerauth.emulator import default
from tests.clients import place

FOLDER = Path(__file__).parent / "node"
TRUST = "NODE_EXTRA_CA_CERTS=CA"
FACTS = {
    "TEST_TENANT": default.TENANT,
    "TEST_DOMAIN": place.DOMAIN,
    "TEST_WEB": default.WEB_APP,
    "TEST_SECRET": default.WEB_APP_SECRET,
    "TEST_NATIVE": default.NATIVE_APP,
    "TEST_REDIRECT": place.REDIRECT_URI,
    "TEST_PERSON": default.ADMIN_AGENT,
    "TEST_JOHN": default.JOHN,
    "TEST_PASSWORD": default.PASSWORD,
}


def lacks(package: str) -> str:
    """What a program cannot run without, and how to get it."""
    if shutil.which("node") is None:
        return "the program node (Node.js 20 or newer)"
    there = FOLDER.joinpath("node_modules", package).is_dir()
    return "" if there else f"{package} (npm ci, in tests/clients/node; `make test` does it where there is npm)"


def run(program: str) -> int:
    """Run a program to its end; its exit code."""
    trust = {"NODE_EXTRA_CA_CERTS": os.environ[place.CA]} if place.ORIGIN else {}
    variables = {**os.environ, **FACTS, **trust}
    return subprocess.run(["node", FOLDER / program], env=variables, check=False).returncode
