"""What the codes of Entra ID (AADSTS...) and of Partner Center mean: a row each, for client, emulator and `explain`.

Sources: Microsoft "Microsoft Entra authentication and authorization error codes"; "Partner Center REST error codes";
"Mandating MFA for your partner tenant"; bodies published in issue reports of Microsoft's own libraries. Where a word
or a status was never published, the row follows its neighbours; the texts are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from partnerauth.errors import (
    AccountBlocked,
    ApiRefused,
    ConsentLost,
    ConsentNeeded,
    Forbidden,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    MfaMissing,
    NotFound,
    PartnerAuthError,
    Pending,
    PermissionNeeded,
    PolicyBlocked,
    SignInCancelled,
    Throttled,
    Unauthorized,
    Unavailable,
    WrongCloud,
    WrongPerson,
    WrongTenant,
)


class Actor(Enum):
    """Who must act before the same request can succeed."""

    PERSON = "the person who consents"
    ADMINISTRATOR = "an administrator of the tenant"
    OPERATOR = "whoever runs the program"
    MICROSOFT = "Microsoft"
    NOBODY = "nobody: wait"


class Mark(Enum):
    """What a refusal by the home authority means for the refresh token that was spent."""

    NONE = "none"
    """Nothing: the refusal was about something else."""
    SUSPENDED = "suspended"
    """The token is good, something beside it is not; it works again once that is mended."""
    SPENT = "spent"
    """Malformed or unknown: an earlier token may still work; if none does, the consent is lost."""
    LOST = "lost"
    """Expired or revoked: only a new consent helps."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one code means, and what helps.

    `error` is the OAuth word of the v2 token endpoint, `v1_error` that of v1 where it is another one; both are empty
    for a code of an API (`api`). `retriable` says that the identical request may succeed soon although nobody acts;
    `needs_consent` that a person must sign in anew.
    """

    code: int
    kind: type[PartnerAuthError]
    error: str
    cause: str
    actor: Actor
    remedy: str
    status: int = 400
    suberror: str = ""
    v1_error: str = ""
    retriable: bool = False
    needs_consent: bool = False
    mark: Mark = Mark.NONE
    api: bool = False

    @property
    def label(self) -> str:
        """The code as people search for it."""
        return f"{self.code}" if self.api else f"AADSTS{self.code}"

    def word(self, v1: bool) -> str:
        """The OAuth error word of the v1 or v2 token endpoint."""
        return self.v1_error or self.error if v1 else self.error


PERSON, ADMIN, OPERATOR, MICROSOFT, NOBODY = Actor
SUSPENDED, SPENT, LOST = Mark.SUSPENDED, Mark.SPENT, Mark.LOST

GRANT = "invalid_grant"
REQUEST = "invalid_request"
CLIENT = "invalid_client"
UNAUTHORIZED = "unauthorized_client"
INTERACTION = "interaction_required"
UNAVAILABLE = "temporarily_unavailable"

CONSENT_AGAIN = "Let an admin agent run `partnerauth consent` again."
CONSENT_WITH_MFA = "Let an admin agent run `partnerauth consent` and pass MFA; refreshing the same token never helps."
LATER = "Try again in a few minutes."
REPORT = "Report this as a fault of the program; the request that it built is not right."


def _same(
    codes: tuple[int, ...],
    kind: type[PartnerAuthError],
    error: str,
    cause: str,
    actor: Actor,
    remedy: str,
    *,
    status: int = 400,
    suberror: str = "",
    v1: str = "",
    retriable: bool = False,
    consent: bool = False,
    mark: Mark = Mark.NONE,
) -> Iterator[Refusal]:
    for code in codes:
        yield Refusal(code, kind, error, cause, actor, remedy, status, suberror, v1, retriable, consent, mark)


def _api(
    code: int, status: int, kind: type[PartnerAuthError], cause: str, actor: Actor, remedy: str, consent: bool = False
) -> Iterator[Refusal]:
    yield Refusal(code, kind, "", cause, actor, remedy, status, needs_consent=consent, api=True)


def _consent() -> Iterator[Refusal]:
    """The consent itself: expired, revoked, cancelled, lacking."""
    weekly = "Let an admin agent run `partnerauth consent` again, and run `partnerauth renew` weekly from then on."
    yield from _same(
        (700082,), ConsentLost, GRANT, "The refresh token was not used for 90 days.", PERSON, weekly,
        consent=True, mark=LOST,
    )
    yield from _same(
        (70008,), ConsentLost, GRANT, "The authorization code or refresh token has expired.", PERSON, weekly,
        consent=True, mark=LOST,
    )
    yield from _same(
        (50173,), ConsentLost, GRANT, "The grant was revoked: a password reset, or all sessions signed out.", PERSON,
        CONSENT_AGAIN, suberror="bad_token", consent=True, mark=LOST,
    )
    yield from _same(
        (700081,), ConsentLost, GRANT, "The refresh token is older than any may become.", PERSON, CONSENT_AGAIN,
        consent=True, mark=LOST,
    )
    yield from _same(
        (700084,), ConsentLost, GRANT, "Refresh tokens of single-page applications end after 24 hours.", PERSON,
        "Register the redirect URI for the platform Web instead of single-page application, then consent again.",
        consent=True, mark=LOST,
    )
    yield from _same(
        (70000,), InvalidGrant, GRANT, "The code or token is malformed, unknown, or another application's.", PERSON,
        "Check that the application id is the one that consented; otherwise consent again.", consent=True, mark=SPENT,
    )
    yield from _same(
        (9002313,), InvalidGrant, GRANT, "The request, or the code or token in it, is malformed.", PERSON,
        "Check that the stored refresh token is whole, without blanks or line ends; otherwise consent again.",
        consent=True, mark=SPENT,
    )
    yield from _same(
        (70043,), ConsentNeeded, GRANT, "The sign-in frequency policy asks for a fresh sign-in.", PERSON,
        "Consent again, and let an administrator exempt this account from the sign-in frequency policy.",
        suberror="token_expired", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (70044,), ConsentNeeded, INTERACTION, "The browser session is older than the sign-in frequency policy allows.",
        PERSON, "Sign in anew in the browser.", consent=True,
    )
    yield from _same(
        (50132, 50133), ConsentNeeded, GRANT, "The session ended because the password expired or was changed.", PERSON,
        CONSENT_AGAIN, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (700003,), ConsentNeeded, GRANT, "The device that the token is bound to no longer exists.", PERSON,
        "Consent again from a browser that is not bound to the removed device.", consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (700020,), ConsentNeeded, INTERACTION, "The grant asks for a person's presence.", PERSON, CONSENT_AGAIN,
        consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (9002341,), ConsentNeeded, GRANT, "The person must permit single sign-on first.", PERSON,
        "Sign in in a browser once and accept the single sign-on question.", consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (65001,), PermissionNeeded, GRANT, "Nobody in this tenant has consented to this application for this API.",
        PERSON, "Grant admin consent for the API, or, in a customer's tenant, consent through Partner Center first.",
        suberror="consent_required", consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (65002,), PermissionNeeded, GRANT, "One of Microsoft's own applications must be authorised beforehand.",
        ADMIN, "Use an application id of your own tenant instead of one of Microsoft's.", mark=SUSPENDED,
    )
    yield from _same(
        (65004,), SignInCancelled, "access_denied", "The person declined to consent.", PERSON,
        "Open the consent page again and accept.", consent=True,
    )
    yield from _same(
        (65005, 650056), PermissionNeeded, REQUEST, "The app registration does not list this API, or lacks consent.",
        ADMIN, "Add the API permission to the app registration and grant admin consent.", mark=SUSPENDED,
    )
    yield from _same(
        (650057,), PermissionNeeded, CLIENT, "The app registration does not list this API.", ADMIN,
        "Add the API permission to the app registration and grant admin consent.", mark=SUSPENDED,
    )
    yield from _same(
        (650051,), Unavailable, REQUEST, "The application's service principal is being made, or is there already.",
        NOBODY, "Try again after half a minute.", retriable=True, mark=SUSPENDED,
    )
    yield from _same(
        (650052,), PermissionNeeded, CLIENT, "The tenant has no service principal or subscription for this API.", ADMIN,
        "Let an administrator of that tenant add the API's service principal or the licence it needs.", mark=SUSPENDED,
    )
    yield from _same(
        (650054,), PermissionNeeded, REQUEST, "The app registration names a permission that exists no more.", ADMIN,
        "Remove the dead permission from the app registration.", mark=SUSPENDED,
    )
    yield from _same(
        (90094, 90095), PermissionNeeded, "consent_required", "An administrator must consent to this application.",
        ADMIN, "Let an administrator of the tenant grant admin consent for the application.",
        consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (90099,), PermissionNeeded, GRANT, "The application is not authorised in the customer's tenant for partners.",
        OPERATOR, "Consent for the customer through Partner Center (`applicationconsents`) first.", mark=SUSPENDED,
    )
    yield from _same(
        (90008,), PermissionNeeded, REQUEST, "A token for the application itself needs a Microsoft Graph permission.",
        ADMIN, "Add the Graph permission User.Read to the app registration and consent.", mark=SUSPENDED,
    )
    yield from _same(
        (90093,), PermissionNeeded, REQUEST, "The directory forbade the operation that the sign-in needs.", ADMIN,
        "Let an administrator grant consent for this application.", mark=SUSPENDED,
    )


def _mfa() -> Iterator[Refusal]:
    """Multi-factor authentication: asked for, too old, not enrolled."""
    yield from _same(
        (50076, 50074), MfaMissing, GRANT, "Multi-factor authentication is required now.", PERSON, CONSENT_WITH_MFA,
        suberror="basic_action", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (50078,), MfaMissing, GRANT, "The multi-factor authentication behind the token is too old.", PERSON,
        CONSENT_WITH_MFA, suberror="basic_action", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (50079,), MfaMissing, GRANT, "The account must enrol in MFA, or its identity provider must tell of it.", PERSON,
        "Enrol the account in MFA at https://aka.ms/mfasetup, then run `partnerauth consent` with it.",
        suberror="basic_action", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (50072,), MfaMissing, GRANT, "The account must enrol a second factor.", PERSON,
        "Enrol the account in MFA at https://aka.ms/mfasetup, then run `partnerauth consent` with it.",
        suberror="basic_action", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (50158,), MfaMissing, GRANT, "The challenge of an external MFA provider is not met.", PERSON, CONSENT_WITH_MFA,
        suberror="basic_action", v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (90072,), MfaMissing, GRANT, "MFA is asked for in a tenant where the account does not exist.", ADMIN,
        "Let that tenant exempt service providers from its MFA policy, or add the account there.",
        v1=INTERACTION, consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (53004, 53010), MfaMissing, GRANT, "A policy keeps the account from enrolling in MFA here.", ADMIN,
        "Let an administrator clear the account's risk, or permit enrolment from this place.",
        consent=True, mark=SUSPENDED,
    )
    yield from _same(
        (50087, 50088), Unavailable, UNAVAILABLE, "The MFA service has a passing fault or sends no more messages.",
        NOBODY, "Try again later, or use an authenticator app instead of text messages.", status=503, retriable=True,
    )


def _policy() -> Iterator[Refusal]:
    """Policies of a directory: Conditional Access, devices, risk, cross-tenant access."""
    policy = "Let an administrator exempt this account from the policy, or sign in from where it allows it."
    yield from _same(
        (53003,), PolicyBlocked, GRANT, "A Conditional Access policy blocks this sign-in.", ADMIN, policy,
        suberror="message_only", v1=INTERACTION, mark=SUSPENDED,
    )
    yield from _same(
        (50131,), PolicyBlocked, GRANT, "Conditional Access blocks this sign-in: the device, the place or a suspicion.",
        ADMIN, policy, mark=SUSPENDED,
    )
    yield from _same(
        (530032, 530035), PolicyBlocked, GRANT, "A security policy or the security defaults of the tenant block this.",
        ADMIN, "Let an administrator look at the sign-in log, and at the policy that it names.", mark=SUSPENDED,
    )
    yield from _same(
        (530034,), PolicyBlocked, GRANT, "The delegated administrator's account is at risk in its home tenant.", ADMIN,
        "Let an administrator of the partner's tenant clear the account's risk.", mark=SUSPENDED,
    )
    yield from _same(
        (53011,), PolicyBlocked, GRANT, "The account is blocked for a risk in its home tenant.", ADMIN,
        "Let an administrator of the home tenant clear the account's risk.", mark=SUSPENDED,
    )
    yield from _same(
        (53000, 53001, 53002), PolicyBlocked, GRANT, "The policy wants a compliant or joined device, or another app.",
        ADMIN, "Consent on a compliant device, or let an administrator exempt this account.",
        v1=INTERACTION, mark=SUSPENDED,
    )
    yield from _same(
        (530003,), PolicyBlocked, GRANT, "The policy wants a managed device.", ADMIN,
        "Consent on a managed device, or let an administrator exempt this account.", mark=SUSPENDED,
    )
    yield from _same(
        (50097, 50129, 50155, 50187), PolicyBlocked, GRANT, "The device must prove itself, and did not.", ADMIN,
        "Consent on a device that is joined to the tenant, or let an administrator exempt this account.",
        v1=INTERACTION, mark=SUSPENDED,
    )
    yield from _same(
        (50005,), PolicyBlocked, GRANT, "The policy does not allow this device's platform.", ADMIN,
        "Consent on a platform that Conditional Access allows.", mark=SUSPENDED,
    )
    yield from _same(
        (50177, 50178), PolicyBlocked, GRANT, "The customer's policy asks for a control that a partner cannot meet.",
        ADMIN, "Let the customer exempt service providers from the policy, and remove a guest object of the account.",
        mark=SUSPENDED,
    )
    yield from _same(
        (50002, 500021, 500022), PolicyBlocked, REQUEST, "Tenant restrictions of the network block this tenant.", ADMIN,
        "Let the network's administrator allow this tenant in the restrictions of the proxy.", mark=SUSPENDED,
    )
    yield from _same(
        (500212, 500213), PolicyBlocked, GRANT, "A cross-tenant access policy blocks this.", ADMIN,
        "Let an administrator of the tenant named above change its cross-tenant access settings.", mark=SUSPENDED,
    )
    yield from _same(
        (50105,), PolicyBlocked, GRANT, "The person is not assigned to this application.", ADMIN,
        "Assign the person to the enterprise application, or switch off that assignment is required.", mark=SUSPENDED,
    )
    yield from _same(
        (90123,), PolicyBlocked, "access_denied", "The identity provider refused the sign-in.", ADMIN,
        "Let an administrator look at the sign-in log of the identity provider.", mark=SUSPENDED,
    )


def _account() -> Iterator[Refusal]:
    """The person's account: name, password, state."""
    yield from _same(
        (50126, 50064), InvalidGrant, GRANT, "The user name or the password is wrong.", PERSON,
        "Enter the user name and password again.", mark=SUSPENDED,
    )
    yield from _same(
        (50034,), AccountBlocked, GRANT, "The directory knows no such account.", PERSON,
        "Check the user name and the tenant; let an administrator restore the account if it was deleted.",
        mark=SUSPENDED,
    )
    yield from _same(
        (50053,), AccountBlocked, GRANT, "The account is locked, or the network address is held for malicious.", PERSON,
        "Wait an hour, then try once; an administrator can unblock the account sooner.", mark=SUSPENDED,
    )
    yield from _same(
        (50055,), AccountBlocked, GRANT, "The password has expired.", PERSON,
        "Change the password in a browser, then sign in with the new one.",
        suberror="user_password_expired", mark=SUSPENDED,
    )
    yield from _same(
        (50056,), AccountBlocked, GRANT, "The directory holds no valid password for this account.", PERSON,
        "Let an administrator reset the password.", mark=SUSPENDED,
    )
    yield from _same(
        (50057,), AccountBlocked, GRANT, "The account is disabled.", ADMIN,
        "Let an administrator enable the account; the stored consent then works again.", mark=SUSPENDED,
    )
    yield from _same(
        (50135, 50144), AccountBlocked, GRANT, "The password must be changed first.", PERSON,
        "Change the password in a browser, then sign in with the new one.", mark=SUSPENDED,
    )
    yield from _same(
        (50125,), ConsentNeeded, INTERACTION, "The sign-in was interrupted to register a password.", PERSON,
        "Finish the registration in the browser, then sign in again.",
    )
    yield from _same(
        (50140, 50199), ConsentNeeded, INTERACTION, "The sign-in was interrupted by a question to the person.", PERSON,
        "Answer the question in the browser and go on.",
    )
    yield from _same(
        (50020,), WrongTenant, GRANT, "The person's account does not exist in this tenant.", ADMIN,
        "In a customer's tenant: put it into the group of the delegated admin relationship, or remove the guest.",
        mark=SUSPENDED,
    )
    yield from _same(
        (50014, 51004), WrongTenant, GRANT, "The account is not in this directory, or only invited.", ADMIN,
        "Let an administrator add the account, and the person accept the invitation.", mark=SUSPENDED,
    )
    yield from _same(
        (16003,), WrongTenant, REQUEST, "The person was not added to this tenant.", ADMIN,
        "Let an administrator invite the person to the tenant.",
    )
    yield from _same(
        (500208,), WrongPerson, REQUEST, "This kind of account cannot sign in here.", PERSON,
        "Sign in with a work account of the partner's tenant.",
    )
    yield from _same(
        (50197,), WrongPerson, GRANT, "Several identities are mixed in one sign-in.", PERSON,
        "Sign out of all accounts in the browser, then sign in with one.", consent=True,
    )
    yield from _same(
        (16000,), ConsentNeeded, INTERACTION, "Several accounts are signed in, or the chosen one cannot be used here.",
        PERSON, "Sign in again and pick the account.", consent=True,
    )
    yield from _same(
        (16002, 160021), ConsentNeeded, "login_required", "The browser session asked for is no more.", PERSON,
        "Sign in again.", consent=True,
    )
    yield from _same(
        (50058,), ConsentNeeded, "login_required", "Nobody is signed in in this browser.", PERSON, "Sign in.",
        consent=True,
    )
    yield from _same(
        (50085, 50089), InvalidGrant, GRANT, "A token that the sign-in pages pass on has expired.", PERSON,
        "Start the sign-in again.", consent=True,
    )
    yield from _same(
        (81010,), ConsentNeeded, REQUEST, "Seamless single sign-on failed: its Kerberos ticket is not valid.", ADMIN,
        "Sign in with the password, and let an administrator look at the domain's single sign-on.",
    )


