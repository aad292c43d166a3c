"""The Secure Application Model for Microsoft Partner Center: consent once, keep the token alive, call the APIs.

Unofficial, not affiliated with Microsoft. What is public is listed here; each name is loaded when it is first used, so that
`import partnerauth` costs next to nothing.
"""

TYPE_CHECKING = False  # a type checker takes it for `typing.TYPE_CHECKING`; importing that would cost more than all the rest
if TYPE_CHECKING:
    from partnerauth.cloud import (
        CHINA as CHINA,
        GERMANY as GERMANY,
        GLOBAL as GLOBAL,
        US_GOVERNMENT as US_GOVERNMENT,
        Api as Api,
        Authority as Authority,
        Cloud as Cloud,
        Dialect as Dialect,
        Resource as Resource,
        emulated as emulated,
    )
    from partnerauth.consent.book import ConsentBook as ConsentBook
    from partnerauth.consent.consent import Consent as Consent
    from partnerauth.consent.first import FirstConsent as FirstConsent
    from partnerauth.consent.user import AppUser as AppUser
    from partnerauth.emulator.emulator import Emulator as Emulator
    from partnerauth.errors import (
        ConsentNeeded as ConsentNeeded,
        MfaMissing as MfaMissing,
        Misconfigured as Misconfigured,
        PartnerAuthError as PartnerAuthError,
        Refused as Refused,
        StoreFailed as StoreFailed,
        Unreachable as Unreachable,
    )
    from partnerauth.flow import Flow as Flow, arun as arun, run as run
    from partnerauth.hidden import Hidden as Hidden
    from partnerauth.oauth.application import (
        Application as Application,
        Certificate as Certificate,
        Public as Public,
        Secret as Secret,
    )
    from partnerauth.oauth.authorize import AuthorizeResponse as AuthorizeResponse, Ticket as Ticket
    from partnerauth.oauth.evidence import Evidence as Evidence, Mfa as Mfa, read_access_token as read_access_token
    from partnerauth.oauth.refusals import explain as explain
    from partnerauth.oauth.sources import AppOnly as AppOnly, PasswordUser as PasswordUser, TokenSource as TokenSource
    from partnerauth.oauth.tokens import TokenSet as TokenSet
    from partnerauth.session import AsyncSession as AsyncSession, Session as Session
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
    "oauth.application": "Application Certificate Public Secret",
    "oauth.authorize": "AuthorizeResponse Ticket",
    "oauth.evidence": "Evidence Mfa read_access_token",
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
