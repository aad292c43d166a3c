"""A partner with a consent."""

import pytest

from partnerauth.stores.store import SecretStore
from tests.consent.partner import Partner


@pytest.fixture
def partner(store: SecretStore) -> Partner:
    """Contoso, with a consent of its admin agent."""
    partner = Partner(store)
    partner.consent()
    return partner
