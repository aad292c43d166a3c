"""A world of its own for each story."""

import pytest

from tests.emulator.story import Story


@pytest.fixture
def story() -> Story:
    return Story()
