"""The conditions that every store must hold to, as they are published for others."""

import pytest

pytest.register_assert_rewrite("partnerauth.testing")

from partnerauth.testing.stores import NAME, NEW, OLD, TAGS, Conditions  # noqa: E402

__all__ = ["NAME", "NEW", "OLD", "TAGS", "Conditions"]
