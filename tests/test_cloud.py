"""National clouds are never mixed, and a token goes to no host but its API's own."""

import sys
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from partnerauth.cloud import (
    CHINA,
    CLOUDS,
    GERMANY,
    GLOBAL,
    US_GOVERNMENT,
    Api,
    Cloud,
    Dialect,
    Resource,
    cloud_named,
    emulated,
)
from partnerauth.errors import CloudClosed, CloudMixed, Misconfigured
from tests.canaries import Canary

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
LOCAL = emulated("https://localhost:8443")
EVERY = [*CLOUDS.values(), LOCAL]
named = pytest.mark.parametrize("cloud", EVERY, ids=lambda cloud: cloud.name)


def test_the_hosts_are_those_of_the_documents() -> None:
    """Seed "Partner Center authentication", S4.3, and Microsoft's "National clouds"."""
    sign_in = {cloud.name: urlsplit(cloud.sign_in).hostname for cloud in CLOUDS.values()}
    partner_center = {cloud.name: cloud.resource(Api.PARTNER_CENTER).identifier for cloud in CLOUDS.values()}

    assert sign_in == {
        "global": "login.microsoftonline.com",
        "us-government": "login.microsoftonline.us",
        "china": "login.partner.microsoftonline.cn",
        "germany": "login.microsoftonline.de",
    }
    assert partner_center == {
        "global": "https://api.partnercenter.microsoft.com",
        "us-government": "https://api.partnercenter.microsoft.com",
        "china": "https://partner.partnercenterapi.microsoftonline.cn",
        "germany": "https://api.partnercenter.microsoft.com",
    }


def test_the_endpoints_of_both_dialects() -> None:
    authority = GLOBAL.authority(TENANT)
    base = f"https://login.microsoftonline.com/{TENANT}"

    assert authority.token_endpoint(Dialect.V1) == f"{base}/oauth2/token"
    assert authority.token_endpoint(Dialect.V2) == f"{base}/oauth2/v2.0/token"
    assert authority.authorize_endpoint(Dialect.V1) == f"{base}/oauth2/authorize"
    assert authority.authorize_endpoint(Dialect.V2) == f"{base}/oauth2/v2.0/authorize"
    assert authority.device_code_endpoint(Dialect.V2) == f"{base}/oauth2/v2.0/devicecode"
    assert authority.keys_endpoint(Dialect.V1) == f"{base}/discovery/keys"
    assert authority.keys_endpoint(Dialect.V2) == f"{base}/discovery/v2.0/keys"
    assert authority.issuers(TENANT) == {f"https://sts.windows.net/{TENANT}/", f"{base}/v2.0"}


def test_a_scope_ends_in_default_and_an_identifier_keeps_its_slash() -> None:
    """Entra "scopes-oidc": a resource that ends in a slash is asked for with a doubled one."""
    assert GLOBAL.resource(Api.GRAPH).scope() == "https://graph.microsoft.com/.default"
    assert Resource("https://x.example/", "https://x.example").scope("a") == "https://x.example//a"


@named
def test_every_api_is_found_by_its_address_and_by_its_identifier(cloud: Cloud) -> None:
    for resource in cloud.apis.values():
        for base in (resource.address, resource.identifier):
            for rest in ("", "/", "/v1/customers?size=3#top", '/v1/filter?text={"a b": 1}'):
                assert cloud.find(base + rest) in cloud.apis.values()
        assert cloud.find(resource.address + "/x") == resource


@named
def test_a_key_vault_is_found_by_any_address_in_it(cloud: Cloud) -> None:
    address = cloud.vault("contoso-1")

    assert cloud.find(f"{address}/secrets/name?api-version=7.4") == cloud.resource(Api.KEY_VAULT)
    assert cloud.vault(address + "/") == address