def _application() -> Iterator[Refusal]:
    """The application: its registration, its secret, its certificate."""
    yield from _same(
        (7000222,), InvalidClient, CLIENT, "The application's secret has expired.", ADMIN,
        "Add a new secret to the app registration and set its value; the consent stays good.",
        status=401, mark=SUSPENDED,
    )
    yield from _same(
        (7000215,), InvalidClient, CLIENT, "The application's secret is wrong.", OPERATOR,
        "Set the secret's value, not its id; the value is shown once, when the secret is made.",
        status=401, mark=SUSPENDED,
    )
    yield from _same(
        (7000216,), InvalidClient, CLIENT, "The application proved itself by nothing.", OPERATOR,
        "Set the application's secret or certificate.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (7000218,), InvalidClient, CLIENT, "The application must prove itself, and sent neither secret nor assertion.",
        OPERATOR, "Set the application's secret or certificate, or allow public client flows in the app registration.",
        status=401, mark=SUSPENDED,
    )
    yield from _same(
        (70002,), InvalidClient, CLIENT, "The application's credential was not accepted.", OPERATOR,
        "Check the application id and its secret or certificate.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (700025,), InvalidClient, CLIENT, "A public application sent a secret or an assertion.", OPERATOR,
        "Take the secret away, or register the redirect URI for the platform Web.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (700027,), InvalidClient, CLIENT, "The application's assertion is not signed by a certificate known for it.",
        OPERATOR, "Upload the certificate to the app registration; a new one takes minutes to be known everywhere.",
        status=401, retriable=True, mark=SUSPENDED,
    )
    yield from _same(
        (700024,), InvalidClient, CLIENT, "The application's assertion is not valid yet or any more.", OPERATOR,
        "Set this machine's clock right.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (700030,), InvalidClient, CLIENT, "The certificate's subject is not authorised for this application.", ADMIN,
        "Let an administrator authorise the certificate's subject and issuer for the application.",
        status=401, mark=SUSPENDED,
    )
    yield from _same(
        (50012,), InvalidClient, CLIENT, "The application's assertion or certificate is not acceptable.", OPERATOR,
        "Check that the certificate is uploaded to the app registration and has not ended.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (50048,), InvalidClient, CLIENT, "Issuer and subject of the application's assertion differ.", OPERATOR,
        "Make both the application id.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (900384,), InvalidClient, CLIENT, "The assertion's signature does not hold.", OPERATOR,
        "Check that the private key belongs to the uploaded certificate.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (70021, 700211, 700212, 700213), InvalidClient, CLIENT, "No federated credential matches the assertion.", ADMIN,
        "Compare issuer, subject and audience letter by letter; a new credential takes some minutes to be known.",
        status=401, mark=SUSPENDED,
    )
    yield from _same(
        (700229,), InvalidClient, CLIENT, "A federated credential takes only a token of an application.", OPERATOR,
        "Send the token that the workload got for itself, not one of a person.", status=401, mark=SUSPENDED,
    )
    yield from _same(
        (70001, 700011, 700016), InvalidClient, UNAUTHORIZED, "The tenant knows no such application.", ADMIN,
        "Check the application id and the tenant; in a customer's tenant, consent there first.", mark=SUSPENDED,
    )
    yield from _same(
        (7000112,), InvalidClient, UNAUTHORIZED, "The application is disabled in this tenant.", ADMIN,
        "Let an administrator enable the enterprise application.", mark=SUSPENDED,
    )
    yield from _same(
        (7000113,), InvalidClient, UNAUTHORIZED, "The application may not do this; the code is not documented.", ADMIN,
        "Let an administrator look at the sign-in log of the application.", mark=SUSPENDED,
    )
    yield from _same(
        (7000114,), InvalidClient, UNAUTHORIZED, "A token of an application cannot be passed on for another.", OPERATOR,
        "Send a token of a person.",
    )
    yield from _same(
        (7000229,), InvalidClient, UNAUTHORIZED, "The application has no service principal in this tenant.", ADMIN,
        "Consent in that tenant first, or add the service principal there.", mark=SUSPENDED,
    )
    yield from _same(
        (1000031,), InvalidClient, UNAUTHORIZED, "The application cannot be used now.", ADMIN,
        "Let an administrator look at the enterprise application.", mark=SUSPENDED,
    )
    yield from _same(
        (501051,), PermissionNeeded, GRANT, "The API takes only applications that were assigned one of its roles.",
        ADMIN, "Assign the application a role of that API.", mark=SUSPENDED,
    )
    yield from _same(
        (50011,), InvalidClient, CLIENT, "The redirect URI is not one of the app registration's.", ADMIN,
        "Add the very same redirect URI to the app registration, letter by letter.",
    )
    yield from _same(
        (500113,), InvalidClient, REQUEST, "The app registration has no redirect URI.", ADMIN,
        "Add the redirect URI to the app registration.",
    )
    yield from _same(
        (50003, 50146), InvalidClient, REQUEST, "The application has no signing key.", ADMIN,
        "Give the application a signing key, or remove its claims mapping.", mark=SUSPENDED,
    )
    yield from _same(
        (501461,), InvalidClient, REQUEST, "Mapped claims are accepted only with a key or an audience of one's own.",
        ADMIN, "Switch off acceptMappedClaims in the app manifest.", mark=SUSPENDED,
    )
    yield from _same(
        (700054,), InvalidClient, "unsupported_response_type", "The app registration does not issue ID tokens here.",
        ADMIN, "Tick ID tokens under Authentication in the app registration, or consent by `code` alone.",
    )
    yield from _same(
        (700051,), InvalidClient, "unsupported_response_type", "The app registration issues no access tokens here.",
        ADMIN, "Ask for a `code`, which needs no such switch; or tick access tokens under Authentication.",
    )
    yield from _same(
        (9002326,), InvalidClient, REQUEST, "A browser page redeems for a redirect URI that is no single-page one.",
        ADMIN, "Send no Origin header, or register the redirect URI as single-page application.",
    )
    yield from _same(
        (9002327,), InvalidClient, REQUEST, "Tokens of a single-page application are for browser pages only.",
        ADMIN, "Register the redirect URI for the platform Web instead, then consent again.", mark=SUSPENDED,
    )
    yield from _same(
        (75005,), InvalidClient, REQUEST, "The SAML message is not supported.", ADMIN,
        "Set the application up for OpenID Connect instead of SAML.",
    )


