"""What was made a moment ago is not known everywhere yet (entra.md 9, 13.2 and 20: 700016, 7000215, 700027, 65001)."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding

from partnerauth.clock import Clock
from partnerauth.cloud import Api, emulated
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.emulator.rules.spreading import announce, known
from partnerauth.emulator.world import Registration
from partnerauth.errors import InvalidClient
from partnerauth.flow import run
from partnerauth.messages import Request
from partnerauth.oauth.application import Application, Certificate
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import AppItself
from tests.emulator.entra.service import FABRIKAM, GRAPH, GRAPH_ID, ORIGIN, SITE, Browser
from tests.emulator.story import OK, Story
from tests.oauth.test_application import certified, pem_of


@pytest.fixture
def story() -> Story:
    """News takes half a minute."""
    story = Story()
    story.measure(spreading_takes="30s")
    return story


def test_a_new_secret(story: Story) -> None:
    """7000215 meanwhile; the old secret goes on."""
    made = story.control("POST", f"/registrations/{WEB_APP}/secrets", {})["value"]

    assert story.for_itself(client_secret=made)["error_codes"] == [7000215]
    assert "access_token" in story.for_itself()
    story.advance(seconds=29)
    assert story.for_itself(client_secret=made)["error_codes"] == [7000215]
    story.advance(seconds=1)
    assert "access_token" in story.for_itself(client_secret=made)


def test_a_new_certificate(story: Story) -> None:
    """700027 for a while after rotation; our client takes it for what passes."""
    private: RSAPrivateKey = generate_private_key(public_exponent=65537, key_size=2048)
    own = certified(private)
    credential = Certificate.from_pem(pem_of(private, own))
    pem = own.public_bytes(Encoding.PEM).decode()
    made = story.control("POST", f"/registrations/{WEB_APP}/certificates", {"pem": pem})
    cloud, clock = emulated(ORIGIN), story.world.clock
    application = Application(WEB_APP, credential)

    def asked(clock: Clock = clock) -> object:
        authority, resource = cloud.authority(TENANT), cloud.resource(Api.PARTNER_CENTER)
        return run(exchange(application, authority, AppItself(), resource, clock), story.send)

    with pytest.raises(InvalidClient) as raised:
        asked()
    assert raised.value.code == 700027
    story.advance(seconds=30)
    assert asked()
    story.control("DELETE", f"/registrations/{WEB_APP}/certificates/{made['thumbprint']}")
    with pytest.raises(InvalidClient):
        asked()


def test_a_new_application(story: Story) -> None:
    """700016 meanwhile, at the token endpoint and on the page."""
    app = Registration("22220000-aaaa-4bbb-8ccc-3333dddd4444", "New", TENANT, public=True, platforms={SITE: "public"})
    story.world.registrations[app.id] = app
    announce(story.world, "registration", app.id)
    asked = {"client_id": app.id, "response_type": "code", "redirect_uri": SITE, "scope": "openid"}

    assert story.spend("x", client_id=app.id, client_secret="")["error_codes"] == [700016]
    assert "AADSTS700016: " in Browser(story).open(f"/{TENANT}/oauth2/authorize", **asked).body.decode()
    story.advance(seconds=30)
    assert Browser(story).open(f"/{TENANT}/oauth2/authorize", **asked).status == 200
    assert story.spend("x", client_id=app.id, client_secret="")["error_codes"] == [9002313]


def test_a_consent_on_the_page(story: Story) -> None:
    """65001 meanwhile for what was consented to just now; what was there before goes on."""
    token = story.consented()
    del story.world.partner().grants[WEB_APP, GRAPH_ID, ""]
    browser = Browser(story)
    browser.open(f"/{TENANT}/adminconsent", client_id=WEB_APP, redirect_uri=SITE)
    browser.sign_in()
    browser.submit(choice="accept")

    assert (story.code_of(token, resource=GRAPH), story.code_of(token)) == (65001, OK)
    story.advance(seconds=30)
    assert story.code_of(token, resource=GRAPH) == OK


def test_a_consent_in_a_customers_tenant(story: Story) -> None:
    """entra.md 17, CPV: `applicationconsents`, and then the customer's tenant."""
    token = story.consented()
    bearer = story.spend(token)["access_token"]
    grants = [{"enterpriseApplicationId": GRAPH_ID, "scope": "User.Read"}]
    url = f"{ORIGIN}/api.partnercenter.microsoft.com/v1/customers/{FABRIKAM}/applicationconsents"
    body = {"applicationId": WEB_APP, "applicationGrants": grants}
    made = story.send(Request.json("POST", url, body, (("Authorization", f"Bearer {bearer}"),)))
    assert made.status == 201, made.body

    assert story.code_of(token, tenant=FABRIKAM, resource=GRAPH) == 65001
    story.advance(seconds=30)
    assert story.code_of(token, tenant=FABRIKAM, resource=GRAPH) == OK


def test_a_permission_more(story: Story) -> None:
    """Only what is new is unknown."""
    token = story.consented()
    consent = {"tenant": TENANT, "application": WEB_APP, "api": "graph", "permissions": ["User.Read", "Mail.Read"]}
    story.control("POST", "/consents", consent)

    def scopes() -> list[str]:
        found: list[str] = story.claims(story.spend(token, resource=GRAPH)["access_token"])["scp"].split()
        return found

    assert scopes() == ["Directory.Read.All", "User.Read"]
    story.advance(seconds=30)
    assert scopes() == ["Directory.Read.All", "Mail.Read", "User.Read"]


def test_without_the_measure_all_is_known_at_once() -> None:
    story = Story()
    made = story.control("POST", f"/registrations/{WEB_APP}/secrets", {})["value"]

    assert "access_token" in story.for_itself(client_secret=made)
    assert known(story.world, "secret", WEB_APP, "never heard of")


def test_news_does_not_fill_the_memory(story: Story) -> None:
    for number in range(10_010):
        announce(story.world, "secret", WEB_APP, str(number))

    assert len(story.world.ledger["spreading"]) == 10_000
    assert not known(story.world, "secret", WEB_APP, "10009")
    assert story.world.measures.spreading_takes == timedelta(seconds=30)
