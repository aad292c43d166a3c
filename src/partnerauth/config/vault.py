"""Microsoft's own client for a key vault, with our credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from partnerauth.errors import Misconfigured

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

    from partnerauth.oauth.sources import TokenSource
    from partnerauth.session import Session


def vault_client(address: str, source: TokenSource, session: Session, ca: str = "") -> SecretClient:
    """The client for the vault at `address`, whose tokens `source` gets through `session`.

    Raises `Misconfigured` where the SDK is not installed, or the address is no vault of the source's cloud.
    """
    address = source.cloud.vault(address)  # a token for a vault goes to no other place
    try:
        from azure.keyvault.secrets import SecretClient

        from partnerauth.adapters.azure import SourceCredential
    except ImportError:
        raise Misconfigured("a key vault needs Microsoft's SDK", hint="pip install 'partnerauth[keyvault]'") from None
    trust: dict[str, Any] = {"connection_verify": ca} if ca else {}
    credential = SourceCredential(source, session)
    return SecretClient(address, credential, verify_challenge_resource=not source.cloud.emulated, **trust)
