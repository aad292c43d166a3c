"""A partner's desk, and somebody at a browser."""

import pytest

from partnerauth.consent.desk import Desk
from tests.consent.guest import Guest, desk_of
from tests.consent.partner import Partner


@pytest.fixture
def partner() -> Partner:
    """Contoso, where nobody has consented yet."""
    return Partner()


@pytest.fixture
def desk(partner: Partner) -> Desk:
    """Its desk."""
    return desk_of(partner)


@pytest.fixture
def guest(partner: Partner, desk: Desk) -> Guest:
    """Somebody at a browser."""
    return Guest(partner, desk)
