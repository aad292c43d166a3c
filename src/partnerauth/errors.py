"""Every way this can fail, as a tree; each failure says what to do next.

::

    PartnerAuthError                  1
    ├── Misconfigured                 2   a setting or an argument
    │   ├── CloudMixed                    an address of one cloud with another cloud's authority
    │   └── CloudClosed                   a cloud that exists no more
    ├── ConsentNeeded                 3   a person must act
    │   ├── NoConsent                     nobody has consented yet
    │   ├── ConsentLost                   the stored consent is expired or revoked
    │   ├── PermissionNeeded              the application may not ask for this yet
    │   ├── SignInCancelled               the person declined or went away
    │   └── InvitationOver                a link that was used, withdrawn, or is too old
    ├── MfaMissing                    4   the sign-in behind a token shows no second factor
    │   ├── MfaAbsent                     the token says how the person signed in: without one
    │   └── MfaUnseen                     nothing could tell
    ├── Refused                       5   somebody said no
    │   ├── InvalidRequest                the request itself is wrong
    │   ├── InvalidClient                 the application's own credential or registration
    │   ├── InvalidGrant                  what was given in exchange is not accepted
    │   ├── AccountBlocked                the person's account: disabled, locked, password expired
    │   ├── PolicyBlocked                 a policy of the directory
    │   ├── WrongTenant, WrongPerson      somebody or somewhere else than expected
    │   ├── WrongCloud                    the tenant lives in another cloud
    │   ├── Tampered                      an answer that is not to our question: state, nonce, signature, host
    │   ├── Pending                       a device code nobody has entered yet
    │   └── ApiRefused                    an API's own refusal
    │       ├── Unauthorized, Forbidden, NotFound, Conflicting
    ├── Unreachable                   6   no usable answer
    │   ├── Unreadable                    an answer that is not what the protocol says
    │   ├── Throttled, Unavailable        come back later
    │   └── Untrusted                     the other side's certificate
    └── StoreFailed                   7   the place where secrets sleep
        ├── StoreUnwritable               full, read-only, not ours
        ├── StoreCorrupt                  not what we wrote
        ├── StoreKeyWrong                 sealed with another key
        └── StoreConflict                 somebody else wrote first

The numbers are the exit codes of the command. Catch a kind; never read a message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class PartnerAuthError(Exception):
    """Something this library does not get past by itself.

    `hint` says what to do next. `code` is an AADSTS or Partner Center code where one was given; `correlation_id` is
    what Microsoft's support asks for; `retry_after` is in seconds; `claims` is a claims challenge (JSON text) to sign
    in with. `unjudged`: what came of a sign-in lies sealed for a day, and is judged by whatever runs next.
    """

    exit_code: ClassVar[int] = 1
    hint: str = "Report this with the message above; it is not expected."

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: int | str | None = None,
        correlation_id: str = "",
        retry_after: float | None = None,
        claims: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if hint:
            self.hint = hint
        self.code = code
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.claims = claims
        self.status = status
        self.unjudged = False


class Misconfigured(PartnerAuthError):
    """A setting or an argument does not make sense."""

    exit_code = 2
    hint = "See `partnerauth --help` and docs/reference.md for the settings."


class CloudMixed(Misconfigured):
    """An address of one national cloud was to be used with another's."""

    hint = "Use one cloud's addresses throughout: set `cloud`, or name the address of that cloud."


class CloudClosed(Misconfigured):
    """This national cloud exists no more."""

    hint = "Microsoft Cloud Germany closed on 29 October 2021: its customers moved to the global cloud."


class ConsentNeeded(PartnerAuthError):
    """Only a person can mend this, by consenting."""

    exit_code = 3
    hint = "Let an admin agent run `partnerauth consent`."


class NoConsent(ConsentNeeded):
    """Nobody has consented for this tenant and application yet."""


class ConsentLost(ConsentNeeded):
    """The stored consent opens nothing any more: expired or revoked."""

    hint = "Let an admin agent run `partnerauth consent` again, and `partnerauth renew` weekly from then on."


class PermissionNeeded(ConsentNeeded):
    """The application lacks a permission, or nobody has consented to it."""

    hint = "Add the API permission to the app registration, grant admin consent, then try again."


class SignInCancelled(ConsentNeeded):
    """The person declined, or did not come back in time."""