@pytest.mark.parametrize(
    ("cloud", "address", "meant"),
    [
        (GLOBAL, "https://partner.partnercenterapi.microsoftonline.cn/v1/customers", "china"),
        (GLOBAL, "https://graph.microsoft.us/v1.0/me", "us-government"),
        (GLOBAL, "https://contoso.vault.azure.cn/secrets", "china"),
        (CHINA, "https://api.partnercenter.microsoft.com/v1/customers", "global"),
        (CHINA, "https://contoso.vault.azure.net/secrets", "global"),
        (US_GOVERNMENT, "https://management.azure.com/subscriptions", "global"),
        (GLOBAL, "https://vault.microsoftazure.de", "germany"),
    ],
)
def test_mixing_clouds_names_the_cloud_meant(cloud: Cloud, address: str, meant: str) -> None:
    with pytest.raises(CloudMixed, match=f"belongs to the {meant} cloud, and this is the {cloud.name} cloud"):
        cloud.find(address)


HOSTILE = [
    "http://api.partnercenter.microsoft.com/v1/customers",
    "https://api.partnercenter.microsoft.com.evil.example/v1/customers",
    "https://api.partnercenter.microsoft.com./v1/customers",
    "https://evilapi.partnercenter.microsoft.com/v1",
    "https://api.partnercenter.microsoft.com:8443/v1",
    "https://api.partnercenter.microsoft.com:0/v1",
    "https://api.partnercenter.microsoft.com:99999/v1",
    "https://api.partnercenter.microsoft.com:https/v1",
    "https://api.partnercenter.microsoft.com:/v1",
    "https://api.partnercenter.microsoft.com@evil.example/v1",
    "https://api.partnercenter.microsoft.com:443@evil.example/v1",
    "https://evil.example@api.partnercenter.microsoft.com/v1",
    "https://user:word@api.partnercenter.microsoft.com/v1",
    "https://api.partnercenter.microsoft.com\\@evil.example/v1",
    "https://evil.example\\@api.partnercenter.microsoft.com/v1",
    "https://evil.example\\.vault.azure.net/secrets",
    "https://evil.example/.vault.azure.net/secrets",
    "https://evil.example#.vault.azure.net/secrets",
    "https://evil.example?.vault.azure.net/secrets",
    "https://user:word@contoso.vault.azure.net/secrets",
    "https://evil.example/x.vault.azure.net@contoso.vault.azure.net",
    "https://deep.er.vault.azure.net/secrets",
    "https://.vault.azure.net/secrets",
    "https://contoso.vault.azure.net.evil.example/secrets",
    "https://contoso.vault.azure.net:8443/secrets",
    "https://api.partnercenter.microsoft.com\n.evil.example/v1",
    "https://graph.micro\tsoft.com/v1.0/me",
    "https://graph.microsoft.com/v1.0/me\r\nX-Evil: 1",
    "https://graph%2emicrosoft.com/v1.0/me",
    "https://gr\N{FULLWIDTH LATIN SMALL LETTER A}ph.microsoft.com/v1.0",
    "https://\N{KELVIN SIGN}eys.vault.azure.net/secrets",
    "https:/graph.microsoft.com/v1.0/me",
    "https:graph.microsoft.com/v1.0/me",
    "//graph.microsoft.com/v1.0/me",
    "graph.microsoft.com/v1.0/me",
    " https://graph.microsoft.com/v1.0/me",
    "ftp://graph.microsoft.com/v1.0/me",
    "https://[graph.microsoft.com]/v1.0/me",
    "https://[::1",
    "https://",
    "",
    "/v1/customers",
    "https://localhost:8443.evil.example/graph.microsoft.com/v1.0",
    "https://localhost:8444/graph.microsoft.com/v1.0",
    "https://localhost:8443/graph.microsoft.com.evil.example/v1.0",
    "https://localhost:8443/v1.0",
]


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("cloud", [GLOBAL, LOCAL], ids=["global", "emulated"])
def test_a_hostile_address_is_nobodys(cloud: Cloud, address: str) -> None:
    with pytest.raises(Misconfigured):
        cloud.find(address)


@pytest.mark.parametrize(
    "address",
    [
        "HTTPS://API.PartnerCenter.Microsoft.COM/v1/customers",
        "https://api.partnercenter.microsoft.com:443/v1/customers",
        "https://api.partnercenter.microsoft.com",
        "https://api.partnercenter.microsoft.com?x",
    ],
)
def test_another_spelling_of_the_same_host_is_the_same_host(address: str) -> None:
    """RFC 3986 6.2: scheme and host in any letter case, the scheme's own port."""
    assert GLOBAL.find(address) == GLOBAL.resource(Api.PARTNER_CENTER)


