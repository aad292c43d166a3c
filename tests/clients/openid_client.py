"""openid-client for Node.js, unmodified: the program is node/openid_client.mjs."""

import sys

from tests.clients import nodejs

NAME = "openid-client (Node.js)"
SWITCHES = ("new URL(ADDRESS)", nodejs.TRUST)
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


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("openid-client")


if __name__ == "__main__":
    sys.exit(nodejs.run("openid_client.mjs"))
