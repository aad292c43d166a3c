"""A partner and the world around it: an emulator, a clock that moves when told, a store, and people who sign in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from partnerauth.cli.person import Person
from partnerauth.cloud import Api, Cloud, Dialect, Resource, emulated
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.consent.first import FirstConsent, Kept
from partnerauth.consent.user import AppUser
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore, Shelf

T = TypeVar("T")

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
REPLY = "https://localhost:44395/"
"""The reply address of the seed document "Authorization code flow using REST API calls"."""
CUSTOMER = "c0570000-0000-4000-8000-000000000001"
CLOUD = emulated("https://localhost:8443")
PARTNER_CENTER = CLOUD.resource(Api.PARTNER_CENTER)
GRAPH = CLOUD.resource(Api.GRAPH)
REFERRALS = CLOUD.resource(Api.REFERRALS)

Change = Callable[[Request, Response], Response]


@dataclass
class Partner:
    """Contoso, with its application, its consents, and all that it asked the sign-in service for tokens."""

    store: SecretStore = field(default_factory=MemoryStore)
    cloud: Cloud = CLOUD
    shelf: Shelf | None = None
    emulator: Emulator = field(default_factory=lambda: Emulator(contoso(WorldClock(frozen_at=NOON), seed=11)))
    asked: list[Request] = field(default_factory=list)
    application: Application = field(default_factory=lambda: Application(WEB_APP, Secret(WEB_APP_SECRET)))
    change: Change = lambda request, response: response
    """What becomes of the emulator's answers on their way."""

    @property
    def clock(self) -> WorldClock:
        """The world's clock."""
        return self.emulator.world.clock

    @property
    def book(self) -> ConsentBook:
        """The consents."""
        return ConsentBook(self.store, self.cloud, self.application.id, self.shelf)

    def send(self, request: Request) -> Response:
        """The emulator's answer; requests for tokens are noted."""
        if request.method == "POST" and request.path.endswith("/token"):
            self.asked.append(request)
        return self.change(request, self.emulator.handle(request))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow against the emulator; pauses pass on the world's clock."""
        return run(flow, self.send, self.clock.sleep)

    def days(self, number: float) -> None:
        """Let days pass."""
        self.clock.advance(timedelta(days=number))

    def ticket(
        self, *, at: str = "organizations", dialect: Dialect = Dialect.V1, tenant: str = "", person: str = ""
    ) -> Ticket:
        """A ticket for one sign-in."""
        return Ticket.issue(
            self.cloud.authority(at),
            self.application.id,
            REPLY,
            self.clock.now(),
            dialect=dialect,
            expected_tenant=tenant,
            expected_person=person,
        )

    def sign_in(
        self, ticket: Ticket, upn: str = ADMIN_AGENT, *, mfa: bool = True, hybrid: bool = True
    ) -> dict[str, str]:
        """What the browser brings back when `upn` signs in."""
        asked = ticket.request(self.partner_center, response_mode="form_post", hybrid=hybrid)
        return self.browse(asked.to(ticket.authority), upn, mfa=mfa)

    def browse(self, link: str, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> dict[str, str]:
        """What the browser brings back from `link`."""
        self.emulator.world.automatic = Automatic(upn, mfa)
        return Person(upn, Hidden(PASSWORD), self.emulator.handle).sign_in(link, REPLY)

    @property
    def partner_center(self) -> Resource:
        """Partner Center in this cloud."""
        return self.cloud.resource(Api.PARTNER_CENTER)

    def first(self, *, without_mfa: bool = False, replacing: bool = False) -> FirstConsent:
        """What judges a first consent."""
        keys = SigningKeys(self.cloud.authority("organizations"), self.clock)
        apis = [self.partner_center, self.cloud.resource(Api.REFERRALS)]
        return FirstConsent(
            self.application, self.book, keys, self.clock, apis, without_mfa=without_mfa, replacing=replacing
        )

    def answer(
        self, ticket: Ticket, fields: dict[str, str], *, without_mfa: bool = False, replacing: bool = False
    ) -> Kept:
        """Judge what the browser brought, and keep the consent."""
        first = self.first(without_mfa=without_mfa, replacing=replacing)
        return self.run(first.answer(ticket, AuthorizeResponse.read(fields)))

    def consent(
        self, upn: str = ADMIN_AGENT, *, mfa: bool = True, without_mfa: bool = False, replacing: bool = False
    ) -> Consent:
        """A consent, from the sign-in to the store."""
        ticket = self.ticket()
        fields = self.sign_in(ticket, upn, mfa=mfa)
        kept = self.answer(ticket, fields, without_mfa=without_mfa, replacing=replacing).consent
        self.asked.clear()
        return kept

    @property
    def user(self) -> AppUser:
        """App + user, by the stored consent."""
        return AppUser(self.application, self.book, TENANT, clock=self.clock)

    def token(self, resource: Resource = PARTNER_CENTER) -> TokenSet:
        """An access token by the stored consent."""
        return self.run(self.user.token(resource))

    def kept(self) -> Consent:
        """What lies in the store now."""
        return self.run(self.book.find(TENANT))

    def revoke(self, upn: str = ADMIN_AGENT) -> None:
        """Revoke all refresh tokens that a person has."""
        found = self.emulator.world.person(upn)
        assert found is not None
        self.clock.advance(timedelta(seconds=1))
        found[1].valid_from = self.clock.now()

    def opens(self, token: Hidden) -> bool:
        """Whether the sign-in service still takes this refresh token."""
        fields = {
            "grant_type": "refresh_token",
            "client_id": WEB_APP,
            "client_secret": WEB_APP_SECRET,
            "resource": PARTNER_CENTER.identifier,
            "refresh_token": token.reveal(),
        }
        return self.emulator.handle(Request.form(f"{CLOUD.sign_in}/{TENANT}/oauth2/token", fields)).ok


def spent_tokens(partner: Partner) -> list[str]:
    """The refresh tokens that were redeemed, in order."""
    return [request.fields["refresh_token"] for request in partner.asked if "refresh_token" in request.fields]


def refusing(code: int, word: str = "invalid_grant", status: int = 400) -> Change:
    """Every token request is refused with this AADSTS code."""

    def change(request: Request, response: Response) -> Response:
        if not (request.method == "POST" and request.path.endswith("/token")):
            return response
        body = {"error": word, "error_description": f"AADSTS{code}: refused.", "error_codes": [code]}
        return Response.json(status, body)

    return change


def without_refresh_token(request: Request, response: Response) -> Response:
    """The sample of the seed documents: an answer to a refresh with no new refresh token in it."""
    if request.path.endswith("/token") and response.ok:
        value = response.value()
        value.pop("refresh_token", None)
        return replace(response, body=Response.json(200, value).body)
    return response
