"""What a developer asks of this tree: `python3.11 dev.py demo|test|check|lock|clean [arguments]`.

Needs nothing but the standard library: `.venv` is made on first use, from the hash-pinned requirements.txt.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"
STAMP = VENV / "made-from"
CHECKS = ("ruff check", "ruff format --check", "mypy", "lint-imports")
NODE = ROOT / "tests" / "clients" / "node"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main(arguments: list[str]) -> int:
    """Do the task that the first argument names; the others are passed on. Returns the exit code."""
    tasks: dict[str, Callable[[list[str]], int]] = {
        "demo": demo,
        "test": test,
        "check": check,
        "lock": lock,
        "clean": clean,
    }
    if not arguments or arguments[0] not in tasks:
        print(f"usage: dev.py {'|'.join(tasks)} [arguments]", file=sys.stderr)
        return 2
    return tasks[arguments[0]](arguments[1:])


def demo(arguments: list[str]) -> int:
    """Play the whole story on this machine: `partnerauth demo`."""
    make_venv()
    return run("partnerauth demo", *arguments)


def test(arguments: list[str]) -> int:
    """The checks, then the tests; `arguments` go to pytest. Everything runs, whatever failed before."""
    make_venv()
    find_programs()
    checked = check([])
    tested = run("pytest --numprocesses auto --dist worksteal", *arguments)
    return checked or tested


def check(arguments: list[str]) -> int:
    """The linters and the type checker, without the tests."""
    make_venv()
    failed = [command for command in CHECKS if announced(command) != 0]
    if failed:
        print(f"\nFAILED: {', '.join(failed)}\n", flush=True)
    return 1 if failed else 0


def lock(arguments: list[str]) -> int:
    """Pin everything that pyproject.toml asks for in requirements.txt; `--upgrade` takes the newest of everything."""
    with tempfile.TemporaryDirectory() as folder:
        print("Resolving", flush=True)
        venv.create(folder, with_pip=True)
        programs = Path(folder, PROGRAMS)
        subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv: list[str | Path] = [programs / "uv", "pip", "compile", "--quiet", "--universal"]
        asked = ["--python-version", "3.11", "--all-extras", "--group", "dev", "pyproject.toml", *arguments]
        written = ["--generate-hashes", "--no-annotate", "--no-header", "--output-file", "requirements.txt"]
        return subprocess.run([*uv, *asked, *written], cwd=ROOT, check=False).returncode


def clean(arguments: list[str]) -> int:
    """Remove what was made: the virtual environment and every cache."""
    for name in (".venv", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", "dist"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    shutil.rmtree(NODE / "node_modules", ignore_errors=True)
    for cache in [*ROOT.glob("src/**/__pycache__"), *ROOT.glob("tests/**/__pycache__")]:
        shutil.rmtree(cache, ignore_errors=True)
    return 0


def make_venv() -> None:
    """Bring `.venv` in line with requirements.txt and pyproject.toml; does nothing where it already is."""
    sources = (ROOT / "requirements.txt", ROOT / "pyproject.toml")
    wanted = hashlib.sha256(b"\n".join([sys.version.encode(), *(path.read_bytes() for path in sources)])).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit("This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv")
    print("Installing into .venv (half a minute, once)", flush=True)
    STAMP.unlink(missing_ok=True)
    if not program("python").exists():
        venv.create(VENV, with_pip=True)
    pip: list[str | Path] = [program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # pip has no hashes for a folder, so the project comes after everything it needs, build backend included.
    for what in (["--require-hashes", "-r", "requirements.txt"], ["--no-build-isolation", "--no-deps", "-e", "."]):
        if subprocess.run([*pip, *what], cwd=ROOT, check=False).returncode != 0:
            sys.exit("The installation into .venv failed; what pip says stands above.")
    STAMP.write_text(wanted)


def find_programs() -> None:
    """See to it that the tests find their browser, their database and the clients for Node.js.

    Root on Debian gets the first two, others are told.
    """
    find("chromium", lambda: any(shutil.which(name) for name in CHROMIUM))
    find("postgresql", lambda: bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))))
    find_node_packages()


def find(package: str, there: Callable[[], bool]) -> None:
    """Make sure that what the tests need of a Debian package is `there`; they say what could not run without it."""
    if there():
        return
    release = Path("/etc/os-release")
    if release.is_file() and "ID=debian" in release.read_text().splitlines() and os.geteuid() == 0:
        print(f"Installing {package} for the tests", flush=True)
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in ("apt-get -qq update", f"apt-get -qq install --yes --no-install-recommends {package}"):
            subprocess.run(step.split(), env=quietly, stdout=subprocess.DEVNULL, check=False)
        if there():
            return
    print(f"MISSING: {package}, so some tests cannot run. On Debian: apt-get install {package}", flush=True)


def find_node_packages() -> None:
    """Bring tests/clients/node in line with its package-lock.json, where Node.js and npm are there."""
    npm, stamp = shutil.which("npm"), NODE / "node_modules" / "made-from"
    wanted = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if npm is None or shutil.which("node") is None:
        print("MISSING: Node.js 20 with npm, so some tests cannot run.", flush=True)
        return
    print("Installing the clients for Node.js", flush=True)
    if subprocess.run([npm, "ci", "--ignore-scripts", "--silent"], cwd=NODE, check=False).returncode != 0:
        print("MISSING: what tests/clients/node/package-lock.json names; what npm says stands above.", flush=True)
        return
    stamp.write_text(wanted)


def announced(command: str) -> int:
    """Say which command runs, run it, return its exit code."""
    print(f"\n$ {command}", flush=True)
    return run(command)


def run(command: str, *arguments: str) -> int:
    """Run one of `.venv`'s programs at the root of the tree; returns its exit code."""
    name, *words = command.split()
    try:
        return subprocess.run([program(name), *words, *arguments], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130


def program(name: str) -> Path:
    """The path of one of `.venv`'s programs."""
    return VENV / PROGRAMS / (name + (".exe" if os.name == "nt" else ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
