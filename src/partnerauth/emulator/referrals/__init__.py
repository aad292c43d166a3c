"""The Referrals API: deals with Microsoft and other partners, seen by those whose role and team allow it."""

from partnerauth.emulator.referrals.service import Referrals

__all__ = ["Referrals"]
