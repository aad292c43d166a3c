"""An operation is a row; a call is that row filled in; client and emulator read the same row."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis import reference
from partnerauth.apis.operation import Access, Operation, follow
from partnerauth.apis.partnercenter import consents, customers, users
from partnerauth.cloud import CHINA, GLOBAL, Api, Resource, emulated
from partnerauth.errors import Misconfigured, Tampered, Unreadable
from partnerauth.messages import Response

PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)
REFERRALS = GLOBAL.resource(Api.REFERRALS)
LOCAL = emulated("https://localhost:8443").resource(Api.REFERRALS)


@pytest.mark.parametrize("row", reference.operations(), ids=str)
def test_every_row_is_complete(row: Operation[Any]) -> None:
    """It has a sentence, a known method, a version in its path, and finds itself."""
    assert row.summary.endswith(".")
    assert row.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    assert row.path.startswith(("/v1/", "/v1.0/"))
    path = row.path.format(**dict.fromkeys(row.parameters, "x"))
    assert reference.find(row.api, row.method, path) == (row, dict.fromkeys(row.parameters, "x"))


def test_no_row_stands_there_twice() -> None:
    rows = [(row.api, str(row)) for row in reference.operations()]

    assert len(rows) == len(set(rows))


def test_s2_6_the_sample_call() -> None:
    """S2.6: method and address of the seed's sample, in the global cloud and in the Chinese one."""
    call = users.LIST(customer="CustomerTenantId")

    assert call.to(PARTNER_CENTER).method == "GET"
    assert call.to(PARTNER_CENTER).url == "https://api.partnercenter.microsoft.com/v1/customers/CustomerTenantId/users"
    china = CHINA.resource(Api.PARTNER_CENTER)
    assert call.to(china).url.startswith("https://partner.partnercenterapi.microsoftonline.cn/v1/")


def test_a_request_carries_no_token_and_prints_no_body() -> None:
    """The session adds the one; the other may hold personal data."""
    call = consents.grant("c", "a", "Portal", {"g": ["User.Read"]})
    request = call.to(PARTNER_CENTER)

    assert not request.header("Authorization")
    assert request.header("Content-Type") == "application/json"
    assert "User.Read" in request.body.decode()
    assert "User.Read" not in repr(call) + repr(request)


@settings(deadline=None)
@given(customer=st.text(min_size=1), user=st.text(min_size=1))
def test_what_is_filled_in_is_what_the_other_side_reads(customer: str, user: str) -> None:
    """`match` undoes the call, whatever stands in the parameters; nothing of them changes the path around them."""
    if {customer, user} & {".", ".."}:
        with pytest.raises(Misconfigured):
            users.get(customer, user)
        return
    call = users.get(customer, user)

    assert users.GET.match("GET", call.path) == {"customer": customer, "user": user}
    assert call.to(PARTNER_CENTER).path == call.path


@pytest.mark.parametrize("customer", ["", ".", ".."])
def test_a_parameter_that_would_leave_its_place_is_refused(customer: str) -> None:
    with pytest.raises(Misconfigured):
        customers.get(customer)


def test_a_row_takes_its_own_parameters_only() -> None:
    with pytest.raises(TypeError):
        customers.GET(client="x")
    with pytest.raises(TypeError):
        customers.GET()


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("get", "/V1/customers/x/", {"customer": "x"}),
        ("GET", "/v1/customers/a%2Fb", {"customer": "a/b"}),
        ("POST", "/v1/customers/x", None),
        ("GET", "/v1/customers/", None),
        ("GET", "/v1/customers//", None),
        ("GET", "/v1/customers/x/y", None),
        ("GET", "", None),
    ],
)
def test_a_row_is_found_by_method_and_path(method: str, path: str, found: Any) -> None:
    assert customers.GET.match(method, path) == found


def test_the_row_with_fewer_parameters_is_meant() -> None:
    """And other methods of the same path are known."""
    assert reference.find(Api.PARTNER_CENTER, "GET", "/v1/profiles/mpn") is not None
    assert reference.find(Api.GRAPH, "GET", "/v1/profiles/mpn") is None
    assert reference.methods(Api.REFERRALS, "/v1.0/engagements/referrals") == ("GET", "POST")


