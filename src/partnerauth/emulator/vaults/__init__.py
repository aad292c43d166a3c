"""Key Vault: secrets, keys and their versions, behind Key Vault's own challenge."""

from partnerauth.emulator.vaults.service import Vaults

__all__ = ["Vaults"]
