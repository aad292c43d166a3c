"""A fresh sign-in service, and a browser at it."""

import pytest

from tests.emulator.entra.service import Browser, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)
