"""A call performed: the token, the headers, the waiting, the pages, and refusals by their kind."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest

from partnerauth.apis import referrals
from partnerauth.apis.operation import Access, Call
from partnerauth.apis.page import Page
from partnerauth.apis.partnercenter import consents, customers, mfa, users
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import GLOBAL, Api
from partnerauth.errors import (
    Forbidden,
    MfaMissing,
    PartnerAuthError,
    Tampered,
    Throttled,
    Unavailable,
    Unreachable,
    Unreadable,
)
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response

PARTNER_CENTER = GLOBAL.resource(Api.PARTNER_CENTER)
REFERRALS = GLOBAL.resource(Api.REFERRALS)


class Service:
    """Answers in the order given, and remembers what it was asked and how long it was waited for."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []
        self.waited: list[float] = []
        self.tokens = 0

    def bearer(self) -> Flow[Hidden]:
        yield from ()
        self.tokens += 1
        return Hidden(f"token-{self.tokens}")

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def perform(self, call: Call[Any], **more: Any) -> Any:
        resource = GLOBAL.resource(call.api)
        return run(perform(call, resource, self.bearer, **more), self.send, self.waited.append)

    def pages(self, call: Call[Page[Any]]) -> list[Any]:
        return run(pages(call, GLOBAL.resource(call.api), self.bearer), self.send, self.waited.append)


def collection(ids: Iterable[str], token: str = "", *, in_body: bool = False) -> Response:
    links = {
        "next": {"uri": "/customers?seekOperation=Next", "headers": [{"key": "MS-ContinuationToken", "value": token}]}
    }
    value: dict[str, Any] = {"totalCount": 1, "items": [{"id": one} for one in ids]}
    if token:
        value |= {"continuationToken": token} if in_body else {"links": links}
    return Response.json(200, value)


def refused(status: int, code: int, headers: Headers = ()) -> Response:
    return Response.json(status, {"code": code, "description": "no", "data": [], "source": "PartnerFD"}, headers)


def test_a_call_carries_what_partner_center_wants() -> None:
    """The reference of Partner Center, 5."""
    service = Service(collection([]))
    service.perform(customers.listing())

    [asked] = service.asked
    assert asked.header("Authorization") == "Bearer token-1"
    assert asked.header("Accept") == "application/json"
    assert asked.header("X-Locale") == "en-US"
    assert UUID(asked.header("MS-RequestId")) != UUID(asked.header("MS-CorrelationId"))


def test_other_apis_get_a_client_request_id() -> None:
    """The reference of Referrals, 3."""
    service = Service(Response.json(200, {"value": []}))
    service.perform(referrals.listing())

    assert UUID(service.asked[0].header("client-request-id")).version == 4
    assert not service.asked[0].header("MS-RequestId")


def test_a_read_is_repeated_with_the_same_request_id() -> None:
    """The idempotency key of 5 and 9."""
    service = Service(refused(503, 0), Unreachable("gone"), collection([]))
    service.perform(customers.listing())

    assert len(service.asked) == 3
    assert len({asked.header("MS-RequestId") for asked in service.asked}) == 1


def test_a_write_is_repeated_only_when_nothing_was_done() -> None:
    """429 says so and says when; a fault does not."""
    grant = consents.grant("c", "a", "Portal", {"g": ["User.Read"]})
    service = Service(refused(429, 0, (("Retry-After", "7"),)), refused(429, 0), Response.json(201, {}))
    service.perform(grant)
    assert service.waited == [7, 2]
    assert len({asked.header("MS-RequestId") for asked in service.asked}) == 1

    service = Service(refused(503, 0))
    with pytest.raises(Unavailable):
        service.perform(grant)
    service = Service(Unreachable("gone"))
    with pytest.raises(Unreachable):
        service.perform(grant)
    service = Service(refused(429, 0, (("Retry-After", "600"),)))
    with pytest.raises(Throttled) as throttled:
        service.perform(grant)
    assert throttled.value.retry_after == 600
    service = Service(*[refused(429, 0)] * 3)
    with pytest.raises(Throttled):
        service.perform(grant)


@pytest.mark.parametrize(
    "response",
    [
        refused(401, 900421),
        refused(401, 10001),
        Response(401, (("WWW-Authenticate", 'Bearer error="invalid_token"'),), reason="Unauthorized - MFA required"),
    ],
    ids=["900421", "10001", "no body"],
)
def test_missing_mfa_is_never_asked_again(response: Response) -> None:
    """The three faces of 3.1; to `compliance` it is an answer."""
    service = Service(response)
    with pytest.raises(MfaMissing):
        service.perform(users.listing("c"))
    assert len(service.asked) == 1

    service = Service(response)
    assert run(mfa.compliance(PARTNER_CENTER, service.bearer), service.send) is False


