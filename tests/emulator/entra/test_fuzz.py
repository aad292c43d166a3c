"""Nothing that a stranger sends is answered with a fault of the service."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.entra import service as front
from partnerauth.emulator.world import Automatic
from partnerauth.messages import FORM, Request, Response
from partnerauth.oauth.codes import REFUSALS
from tests.emulator.entra.service import ORIGIN, PARTNER_CENTER, SITE, Service

PATHS = [*front.ENDPOINTS, *front.PAGES, "discovery/instance", "userrealm/x", "nowhere"]
OBO = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KNOWN = {
    "client_id": [WEB_APP, NATIVE_APP, "x"],
    "client_secret": [WEB_APP_SECRET, "x"],
    "grant_type": ["password", "client_credentials", "authorization_code", "refresh_token", "device_code", "x", OBO],
    "assertion": ["a.b.c", "x"],
    "requested_token_use": ["on_behalf_of", "x"],
    "username": [JOHN, ADMIN_AGENT, "@", "x"],
    "password": [PASSWORD],
    "resource": [PARTNER_CENTER, f"{PARTNER_CENTER}//", "/", "x"],
    "scope": ["openid", f"{PARTNER_CENTER}/.default", "//", "/", "a/ /b", "openid offline_access User.Read"],
    "code": ["emulated.", "x"],
    "refresh_token": ["emulated.", "x"],
    "device_code": ["emulated.", "x"],
    "response_type": ["code", "id_token", "code id_token", "token", " "],
    "response_mode": ["query", "fragment", "form_post", "x"],
    "redirect_uri": [SITE, "http://localhost:1/", "http://localhost:x/", "//", "urn:ietf:wg:oauth:2.0:oob"],
    "prompt": ["none", "login", "consent", "select_account", "admin_consent"],
    "claims": ["{}", "[]", "{", '{"access_token":{"acrs":{"values":[1,null]}}}', '{"id_token":1}', "[" * 2000],
    "client_assertion": ["a.b.c", "e30.e30.", "...", "e30.eyJpc3MiOiJodHRwczovL3gifQ.", "e30.eyJpc3MiOjF9.e30"],
    "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "x"],
    "code_challenge": ["x" * 43, "x"],
    "code_challenge_method": ["S256", "plain"],
    "max_age": ["0", "-1", "9" * 30, "٣"],
    "login_hint": [JOHN, "x"],
    "flow": ["x"],
    "step": ["account", "consent", "push", "enrol", "key", "external", "choose"],
    "otc": ["AAAAAAAAA"],
    "authorization_endpoint": ["https://login.microsoftonline.com/common", "https://[", "x"],
    "api-version": ["1.0", "1.1"],
    "post_logout_redirect_uri": [SITE, "x"],
}
fields = st.lists(
    st.sampled_from(sorted(KNOWN)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(KNOWN[name]) | st.text(max_size=20))
    ),
    max_size=12,
)
bodies = fields.map(lambda pairs: urlencode(pairs, errors="replace").encode()) | st.binary(max_size=200)
segments = st.sampled_from(["common", "organizations", "consumers", TENANT, "contoso.com"]) | st.text(max_size=12)


def sane(response: Response) -> None:
    assert 200 <= response.status < 500
    for name, value in response.headers:
        assert "\r" not in name + value
        assert "\n" not in name + value
        (name + value).encode("latin-1")


@pytest.fixture(scope="module", params=[False, True], ids=["pages", "automatic"])
def world(request: pytest.FixtureRequest) -> Service:
    service = Service()
    if request.param:
        service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    return service


@settings(max_examples=600, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "x"]),
    segment=segments,
    path=st.sampled_from(PATHS),
    query=bodies,
    body=bodies,
    kind=st.sampled_from([FORM, "application/json", ""]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["Cookie", "Authorization", "Origin", "client-request-id"]),
            st.sampled_from(["Basic ", "Basic Og==", "Bearer x", "__Host-emulated-session=x", "null"])
            | st.text(max_size=20),
        ),
        max_size=3,
    ),
)
def test_no_request_is_a_fault(
    world: Service,
    method: str,
    segment: str,
    path: str,
    query: bytes,
    body: bytes,
    kind: str,
    headers: list[tuple[str, str]],
) -> None:
    text = query.decode("latin-1")
    url = f"{ORIGIN}/{quote(segment, safe='', errors='replace')}/{path}?{quote(text, safe='=&%+')}"

    sane(world.send(Request(method, url, (("Content-Type", kind), *headers), body)))


@settings(max_examples=300, deadline=None)
@given(pairs=fields, v2=st.booleans())
def test_no_token_request_is_a_fault(world: Service, pairs: list[tuple[str, str]], v2: bool) -> None:
    body = urlencode(dict(pairs), errors="replace").encode()
    url = f"{ORIGIN}/{TENANT}/oauth2/{'v2.0/' if v2 else ''}token"

    response = world.send(Request("POST", url, (("Content-Type", FORM),), body))

    sane(response)
    assert ("access_token" in response.value()) == (response.status == 200)


@settings(max_examples=300, deadline=None)
@given(pairs=fields, v2=st.booleans())
def test_no_authorize_request_is_a_fault(world: Service, pairs: list[tuple[str, str]], v2: bool) -> None:
    asked = {"client_id": WEB_APP, "response_type": "code", "redirect_uri": SITE} | dict(pairs)
    url = f"{ORIGIN}/common/oauth2/{'v2.0/' if v2 else ''}authorize?{urlencode(asked, errors='replace')}"

    sane(world.send(Request("GET", url)))


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token", "scope", "resource", "username", "x"])
def test_a_large_value_is_no_fault(world: Service, name: str) -> None:
    grant = {"grant_type": "password", "client_id": WEB_APP, "username": JOHN, "password": "x"}

    for size in (100_000, 1_000_000):
        sane(world.post("/common/oauth2/token", **grant | {name: "é/ " * (size // 3)}))


def test_every_code_that_is_raised_is_explained() -> None:
    """A code without a row would be a fault of its own."""
    folder = Path(front.__file__).parent
    raised = {int(code) for path in folder.glob("*.py") for code in re.findall(r"Denied\(\s*(\d+)", path.read_text())}

    assert len(raised) > 40
    assert raised <= REFUSALS.keys()
