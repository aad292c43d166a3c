"""@azure/keyvault-secrets for Node.js, unmodified: the program is node/azure_keyvault.mjs."""

import sys

from tests.clients import nodejs

NAME = "@azure/keyvault-secrets (Node.js)"
SWITCHES = ("disableChallengeResourceVerification: true", nodejs.TRUST)
FLOWS = (
    "set and get",
    "list",
    "versions",
    "update",
    "delete and recover",
    "purge",
    "backup and restore",
)


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("@azure/keyvault-secrets")


if __name__ == "__main__":
    sys.exit(nodejs.run("azure_keyvault.mjs"))
