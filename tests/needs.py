"""A test that could not run because something is missing says so loudly, and under `CI=true` it fails.

A test asks for a program with `@pytest.mark.needs("initdb")`, for the browser with the fixture `chromium`, for anything
else by calling `could_not_run`.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
REASON = "could not run: "


def could_not_run(missing: str) -> NoReturn:
    """End the running test, because `missing` (what, and how to get it) is missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(REASON + missing, pytrace=False)
    pytest.skip(REASON + missing)


def what_was_missing(report: pytest.TestReport) -> str | None:
    """What a test ended for by `could_not_run`; none where it ran, or was skipped on purpose."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    _, found, missing = report.longrepr[2].partition(REASON)
    return missing if found else None


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's path, for Playwright's `executable_path`."""
    for name in CHROMIUM:
        if found := shutil.which(name):
            return Path(found)
    could_not_run("chromium (Debian: apt-get install chromium)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "needs(*programs): cannot run where one of these programs is not on the path.")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that the test needs."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if shutil.which(name) is None:
                could_not_run(f"the program {name}")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count it as what it is, in the closing line too."""
    if what_was_missing(report) is None:
        return None
    return "could not run", "!", ("COULD NOT RUN", {"red": True, "bold": True})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what could not run."""
    reports = terminalreporter.getreports("could not run")
    if reports:
        terminalreporter.write_sep("=", "COULD NOT RUN", red=True, bold=True)
    for report in reports:
        terminalreporter.write_line(f"{report.nodeid}: {what_was_missing(report)}", red=True)