def _tenant() -> Iterator[Refusal]:
    """The tenant and the cloud."""
    yield from _same(
        (90002,), WrongTenant, REQUEST, "This cloud knows no such tenant.", OPERATOR,
        "Check the tenant's id or domain, and that `cloud` is the one it lives in.", mark=SUSPENDED,
    )
    yield from _same(
        (900023,), WrongTenant, REQUEST, "What was given for a tenant is neither an id nor a domain.", OPERATOR,
        "Give the tenant's id (a GUID) or one of its domains.",
    )
    yield from _same(
        (50059, 90019), WrongTenant, REQUEST, "The request does not tell which tenant is meant.", OPERATOR,
        "Name the tenant by its id or domain instead of `common`.",
    )
    yield from _same(
        (50128,), WrongTenant, REQUEST, "No tenant has this domain.", OPERATOR, "Check the domain.",
    )
    yield from _same(
        (50194,), WrongTenant, REQUEST, "The application is of one tenant and was used on a shared address.", ADMIN,
        "Name the tenant instead of `common`, or make the app registration multitenant.",
    )
    yield from _same(
        (5000224,), WrongTenant, REQUEST, "The tenant is no longer available: deleted or blocked.", ADMIN,
        "Take this tenant off the list, or ask its owner.", mark=SUSPENDED,
    )
    yield from _same(
        (90038, 90051), WrongCloud, REQUEST, "The tenant lives in another national cloud.", OPERATOR,
        "Set `cloud` to the one the tenant lives in: global, us-government or china.",
    )
    yield from _same(
        (900382, 900432), WrongCloud, REQUEST, "An application with a secret cannot sign in across clouds.", OPERATOR,
        "Use an app registration of the cloud that the tenant lives in.",
    )
    yield from _same(
        (50049,), InvalidRequest, "invalid_instance", "This host is not one of Entra ID's.", OPERATOR,
        "Check the sign-in host, or switch instance discovery off in your client.",
    )
    yield from _same(
        (100007,), InvalidRequest, REQUEST, "The regional endpoint does not serve this tenant or app.", OPERATOR,
        "Use the global sign-in host.",
    )
    yield from _same(
        (9001023, 90010), InvalidRequest, REQUEST, "This grant is not served on a shared address.", OPERATOR,
        "Name the tenant by its id or domain instead of `common`.",
    )
    yield from _same(
        (90124, 90130), InvalidRequest, REQUEST, "The application or API is not for this shared address.", OPERATOR,
        "Name the tenant by its id or domain.",
    )
    yield from _same(
        (9002332,), InvalidRequest, REQUEST, "The application takes work accounts only.", OPERATOR,
        "Use `organizations` or the tenant instead of `consumers`.",
    )
    yield from _same(
        (90027, 500201, 500207), InvalidRequest, REQUEST, "Personal accounts cannot be used here.", PERSON,
        "Sign in with a work account of the partner's tenant.",
    )