class InvitationOver(ConsentNeeded):
    """An invitation that opens nothing: used, withdrawn, too old, or none at all."""

    hint = "Ask for a new link: `partnerauth consent invite` makes one."


class MfaMissing(PartnerAuthError):
    """The sign-in behind the token carries no multi-factor authentication that Partner Center would accept."""

    exit_code = 4
    hint = "Enrol the account in MFA and let it run `partnerauth consent` again; refreshing the same token never helps."


class MfaAbsent(MfaMissing):
    """The token tells how the person signed in, and a second factor was not part of it."""


class MfaUnseen(MfaMissing):
    """No token tells how the person signed in."""

    hint = "Give the application the Partner Center permission: only tokens for it tell about MFA."


class Refused(PartnerAuthError):
    """The other side said no, or we did."""

    exit_code = 5
    hint = "Read what was refused above; `partnerauth explain CODE` tells more."


class InvalidRequest(Refused):
    """The request itself is not right."""


class InvalidClient(Refused):
    """The application could not prove itself, or its registration does not fit."""

    hint = "Check the application id and its secret or certificate in the app registration."


class InvalidGrant(Refused):
    """The code, token or password given in exchange was not accepted."""


class AccountBlocked(Refused):
    """The person's account cannot sign in now: disabled, locked, password expired."""

    hint = "Let an administrator of the tenant look at this account."


class PolicyBlocked(Refused):
    """A policy of the directory forbids this sign-in."""

    hint = "Let an administrator of the tenant look at the Conditional Access policies for this account."


class WrongTenant(Refused):
    """A tenant is unknown, or not the one that was expected."""

    hint = "Check the tenant: its id, or one of its verified domains."


class WrongPerson(Refused):
    """Somebody else signed in than was expected."""

    hint = "Sign in with the expected account; to let a colleague take over, use `partnerauth consent --replace`."


class WrongCloud(Refused):
    """The tenant lives in another national cloud."""

    hint = "Set `cloud` to the one the tenant lives in: global, us-government or china."


class Tampered(Refused):
    """An answer that does not belong to our question, or is not from whom it says."""

    hint = "Start again from `partnerauth consent`; if it happens twice, somebody is in between."


class Pending(Refused):
    """The person has not finished entering the device code yet."""


class ApiRefused(Refused):
    """An API refused a call."""


class Unauthorized(ApiRefused):
    """The API does not accept the token (401)."""


class Forbidden(ApiRefused):
    """The caller may not do this (403)."""


class NotFound(ApiRefused):
    """There is no such thing (404)."""


class Conflicting(ApiRefused):
    """Somebody changed it meanwhile (409, 412)."""

    hint = "Read it again and repeat the change."


class Unreachable(PartnerAuthError):
    """No usable answer came."""

    exit_code = 6
    hint = "Check the network, the proxy and the address, then try again."


class Unreadable(Unreachable):
    """The answer is not what the protocol says: no JSON, a page, a missing field."""

    hint = "Something between here and the service answered in its place (a proxy, a gateway); try again later."


class Throttled(Unreachable):
    """Too many requests."""

    hint = "Wait, then ask less often; keep access tokens instead of asking for new ones."


class Unavailable(Unreachable):
    """A passing fault of the service."""

    hint = "Try again in a few minutes."


class Untrusted(Unreachable):
    """The other side's certificate is not one we trust."""

    hint = "For a private authority or the emulator, name its PEM file with --ca or PARTNERAUTH_CA."


class StoreFailed(PartnerAuthError):
    """The place where secrets sleep does not work."""

    exit_code = 7
    hint = "Check the store's address and its permissions."


class StoreUnwritable(StoreFailed):
    """The store cannot be written: full, read-only, or not ours."""

    hint = "Make room, or give this account the right to write there; nothing was lost."


class StoreCorrupt(StoreFailed):
    """The store does not hold what was written there."""

    hint = "Restore the store from a backup, or set another one and consent again; the file was left as it is."


class StoreKeyWrong(StoreFailed):
    """The store was sealed with another key."""

    hint = "Use the key the store was made with (setting `store_key`); nothing was changed."


class StoreConflict(StoreFailed):
    """Somebody else wrote first, and again and again."""

    hint = "Try again."
