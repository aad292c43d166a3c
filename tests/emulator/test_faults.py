"""Faults strike the requests that their rules mean, when they say, as they say; and the journal tells."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.faults import MOST_RULES, Rule
from partnerauth.errors import Unreachable, Unreadable
from partnerauth.messages import Request, Response
from partnerauth.oauth.codes import REFUSALS
from tests.emulator.callers import ORIGIN

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"


def token(grant: str = "client_credentials", origin: str = ORIGIN, v2: bool = False, **fields: str) -> Request:
    path = "oauth2/v2.0/token" if v2 else "oauth2/token"
    target = {"scope": f"{PARTNER_CENTER}/.default"} if v2 else {"resource": PARTNER_CENTER}
    own = {"grant_type": grant, "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    return Request.form(f"{origin}/{TENANT}/{path}", own | target | fields)


def johns_password() -> Request:
    return token("password", username=JOHN, password=PASSWORD)


def api(method: str, address: str, origin: str = ORIGIN) -> Request:
    return Request(method, f"{origin}/{address}")


def statuses(emulator: Emulator, count: int) -> list[int]:
    return [emulator.handle(token()).status for _ in range(count)]


# --- which requests are meant


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"service": "entra"},
        {"service": "ENTRA"},
        {"service": "login.microsoftonline.com"},
        {"service": "login.*"},
        {"operation": "token"},
        {"method": "post"},
        {"path": "*/oauth2/token"},
        {"path": f"/{TENANT.upper()}/*"},
        {"tenant": TENANT},
        {"tenant": "contoso.com"},
        {"tenant": "CONTOSO.onmicrosoft.com"},
        {"user": JOHN.upper()},
        {"user": "john*"},
        {"client_id": WEB_APP.upper()},
        {"grant_type": "password"},
        {"resource": "partner-center"},
        {"resource": PARTNER_CENTER},
        {"service": "entra", "grant_type": "password", "user": "*@contoso.com", "resource": "*partnercenter*"},
    ],
    ids=str,
)
def test_a_request_is_struck_that_fits(emulator: Emulator, members: dict[str, Any]) -> None:
    emulator.faults.add(status=503, **members)

    assert emulator.handle(johns_password()).status == 503


@pytest.mark.parametrize(
    "members",
    [
        {"service": "graph"},
        {"service": "*.vault.azure.net"},
        {"service": "key-vault"},
        {"operation": "authorize"},
        {"method": "GET"},
        {"path": "*/oauth2/v2.0/token"},
        {"path": "/oauth2/token"},
        {"tenant": "fabrikam.onmicrosoft.com"},
        {"tenant": "common"},
        {"user": ADMIN_AGENT},
        {"client_id": TENANT},
        {"grant_type": "refresh_token"},
        {"resource": "graph"},
        {"resource": "https://graph.windows.net"},
        {"service": "entra", "grant_type": "password", "user": ADMIN_AGENT},
    ],
    ids=str,
)
def test_another_request_is_not(emulator: Emulator, members: dict[str, Any]) -> None:
    emulator.faults.add(status=503, **members)

    assert emulator.handle(johns_password()).status == 200


@pytest.mark.parametrize(
    ("members", "request_"),
    [
        ({"operation": "GET /v1/customers/{customer}"}, api("GET", "api.partnercenter.microsoft.com/v1/customers/x")),
        ({"operation": "* /v1/customers"}, api("GET", "api.partnercenter.microsoft.com/v1/customers")),
        ({"operation": "PUT /secrets/{name}"}, api("PUT", "contoso.vault.azure.net/secrets/a")),
        ({"operation": "GET /secrets/{name}/versions"}, api("GET", "contoso.vault.azure.net/secrets/a/versions")),
        ({"operation": "GET /secrets/{name}/{version}"}, api("GET", "contoso.vault.azure.net/secrets/a/0f")),
        ({"service": "key-vault"}, api("GET", "secrets", "https://contoso.vault.azure.net")),
        ({"service": "contoso.vault.azure.net"}, api("GET", "contoso.vault.azure.net/secrets")),
        ({"service": "management"}, api("GET", "management.azure.com/x")),
        ({"operation": "openid-configuration"}, api("GET", "contoso.com/.well-known/openid-configuration")),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_the_operations_of_every_service_can_be_named(
    emulator: Emulator, members: dict[str, Any], request_: Request
) -> None:
    emulator.faults.add(status=418, **members)

    assert emulator.handle(request_).status == 418


def test_the_person_behind_a_refresh_token_or_an_access_token_is_known(emulator: Emulator) -> None:
    tokens = emulator.handle(johns_password()).value()
    emulator.faults.add(user=JOHN, status=503)

    refreshed = emulator.handle(token("refresh_token", refresh_token=tokens["refresh_token"]))
    called = Request(
        "GET",
        f"{ORIGIN}/api.partnercenter.microsoft.com/v1/customers",
        (("Authorization", f"Bearer {tokens['access_token']}"),),
    )

    assert (refreshed.status, emulator.handle(called).status) == (503, 503)
    assert emulator.handle(token()).status == 200


def test_the_emulators_own_pages_are_never_struck(emulator: Emulator) -> None:
    emulator.faults.add(status=503)

    assert emulator.handle(api("GET", "_emulator/clock")).status == 200


@pytest.mark.parametrize("pattern", ["*" * 300, "*a" * 150, "a*" * 150])
def test_a_pattern_of_many_stars_is_as_quick_as_any(emulator: Emulator, pattern: str) -> None:
    emulator.faults.add(path=pattern, status=503)

    assert emulator.handle(api("GET", "a" * 60_000 + "b")).status in (404, 503)


# --- when


def test_only_the_nth_is_struck(emulator: Emulator) -> None:
    emulator.faults.add(status=503, nth=3)

    assert statuses(emulator, 5) == [200, 200, 503, 200, 200]


def test_every_kth_is_struck_so_many_times(emulator: Emulator) -> None:
    emulator.faults.add(status=503, every=2, times=2)

    assert statuses(emulator, 7) == [200, 503, 200, 503, 200, 200, 200]


def test_the_first_rule_that_is_due_decides_and_the_others_do_not_count(emulator: Emulator) -> None:
    first = emulator.faults.add(status=500, times=1)
    second = emulator.faults.add(status=503, nth=2)

    assert statuses(emulator, 4) == [500, 200, 503, 200]
    assert (first.seen, first.struck, second.seen, second.struck) == (1, 1, 3, 1)


def test_chance_is_repeatable_by_a_seed(emulator: Emulator) -> None:
    runs = []
    for _ in range(2):
        emulator.faults.add(status=503, probability=0.5, seed=7)
        runs.append(statuses(emulator, 40))
        emulator.faults.clear()

    assert runs[0] == runs[1]
    assert 8 < runs[0].count(503) < 32


def test_a_fault_ends_at_its_moment_on_the_worlds_clock(emulator: Emulator) -> None:
    emulator.faults.add(status=503, until=NOON + timedelta(hours=1))

    assert statuses(emulator, 1) == [503]
    emulator.world.clock.advance(timedelta(hours=1))
    assert statuses(emulator, 1) == [200]


def test_no_request_is_counted_twice_by_many_threads(emulator: Emulator) -> None:
    rule = emulator.faults.add(status=503, every=3)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.extend(statuses(emulator, 6))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (rule.seen, rule.struck, results.count(503)) == (48, 16, 16)


def test_a_rule_is_taken_away(emulator: Emulator) -> None:
    name = emulator.faults.add(status=503).rule.id

    assert emulator.faults.remove(name)
    assert not emulator.faults.remove(name)
    assert statuses(emulator, 1) == [200]


# --- what the client sees


@pytest.mark.parametrize("code", [50076, 50173, 700082, 7000215, 90055])
@pytest.mark.parametrize("v2", [False, True])
def test_the_sign_in_service_refuses_in_its_own_form(emulator: Emulator, code: int, v2: bool) -> None:
    emulator.faults.add(aadsts=code)

    response = emulator.handle(token(v2=v2))

    body = response.value()
    assert response.status == REFUSALS[code].status
    assert body["error"] == REFUSALS[code].word(not v2)
    assert body["error_codes"] == [code]
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert response.header("x-ms-request-id") == body["trace_id"]


def test_a_code_that_nobody_listed_is_said_too(emulator: Emulator) -> None:
    emulator.faults.add(aadsts=1234567, message="Something new.")

    body = emulator.handle(token()).value()

    assert (body["error"], body["error_codes"]) == ("invalid_request", [1234567])
    assert body["error_description"].startswith("AADSTS1234567: Something new.")


def authorization(**fields: str) -> Request:
    from urllib.parse import urlencode

    usual = {"client_id": WEB_APP, "response_type": "code", "redirect_uri": "http://localhost", "state": "s"}
    return api("GET", f"{TENANT}/oauth2/authorize?{urlencode(usual | fields)}")


def test_a_refused_sign_in_comes_back_to_the_application(emulator: Emulator) -> None:
    emulator.faults.add(operation="authorize", aadsts=50079)

    response = emulator.handle(authorization())

    assert response.status == 302
    assert "error=interaction_required" in response.header("Location")
    assert "AADSTS50079" in response.header("Location")
    assert "state=s" in response.header("Location")


@pytest.mark.parametrize(
    "request_", [authorization(redirect_uri="https://evil.example/"), authorization(client_id="x"), authorization()]
)
def test_no_refusal_goes_to_an_address_that_is_not_registered(emulator: Emulator, request_: Request) -> None:
    emulator.faults.add(operation="authorize", aadsts=1234567)

    response = emulator.handle(request_)

    assert "evil" not in response.header("Location")
    assert b"1234567" in response.body or "1234567" in response.header("Location")


@pytest.mark.parametrize(
    ("address", "members", "status", "expected"),
    [
        ("api.partnercenter.microsoft.com/v1/customers", {"code": 900421, "status": 401}, 401, {"code": 900421}),
        ("api.partnercenter.microsoft.com/v1/customers", {"status": 500}, 500, {"code": 500, "source": "PartnerFD"}),
        ("api.partnercenter.microsoft.com/v1/customers", {"retry_after": 7}, 429, {"statusCode": 429}),
        ("api.partner.microsoft.com/v1.0/engagements/referrals", {"status": 412}, 412, "preconditionFailed"),
        ("contoso.vault.azure.net/secrets/a", {"status": 429}, 429, "Throttled"),
        ("contoso.vault.azure.net/secrets/a", {"status": 403, "code": "ForbiddenByPolicy"}, 403, "ForbiddenByPolicy"),
        ("graph.microsoft.com/v1.0/me", {"status": 503, "message": "Later."}, 503, "ServiceUnavailable"),
        ("management.azure.com/x", {"status": 599}, 599, "InternalServerError"),
        ("contoso.com/oauth2/token", {"retry_after": 9}, 429, "temporarily_unavailable"),
        ("contoso.com/oauth2/token", {"status": 504}, 504, "temporarily_unavailable"),
    ],
)
def test_each_service_refuses_in_its_own_form(
    emulator: Emulator, address: str, members: dict[str, Any], status: int, expected: Any
) -> None:
    emulator.faults.add(**members)

    response = emulator.handle(api("POST", address))

    body = response.value()
    assert response.status == status
    assert response.header("Retry-After") == str(members.get("retry_after", ""))
    if isinstance(expected, dict):
        assert expected.items() <= body.items()
    else:
        assert expected in (body["error"], body["error"] if isinstance(body["error"], str) else body["error"]["code"])


@pytest.mark.parametrize(
    ("members", "status", "kind", "body"),
    [
        ({"status": 418, "body": "tea"}, 418, "text/plain; charset=utf-8", b"tea"),
        ({"json": {"a": [1]}}, 200, "application/json; charset=utf-8", b'{"a":[1]}'),
        ({"json": {"a": 1}, "content_type": "text/plain"}, 200, "text/plain", b'{"a":1}'),
        ({"empty": True}, 200, "", b""),
        ({"empty": True, "status": 401}, 401, "", b""),
    ],
)
def test_any_answer_can_be_given(
    emulator: Emulator, members: dict[str, Any], status: int, kind: str, body: bytes
) -> None:
    emulator.faults.add(**members)

    response = emulator.handle(token())

    assert (response.status, response.header("Content-Type"), response.body) == (status, kind, body)


def test_a_page_stands_in_place_of_json(emulator: Emulator) -> None:
    emulator.faults.add(html=True)

    response = emulator.handle(token())

    assert (response.status, response.header("Content-Type")) == (503, "text/html; charset=utf-8")
    assert response.body.startswith(b"<!DOCTYPE html>")


def test_an_answer_is_altered_on_its_way(emulator: Emulator) -> None:
    emulator.faults.add(content_type="text/html", headers={"X-One": "1"}, duplicate="cache-control")

    response = emulator.handle(token())

    assert response.value()["access_token"]
    assert response.header("Content-Type") == "text/html"
    assert [value for name, value in response.headers if name == "Cache-Control"] == ["no-store, no-cache"] * 2
    assert response.header("X-One") == "1"


def test_a_replaced_answer_may_hide_that_the_world_changed(emulator: Emulator) -> None:
    emulator.faults.add(status=503, times=1)
    emulator.faults.add(status=503, processed=True, times=1)
    before = len(emulator.journal.entries())

    for expected in (0, 1):
        assert emulator.handle(johns_password()).status == 503
        assert len(emulator.world.ledger["entra"].refresh_tokens if emulator.world.ledger else ()) == expected

    first, second = emulator.journal.entries()[before:]
    assert (first.status, first.fault, second.status, second.fault) == (503, "fault-1", 200, "fault-2")


@pytest.mark.parametrize(
    ("members", "kind"), [({"reset": True}, Unreachable), ({"drop": True}, Unreachable), ({"truncate": 9}, Unreadable)]
)
def test_in_process_no_answer_is_an_error(emulator: Emulator, members: dict[str, Any], kind: type[Exception]) -> None:
    emulator.faults.add(**members)

    with pytest.raises(kind):
        emulator.handle(token())


def test_a_dropped_answer_has_changed_the_world_and_a_reset_has_not(emulator: Emulator) -> None:
    emulator.faults.add(reset=True, times=1)
    emulator.faults.add(drop=True, times=1)

    for expected in (0, 1):
        with pytest.raises(Unreachable):
            emulator.handle(johns_password())
        assert len(emulator.world.ledger["entra"].refresh_tokens if emulator.world.ledger else ()) == expected

    assert [(one.status, one.fault) for one in emulator.journal.entries()] == [(0, "fault-1"), (200, "fault-2")]


def test_in_process_a_delay_passes_on_the_worlds_clock(emulator: Emulator) -> None:
    emulator.faults.add(delay=3600.0)

    assert emulator.handle(token()).status == 200
    assert emulator.world.now() == NOON + timedelta(hours=1)


async def test_in_a_loop_it_is_all_the_same(emulator: Emulator) -> None:
    emulator.faults.add(delay=3600.0, times=1)
    emulator.faults.add(drop=True, times=1)

    assert (await emulator.ahandle(token())).status == 200
    assert emulator.world.now() == NOON + timedelta(hours=1)
    with pytest.raises(Unreachable):
        await emulator.ahandle(token())
    assert (await emulator.ahandle(token())).status == 200


# --- what a rule may not say


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({}, "does not say what happens"),
        ({"headers": {}}, "does not say what happens"),
        ({"service": "grpah", "status": 503}, "there is no 'grpah'"),
        ({"reset": True, "status": 503}, "nobody sees the answer"),
        ({"drop": True, "truncate": 3}, "nobody sees the answer"),
        ({"body": "a", "html": True}, "`body` and `html` do not go together"),
        ({"status": 99}, "status"),
        ({"delay": -1.0}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"probability": 2.0, "status": 503}, "probability"),
        ({"headers": {"X": "a\r\nb"}}, "printable"),
        ({"headers": {"X\r\nY": "a"}}, "printable"),
        ({"headers": {"X Y": "a"}}, "header's name"),
        ({"content_type": "\N{SNOWMAN}"}, "printable"),
        ({"id": "a/b", "status": 503}, "id"),
        ({"until": NOON.replace(tzinfo=None), "status": 503}, "until"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(emulator: Emulator, members: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        emulator.faults.add(**members)

    assert emulator.faults.quiet


def test_ids_are_given_once_and_rules_are_not_without_number(emulator: Emulator) -> None:
    emulator.faults.add(id="fault-1", status=503)

    assert emulator.faults.add(status=503).rule.id == "fault-2"
    with pytest.raises(ValueError, match="'fault-1' already"):
        emulator.faults.add(id="fault-1", status=503)
    for _ in range(MOST_RULES - 2):
        emulator.faults.add(Rule(status=503))
    with pytest.raises(ValueError, match="already"):
        emulator.faults.add(status=503)


# --- by the control API, and over TLS


def control(emulator: Emulator, method: str, path: str, value: Any = None) -> Response:
    url = f"{ORIGIN}/_emulator{path}"
    return emulator.handle(Request(method, url) if value is None else Request.json(method, url, value))


def test_faults_are_added_looked_at_and_taken_away(emulator: Emulator) -> None:
    rule = {"service": "entra", "grant_type": "client_credentials", "aadsts": 7000222, "times": 1}
    added = control(emulator, "POST", "/faults", rule).value()
    assert added == {"id": "fault-1", "rule": rule | {"id": "fault-1"}, "seen": 0, "struck": 0}

    assert emulator.handle(token()).value()["error_codes"] == [7000222]
    assert control(emulator, "GET", "/faults/fault-1").value()["struck"] == 1
    assert [one["id"] for one in control(emulator, "GET", "/faults").value()] == ["fault-1"]
    assert control(emulator, "GET", "/journal/count?fault=fault-1").value()["count"] == 1

    assert control(emulator, "DELETE", "/faults/fault-1").status == 204
    assert control(emulator, "DELETE", "/faults/fault-1").status == 404
    assert control(emulator, "GET", "/faults/fault-1").status == 404
    assert control(emulator, "DELETE", "/faults").status == 204


@pytest.mark.parametrize(
    "rule",
    [{}, {"sttus": 503}, {"status": "503"}, {"status": 503, "until": "soon"}, {"service": "x", "status": 503}, []],
)
def test_a_wrong_rule_is_a_400(emulator: Emulator, rule: Any) -> None:
    assert control(emulator, "POST", "/faults", rule).status == 400


def test_a_reset_takes_the_faults_away(emulator: Emulator) -> None:
    emulator.faults.add(status=503)

    assert control(emulator, "POST", "/reset").status == 204

    assert emulator.faults.quiet


@pytest.mark.parametrize(
    ("members", "kind"),
    [({"reset": True}, Unreachable), ({"drop": True}, Unreachable), ({"truncate": 9}, Unreadable)],
)
def test_over_tls_connections_are_cut(
    emulator: Emulator, served: Callable[[Request], Response], members: dict[str, Any], kind: type[Exception]
) -> None:
    emulator.faults.add(times=1, **members)

    with pytest.raises(kind):
        served(johns_password())

    assert served(token()).status == 200
    assert emulator.journal.count(grant_type="password") == 1
    reset = bool(members.get("reset"))
    assert emulator.journal.count(grant_type="password", status=0 if reset else 200) == 1


def test_over_tls_a_delay_is_real(emulator: Emulator, served: Callable[[Request], Response]) -> None:
    """Though the world's clock stands still."""
    emulator.faults.add(delay=0.05)
    began = time.monotonic()

    assert served(token()).status == 200

    assert time.monotonic() - began >= 0.05
    assert emulator.world.now() == NOON


def test_over_tls_odd_answers_arrive_as_they_are(emulator: Emulator, served: Callable[[Request], Response]) -> None:
    emulator.faults.add(status=418, html=True, duplicate="X-Twice", headers={"Retry-After": "5"}, times=1)

    response = served(token())

    assert (response.status, response.header("Retry-After")) == (418, "5")
    assert [value for name, value in response.headers if name.lower() == "x-twice"] == ["1", "2"]
    assert served(token()).status == 200