def own_hosts(cloud: Cloud, resource: Resource) -> set[tuple[str | None, int]]:
    """Where a token for `resource` may go."""
    parts = [urlsplit(address) for address in resource]
    return {(part.hostname, part.port or 443) for part in parts}


PIECES = [
    "https://",
    "http://",
    "//",
    "/",
    "@",
    ":",
    ":443",
    "#",
    "?",
    "\\",
    ".",
    "..",
    "[",
    "]",
    ";",
    "&",
    "=",
    "é",
    "%2e",
    "user",
    "contoso",
    "evil.example",
    "localhost:8443",
]
PIECES += ["api.partnercenter.microsoft.com", "graph.microsoft.com", ".vault.azure.net", "vault.azure.cn"]
PIECES += ["\n", "\t", " ", "\x00", "\N{KELVIN SIGN}", "\N{FULLWIDTH SOLIDUS}"]
pieces = st.sampled_from(PIECES)


@named
@given(address=st.one_of(st.text(), st.lists(pieces, max_size=9).map("".join)))
@example(address="https://contoso.vault.azure.net\\@evil.example")
def test_no_address_of_another_host_is_ever_found(cloud: Cloud, address: str) -> None:
    """Held against two other readers of addresses: whatever they take for the host must be the API's own."""
    try:
        found = cloud.find(address)
    except Misconfigured:
        return
    parts = urlsplit(address)
    readings = {(parts.hostname, parts.port or 443)}
    try:
        other = parse_url(address)
        readings.add((other.host, other.port or 443))
    except LocationParseError:
        pass

    assert len(readings) == 1
    (reading,) = readings
    vault = not cloud.emulated and (reading[0] or "").endswith(cloud.vault_suffix) and reading[1] == 443
    assert reading in own_hosts(cloud, found) or (vault and found == cloud.resource(Api.KEY_VAULT))
    assert parts.scheme == "https"
    assert parts.username is None


def test_what_is_said_of_an_address_leaves_its_password_and_query_out(canary: Canary) -> None:
    password, code = canary("password", awkward=False), canary("code", awkward=False)

    for cloud in EVERY:
        for address in (
            f"https://user:{password}@evil.example/?code={code}",
            f"https://user:{password}@[evil/{code}",
            f"https://evil.example?code={code}",
            f"https://user:{password}@graph.microsoft.com/",
        ):
            with pytest.raises(Misconfigured) as caught:
                cloud.find(address)
            sys.stdout.write(f"{caught.value} {caught.value.hint}\n")
            assert password not in str(caught.value)
            assert code not in str(caught.value)


def test_what_is_said_of_an_address_steers_no_terminal() -> None:
    with pytest.raises(Misconfigured) as caught:
        GLOBAL.find("https://evil\x1b[2J\nforged.example/")

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["", "ab", "evil.example/", "evil.example#", "a" * 25, "under_score", "https://evil.example"]
)
def test_a_vault_has_a_name_that_a_vault_can_have(name: str) -> None:
    for cloud in EVERY:
        with pytest.raises(Misconfigured, match="no key vault") as caught:
            cloud.vault(name)
        assert cloud.vault("NAME") in caught.value.hint


def test_germany_is_closed_unless_forced() -> None:
    with pytest.raises(CloudClosed, match="29 October 2021") as caught:
        GERMANY.authority(TENANT)

    assert "moved to the global cloud" in caught.value.hint
    assert GERMANY.authority(TENANT, forced=True).address == f"https://login.microsoftonline.de/{TENANT}"


@pytest.mark.parametrize(
    "tenant", [TENANT, TENANT.upper(), "contoso.com", "contoso.onmicrosoft.com", "organizations", "common"]
)
def test_a_tenant_is_an_id_or_a_domain(tenant: str) -> None:
    assert GLOBAL.authority(tenant).address == f"https://login.microsoftonline.com/{tenant}"


