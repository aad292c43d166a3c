"""The story that the demonstration tells: what each document of the model describes, done for real."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from partnerauth.apis import referrals
from partnerauth.apis.partnercenter import customers, users
from partnerauth.cli.person import Person
from partnerauth.cli.stage import Stage, expect
from partnerauth.cloud import Api, Resource
from partnerauth.config import vault_client
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.user import AppUser
from partnerauth.emulator import default
from partnerauth.errors import ConsentLost, InvalidRequest, MfaAbsent, MfaMissing, PartnerAuthError, Unauthorized
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.refusals import refused
from partnerauth.oauth.sources import AppOnly, PasswordUser
from partnerauth.session import Session
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile

REFERRALS_DOCUMENT = "Referrals API authentication"
PARTNER_API = "Partner API authentication"
REST_GUIDE = "Authorization code flow using REST API calls"
PRACTITIONER = "Generate Microsoft Partner Center refresh token"
PARTNER_CENTER_DOCUMENT = "Partner Center authentication"


@dataclass
class Cast:
    """Who and what takes part: the application, its store, its session, all on one stage."""

    stage: Stage

    @cached_property
    def application(self) -> Application:
        """The web app of the documents' samples."""
        return Application(default.WEB_APP, Secret(default.WEB_APP_SECRET))

    @cached_property
    def store(self) -> FileStore:
        """An encrypted file in the stage's directory."""
        return FileStore(
            self.stage.directory / "data" / "store.db", KeyFile(self.stage.directory / "keys" / "store.key")
        )

    @cached_property
    def session(self) -> Session:
        """A session that shows what it sends."""
        return self.fresh_session()

    def fresh_session(self, *, seen: bool = True) -> Session:
        """A session with an empty shelf, as another program would have it."""
        return Session(send=self.stage.send if seen else self.stage.unseen, clock=self.stage.clock)

    @cached_property
    def book(self) -> ConsentBook:
        """The consents."""
        return ConsentBook(self.store, self.stage.cloud, self.application.id)

    @property
    def user(self) -> AppUser:
        """App + user by the stored consent."""
        return AppUser(self.application, self.book, default.TENANT, clock=self.stage.clock)

    @property
    def app(self) -> AppOnly:
        """The application itself."""
        return AppOnly(self.application, self.stage.cloud.authority(default.TENANT), clock=self.stage.clock)

    def john(self, tenant: str) -> PasswordUser:
        """John Doe, by his password."""
        authority, password = self.stage.cloud.authority(tenant), Hidden(default.PASSWORD)
        return PasswordUser(self.application, authority, default.JOHN, password, clock=self.stage.clock)

    def resource(self, api: Api) -> Resource:
        """An API in this cloud."""
        return self.stage.cloud.resource(api)

    def consent(self) -> Consent:
        """The stored consent."""
        return self.session.run(self.book.find(default.TENANT))

    def person(self, username: str) -> Person:
        """Somebody at a browser."""
        return Person(username, Hidden(default.PASSWORD), self.stage.unseen, lambda: self._phone(username))

    def sign_in(self, username: str) -> Consent:
        """Somebody consents; what came back is judged and kept."""
        authority = self.stage.cloud.authority("organizations")
        ticket = Ticket.issue(
            authority, self.application.id, "https://localhost:44395/", self.stage.clock.now(), login_hint=username
        )
        asked = ticket.request(self.resource(Api.PARTNER_CENTER), response_mode="form_post", hybrid=True)
        self.stage.say(f"{username} opens the link, signs in, and the browser posts code, id_token and state back")
        fields = self.person(username).sign_in(asked.to(authority), ticket.redirect_uri)
        self.stage.say(f"posted: {', '.join(f'{name}=***' for name in fields)}")
        first = FirstConsent(
            self.application,
            self.book,
            SigningKeys(authority, self.stage.clock),
            self.stage.clock,
            [self.resource(Api.PARTNER_CENTER)],
        )
        return self.session.run(first.answer(ticket, AuthorizeResponse.read(fields))).consent

    def _phone(self, username: str) -> str:
        return str(self.stage.order("GET", f"/phone/{username}")["code"])


def tell(stage: Stage) -> None:
    """Tell the whole story, and end with the customers' users and the referrals."""
    cast = Cast(stage)
    app_only(cast)
    retired_audience(cast)
    old_referrals(cast)
    get_instead_of_post(cast)
    without_mfa(cast)
    consent_with_mfa(cast)
    refresh(cast)
    customer_users(cast)
    key_vault(cast)
    eighty_days_later(cast)
    mfa_enforced(cast)
    never_renewed(cast)
    customers_table(cast)
    referrals_table(cast)


