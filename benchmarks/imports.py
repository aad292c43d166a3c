"""What it costs to be loaded: `python -m benchmarks.imports [rounds]`.

Milliseconds of CPU time (user and system) of whole processes that take turns, medians; each beside `python -c pass`,
and MSAL's and azure-identity's for the same. A token that is there lies in a file, encrypted; one that is not is asked
for over verified TLS, on this machine. The same command again need not be run; without a cache it is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msal

from benchmarks.token_cache import CLIENT, SCOPE, SECRET, answer
from partnerauth.cloud import GLOBAL, Api, Authority, Cloud
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.serving.server import serve
from partnerauth.session import Session
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"

CACHED_BY_MSAL = f"""
import msal, sys
cache = msal.SerializableTokenCache()
cache.deserialize(open(sys.argv[1]).read())
app = msal.ConfidentialClientApplication({CLIENT!r}, {SECRET!r}, token_cache=cache, instance_discovery=False,
    authority="https://login.microsoftonline.com/{TENANT}", http_client=type("Nobody", (), {{
        "get": lambda self, url, **_: type("Answer", (), {{"status_code": 200, "headers": {{}}, "text":
            '{{"authorization_endpoint": "https://login.microsoftonline.com/a", "issuer": "https://i", '
            '"token_endpoint": "https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"}}',
            "raise_for_status": lambda self: None}})()}})())
print(app.acquire_token_for_client([{SCOPE!r}])["access_token"])
"""
ASKED_BY_MSAL = f"""
import msal, sys
app = msal.ConfidentialClientApplication({CLIENT!r}, {SECRET!r}, instance_discovery=False, verify=sys.argv[2],
    authority=sys.argv[1] + "/{TENANT}")
print(app.acquire_token_for_client([{SCOPE!r}])["access_token"])
"""


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with serve(metadata_and_tokens, directory / "served") as server:
            cases = commands(directory, server.url, str(server.ca))
            took = measured(cases, environment(directory), rounds)
    least = took["python -c pass"]
    print(f"{'':48}{'ms':>8}{'of python -c pass':>20}")
    for case, spent in took.items():
        print(f"{case:48}{spent * 1000:8.1f}{spent / least:19.2f}x")


def metadata_and_tokens(request: Request) -> Response:
    """A sign-in service that has one answer to each question."""
    if request.method == "POST":
        return Response.json(200, answer(1))
    base = f"{request.origin}/{TENANT}"
    endpoints = {f"{name}_endpoint": f"{base}/oauth2/v2.0/{name}" for name in ("authorization", "token")}
    return Response.json(200, {**endpoints, "issuer": f"{base}/v2.0"})


def commands(directory: Path, origin: str, ca: str) -> dict[str, list[str]]:
    """Each case's command."""
    store, key = str(directory / "data" / "store.db"), str(directory / "keys" / "store.key")
    cached = directory / "msal.json"
    filled = msal.SerializableTokenCache()
    endpoint = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    event = {"client_id": CLIENT, "scope": [SCOPE], "response": answer(0), "grant_type": "client_credentials"}
    filled.add({**event, "token_endpoint": endpoint})
    cached.write_text(filled.serialize())
    shelve(FileStore(store, KeyFile(key)), GLOBAL)
    python = [sys.executable]
    ours = [*python, "-m", "partnerauth"]
    token = [
        *ours,
        "token",
        "--as",
        "app",
        "--tenant",
        TENANT,
        "--client-id",
        CLIENT,
        "--store",
        store,
        "--store-key",
        key,
    ]
    return {
        "python -c pass": [*python, "-c", "pass"],
        "import partnerauth": [*python, "-c", "import partnerauth"],
        "import msal": [*python, "-c", "import msal"],
        "import azure.identity": [*python, "-c", "import azure.identity"],
        "partnerauth --help": [*ours, "--help"],
        "partnerauth token, the same again": token,
        "partnerauth token, from the encrypted shelf": ["env", "XDG_CACHE_HOME=/dev/null", *token],
        "MSAL prints a token from a plain file": [*python, "-c", CACHED_BY_MSAL, str(cached)],
        "partnerauth token, asked for over TLS": [*token, "--cloud", origin, "--ca", ca, "--store", "memory"],
        "MSAL asks for a token over TLS": [*python, "-c", ASKED_BY_MSAL, origin, ca],
    }


def shelve(store: FileStore, cloud: Cloud) -> None:
    """Put a token where the command finds it."""
    app = AppOnly(Application(CLIENT, Secret(SECRET)), Authority(cloud, TENANT))
    Session(send=lambda request: Response.json(200, answer(0)), shelf=store.shelf).token(app, Api.PARTNER_CENTER)
    store.close()


def environment(directory: Path) -> dict[str, str]:
    """The variables of each process."""
    home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(directory))
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SSL_CERT_DIR", "SSL_CERT_FILE") if name in os.environ
    }
    return {**kept, **home, "PARTNERAUTH_CLIENT_SECRET": SECRET}


def measured(cases: Mapping[str, list[str]], variables: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Seconds of CPU time of each case."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, command in cases.items():
            took[name].append(spent(command, variables))
    return {name: statistics.median(values) for name, values in took.items()}


def spent(command: list[str], variables: Mapping[str, str]) -> float:
    """Seconds of CPU time of one process, which must succeed."""
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    assert process.returncode == 0, (command, said)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
