"""The journal tells what happened, and holds no secret."""

import threading
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.default import WEB_APP
from partnerauth.emulator.journal import Journal
from partnerauth.messages import Request, Response
from tests.canaries import Canary

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKEN = "https://localhost:8443/contoso.com/oauth2/token"
CUSTOMERS = "https://localhost:8443/api.partnercenter.microsoft.com/v1/customers"
CORRELATION = "9f8e7d6c-0000-4000-8000-000000000001"
# Claims {"appid": "00001111-aaaa-2222-bbbb-3333cccc4444"}, in the shape of a JWT.
BEARER = "Bearer eyJhbGciOiJub25lIn0.eyJhcHBpZCI6IjAwMDAxMTExLWFhYWEtMjIyMi1iYmJiLTMzMzNjY2NjNDQ0NCJ9.c2ln"


def arrived(request: Request) -> Arrival:
    arrival = Arrival.at(request)
    assert arrival is not None
    return arrival


def test_a_token_request_is_noted_with_who_asked_for_what_and_why_it_was_refused(canary: Canary) -> None:
    """The body of the answer is shaped as Microsoft documents it ("Error response example")."""
    fields = {"refresh_token": canary("token"), "client_id": WEB_APP, "grant_type": "refresh_token"}
    request = Request.form(TOKEN, fields, (("client-request-id", CORRELATION),))
    refusal = {"error": "invalid_grant", "error_description": "AADSTS50173: Revoked.", "error_codes": [50173]}
    journal = Journal()

    journal.add(NOON, arrived(request), Response.json(400, refusal))

    (entry,) = journal.entries()
    assert (entry.number, entry.moment) == (1, NOON)
    assert (entry.service, entry.method) == ("login.microsoftonline.com", "POST")
    assert (entry.path, entry.status) == ("/contoso.com/oauth2/token", 400)
    assert (entry.client_id, entry.grant_type, entry.code) == (WEB_APP, "refresh_token", "50173")
    assert entry.correlation_id == CORRELATION
    assert fields["refresh_token"] not in repr(journal.entries())


@pytest.mark.parametrize(
    "headers",
    [(("Authorization", BEARER),), (("Authorization", "Basic " + b64encode(f"{WEB_APP}:x".encode()).decode()),)],
)
def test_the_client_is_read_from_what_it_proves_itself_with(headers: tuple[tuple[str, str], ...]) -> None:
    journal = Journal()

    journal.add(NOON, arrived(Request("GET", CUSTOMERS, headers)), Response(200))

    (entry,) = journal.entries()
    assert entry.client_id == WEB_APP
    assert entry.service == "api.partnercenter.microsoft.com"
    assert entry.path == "/v1/customers"


@pytest.mark.parametrize(
    "value", ["Bearer x", "Bearer a.b.c", "Bearer a.!!.c", "Basic é", "Basic", "Digest x", "Bearer ..", ""]
)
def test_a_broken_credential_is_no_ones(value: str) -> None:
    journal = Journal()

    journal.add(NOON, arrived(Request("GET", CUSTOMERS, (("Authorization", value),))), Response(401))

    assert journal.entries()[0].client_id == ""


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response.json(401, {"code": 900421, "description": "MFA required."}), "900421"),
        (Response.json(403, {"error": {"code": "Forbidden", "message": "No."}}), "Forbidden"),
        (
            Response(302, (("Location", "https://x/?error=access_denied&error_description=AADSTS65004%3a+No."),)),
            "65004",
        ),
        (Response.html(400, "<p>AADSTS50011: The redirect URI</p>"), "50011"),
        (Response(401), ""),
        (Response(302, (("Location", "https://x/?code=abc"),)), ""),
        (Response.json(200, {"code": "abc"}), ""),
        (Response(500, (), b"\xff\xfe"), ""),
    ],
)
def test_the_code_of_a_refusal_is_found_wherever_it_stands(response: Response, code: str) -> None:
    journal = Journal()

    journal.add(NOON, arrived(Request("GET", CUSTOMERS)), response)

    assert journal.entries()[0].code == code


def test_no_secret_stays_wherever_it_was_put(canary: Canary) -> None:
    secret = canary("anything", awkward=False)
    journal = Journal()
    request = Request.form(
        f"{TOKEN}?client_id={secret}",
        {"client_id": secret, "grant_type": secret},
        (("Authorization", f"Basic {b64encode(secret.encode()).decode()}"), ("client-request-id", secret)),
    )

    journal.add(NOON, arrived(request), Response.json(400, {"error_description": secret}))
    journal.add(NOON, arrived(Request("GET", f"{CUSTOMERS}/eyJhbGciOiJ.{secret}.x/code={secret}")), Response(404))
    journal.detailed = True
    journal.add(NOON, arrived(Request.form(TOKEN, {"password": secret})), Response.json(200, {"id_token": secret}))

    assert secret not in repr(journal.entries())
    assert journal.entries()[0].grant_type == "other"


def test_the_messages_are_noted_only_while_detailed() -> None:
    journal = Journal()

    journal.add(NOON, arrived(Request("GET", CUSTOMERS)), Response(200))
    journal.detailed = True
    journal.add(NOON, arrived(Request("GET", CUSTOMERS)), Response(404))

    brief, full = journal.entries()
    assert (brief.asked, brief.answered) == ("", "")
    assert (full.asked, full.answered) == (f"GET {CUSTOMERS}", "404")


def test_entries_are_found_by_service_path_status_and_time() -> None:
    journal = Journal()
    for minute, (url, status) in enumerate([(TOKEN, 200), (TOKEN, 400), (CUSTOMERS, 401), (CUSTOMERS, 200)]):
        journal.add(NOON + timedelta(minutes=minute), arrived(Request("GET", url)), Response(status))

    def numbers(**wanted: object) -> list[int]:
        return [entry.number for entry in journal.entries(**wanted)]  # type: ignore[arg-type]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(service="api.partnercenter.microsoft.com") == [3, 4]
    assert numbers(path="oauth2") == [1, 2]
    assert numbers(status=401) == [3]
    assert numbers(status="4xx") == [2, 3]
    assert numbers(since=2) == [3, 4]
    assert numbers(since=NOON + timedelta(minutes=3)) == [4]
    assert numbers(limit=2) == [3, 4]
    assert numbers(status="2xx", limit=1) == [4]


def test_old_entries_go_and_numbers_stay() -> None:
    journal = Journal(most=3)
    for _ in range(5):
        journal.add(NOON, arrived(Request("GET", TOKEN)), Response(200))

    assert [entry.number for entry in journal.entries()] == [3, 4, 5]
    journal.clear()
    assert journal.entries() == []
    assert journal.last == 5


def test_many_threads_write_and_read() -> None:
    journal = Journal()

    def ask() -> None:
        for _ in range(200):
            journal.add(NOON, arrived(Request("GET", TOKEN)), Response(200))
            journal.entries(limit=5)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [entry.number for entry in journal.entries()] == list(range(1, 801))
