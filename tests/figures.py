"""Figures that a test measured, told at the end of the run: what is printed by a worker process is seen by nobody."""

from collections.abc import Callable, Mapping

import pytest

Figures = Callable[[str, Mapping[str, object]], None]


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Tells figures under a title."""

    def tell(title: str, measured: Mapping[str, object]) -> None:
        record_property("figures", "\n".join([title, *(f"  {name:<44}{value}" for name, value in measured.items())]))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print them."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    told = [value for report in reports for name, value in getattr(report, "user_properties", []) if name == "figures"]
    if told:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n\n".join(sorted(told)))
