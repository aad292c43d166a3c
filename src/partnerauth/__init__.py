"""The Secure Application Model for Microsoft Partner Center: consent once, keep the token alive, call the APIs.

Unofficial, not affiliated with Microsoft. What is public is listed here; each name is loaded when it is first used, so
that `import partnerauth` costs next to nothing.
"""

TYPE_CHECKING = (
    False  # a type checker takes it for `typing.TYPE_CHECKING`; importing that would cost more than all the rest
)
if TYPE_CHECKING:
    from partnerauth.cloud import (
        CHINA as CHINA,
    )
    from partnerauth.cloud import (
        GERMANY as GERMANY,
    )
    from partnerauth.cloud import (
        GLOBAL as GLOBAL,
    )
    from partnerauth.cloud import (
        US_GOVERNMENT as US_GOVERNMENT,
    )
    from partnerauth.cloud import (
        Api as Api,
    )
    from partnerauth.cloud import (
        Authority as Authority,
    )
    from partnerauth.cloud import (
        Cloud as Cloud,
    )
    from partnerauth.cloud import (
        Dialect as Dialect,
    )
    from partnerauth.cloud import (
        Resource as Resource,
    )
    from partnerauth.cloud import (
        emulated as emulated,
    )
    from partnerauth.consent.book import ConsentBook as ConsentBook
    from partnerauth.consent.consent import Consent as Consent
    from partnerauth.consent.first import FirstConsent as FirstConsent
    from partnerauth.consent.user import AppUser as AppUser
    from partnerauth.emulator.emulator import Emulator as Emulator
    from partnerauth.errors import (
        ConsentNeeded as ConsentNeeded,
    )
    from partnerauth.errors import (
        MfaMissing as MfaMissing,
    )
    from partnerauth.errors import (
        Misconfigured as Misconfigured,
    )
    from partnerauth.errors import (
        PartnerAuthError as PartnerAuthError,
    )
    from partnerauth.errors import (
        Refused as Refused,
    )
    from partnerauth.errors import (
        StoreFailed as StoreFailed,
    )
    from partnerauth.errors import (
        Unreachable as Unreachable,
    )
    from partnerauth.flow import Flow as Flow
    from partnerauth.flow import arun as arun
    from partnerauth.flow import run as run
    from partnerauth.hidden import Hidden as Hidden
    from partnerauth.oauth.application import (
        Application as Application,
    )
    from partnerauth.oauth.application import (
        Certificate as Certificate,
    )
    from partnerauth.oauth.application import (
        Federated as Federated,
    )
    from partnerauth.oauth.application import (
        Public as Public,
    )
    from partnerauth.oauth.application import (
        Secret as Secret,
    )
    from partnerauth.oauth.authorize import AuthorizeResponse as AuthorizeResponse
    from partnerauth.oauth.authorize import Ticket as Ticket
    from partnerauth.oauth.evidence import Evidence as Evidence
    from partnerauth.oauth.evidence import Mfa as Mfa
    from partnerauth.oauth.evidence import read_access_token as read_access_token
    from partnerauth.oauth.grants import OnBehalfOf as OnBehalfOf
    from partnerauth.oauth.refusals import explain as explain
    from partnerauth.oauth.sources import AppOnly as AppOnly
    from partnerauth.oauth.sources import PasswordUser as PasswordUser
    from partnerauth.oauth.sources import TokenSource as TokenSource
    from partnerauth.oauth.tokens import TokenSet as TokenSet
    from partnerauth.session import AsyncSession as AsyncSession
    from partnerauth.session import Session as Session
    from partnerauth.stores.file import FileStore as FileStore
    from partnerauth.stores.key import KeyFile as KeyFile
    from partnerauth.stores.keyvault import KeyVaultStore as KeyVaultStore
    from partnerauth.stores.memory import MemoryStore as MemoryStore
    from partnerauth.stores.store import SecretStore as SecretStore

__version__ = "0.1.0"

_ROOMS = {
    "cloud": "Api Authority CHINA Cloud Dialect GERMANY GLOBAL Resource US_GOVERNMENT emulated",
    "consent.book": "ConsentBook",
    "consent.consent": "Consent",
    "consent.first": "FirstConsent",
    "consent.user": "AppUser",
    "emulator.emulator": "Emulator",
    "errors": "ConsentNeeded MfaMissing Misconfigured PartnerAuthError Refused StoreFailed Unreachable",
    "flow": "Flow arun run",
    "hidden": "Hidden",
    "oauth.application": "Application Certificate Federated Public Secret",
    "oauth.authorize": "AuthorizeResponse Ticket",
    "oauth.evidence": "Evidence Mfa read_access_token",
    "oauth.grants": "OnBehalfOf",
    "oauth.refusals": "explain",
    "oauth.sources": "AppOnly PasswordUser TokenSource",
    "oauth.tokens": "TokenSet",
    "session": "AsyncSession Session",
    "stores.file": "FileStore",
    "stores.key": "KeyFile",
    "stores.keyvault": "KeyVaultStore",
    "stores.memory": "MemoryStore",
    "stores.store": "SecretStore",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted(_HOMES, key=str.casefold)  # noqa: PLE0605  # a list of the names above


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'partnerauth' has no attribute '{name}'")
    from importlib import import_module

    found: object = getattr(import_module(f"partnerauth.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
