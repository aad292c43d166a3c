"""@azure/identity for Node.js, unmodified: the program is node/azure_identity.mjs."""

import sys

from tests.clients import nodejs

NAME = "@azure/identity (Node.js)"
SWITCHES = ("authorityHost: ADDRESS", "disableInstanceDiscovery: true", nodejs.TRUST)
FLOWS = (
    "client secret",
    "client certificate",
    "settings by environment",
    "default credential",
    "authorization code",
    "silent, by its cache and by refresh",
    "device code",
    "password",
)


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("@azure/identity")


if __name__ == "__main__":
    sys.exit(nodejs.run("azure_identity.mjs"))
