"""Canaries: secrets made for a test, then searched for in everything that the run leaves behind.

Searched are what pytest captured of every test (standard output, standard error, logs, tracebacks), warnings, and all
files under the run's temporary directory. One canary found anywhere fails the whole run. A finding names the canary and
the place, never the secret.

A canary begins with letters, digits, `-` and `_`, which percent-encoding, JSON, HTML and `repr` leave as they are: who
searches for that beginning finds all of these spellings. In base64 it looks one of three ways, by where it begins.
"""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from warnings import WarningMessage

import pytest

AWKWARD = "\"+/%'\\=&é"
"""What a canary ends in: characters that must be escaped somewhere."""


def spellings(text: str) -> frozenset[bytes]:
    """The ways in which plain `text`, as a part of something longer, may be written down."""
    raw = text.encode()
    found = {raw, raw.hex().encode()}
    for before in range(3):
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(before) + raw)[first:end])
    return frozenset(found)


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Cage:
    """All canaries of one run by name, the files they may be in, and where else they were found."""

    mark: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    canaries: dict[str, frozenset[bytes]] = field(default_factory=dict, repr=False)
    allowed: set[Path] = field(default_factory=set)
    found: dict[str, None] = field(default_factory=dict)
    root: Path | None = None

    def __post_init__(self) -> None:
        self._marks = spellings(self.mark)

    def make(self, name: str) -> str:
        """A new secret without awkward characters, looked for from now on."""
        text = self.mark + secrets.token_urlsafe(18)
        self.canaries[f"{name} #{len(self.canaries) + 1}"] = spellings(text)
        return text

    def search(self, content: bytes, place: str) -> None:
        """Look for every canary in `content`, whatever its line breaks; note those found, with `place`."""
        squeezed = b"".join(content.split())
        if any(mark in squeezed for mark in self._marks):
            for name, written in self.canaries.items():
                if any(spelling in squeezed for spelling in written):
                    self.found[f"{name}: in {place}"] = None

    def search_files(self) -> None:
        """Look for every canary in the names and contents of all files under the root, but the allowed ones."""
        for folder, folders, files in os.walk(self.root or os.devnull):
            for path in (Path(folder, name) for name in [*folders, *files]):
                self.search(os.fsencode(path.name), f"the name of a file in {folder}")
                if path.is_file() and not path.is_symlink() and path.resolve() not in self.allowed:
                    self.search(path.read_bytes(), str(path))


CAGE = pytest.StashKey[Cage]()


@dataclass(frozen=True)
class Canary:
    """Makes the canaries of one test: `canary("refresh token")` returns a secret, to be used as one."""

    cage: Cage
    test: str

    def __call__(self, name: str, *, awkward: bool = True) -> str:
        """A new secret that findings call `name`; not `awkward`: only letters, digits, `-` and `_`."""
        return self.cage.make(f"{name} of {self.test}") + (AWKWARD if awkward else "")

    def allowed(self, path: Path) -> Path:
        """Let the file at `path` hold canaries: it is where the test itself keeps them. Returns `path`."""
        self.cage.allowed.add(path.resolve())
        return path


@pytest.fixture
def canary(request: pytest.FixtureRequest) -> Canary:
    """Secrets that must never be seen again."""
    return Canary(request.config.stash[CAGE], request.node.nodeid)


@pytest.fixture(scope="session", autouse=True)
def _files_to_search(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    request.config.stash[CAGE].root = tmp_path_factory.getbasetemp()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    cage = config.stash[CAGE] = Cage()
    config.pluginmanager.register(Watch(cage), "canaries-watch")


@dataclass(frozen=True)
class Watch:
    """Searches what is captured as it comes, and the files at the end."""

    cage: Cage

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search what was captured of a test."""
        for title, content in [*report.sections, ("traceback", report.longreprtext)]:
            self.cage.search(content.encode(errors="replace"), f"{title.lower()} of {report.nodeid}")

    def pytest_warning_recorded(self, warning_message: WarningMessage, nodeid: str) -> None:
        """Search a warning."""
        self.cage.search(str(warning_message.message).encode(errors="replace"), f"a warning of {nodeid}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search the files; what was found is an error of the run."""
        self.cage.search_files()
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["canaries"] = self.cage.found
        elif self.cage.found:
            self._report(session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a process of a parallel run found."""
        self.cage.found.update(getattr(node, "workeroutput", {}).get("canaries", {}))

    def _report(self, session: pytest.Session) -> None:
        report = pytest.TestReport(
            nodeid="canaries",
            location=("canaries", None, "canaries"),
            keywords={},
            outcome="failed",
            longrepr="\n".join(["Secrets were found where none may be:", *self.cage.found]),
            when="teardown",
        )
        session.config.hook.pytest_runtest_logreport(report=report)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