def app_only(cast: Cast) -> None:
    """Client credentials, and a call that takes them."""
    with cast.stage.step("The application itself lists the customers (app only)", PARTNER_CENTER_DOCUMENT):
        page = cast.session.call(cast.app, customers.listing())
        expect(len(page.items) >= 5, "fewer than five customers came")
        cast.stage.say(f"{len(page.items)} customers")


def retired_audience(cast: Cast) -> None:
    """The audience of 2019, refused today."""
    with cast.stage.step("The retired audience graph.windows.net, with today's policies", PARTNER_CENTER_DOCUMENT):
        retired = cast.session.token(cast.app, cast.resource(Api.AZURE_AD_GRAPH))
        cast.stage.order("PUT", "/policies", {"azure_ad_graph_refused": "today"})
        address = cast.resource(Api.PARTNER_CENTER).address + "/v1/customers"
        bearer = ("Authorization", f"Bearer {retired.access_token.reveal()}")
        answer = cast.session.send(Request("GET", address, (bearer,)))
        expect(answer.status == 401 and "900420" in answer.body.decode(), "the retired audience was not refused")
        cast.stage.say("refused with 900420: ask for https://api.partnercenter.microsoft.com instead")


def old_referrals(cast: Cast) -> None:
    """A user name and a password: the recipe of the Referrals page."""
    with cast.stage.step("The old Referrals recipe: a user name and a password", REFERRALS_DOCUMENT):
        john = cast.john("common")
        page = cast.session.call(john, referrals.listing())
        expect(bool(page.items), "no referral came")
        evidence = read_access_token(cast.session.token(john, cast.resource(Api.REFERRALS)).access_token)
        cast.stage.say(
            f"{len(page.items)} referrals; the token's amr is {list(evidence.amr or ())}: MFA {evidence.mfa.value}"
        )


def get_instead_of_post(cast: Cast) -> None:
    """The document writes GET; the endpoint wants POST."""
    with cast.stage.step("The page that writes GET for the token endpoint", PARTNER_API):
        response = cast.session.send(Request("GET", cast.stage.url + "/common/oauth2/token"))
        error = refused(response)
        expect(isinstance(error, InvalidRequest) and error.code == 900561, "GET was not refused with 900561")
        cast.stage.say("900561: the client posts instead")


def without_mfa(cast: Cast) -> None:
    """A consent without MFA is refused before it is stored."""
    with cast.stage.step("A consent without MFA is not kept", REST_GUIDE):
        cast.stage.order("PUT", "/sign-in", {"upn": default.JOHN, "mfa": False})
        try:
            cast.sign_in(default.JOHN)
        except MfaAbsent as error:
            cast.stage.say(error.message)
        else:
            expect(False, "a consent without MFA was kept")
        finally:
            cast.stage.order("DELETE", "/sign-in")
        expect(not cast.session.run(cast.book.consents()), "something was stored")


def consent_with_mfa(cast: Cast) -> None:
    """The consent that everything rests on."""
    with cast.stage.step("An admin agent consents, once, with MFA", REST_GUIDE):
        consent = cast.sign_in(default.ADMIN_AGENT)
        expect(consent.mfa.value == "shown", "MFA was not shown")
        cast.stage.say(f"kept: {consent.username}, tenant {consent.tenant}, MFA {consent.mfa.value}")
        cast.stage.say(f"good until {consent.idle_end:%d %B %Y} if it is never used")


def refresh(cast: Cast) -> None:
    """A refresh token becomes an access token, and its successor is stored first."""
    with cast.stage.step("The stored token becomes an access token; its successor is stored first", REST_GUIDE):
        before = cast.consent()
        tokens = cast.session.token(cast.user, cast.resource(Api.PARTNER_CENTER))
        after = cast.consent()
        expect(after.generation == before.generation + 1, "the rotated token was not stored")
        expect(after.refresh_token != before.refresh_token, "the stored token is the old one")
        expect(read_access_token(tokens.access_token).mfa.value == "shown", "the access token shows no MFA")
        cast.stage.say(f"generation {before.generation} → {after.generation}; nobody was asked for MFA")


def customer_users(cast: Cast) -> None:
    """The sample call of the guide."""
    with cast.stage.step("A customer's users, app + user, with X-Locale", REST_GUIDE):
        page = cast.session.call(cast.app, customers.listing())
        found = cast.session.call(cast.user, users.listing(page.items[0].id))
        expect(bool(found.items), "the customer has no users")
        cast.stage.say(", ".join(user.user_principal_name for user in found.items))


