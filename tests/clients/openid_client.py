"""openid-client for Node.js, unmodified: the program is node/openid_client.mjs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from partnerauth.emulator import default
from tests.clients import place

NAME = "openid-client (Node.js)"
SWITCHES = ("new URL(ADDRESS)", "NODE_EXTRA_CA_CERTS=CA")
PROGRAM = Path(__file__).parent / "node" / "openid_client.mjs"
FLOWS = (
    "client secret in the form",
    "client secret in the header",
    "client certificate (private_key_jwt)",
    "authorization code, PKCE, refresh",
    "hybrid `code id_token`, form post",
    "tenant found at sign-in (`organizations`)",
    "version 1.0: code, hybrid, refresh",
    "userinfo, sign-out",
    "device code",
    "refusals",
)
FACTS = {
    "TEST_TENANT": default.TENANT,
    "TEST_WEB": default.WEB_APP,
    "TEST_SECRET": default.WEB_APP_SECRET,
    "TEST_NATIVE": default.NATIVE_APP,
    "TEST_REDIRECT": place.REDIRECT_URI,
    "TEST_PERSON": default.ADMIN_AGENT,
}


def missing() -> str:
    """What the program cannot run without, and how to get it."""
    if shutil.which("node") is None:
        return "the program node (Node.js 20 or newer)"
    there = PROGRAM.with_name("node_modules").joinpath("openid-client").is_dir()
    return "" if there else "openid-client (npm ci, in tests/clients/node; `make test` does it where there is npm)"


if __name__ == "__main__":
    trust = {"NODE_EXTRA_CA_CERTS": os.environ[place.CA]} if place.ORIGIN else {}
    sys.exit(subprocess.run(["node", PROGRAM], env={**os.environ, **FACTS, **trust}, check=False).returncode)
