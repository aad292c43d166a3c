"""The overview: who and what is in this world, what was asked last, and how to get to a first token."""

from __future__ import annotations

from partnerauth.emulator.control.route import Emulated
from partnerauth.emulator.entra.ledger import Ledger
from partnerauth.emulator.journal import Entry
from partnerauth.emulator.portal.ask import Ask, Page, Route
from partnerauth.emulator.world import AGENTS, Role, World
from partnerauth.oauth.codes import REFUSALS

LAST_ENTRIES = 8
SEEN = 400


def entries(emulator: Emulated, most: int) -> list[Entry]:
    """The last entries of the journal that are no look at the portal itself, newest first."""
    return [entry for entry in reversed(emulator.journal.entries(limit=SEEN)) if entry.service][:most]


def _overview(ask: Ask) -> Page:
    world = ask.world
    steps = _steps(world)
    facts = {
        "counts": [
            ("/portal/people", sum(1 for _ in world.people()), "person", "people"),
            ("/portal/apps", len(world.registrations), "app registration", ""),
            ("/portal/customers", len(world.customers), "customer", ""),
            ("/portal/referrals", len(world.referrals), "referral", ""),
            ("/portal/vaults", len(world.vaults), "key vault", ""),
        ],
        "steps": steps if not all(done for done, *_ in steps) else [],
        "automatic": world.automatic,
        "policies": [name for name in world.policies.FIELDS if world.policies.holds(name, world.now())],
        "entries": entries(ask.emulator, LAST_ENTRIES),
        "applications": {one.id: one.name for one in world.registrations.values()},
        "refused": [row for row in reversed(Ledger.of(world).log) if row.code][:3],
        "refusals": REFUSALS,
        "faults": len(ask.emulator.faults.all()),
    }
    return Page("overview", facts)


def _steps(world: World) -> list[tuple[bool, str, str, str]]:
    """The way to a first token: whether it is done, what it is, where, and a word about it."""
    people = [person for _, person in world.people()]
    wanted = AGENTS | {Role.REFERRALS_ADMIN, Role.REFERRALS_USER}
    apps = list(world.registrations.values())
    granted = any(
        (app.id, api, "") in tenant.grants
        for app in apps
        for tenant in world.tenants.values()
        for api in app.permissions
    )
    return [
        (
            any(person.roles & wanted for person in people),
            "Add a user",
            "/portal/people/new",
            "An agent for Partner Center, or one with a Referrals role.",
        ),
        (bool(apps), "Register an application", "/portal/apps/new", "Its name, and where answers may be sent."),
        (
            any(app.secrets or app.certificates or app.public for app in apps),
            "Give it a secret or a certificate",
            "/portal/apps",
            "A public client needs neither.",
        ),
        (
            any(app.permissions for app in apps),
            "Add API permissions",
            "/portal/apps",
            "Microsoft Partner Center, or Microsoft Partner for Referrals.",
        ),
        (granted, "Grant admin consent", "/portal/enterprise", "Or let each person consent when they sign in."),
    ]


ROUTES = (
    Route("GET", "/", _overview),
    Route("GET", "/portal", _overview),
)
