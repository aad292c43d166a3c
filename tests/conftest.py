"""What every test may ask for: a loop, secrets that must never be seen again, and things that may be missing."""

import pytest

pytest_plugins = ["pytester", "tests.canaries", "tests.chromium", "tests.figures", "tests.needs"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of asynchronous tests."""
    return "asyncio"
