"""MSAL Python, which knows nothing of us, gets its tokens from the emulator: what we emulate is what others expect."""

from typing import Any

import msal
import pytest

from partnerauth.cli.person import Person
from partnerauth.emulator.default import ADMIN_AGENT, NATIVE_APP, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.world import Automatic
from partnerauth.errors import Refused
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa, read_access_token
from tests.adapters.conftest import Place

SCOPES = ["https://api.partnercenter.microsoft.com/user_impersonation"]
REPLY = "https://localhost:44395/"


@pytest.fixture
def confidential(place: Place) -> Any:
    """MSAL as the web app."""
    return msal.ConfidentialClientApplication(
        WEB_APP,
        WEB_APP_SECRET,
        authority=f"{place.url}/{TENANT}",
        instance_discovery=False,
        verify=place.ca,
    )


@pytest.fixture
def public(place: Place) -> Any:
    """MSAL as the native app."""
    return msal.PublicClientApplication(
        NATIVE_APP, authority=f"{place.url}/{TENANT}", instance_discovery=False, verify=place.ca
    )


def granted(answer: dict[str, Any]) -> str:
    """The access token of an answer that must be one."""
    assert "access_token" in answer, answer
    return str(answer["access_token"])


def test_client_credentials(confidential: Any) -> None:
    token = granted(confidential.acquire_token_for_client(["https://api.partnercenter.microsoft.com/.default"]))

    evidence = read_access_token(token)
    assert (evidence.audience, evidence.application_id) == ("https://api.partnercenter.microsoft.com", WEB_APP)
    assert evidence.app_only


def test_a_wrong_secret(place: Place) -> None:
    client = msal.ConfidentialClientApplication(
        WEB_APP, "not the secret", authority=f"{place.url}/{TENANT}", instance_discovery=False, verify=place.ca
    )

    answer = client.acquire_token_for_client(["https://api.partnercenter.microsoft.com/.default"])

    assert answer["error"] == "invalid_client"
    assert answer["error_codes"] == [7000215]
    assert "AADSTS7000215" in answer["error_description"]


def consented(place: Place, client: Any, upn: str = ADMIN_AGENT) -> dict[str, Any]:
    """What MSAL makes of a sign-in in the browser."""
    flow = client.initiate_auth_code_flow(SCOPES, redirect_uri=REPLY, response_mode="form_post")
    place.emulator.world.automatic = Automatic(upn, mfa=True)
    fields = Person(upn, Hidden(PASSWORD), place.emulator.handle).sign_in(flow["auth_uri"], REPLY)
    answer: dict[str, Any] = client.acquire_token_by_auth_code_flow(flow, fields)
    return answer


def test_an_authorization_code_with_pkce(place: Place, confidential: Any) -> None:
    answer = consented(place, confidential)

    evidence = read_access_token(granted(answer))
    assert (evidence.username, evidence.mfa) == (ADMIN_AGENT, Mfa.SHOWN)
    assert answer["id_token_claims"]["preferred_username"] == ADMIN_AGENT
    assert answer["id_token_claims"]["tid"] == TENANT


def test_a_refresh(place: Place, confidential: Any) -> None:
    before = granted(consented(place, confidential))
    (account,) = confidential.get_accounts()

    after = granted(confidential.acquire_token_silent_with_error(SCOPES, account, force_refresh=True))

    assert account["username"] == ADMIN_AGENT
    assert after != before
    assert read_access_token(after).mfa is Mfa.SHOWN, "evidence is carried over"


def test_a_refresh_token_by_itself_opens_another_api(place: Place, confidential: Any) -> None:
    refresh_token = consented(place, confidential)["refresh_token"]

    answer = confidential.acquire_token_by_refresh_token(refresh_token, ["https://graph.microsoft.com/User.Read"])

    assert read_access_token(granted(answer)).audience == "https://graph.microsoft.com"


def test_a_revoked_refresh_token(place: Place, confidential: Any) -> None:
    refresh_token = consented(place, confidential)["refresh_token"]
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()

    answer = confidential.acquire_token_by_refresh_token(refresh_token, SCOPES)

    found[1].valid_from = None
    assert answer["error"] == "invalid_grant"
    assert answer["error_codes"] == [50173]


def test_a_device_code(place: Place, public: Any) -> None:
    """The person is done before MSAL asks for the first time."""
    flow = public.initiate_device_flow(SCOPES)
    assert "user_code" in flow, flow
    assert flow["user_code"] in flow["message"]
    place.emulator.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    enter(place, flow["verification_uri"], flow["user_code"])

    token = granted(public.acquire_token_by_device_flow(flow, exit_condition=lambda _: True))

    evidence = read_access_token(token)
    assert (evidence.username, evidence.application_id) == (ADMIN_AGENT, NATIVE_APP)


def enter(place: Place, address: str, code: str) -> None:
    """Enter a device code at its page, as a person would; the last page asks nothing more."""
    person = Person(ADMIN_AGENT, Hidden(PASSWORD), place.emulator.handle)

    with pytest.raises(Refused, match=r"asks nothing more \(status 200\)"):
        person.sign_in(f"{address}?otc={code}", REPLY)
