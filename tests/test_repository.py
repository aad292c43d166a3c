"""The tree itself is in order: everything pinned, and no address of a package registry anywhere."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.needs import could_not_run

ROOT = Path(__file__).resolve().parent.parent
# In parts, so that this page does not name them either.
REGISTRIES = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))
]
PINS = ("requirements.txt", "tests/stores/openbao/requirements.txt")
PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; [^\n\\]+)?(?: \\\n +--hash=sha256:[0-9a-f]{64})+$", re.MULTILINE
)


def tracked() -> list[Path]:
    """The files of this tree that are, or are about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        could_not_run(f"a git checkout ({listed.stderr.strip()})")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


@pytest.mark.needs("git")
def test_no_file_names_a_package_registry() -> None:
    named = [
        f"{path.relative_to(ROOT)}: {registry}"
        for path in tracked()
        for registry in REGISTRIES
        if registry.encode() in path.read_bytes()
    ]

    assert not named


@pytest.mark.parametrize("pins", PINS)
def test_every_requirement_is_pinned_with_its_hashes(pins: str) -> None:
    """Each line is a pin or its hashes: no options, no addresses."""
    text = (ROOT / pins).read_text()

    assert "".join(PIN.sub("", text).split()) == ""


def test_every_package_of_node_is_pinned_with_its_hash() -> None:
    """After a change of package.json: `npm install`, in tests/clients/node."""
    folder = ROOT / "tests" / "clients" / "node"
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    found = json.loads((folder / "package-lock.json").read_text())["packages"]

    assert found.pop("")["dependencies"] == asked
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for one in found.values())


def test_the_pins_are_what_the_project_asks_for() -> None:
    """After a change of requirements: `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = {
        canonicalize_name(match["name"]): match["version"]
        for pins in PINS
        for match in PIN.finditer((ROOT / pins).read_text())
    }
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for lines in project["project"]["optional-dependencies"].values() for line in lines),
        *(line for lines in project["dependency-groups"].values() for line in lines),
    ]
    wanted = [required for line in asked if (required := Requirement(line)).name != project["project"]["name"]]

    unmet = [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), ""))]

    assert not unmet
