"""A desk over a partner's store, and guests: people whose browsers keep cookies and follow links, without a network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from partnerauth.consent.desk import Desk
from partnerauth.consent.invitation import Invitations
from partnerauth.consent.reach import named
from partnerauth.consent.visit import Visits
from partnerauth.emulator.default import ADMIN_AGENT, TENANT
from partnerauth.errors import NoConsent
from partnerauth.messages import Request, Response
from partnerauth.stores.store import SecretStore
from tests.consent.partner import REPLY, Partner

ORIGIN = REPLY.rstrip("/")
OWN = (("Origin", ORIGIN), ("Sec-Fetch-Site", "same-origin"))
"""What a browser says of a form of the desk's own."""
PERSON = "99990000-0000-4000-8000-000000000002"
SOMEBODY = "99990000-0000-4000-8000-000000000009"
FABRIKAM = "bbbbcccc-1111-dddd-2222-eeee3333ffff"


def desk_of(partner: Partner, store: SecretStore | None = None, *, by_invitation: bool = False) -> Desk:
    """The partner's desk; invitations and visits lie in `store`, or beside the consents."""
    place = partner.store if store is None else store
    application = partner.application.id
    return Desk(
        first=partner.first(),
        visits=Visits(place, partner.cloud, application, partner.clock),
        invitations=Invitations(place, partner.cloud, application, REPLY, partner.clock),
        authority=partner.cloud.authority(TENANT),
        apis=named(partner.cloud, ""),
        tenant=TENANT,
        by_invitation=by_invitation,
    )


@dataclass
class Guest:
    """A browser at the desk. `desk` may be exchanged for another one in between."""

    partner: Partner
    desk: Desk
    cookies: dict[str, str] = field(default_factory=dict)
    with_cookies: bool = True
    location: str = REPLY
    """Where the browser is; for a link to the sign-in page, where that leads."""

    def ask(self, request: Request) -> Response:
        """One request, with the cookies of this browser; no fault ever comes out of the desk."""
        if self.cookies:
            request = request.having(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        response = self.partner.run(self.desk.answer(request))
        for name, value in response.headers:
            if name == "Set-Cookie" and self.with_cookies:
                cookie, _, attributes = value.partition(";")
                key, _, text = cookie.partition("=")
                self.cookies[key] = text
                if "Max-Age=0" in attributes:
                    del self.cookies[key]
        return response

    def get(self, link: str) -> Response:
        """A page."""
        self.location = urljoin(self.location, link)
        return self.ask(Request("GET", self.location))

    def start(self, page: Response, **changed: str) -> str:
        """Press the button of a page; the sign-in link that it leads to."""
        response = self.press(page, **changed)
        assert response.status == 200, (response.status, said(response))
        return leads_to(response)

    def press(self, page: Response, **changed: str) -> Response:
        """Press the button of a page."""
        return self.ask(Request.form(f"{ORIGIN}/start", {**hidden(page), **changed}, OWN))

    def come_back(self, fields: Mapping[str, str]) -> Response:
        """Bring the sign-in page's answer, by its form post; the page that it leads to."""
        response = self.bring(fields)
        return self.get(response.header("Location")) if response.status == 303 else response

    def bring(self, fields: Mapping[str, str]) -> Response:
        """Bring it, and go no further."""
        origin = (("Origin", self.partner.cloud.sign_in), ("Sec-Fetch-Site", "cross-site"))
        return self.ask(Request.form(REPLY, fields, origin))

    def consent(self, link: str = REPLY, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> Response:
        """From the first page to the last."""
        return self.come_back(self.partner.browse(self.start(self.get(link)), upn, mfa=mfa))

    def invited(self, **what: object) -> str:
        """The link of a new invitation."""
        given = {"tenant": TENANT, **what}
        return self.partner.run(self.desk.invitations.issue(**given)).link.reveal()  # type: ignore[arg-type]


def leads_to(page: Response) -> str:
    """Where a page goes on to by itself."""
    seconds, _, link = page.header("Refresh").partition("; url=")
    assert seconds == "0", "at once"
    return link


def hidden(page: Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.body.decode())
    return {name: unescape(value) for name, value in found}


def said(page: Response) -> str:
    """The text of a page's main part, on one line."""
    body = page.body.decode()
    found = re.search(r"<main>(.*)</main>", body, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1] if found else body)).split())


def title(page: Response) -> str:
    """The heading of a page."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.body.decode(), re.DOTALL)
    return unescape(found[1]) if found else ""


def nothing_kept(partner: Partner) -> bool:
    """Whether there is no consent."""
    try:
        partner.kept()
    except NoConsent:
        return True
    return False


def asked(link: str) -> Mapping[str, str]:
    """What the sign-in page is asked."""
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def administrator(partner: Partner, guest: Guest, link: str = REPLY + "admin") -> Mapping[str, str]:
    """What an administrator's browser brings back."""
    return partner.browse(guest.start(guest.get(link)))


def bring_back(guest: Guest, fields: Mapping[str, str]) -> Response:
    """The answer of the admin consent page comes by the address."""
    response = guest.get(f"{REPLY}?{urlencode(fields)}")
    return guest.get(response.header("Location")) if response.status == 303 else response
