"""Whose request is it: the rules of the emulator's addresses, row by row."""

import pytest

from partnerauth.emulator.address import Arrival, is_service
from partnerauth.messages import Request

LOCAL = "https://localhost:8443"


@pytest.mark.parametrize(
    ("url", "host", "base", "path"),
    [
        # Entra ID answers at the root.
        (f"{LOCAL}/contoso.com/oauth2/token", "login.microsoftonline.com", LOCAL, "/contoso.com/oauth2/token"),
        (f"{LOCAL}/login", "login.microsoftonline.com", LOCAL, "/login"),
        # Every service answers under its real host's name as first path segment, taken off and advertised.
        (
            f"{LOCAL}/api.partnercenter.microsoft.com/v1/customers",
            "api.partnercenter.microsoft.com",
            f"{LOCAL}/api.partnercenter.microsoft.com",
            "/v1/customers",
        ),
        (
            f"{LOCAL}/contoso.vault.azure.net/secrets/a",
            "contoso.vault.azure.net",
            f"{LOCAL}/contoso.vault.azure.net",
            "/secrets/a",
        ),
        (f"{LOCAL}/GRAPH.microsoft.com/v1.0/me", "graph.microsoft.com", f"{LOCAL}/GRAPH.microsoft.com", "/v1.0/me"),
        (f"{LOCAL}/graph.microsoft.com", "graph.microsoft.com", f"{LOCAL}/graph.microsoft.com", "/"),
        (
            f"{LOCAL}/login.microsoftonline.com/common/oauth2/token",
            "login.microsoftonline.com",
            f"{LOCAL}/login.microsoftonline.com",
            "/common/oauth2/token",
        ),
        # A real Host decides, and the path is untouched.
        ("https://graph.microsoft.com/v1.0/me", "graph.microsoft.com", "https://graph.microsoft.com", "/v1.0/me"),
        (
            "https://login.microsoftonline.com:8443/graph.microsoft.com",
            "login.microsoftonline.com",
            "https://login.microsoftonline.com:8443",
            "/graph.microsoft.com",
        ),
        (
            "https://graph.microsoft.com/_emulator/clock",
            "graph.microsoft.com",
            "https://graph.microsoft.com",
            "/_emulator/clock",
        ),
        (
            "https://Contoso.Vault.Azure.Net./secrets",
            "contoso.vault.azure.net",
            "https://Contoso.Vault.Azure.Net.",
            "/secrets",
        ),
        # The emulator's own pages.
        (LOCAL, "", LOCAL, "/"),
        (f"{LOCAL}/portal/phone", "", LOCAL, "/portal/phone"),
        (f"{LOCAL}/_emulator/clock?x=1", "", LOCAL, "/_emulator/clock"),
        ("https://127.0.0.1:1/_emulator", "", "https://127.0.0.1:1", "/_emulator"),
        ("https://[::1]:8443/favicon.ico", "", "https://[::1]:8443", "/favicon.ico"),
        # No vault has a dot in its name.
        (f"{LOCAL}/a.b.vault.azure.net/x", "login.microsoftonline.com", LOCAL, "/a.b.vault.azure.net/x"),
    ],
)
def test_an_address_names_a_service(url: str, host: str, base: str, path: str) -> None:
    request = Request("GET", url)

    assert Arrival.at(request) == Arrival(request, host, base, path)


@pytest.mark.parametrize(
    "url", ["https://example.com/", "https://evil.localhost/", "https:///x", "https://vault.azure.net.evil.com/"]
)
def test_an_unknown_host_is_nobodys(url: str) -> None:
    assert Arrival.at(Request("GET", url)) is None


@pytest.mark.parametrize(
    "host", ["vault.azure.net", ".vault.azure.net", "a.b.vault.azure.net", "ä.vault.azure.net", "localhost"]
)
def test_what_is_no_service(host: str) -> None:
    assert not is_service(host)
