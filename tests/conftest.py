"""What every test may ask for: a loop, secrets that must never be seen again, and things that may be missing."""

import pytest

pytest_plugins = ["pytester", "tests.canaries", "tests.chromium", "tests.figures", "tests.needs"]

FIRST = {"test_decade.py", "test_kill.py"}
"""What keeps one processor busy for minutes: begun last, it would be waited for."""
LAST = {"test_simulation.py"}
"""What takes all processors by itself, so that none of them is idle in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into an order in which several workers end at about the same time."""
    items.sort(key=lambda item: (item.path.name in LAST) - (item.path.name in FIRST))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of asynchronous tests."""
    return "asyncio"
