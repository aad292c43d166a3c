"""Microsoft's Graph client for Node.js, unmodified: the program is node/graph_client.mjs."""

import sys

from tests.clients import nodejs

NAME = "@microsoft/microsoft-graph-client (Node.js)"
SWITCHES = ("baseUrl: ADDRESS", "customHosts: new Set([HOST])", nodejs.TRUST)
FLOWS = (
    "who am I",
    "a list, page by page",
    "filter and count",
    "refusals",
)


def missing() -> str:
    """What the program cannot run without."""
    return nodejs.lacks("@microsoft/microsoft-graph-client")


if __name__ == "__main__":
    sys.exit(nodejs.run("graph_client.mjs"))
