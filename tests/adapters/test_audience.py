"""Where a bearer token may go, and what a challenge demands."""

import base64

import pytest

from partnerauth.adapters.audience import demanded_claims, resource_for
from partnerauth.cloud import GLOBAL, US_GOVERNMENT, Api, Resource
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.errors import CloudMixed, Misconfigured
from partnerauth.oauth.application import Application
from partnerauth.oauth.sources import AppOnly

APP = AppOnly(Application(WEB_APP), GLOBAL.authority(TENANT))
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"},"text":"é?>"}}'


def test_an_address_decides_which_token_it_gets() -> None:
    assert resource_for(APP, "https://graph.microsoft.com/v1.0/me") == GLOBAL.resource(Api.GRAPH)
    assert resource_for(APP, "https://contoso.vault.azure.net/secrets/x") == GLOBAL.resource(Api.KEY_VAULT)


@pytest.mark.parametrize("only", [Api.GRAPH, GLOBAL.resource(Api.GRAPH)])
def test_one_api_alone_where_the_caller_says_so(only: Api | Resource) -> None:
    assert resource_for(APP, "https://graph.microsoft.com/v1.0/me", only) == GLOBAL.resource(Api.GRAPH)
    with pytest.raises(Misconfigured, match=r"a token for https://graph\.microsoft\.com does not go to"):
        resource_for(APP, "https://api.partnercenter.microsoft.com/v1/customers", only)


def test_nobodys_address_gets_none() -> None:
    with pytest.raises(Misconfigured):
        resource_for(APP, "https://graph.microsoft.com.evil.example/v1.0/me")
    with pytest.raises(CloudMixed):
        resource_for(APP, "https://graph.microsoft.us/v1.0/me")
    with pytest.raises(CloudMixed):
        resource_for(
            AppOnly(Application(WEB_APP), US_GOVERNMENT.authority(TENANT)), "https://management.azure.com/subscriptions"
        )


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padded", [True, False])
def test_claims_are_read_in_either_alphabet_padded_or_not(encode: object, *, padded: bool) -> None:
    """Microsoft "Claims challenges": base64; services are seen to send both alphabets."""
    assert callable(encode)
    encoded = encode(CLAIMS.encode()).decode()
    header = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{encoded if padded else encoded.rstrip("=")}"'
    )

    assert demanded_claims(header) == CLAIMS


@pytest.mark.parametrize(
    "header", ["", "Bearer", 'Bearer error="invalid_token"', 'Bearer claims=""', 'Bearer claims="%%"']
)
def test_a_challenge_without_claims_demands_none(header: str) -> None:
    assert demanded_claims(header) == ""


@pytest.mark.parametrize("encoded", ["=", "A", "/////w==", "gICA"])
def test_broken_claims_demand_none(encoded: str) -> None:
    assert demanded_claims(f'Bearer error="insufficient_claims", claims="{encoded}"') == ""