@pytest.mark.parametrize(("told", "read"), [("true", True), ("False", False), ("", None), ("maybe", None)])
def test_the_test_header_is_read_in_any_case(told: str, read: bool | None) -> None:
    """The casing of its values is documented nowhere (16)."""
    service = Service(Response.json(200, {}, (("ismfacompliant", told),)))

    assert run(mfa.compliance(PARTNER_CENTER, service.bearer), service.send) is read
    assert service.asked[0].header("ValidateMfa") == "true"


def test_the_table_refuses_before_anything_is_sent() -> None:
    """S4.4: in its own words, with the service's own code."""
    service = Service()
    with pytest.raises(Forbidden) as forbidden:
        service.perform(users.listing("c"), mode=Access.APP_ONLY)

    assert str(forbidden.value) == "GET /v1/customers/{customer}/users takes app + user, and this token is app only"
    assert forbidden.value.code == 900329
    assert (service.asked, service.tokens) == ([], 0)
    service.answers = [collection([]), collection([])]
    service.perform(users.listing("c"), mode=Access.APP_USER)
    service.perform(customers.listing(), mode=Access.APP_ONLY)


class TestPages:
    """The reference of Partner Center, 7; of Referrals, 5."""

    @pytest.mark.parametrize("in_body", [False, True], ids=["in the links", "in the body"])
    def test_go_on_by_the_header(self, in_body: bool) -> None:
        """The same query again, `seekOperation=Next`, the token of the page before, and a bearer token each."""
        service = Service(collection(["a"], "t1", in_body=in_body), collection([], "t2"), collection(["b"]))
        found = service.pages(customers.listing(1))

        assert [customer.id for customer in found] == ["a", "b"]
        assert [asked.query for asked in service.asked] == [{"size": "1"}] + [
            {"size": "1", "seekOperation": "Next"}
        ] * 2
        assert [asked.header("MS-ContinuationToken") for asked in service.asked] == ["", "t1", "t2"]
        assert service.asked[2].header("Authorization") == "Bearer token-3"

    @pytest.mark.parametrize("code", [2000, "2000"])
    def test_end_with_400_and_2000_as_well(self, code: Any) -> None:
        """As Microsoft's own tool expects; but not on the first page, and not with another code."""
        service = Service(collection(["a"], "t1"), refused(400, code))
        assert [customer.id for customer in service.pages(customers.listing(1))] == ["a"]

        for answers in ([refused(400, code)], [collection(["a"], "t1"), refused(400, 800002)]):
            with pytest.raises(PartnerAuthError):
                Service(*answers).pages(customers.listing(1))

    def test_in_a_circle_are_noticed(self) -> None:
        service = Service(collection(["a"], "t1"), collection(["b"], "t2"), collection(["c"], "t1"))

        with pytest.raises(Unreadable):
            service.pages(customers.listing(1))

    def test_go_on_by_links_that_are_http_and_shorter(self) -> None:
        """The documents' own sample of a link."""
        link = "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=abc"
        first = Response.json(200, {"@odata.count": 2, "value": [{"id": "a"}], "@odata.nextLink": link})
        service = Service(first, Response.json(200, {"value": [{"id": "b"}], "@odata.nextLink": None}))
        found = service.pages(referrals.listing("status eq 'New'"))

        assert [referral.id for referral in found] == ["a", "b"]
        assert service.asked[0].query == {"$filter": "status eq 'New'"}
        assert service.asked[1].url == "https://api.partner.microsoft.com/v1.0/referrals?$skiptoken=abc"

    def test_never_lead_the_token_elsewhere(self) -> None:
        """Rule: a bearer token goes only to hosts of its audience."""
        first = Response.json(200, {"value": [], "@odata.nextLink": "https://evil.example/v1.0/referrals"})
        service = Service(first)
        with pytest.raises(Tampered):
            service.pages(referrals.listing())

        assert len(service.asked) == 1

    def test_of_other_shapes_end_there(self) -> None:
        """Links that are no links."""
        shapes: list[Any] = [
            None,
            [],
            {"next": None},
            {"next": {"headers": {}}},
            {"next": {"headers": [{}]}},
            {"next": []},
        ]
        for links in shapes:
            service = Service(Response.json(200, {"items": [{"id": "a"}], "links": links}))
            assert len(service.pages(customers.listing())) == 1

        token = "a\r\nX-Evil: 1"
        assert len(Service(collection(["a"], token)).pages(customers.listing())) == 1
