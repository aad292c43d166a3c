"""The default world: Contoso, the partner of the seed documents, with the documents' own sample values."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from partnerauth.cloud import Api
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.world import (
    AppSecret,
    Customer,
    CustomerUser,
    Person,
    Policies,
    Registration,
    Role,
    Tenant,
    Vault,
    World,
)
from partnerauth.hidden import Hidden

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
WEB_APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
WEB_APP_SECRET = "TestClientAppSecret23456"  # noqa: S105  # printed in the seed document "Referrals API authentication"
NATIVE_APP = "00001111-aaaa-2222-bbbb-3333cccc5555"
ADMIN_AGENT = "admin.agent@contoso.com"
JOHN = "john.doe@contoso.com"
REFERRALS_USER = "referrals.user@contoso.com"
PASSWORD = "PCTestPassword@123"  # noqa: S105  # printed in the same document
TOTP_SECRET = "12345678901234567890"  # noqa: S105  # the test secret of RFC 6238, appendix B
VAULT = "contoso"

APPLICATION_IDS = {
    Api.PARTNER_CENTER: "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
    Api.REFERRALS: "4990cffe-04e8-4e8b-808a-1175604b879f",
    Api.GRAPH: "00000003-0000-0000-c000-000000000000",
    Api.AZURE_AD_GRAPH: "00000002-0000-0000-c000-000000000000",
    Api.MANAGEMENT: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    Api.KEY_VAULT: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
}
"""The application ids of the APIs (Microsoft's documents; the seed "Partner API authentication")."""

DELEGATED = {
    APPLICATION_IDS[Api.PARTNER_CENTER]: {"user_impersonation"},
    APPLICATION_IDS[Api.REFERRALS]: {"user_impersonation"},
    APPLICATION_IDS[Api.MANAGEMENT]: {"user_impersonation"},
    APPLICATION_IDS[Api.KEY_VAULT]: {"user_impersonation"},
    APPLICATION_IDS[Api.GRAPH]: {"User.Read", "Directory.Read.All"},
    APPLICATION_IDS[Api.AZURE_AD_GRAPH]: {"User.Read", "Directory.AccessAsUser.All"},
}

PUBLIC_REDIRECTS = (
    "http://localhost",
    "https://login.microsoftonline.com/common/oauth2/nativeclient",
)
WEB_REDIRECTS = ("https://localhost:44395/", "http://localhost", "http://127.0.0.1", "urn:ietf:wg:oauth:2.0:oob")


def contoso(clock: WorldClock | None = None, *, seed: int | None = None, today: bool = False) -> World:
    """The default world; with `today` the policies of now hold in it."""
    world = World(clock=clock or WorldClock(), seed=seed, origin=partial(contoso, seed=seed, today=today))
    tenant = Tenant(TENANT, "Contoso", ["contoso.com", "contoso.onmicrosoft.com"], partner=True)
    for person in _people():
        tenant.people[person.id] = person
    world.tenants[tenant.id] = tenant
    for registration in _registrations():
        world.registrations[registration.id] = registration
        for api, names in registration.permissions.items():
            tenant.grants[registration.id, api, ""] = set(names)
    for customer in _customers():
        world.customers[customer.id] = customer
    world.vaults[VAULT] = Vault(VAULT, TENANT, allowed={WEB_APP})
    for referral in _referrals(world.now()):
        world.referrals[referral["id"]] = referral
    if today:
        world.policies = todays_policies()
    return world


def todays_policies() -> Policies:
    """The policies that hold by now, each from the moment it was announced for."""
    return Policies(
        mfa_at_the_apis=datetime.fromisoformat("2026-06-08T00:00:00+00:00"),
        azure_ad_graph_refused=datetime.fromisoformat("2025-08-31T00:00:00+00:00"),
        password_on_common_refused=datetime.fromisoformat("2020-01-01T00:00:00+00:00"),
        password_grant_refused=datetime.fromisoformat("2020-01-01T00:00:00+00:00"),
        nonce_demanded=datetime.fromisoformat("2020-01-01T00:00:00+00:00"),
    )


def _people() -> list[Person]:
    password, totp = Hidden(PASSWORD), Hidden(TOTP_SECRET)
    identity = "99990000-0000-4000-8000-00000000000{}".format
    return [
        Person(identity(1), JOHN, "John", "Doe", password, {Role.REFERRALS_ADMIN}),
        Person(identity(2), ADMIN_AGENT, "Admin", "Agent", password, {Role.ADMIN_AGENT, Role.GLOBAL_ADMIN}, totp),
        Person(identity(3), REFERRALS_USER, "Referrals", "User", password, {Role.REFERRALS_USER}),
    ]


def _registrations() -> list[Registration]:
    return [
        Registration(
            WEB_APP,
            "Partner Center Access App",
            TENANT,
            multi_tenant=True,
            secrets=[AppSecret("5ec2e700-0000-4000-8000-000000000001", Hidden(WEB_APP_SECRET))],
            platforms=dict.fromkeys(WEB_REDIRECTS, "web"),
            permissions={api: set(names) for api, names in DELEGATED.items()},
        ),
        Registration(
            NATIVE_APP,
            "Partner Center Native App",
            TENANT,
            multi_tenant=True,
            public=True,
            platforms=dict.fromkeys(PUBLIC_REDIRECTS, "public"),
            permissions={api: set(names) for api, names in DELEGATED.items()},
        ),
    ]


COMPANIES = (
    ("Fabrikam", "fabrikam.onmicrosoft.com", ("Ana Bowman", "Ben Walters", "Cora Thomas")),
    ("Tailspin Toys", "tailspintoys.onmicrosoft.com", ("Dan Park", "Eva Valverde")),
    ("Wingtip Toys", "wingtiptoys.onmicrosoft.com", ("Fred Pierce", "Gita Barry", "Hugo Garcia", "Iris Smith")),
    ("Adventure Works", "adventureworks.onmicrosoft.com", ("Jan Kotas",)),
    ("Woodgrove Bank", "woodgrove.onmicrosoft.com", ("Kim Akers", "Lee Gu")),
    ("Litware", "litware.onmicrosoft.com", ("Mia Long", "Nils Olsen", "Olga Kos")),
)
"""Company names that Microsoft's documentation uses for fictitious businesses."""


def _customers() -> list[Customer]:
    customers = []
    for number, (name, domain, people) in enumerate(COMPANIES, start=1):
        customer = Customer(f"c0570000-0000-4000-8000-{number:012d}", name, domain)
        for place, person in enumerate(people, start=1):
            first, last = person.split()
            upn = f"{first}.{last}@{domain}".lower()
            user = CustomerUser(f"05e70000-0000-4000-8000-{number:06d}{place:06d}", upn, first, last)
            customer.users[user.id] = user
        customers.append(customer)
    return customers


def _referrals(now: datetime) -> list[dict[str, Any]]:
    deals: tuple[tuple[str, str, str, str, str, int, list[str]], ...] = (
        ("Fabrikam moves to Azure", "Fabrikam", "New", "Pending", "Incoming", 120000, [JOHN]),
        ("Tailspin security review", "Tailspin Toys", "Active", "Accepted", "Outgoing", 18000, [JOHN, REFERRALS_USER]),
        ("Wingtip Teams rooms", "Wingtip Toys", "Active", "Accepted", "Outgoing", 42500, []),
        ("Woodgrove data estate", "Woodgrove Bank", "Closed", "Won", "Incoming", 260000, [REFERRALS_USER]),
    )
    return [referral(f"{number:012d}", now, *deal) for number, deal in enumerate(deals, start=1)]


def referral(
    number: str,
    now: datetime,
    name: str,
    customer: str,
    status: str,
    substatus: str,
    direction: str,
    value: int,
    team: list[str],
) -> dict[str, Any]:
    """A referral as the API shows it; `number` are the last twelve digits of its ids, `team` user principal names."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
    return {
        "id": f"4ef00000-0000-4000-8000-{number}",
        "engagementId": f"e2900000-0000-4000-8000-{number}",
        "organizationId": TENANT,
        "organizationName": "Contoso",
        "name": name,
        "externalReferenceId": None,
        "createdDateTime": moment,
        "updatedDateTime": moment,
        "expirationDateTime": None,
        "status": status,
        "substatus": substatus,
        "statusReason": "",
        "type": "Independent",
        "qualification": "Direct",
        "direction": direction,
        "customerProfile": {
            "name": customer,
            "address": {
                "addressLine1": "One Microsoft Way",
                "city": "Redmond",
                "state": "WA",
                "postalCode": "98052",
                "country": "US",
            },
            "size": "51to250employees",
            "team": [],
        },
        "consent": {"consentToContact": True, "consentToToShareInfoWithOthers": False},
        "details": {"notes": "", "dealValue": value, "currency": "USD", "requirements": {}},
        "team": [_member(upn) for upn in team],
        "eTag": f'"{number[-6:]}-0000"',
    }


def _member(upn: str) -> dict[str, str]:
    first, _, last = upn.partition("@")[0].partition(".")
    return {"firstName": first.title(), "lastName": last.title(), "email": upn}
