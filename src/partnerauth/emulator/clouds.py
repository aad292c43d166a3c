"""What the services say of their national cloud, beyond the addresses that a client knows (`partnerauth.cloud`).

Sources: the metadata documents that Entra ID publishes; Microsoft "National clouds"; the tables of Azure's own tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partnerauth.cloud import CHINA, GLOBAL, US_GOVERNMENT


@dataclass(frozen=True, slots=True)
class Words:
    """Of one cloud: what metadata and user realms call it.

    `classic` is the old identifier of Azure Resource Manager, `knows` are the other clouds whose tenants the sign-in
    service knows to be elsewhere.
    """

    instance_name: str
    rbac_url: str
    audience_urn: str
    classic: str
    knows: tuple[str, ...] = ()


WORDS: Mapping[str, Words] = {
    GLOBAL.name: Words(
        "microsoftonline.com",
        "https://pas.windows.net",
        "urn:federation:MicrosoftOnline",
        "https://management.core.windows.net",
        (US_GOVERNMENT.name,),  # that this pair knows each other's tenants is not confirmed by a public source
    ),
    US_GOVERNMENT.name: Words(
        "microsoftonline.us",
        "https://pasff.usgovcloudapi.net",
        "urn:federation:MicrosoftOnline",
        "https://management.core.usgovcloudapi.net",
        (GLOBAL.name,),
    ),
    # Run by another company, with a directory of its own.
    CHINA.name: Words(
        "partner.microsoftonline.cn",
        "https://pas.chinacloudapi.cn",
        "urn:federation:partner.microsoftonline.cn",
        "https://management.core.chinacloudapi.cn",
    ),
}