def _request() -> Iterator[Refusal]:
    """The request itself: what is asked for, and how."""
    yield from _same(
        (50001,), InvalidRequest, "invalid_resource", "The API is unknown or disabled.", OPERATOR,
        "Check the API's identifier, letter by letter.", mark=SUSPENDED,
    )
    yield from _same(
        (500011,), InvalidRequest, "invalid_resource", "The tenant has no service principal for this API.", ADMIN,
        "Check the API's identifier, or let an administrator add the API to the tenant.", mark=SUSPENDED,
    )
    yield from _same(
        (500014,), InvalidRequest, "invalid_resource", "The API is disabled in this tenant.", ADMIN,
        "Let an administrator enable the API's service principal or renew its subscription.", mark=SUSPENDED,
    )
    yield from _same(
        (70011,), InvalidRequest, "invalid_scope", "The scope is unknown, or `.default` stands with others.", OPERATOR,
        "Ask for one API by its `/.default` scope, or name permissions that the app registration has.",
    )
    yield from _same(
        (700022,), InvalidRequest, "invalid_scope", "The scope names several APIs.", OPERATOR,
        "Ask for one API at a time.",
    )
    yield from _same(
        (700023,), InvalidRequest, "invalid_scope", "The scope names no API.", OPERATOR,
        "Put the API's identifier before the permission.",
    )
    yield from _same(
        (28002, 28003), InvalidRequest, "invalid_scope", "The scope sent with the code is not valid or is empty.",
        OPERATOR, "Ask for the scope that the sign-in asked for.",
    )
    yield from _same(
        (28000,), InvalidRequest, "invalid_scope", "The scope sent with the code names several APIs.", OPERATOR,
        "Ask for one API at a time.",
    )
    yield from _same((70003,), InvalidRequest, "unsupported_grant_type", "The grant is unsupported.", OPERATOR, REPORT)
    yield from _same(
        (70005,), InvalidRequest, "unsupported_response_type", "The response type is not supported.", OPERATOR, REPORT,
    )
    yield from _same(
        (70004, 70007), InvalidRequest, REQUEST, "The redirect URI or the response mode is not valid.", OPERATOR,
        "Use a redirect URI of the app registration, and `query` or `form_post`.",
    )
    yield from _same((900971,), InvalidRequest, REQUEST, "The request names no redirect URI.", OPERATOR, REPORT)
    yield from _same(
        (90014, 900144), InvalidRequest, REQUEST, "A required parameter is missing.", OPERATOR,
        "Send the parameter that the message names; `id_token` asks for a `nonce` today.",
    )
    yield from _same(
        (90004, 90005, 90013, 90023, 90100, 90102), InvalidRequest, REQUEST, "A parameter is malformed.", OPERATOR,
        REPORT,
    )
    yield from _same(
        (90056, 900561), InvalidRequest, REQUEST, "The token endpoint takes POST only.", OPERATOR,
        "Send the same fields as POST; an old page of the Partner API prints GET.",
    )
    yield from _same(
        (901002,), InvalidRequest, REQUEST, "The v2 endpoints do not take `resource`.", OPERATOR,
        "Use `scope`, or the v1 endpoints.",
    )
    yield from _same(
        (90009,), InvalidRequest, REQUEST, "An application asks for a token for itself by its identifier.", OPERATOR,
        "Ask by the application id (the GUID) instead.",
    )
    yield from _same((90016,), InvalidRequest, REQUEST, "The token sent lacks a claim.", OPERATOR, REPORT)
    yield from _same((50027,), InvalidRequest, REQUEST, "The token sent is not a valid JWT.", OPERATOR, REPORT)
    yield from _same((50050,), InvalidRequest, REQUEST, "The discovery request is malformed.", OPERATOR, REPORT)
    yield from _same(
        (240002,), InvalidRequest, REQUEST, "An id_token cannot be passed on for another token.", OPERATOR,
        "Send an access token.",
    )
    yield from _same(
        (50013,), InvalidGrant, GRANT, "The assertion given in exchange is not valid.", OPERATOR,
        "Send a fresh access token whose audience is this application.",
    )
    yield from _same(
        (500131,), InvalidGrant, GRANT, "The assertion is meant for another application.", OPERATOR,
        "Send an access token whose audience is this application.",
    )
    yield from _same(
        (500133,), InvalidGrant, GRANT, "The assertion is not valid yet or any more.", OPERATOR,
        "Get a fresh token, and set this machine's clock right.",
    )
    yield from _same(
        (54005,), InvalidGrant, GRANT, "The authorization code was redeemed already.", PERSON,
        "Use the tokens that the first redemption brought, or start the sign-in again.",
    )
    yield from _same(
        (700005,), InvalidGrant, GRANT, "The authorization code is for another tenant.", OPERATOR,
        "Redeem the code at the tenant that issued it.",
    )
    yield from _same(
        (500112,), InvalidGrant, GRANT, "The redirect URI is not the one that the code was issued for.", OPERATOR,
        "Send the same redirect URI to both endpoints.",
    )
    yield from _same(
        (501481,), InvalidGrant, GRANT, "The code verifier does not match the code challenge.", PERSON,
        "Start the sign-in again, and finish it in the same browser.",
    )
    yield from _same(
        (50147, 501491), InvalidRequest, REQUEST, "The code challenge has the wrong length.", OPERATOR, REPORT,
    )
    yield from _same(
        (9002325,), InvalidRequest, REQUEST, "A page may redeem a code only with a code verifier.", OPERATOR,
        "Send `code_challenge` and `code_verifier`.",
    )