@pytest.mark.parametrize(
    ("access", "app_only", "app_user"),
    [(Access.APP_ONLY, True, False), (Access.APP_USER, False, True), (Access.EITHER, True, True)],
)
def test_who_may_ask(access: Access, app_only: bool, app_user: bool) -> None:
    row = Operation("GET", "/x", Api.GRAPH, access, dict, "A row.")

    assert (row.allows(Access.APP_ONLY), row.allows(Access.APP_USER)) == (app_only, app_user)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[", b"[]", b"1", b'{"items":1}', b'{"value":{}}'])
def test_an_answer_that_is_none_cannot_be_read(body: bytes) -> None:
    with pytest.raises(Unreadable):
        customers.listing().read(Response(200, body=body))


def test_a_call_that_no_table_has_is_read_as_it_comes() -> None:
    """By method and path; the table says who may ask, where it has the row."""
    known = reference.any_call(Api.PARTNER_CENTER, "get", "/v1/customers/x/users", query={"size": "1"})
    assert known.operation.access is Access.APP_USER
    assert known.to(PARTNER_CENTER).url.endswith("/v1/customers/x/users?size=1")
    assert known.read(Response(200, body=b'\xef\xbb\xbf{"a":1}')) == {"a": 1}
    assert known.read(Response(204)) is None

    assert reference.any_call(Api.PARTNER_CENTER, "GET", "/v1/orders").operation.access is Access.EITHER


@pytest.mark.parametrize("path", ["", "v1", "@evil.example/x", ".evil.example", ":8443/x", "/v1/../x", "/v1/%2e%2E/x"])
def test_a_call_stays_below_the_apis_address(path: str) -> None:
    """A bearer token goes only to hosts of its audience."""
    with pytest.raises(Misconfigured):
        reference.any_call(Api.PARTNER_CENTER, "GET", path)


class TestFollowing:
    """A server's link is followed by https at the resource's own address, and nowhere else."""

    @pytest.mark.parametrize(
        ("link", "resource", "url"),
        [
            ("https://api.partner.microsoft.com/v1.0/engagements/referrals?$skiptoken=a%20b", REFERRALS, None),
            (
                "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a",
                REFERRALS,
                "https://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a",
            ),
            ("https://API.partner.microsoft.com:443/x", REFERRALS, "https://api.partner.microsoft.com/x"),
            ("/v1.0/x?y", REFERRALS, "https://api.partner.microsoft.com/v1.0/x?y"),
            ("https://localhost:8443/api.partner.microsoft.com/v1.0/x?$skiptoken=a", LOCAL, None),
            ("/v1.0/x", LOCAL, "https://localhost:8443/api.partner.microsoft.com/v1.0/x"),
            (
                "https://localhost:8443/contoso.vault.azure.net/secrets",
                LOCAL,
                "https://localhost:8443/api.partner.microsoft.com/contoso.vault.azure.net/secrets",
            ),
        ],
    )
    def test_at_home(self, link: str, resource: Resource, url: str | None) -> None:
        assert follow(link, resource) == (url or link)

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/v1.0/x",
            "https://api.partner.microsoft.com.evil.example/x",
            "https://api.partner.microsoft.com@evil.example/x",
            "https://user@api.partner.microsoft.com/x",
            "https://api.partner.microsoft.com:8443/x",
            "//evil.example/x",
            "ftp://api.partner.microsoft.com/x",
            "https://api.partner.microsoft.com/../x",
            "https://api.partner.microsoft.com/%2e%2e/x",
            "https://[",
            "https://api.partner.microsoft.com:x/",
            "http://localhost:8443/x",
        ],
    )
    def test_never_elsewhere(self, link: str) -> None:
        with pytest.raises(Tampered):
            follow(link, REFERRALS)

    @settings(deadline=None)
    @given(
        host=st.sampled_from(["api.partner.microsoft.com", "evil.example"]),
        before=st.sampled_from(["", "https://", "http://", "//", "\\\\", "https:/", "https:\\\\"]),
        noise=st.text("/@:.\\?#[]x%2e", max_size=12),
    )
    def test_whatever_it_looks_like(self, host: str, before: str, noise: str) -> None:
        """It either is refused, or leads to the resource's host."""
        for link in (before + host + noise, before + noise + host, noise + before + host):
            try:
                url = follow(link, REFERRALS)
            except Tampered:
                continue
            assert url.startswith("https://api.partner.microsoft.com/")