def key_vault(cast: Cast) -> None:
    """The refresh token as a secret in a key vault, by Microsoft's own SDK."""
    with cast.stage.step("The refresh token in Key Vault, set and read by Microsoft's own SDK", REST_GUIDE):
        consent = cast.consent()
        with vault_client(cast.stage.cloud.vault(default.VAULT), cast.app, cast.session, cast.stage.ca) as client:
            client.set_secret(consent.tenant, consent.refresh_token.reveal())
            kept = client.get_secret(consent.tenant)
        expect(Hidden(kept.value or "") == consent.refresh_token, "the vault holds something else")
        cast.stage.say(f"secret {kept.name}, version {kept.properties.version}: the bare token, as the guide has it")


def eighty_days_later(cast: Cast) -> None:
    """Used in time, the consent goes on."""
    with cast.stage.step("Eighty days later it is used again, and lives on", PRACTITIONER):
        cast.stage.advance(80)
        session = cast.fresh_session()
        session.token(cast.user, cast.resource(Api.PARTNER_CENTER))
        cast.stage.advance(80)
        session.forget_tokens()
        session.token(cast.user, cast.resource(Api.PARTNER_CENTER))
        cast.stage.say("160 days after the consent, and two renewals: still alive, no MFA prompt")


def mfa_enforced(cast: Cast) -> None:
    """Partner Center refuses app + user tokens without MFA."""
    with cast.stage.step("Partner Center enforces MFA: 900421 for one, a table for the other", PARTNER_CENTER_DOCUMENT):
        cast.stage.order("PUT", "/policies", {"mfa_at_the_apis": "today"})
        john = cast.john(default.TENANT)
        session = cast.fresh_session()
        first = session.call(cast.app, customers.listing()).items[0].id
        try:
            session.call(john, users.listing(first))
        except MfaMissing as error:
            cast.stage.say(f"without MFA: {error.message}")
        except Unauthorized as error:
            expect(False, f"refused, but not for MFA: {error.message}")
        else:
            expect(False, "a token without MFA was accepted")
        found = session.call(cast.user, users.listing(first))
        cast.stage.say(f"with MFA: {len(found.items)} users")


def never_renewed(cast: Cast) -> None:
    """Ninety days of nobody using it."""
    with cast.stage.step("Ninety-one days without use: the consent is lost, and says so", PRACTITIONER):
        cast.stage.advance(91)
        try:
            cast.fresh_session().token(cast.user, cast.resource(Api.PARTNER_CENTER))
        except ConsentLost as error:
            cast.stage.say(f"{error.message} ({error.code})")
            cast.stage.say(f"what to do: {error.hint}")
        else:
            expect(False, "a token unused for 91 days was accepted")
        consent = cast.sign_in(default.ADMIN_AGENT)
        cast.stage.say(f"{consent.username} consents again: state {consent.state.value}")


def customers_table(cast: Cast) -> None:
    """All customers' users."""
    with cast.stage.step("Customers and their users", REST_GUIDE):
        session = cast.fresh_session(seen=False)
        rows: list[tuple[str, str, str]] = []
        for customer in session.pages(cast.app, customers.listing()):
            company = customer.company_profile.company_name
            found = session.pages(cast.user, users.listing(customer.id))
            rows += [(company, user.display_name, user.user_principal_name) for user in found]
        expect(len(rows) >= 5, "hardly any users came")
        cast.stage.table("Customers' users", ("customer", "user", "user principal name"), rows)


def referrals_table(cast: Cast) -> None:
    """All referrals, by the recipe that still works today."""
    with cast.stage.step("The referrals, by the stored consent instead of a password", REFERRALS_DOCUMENT):
        session = cast.fresh_session(seen=False)
        found = _referrals(cast, session)
        expect(bool(found), "no referral came")
        cast.stage.table("Referrals", ("deal", "customer", "status", "substatus", "value"), [_told(r) for r in found])


def _referrals(cast: Cast, session: Session) -> list[referrals.Referral]:
    try:
        return session.pages(cast.user, referrals.listing())
    except PartnerAuthError as error:
        raise AssertionError(f"{error.message} [{error.code}]") from None


def _told(referral: referrals.Referral) -> tuple[str, ...]:
    customer = referral.customer_profile.name if referral.customer_profile else ""
    value = f"{referral.details.deal_value or 0:,.0f} {referral.details.currency}" if referral.details else ""
    return (referral.name, customer, referral.status, referral.substatus, value)
