"""Which clients, which ways, which flows; run by itself it writes the table in docs/clients.md."""

import importlib
import re
from pathlib import Path
from typing import Any

MODULES = (
    "msal_python",
    "azure_identity",
    "azure_identity_aio",
    "azure_keyvault",
    "azure_keyvault_aio",
    "azure_keyvault_keys",
    "azure_keyvault_keys_aio",
    "msal_node",
    "msal_browser",
    "azure_identity_node",
    "azure_keyvault_node",
    "graph_node",
    "openid_client",
    "oauth4webapi",
    "partnerauth_itself",
)
WAYS = ("addressed", "impersonated")
NOTES = {
    ("msal_python", "addressed", "password"): "on port 443",
    ("azure_identity", "addressed", "password"): "on port 443",
}
"""Cells that need more said."""
REAL_NAME = "by the real name only"
NOT_OFFERED = {
    ("openid_client", "addressed", "tenant found at sign-in (`organizations`)"): REAL_NAME,
    **{
        (client, "addressed", flow): REAL_NAME  # CryptographyClient takes no vault below a path
        for client in ("azure_keyvault_keys", "azure_keyvault_keys_aio")
        for flow in ("wrap, rotate, unwrap", "encrypt, sign")
    },
}
"""Flows that a client itself refuses."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
BEGIN, END = "<!-- begin: the matrix -->\n", "<!-- end: the matrix -->\n"


def cells() -> list[tuple[str, str, str]]:
    """Client, way and flow of every cell."""
    every = [(module, way, flow) for module in MODULES for way in WAYS for flow in program(module).FLOWS]
    return [cell for cell in every if cell not in NOT_OFFERED]


def program(module: str) -> Any:
    """The program of a client."""
    return importlib.import_module(f"tests.clients.{module}")


def table() -> str:
    """The matrix as the page shows it."""
    lines = ["| client | flow | addressed | impersonated |", "| --- | --- | --- | --- |"]
    for module in MODULES:
        client = program(module)
        for place, flow in enumerate(client.FLOWS):
            marks = [_mark(module, way, flow) for way in WAYS]
            lines.append(f"| {client.NAME if place == 0 else ''} | {flow} | {' | '.join(marks)} |")
    lines += ["", "Switches, where addressed:", ""]
    for module in MODULES:
        client = program(module)
        lines.append(f"- {client.NAME}: {', '.join(f'`{switch}`' for switch in client.SWITCHES)}")
    return "\n".join(lines) + "\n"


def _mark(module: str, way: str, flow: str) -> str:
    cell = (module, way, flow)
    if cell in NOT_OFFERED:
        return f"not offered ({NOT_OFFERED[cell]})"
    return f"yes ({NOTES[cell]})" if cell in NOTES else "yes"


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(re.sub(f"({BEGIN}).*?({END})", lambda m: m[1] + table() + m[2], text, flags=re.DOTALL))
