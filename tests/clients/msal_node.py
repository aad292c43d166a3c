"""MSAL Node, unmodified: the program is node/msal_node.mjs."""

import sys

from tests.clients import nodejs

NAME = "MSAL Node"
SWITCHES = ("knownAuthorities: [HOST:PORT]", nodejs.TRUST)
FLOWS = (
    "client secret",
    "client certificate",
    "authorization code, PKCE",
    "browser of its own",
    "silent, by its cache and by refresh",
    "refresh token",
    "device code",
    "password",
    "refusals",
)


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("@azure/msal-node")


if __name__ == "__main__":
    sys.exit(nodejs.run("msal_node.mjs"))