@pytest.mark.parametrize(
    "tenant",
    [
        "",
        f"{TENANT}\n",
        TENANT[1:],
        "contoso.com\n",
        "x." * 130 + "com",
        "\u212a.com",
        "..",
        "../common",
        *[
            "contoso",
            "consumers",
            "common/",
            "a/b.com",
            "contoso.com?x",
            "-a.com",
            "a..com",
            "contoso.com@evil.example",
        ],
    ],
)
def test_nothing_else_is_a_tenant(tenant: str) -> None:
    with pytest.raises(Misconfigured):
        GLOBAL.authority(tenant)


def test_tokens_of_an_emulator_are_taken_in_an_emulated_cloud_only() -> None:
    assert LOCAL.takes_emulated_tokens
    assert not any(cloud.takes_emulated_tokens for cloud in CLOUDS.values())


def test_an_emulated_cloud_has_every_service_under_its_own_origin() -> None:
    assert LOCAL.authority("contoso.com").address == "https://localhost:8443/contoso.com"
    assert LOCAL.resource(Api.PARTNER_CENTER) == Resource(
        "https://api.partnercenter.microsoft.com", "https://localhost:8443/api.partnercenter.microsoft.com"
    )
    assert LOCAL.vault("contoso") == "https://localhost:8443/contoso.vault.azure.net"
    assert LOCAL.authority("contoso.com").issuers(TENANT) == {
        f"https://sts.windows.net/{TENANT}/",
        f"https://localhost:8443/{TENANT}/v2.0",
    }


def test_a_national_cloud_of_an_emulator_is_at_its_sign_in_host_there() -> None:
    china = emulated("https://localhost:8443/login.partner.microsoftonline.cn")

    assert china.authority("contoso.com").address == f"{china.name}/contoso.com"
    assert china.resource(Api.PARTNER_CENTER) == Resource(
        "https://partner.partnercenterapi.microsoftonline.cn",
        "https://localhost:8443/partner.partnercenterapi.microsoftonline.cn",
    )
    assert china.vault("contoso") == "https://localhost:8443/contoso.vault.azure.cn"
    assert china.is_vault("https://localhost:8443/contoso.vault.azure.cn/secrets/x")
    assert china.origin == LOCAL.origin == "https://localhost:8443"


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://localhost:8443", "https://localhost:8443"),
        ("https://LOCALHOST:8443/", "https://localhost:8443"),
        ("https://emulator.test:443", "https://emulator.test"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://localhost:8443/login.microsoftonline.com", "https://localhost:8443"),
        ("https://localhost:8443/login.microsoftonline.us/", "https://localhost:8443/login.microsoftonline.us"),
    ],
)
def test_an_emulated_cloud_is_named_by_its_origin(origin: str, name: str) -> None:
    assert emulated(origin).name == cloud_named(origin).name == name


@pytest.mark.parametrize(
    "origin",
    [
        "https://local host",
        "https://localhost\\x",
        "https://",
        "https://[::1",
        "http://localhost:8443",
        "localhost:8443",
        *[
            "https://localhost:8443/path",
            "https://localhost:8443/login.microsoftonline.de",
            "https://localhost:8443/login.microsoftonline.us/path",
            "https://localhost:8443?x",
            "https://localhost:8443/#x",
            "https://user@localhost",
        ],
        *["https://localhost:99999", "https://localhost:port"],
    ],
)
def test_anything_else_is_no_origin(origin: str) -> None:
    with pytest.raises(Misconfigured):
        emulated(origin)


@pytest.mark.parametrize("name", [*CLOUDS, "https://login.microsoftonline.us", "https://LOGIN.chinacloudapi.cn:443/"])
def test_a_real_cloud_by_its_name_or_by_a_sign_in_host_of_it(name: str) -> None:
    assert cloud_named(name) in CLOUDS.values()


def test_an_unknown_cloud_is_told_which_there_are() -> None:
    with pytest.raises(Misconfigured, match="no cloud 'globl'") as caught:
        cloud_named("globl")

    assert caught.value.hint == "Set one of: global, us-government, china, germany."


def test_an_api_that_a_cloud_lacks_is_told() -> None:
    with pytest.raises(Misconfigured, match="the china cloud has no referrals API"):
        CHINA.resource(Api.REFERRALS)
