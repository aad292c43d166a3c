"""The Partner Center API: customers, their users and consents, the partner's profiles, MFA."""

from partnerauth.emulator.partnercenter.service import PartnerCenter

__all__ = ["PartnerCenter"]