def _device() -> Iterator[Refusal]:
    """The device code flow."""
    yield from _same(
        (70016,), Pending, "authorization_pending", "Nobody has entered the code yet.", PERSON,
        "Enter the code at the address shown, then wait.", retriable=True,
    )
    yield from _same(
        (70018,), InvalidGrant, "bad_verification_code", "The code is not known.", PERSON,
        "Start again and enter the new code.",
    )
    yield from _same(
        (70019, 70020), SignInCancelled, "expired_token", "Nobody entered the code in time.", PERSON,
        "Start again and enter the new code within a quarter of an hour.", consent=True,
    )
    yield from _same(
        (90119, 90120), SignInCancelled, REQUEST, "The code is empty, or its sign-in is over.", PERSON,
        "Start again and enter the new code.", consent=True,
    )


def _service() -> Iterator[Refusal]:
    """Faults and limits of the sign-in service itself."""
    yield from _same(
        (90033, 50033, 90006, 90024, 90090), Unavailable, UNAVAILABLE, "The directory has a passing fault.", NOBODY,
        LATER, status=503, retriable=True,
    )
    yield from _same(
        (90012,), Unavailable, UNAVAILABLE, "The request timed out in the service.", NOBODY, LATER,
        status=504, retriable=True,
    )
    yield from _same(
        (90091,), Unavailable, UNAVAILABLE, "The directory could not be reached by the sign-in service.", NOBODY, LATER,
        status=503, retriable=True,
    )
    yield from _same(
        (50000, 70012), Unavailable, "server_error", "The service failed to issue a token.", NOBODY, LATER,
        status=500, retriable=True,
    )
    yield from _same(
        (90036, 90092), Unavailable, "server_error", "The directory has a fault that does not pass.", MICROSOFT,
        "Open a support request with the correlation id above.", status=500,
    )
    yield from _same(
        (50196,), Throttled, GRANT, "The same request came too often: a loop.", OPERATOR,
        "Wait a minute, and keep access tokens instead of asking for new ones.", retriable=True,
    )
    yield from _same(
        (90055,), Throttled, UNAVAILABLE, "The tenant sends too many requests.", NOBODY,
        "Wait as long as the answer says, then ask less often.", status=429, retriable=True,
    )


