"""The public surface is a list, every name on it works, and asking for the list costs next to nothing."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import partnerauth

HTTP = {"urllib3", "requests", "aiohttp", "httpx", "http", "ssl"}
CRYPTO = {"cryptography", "joserfc", "_hashlib"}
WEB = {"httptools", "jinja2", "asyncio"}
DATABASE = {"sqlite3", "azure"}
HEAVY = {"json", "re", "dataclasses", "asyncio", "ssl", "cryptography", "click", "msgspec", "logging", "enum", "rich"}

HELP = """
import partnerauth.cli
sys.argv = ["partnerauth", "--help"]
try:
    partnerauth.cli.main()
except SystemExit:
    pass
"""


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after `code`, and has not without it."""
    script = f"""
import sys
before = set(sys.modules)
{code}
after = set(sys.modules) - before
import json
print(json.dumps(sorted(after)))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(said.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    """The packages that these modules are of."""
    return {name.partition(".")[0] for name in modules}


def test_the_list_is_sorted_and_complete() -> None:
    """After every name has been used, nothing else is public but the rooms themselves."""
    for name in partnerauth.__all__:
        getattr(partnerauth, name)
    public = {
        name
        for name, value in vars(partnerauth).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "TYPE_CHECKING"
    }

    assert partnerauth.__all__ == sorted(public, key=str.casefold)
    assert set(partnerauth.__all__) <= set(dir(partnerauth))


@pytest.mark.parametrize("name", partnerauth.__all__)
def test_every_name_can_be_imported_and_is_explained(name: str) -> None:
    found = getattr(partnerauth, name)

    assert inspect.getdoc(found) or not (inspect.isclass(found) or inspect.isfunction(found))


def test_type_checkers_see_the_same_list() -> None:
    """The block for type checkers names each public name, in the room that it is loaded from."""
    tree = ast.parse(Path(str(partnerauth.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert sorted(filter(None, seen), key=str.casefold) == partnerauth.__all__
    for name, (module, original) in seen.items():
        assert name == original, "a re-export that PEP 484 does not see"
        assert f"partnerauth.{partnerauth._HOMES[original]}" == module


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sesion'"):
        _ = partnerauth.Sesion


def test_importing_the_library_loads_nothing_heavy() -> None:
    """Nothing at all, in fact, beyond itself; the names are those that a careless import would bring first."""
    loaded = loaded_by("import partnerauth")

    assert not packages(loaded) & HEAVY
    assert loaded == {"partnerauth"}


def test_help_loads_neither_crypto_nor_http_nor_web_nor_database() -> None:
    loaded = packages(loaded_by(HELP))

    assert "click" in loaded
    assert not loaded & (CRYPTO | HTTP | WEB | DATABASE | {"msgspec", "rich", "logging"})
