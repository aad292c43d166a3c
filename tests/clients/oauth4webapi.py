"""oauth4webapi for Node.js, unmodified: the program is node/oauth4webapi.mjs."""

import sys

from tests.clients import nodejs

NAME = "oauth4webapi (Node.js)"
SWITCHES = ("new URL(ADDRESS)", nodejs.TRUST)
FLOWS = (
    "discovery",
    "client secret in the form",
    "client secret in the header",
    "client certificate (private_key_jwt, PS256)",
    "authorization code, PKCE, refresh",
    "hybrid `code id_token`, form post",
    "userinfo",
    "device code",
    "refusals",
)


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("oauth4webapi")


if __name__ == "__main__":
    sys.exit(nodejs.run("oauth4webapi.mjs"))