def _partner_center() -> Iterator[Refusal]:
    """The codes of Partner Center's APIs that are about access; they are no AADSTS codes."""
    yield from _api(
        900421, 401, MfaMissing, "The token shows no multi-factor authentication.", PERSON, CONSENT_WITH_MFA, True
    )
    yield from _api(
        10001, 401, MfaMissing, "The token shows no multi-factor authentication.", PERSON, CONSENT_WITH_MFA, True
    )
    yield from _api(
        900420, 401, Unauthorized, "The token is for an audience that Partner Center does not take.", OPERATOR,
        "Ask for a token for https://api.partnercenter.microsoft.com, not for Azure AD Graph or another API.",
    )
    yield from _api(
        800001, 401, Unauthorized, "The call carried no token of a partner.", OPERATOR,
        "Send an access token of the partner's tenant, app only or app + user.",
    )
    yield from _api(
        400, 401, Unauthorized, "The call was not authenticated.", OPERATOR,
        "Check the access token with `partnerauth inspect`: audience, end, tenant.",
    )
    yield from _api(
        900329, 403, Forbidden, "This call is not open to an application by itself.", OPERATOR,
        "Make the call as app + user: let an admin agent run `partnerauth consent` once.",
    )
    yield from _api(
        900308, 403, Forbidden, "The person's rights in the customer's tenant do not suffice.", ADMIN,
        "Give the person's security group the needed role in the delegated admin relationship with the customer.",
    )
    yield from _api(
        900309, 403, Forbidden, "Conditional Access in the customer's tenant blocks the call.", ADMIN,
        "Let the customer exempt service providers from the Conditional Access policy.",
    )
    yield from _api(
        900150, 403, Forbidden, "The person's role in Partner Center may not do this.", ADMIN,
        "Give the person the admin agent, sales agent or helpdesk agent role that the call needs.",
    )
    yield from _api(
        2032, 403, Forbidden, "Access is denied to this person or application.", ADMIN,
        "Give the person a role in Partner Center that the call needs.",
    )
    yield from _api(
        20002, 403, Forbidden, "The partner has no reseller relationship with this customer.", ADMIN,
        "Let the customer accept a reseller relationship, or check the customer's tenant id.",
    )
    yield from _api(
        90000, 403, Forbidden, "Entra ID issued no token for the customer's tenant.", ADMIN,
        "Check the delegated admin relationship and the application's consent with that customer.",
    )
    yield from _api(
        60003, 404, NotFound, "Partner Center knows no such tenant.", OPERATOR, "Check the customer's tenant id.",
    )
    yield from _api(
        900316, 400, ApiRefused, "This licence call takes no Partner Center token.", OPERATOR,
        "Call it with a Microsoft Graph token of the customer's tenant.",
    )

def _all() -> Mapping[int, Refusal]:
    rows: dict[int, Refusal] = {}
    for group in (
        _consent, _mfa, _policy, _account, _application, _tenant, _request, _device, _service, _partner_center
    ):
        for row in group():
            if row.code in rows:
                raise AssertionError(f"{row.label} stands there twice")
            rows[row.code] = row
    return rows


REFUSALS: Mapping[int, Refusal] = _all()
