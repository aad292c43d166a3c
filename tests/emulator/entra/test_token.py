"""The common rules of the token endpoint: how it says no, which headers it sends, who may ask (entra.md 6, 8, 15)."""

import re

import pytest

from partnerauth.emulator.default import NATIVE_APP, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.messages import Request
from tests.emulator.entra.service import FABRIKAM, ORIGIN, PARTNER_CENTER, Service

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
APP = {"grant_type": "client_credentials", "resource": PARTNER_CENTER}


def test_a_refusal_has_all_the_fields_of_entra_id(service: Service) -> None:
    """entra.md 8.1: the description ends in three lines of identifiers, `trace_id` equals `x-ms-request-id`."""
    response = service.token(**APP, client_secret="wrong")

    value = response.value()
    assert response.status == 401
    assert sorted(value) == sorted(
        ["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"]
    )
    text, trace, correlation, timestamp = value["error_description"].split("\r\n")
    assert text.startswith("AADSTS7000215: Invalid client secret provided.")
    assert trace == f"Trace ID: {value['trace_id']}"
    assert correlation == f"Correlation ID: {value['correlation_id']}"
    assert timestamp == f"Timestamp: {value['timestamp']}" == "Timestamp: 2026-01-01 12:00:00Z"
    assert re.fullmatch(GUID, value["trace_id"])
    assert re.fullmatch(GUID, value["correlation_id"])
    assert value["trace_id"] == response.header("x-ms-request-id")
    assert value["error_uri"] == f"{ORIGIN}/error?code=7000215"
    assert response.header("x-ms-clitelem") == "1,7000215,0,,"


ID = "66666666-7777-8888-9999-000000000000"


@pytest.mark.parametrize("place", ["header", "body", "query"])
def test_the_clients_request_id_becomes_the_correlation_id(service: Service, place: str) -> None:
    """entra.md 8.1 and 15: MSAL Node sends it in body and query."""
    headers = (("client-request-id", ID),) if place == "header" else ()
    fields = {"client_id": WEB_APP, **({"client-request-id": ID} if place == "body" else {})}
    path = f"/{TENANT}/oauth2/token{f'?client-request-id={ID}' if place == 'query' else ''}"

    response = service.post(path, *headers, **fields)

    assert response.value()["correlation_id"] == ID
    assert response.header("client-request-id") == ""


def test_the_request_id_is_echoed_when_asked_for(service: Service) -> None:
    """entra.md 15: `return-client-request-id: true`."""
    headers = (("client-request-id", ID), ("return-client-request-id", "true"))

    assert service.token(*headers, **APP).header("client-request-id") == ID


def test_a_request_id_that_is_none_is_not_taken_over(service: Service) -> None:
    response = service.token(("client-request-id", "x\r\nSet-Cookie: a=b"), **APP, client_secret="wrong")

    assert re.fullmatch(GUID, response.value()["correlation_id"])


def test_every_answer_has_the_headers_of_entra_id(service: Service) -> None:
    """entra.md 6, response headers. HSTS only on the real names: a browser would apply it to all of localhost."""
    response = service.token(**APP)

    assert response.header("Cache-Control") == "no-store, no-cache"
    assert (response.header("Pragma"), response.header("Expires")) == ("no-cache", "-1")
    assert response.header("Content-Type") == "application/json; charset=utf-8"
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("P3P") == 'CP="DSP CUR OTPi IND OTRi ONL FIN"'
    assert response.header("x-ms-clitelem") == "1,0,0,,"
    assert response.header("x-ms-ests-server").startswith("2.1.")
    assert response.header("Strict-Transport-Security") == ""
    service.origin = "https://login.microsoftonline.com"
    assert service.token(**APP).header("Strict-Transport-Security") == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_taken(service: Service, method: str) -> None:
    """entra.md 3: other verbs 900561."""
    response = service.send(Request(method, f"{ORIGIN}/common/oauth2/token"))

    assert (response.status, response.value()["error_codes"]) == (400, [900561])


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"", "application/x-www-form-urlencoded", 900144),
        (b"grant_type=client_credentials", "application/json", 9002313),
        (b"{}", "application/json", 9002313),
        (b"grant_type=client_credentials&grant_type=password", "application/x-www-form-urlencoded", 9002313),
        (b"grant_type=%ff%fe", "application/x-www-form-urlencoded", 9002313),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 9002313),
        (b"&".join(b"a%d=b" % n for n in range(300)), "application/x-www-form-urlencoded", 9002313),
        (b"grant_type=" + b"x" * 200_000, "application/x-www-form-urlencoded", 70003),
        (b"grant_type=x&a=" + b"x" * 1_000_000, "application/x-www-form-urlencoded", 90013),
        (
            b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer",
            "application/x-www-form-urlencoded",
            70003,
        ),
        (b"grant_type=client_credentials", "application/x-www-form-urlencoded", 900144),
    ],
)
def test_a_malformed_request_is_refused(service: Service, body: bytes, content_type: str, code: int) -> None:
    """entra.md 7.8 and 9: 900144 names a missing field, 9002313 is malformed, 70003 an unknown grant."""
    request = Request("POST", f"{ORIGIN}/common/oauth2/token", (("Content-Type", content_type),), body)

    value = service.send(request).value()

    assert value["error_codes"] == [code]
    assert value["error"] == ("unsupported_grant_type" if code == 70003 else "invalid_request")


@pytest.mark.parametrize(
    ("tenant", "client", "code"),
    [
        (TENANT, "00000000-0000-0000-0000-000000000001", 700016),
        (TENANT, "not a guid", 700016),
        ("not a tenant", WEB_APP, 900023),
        ("elsewhere.example.com", WEB_APP, 90002),
        ("consumers", WEB_APP, 9002332),
        ("common", WEB_APP, 50059),
        (FABRIKAM, WEB_APP, 7000229),
    ],
)
def test_client_and_tenant_must_know_each_other(service: Service, tenant: str, client: str, code: int) -> None:
    """entra.md 2 and 7.4: an app without service principal in the tenant is 7000229."""
    response = service.token(**APP, tenant=tenant, client_id=client)

    assert (response.status, response.value()["error_codes"]) == (400, [code])
    assert response.value()["error"] in ("unauthorized_client", "invalid_request")


def test_an_app_of_one_tenant_is_unknown_elsewhere(service: Service) -> None:
    """entra.md 2: 50194 on /common; 700016 in another tenant."""
    service.web_app.multi_tenant = False
    password = {"grant_type": "password", "username": "a", "password": "b", "resource": PARTNER_CENTER}

    assert service.token(**password, tenant="common").value()["error_codes"] == [50194]
    assert service.token(**APP, tenant=FABRIKAM).value()["error_codes"] == [700016]
    assert service.token(**APP).status == 200


def test_a_disabled_app_gets_nothing(service: Service) -> None:
    """entra.md 9: 7000112 `unauthorized_client`."""
    service.web_app.enabled = False

    value = service.token(**APP).value()

    assert (value["error"], value["error_codes"]) == ("unauthorized_client", [7000112])


def test_what_a_stranger_sends_is_not_repeated_raw(service: Service) -> None:
    value = service.token(**APP, client_id="x\r\nTrace ID: forged").value()

    assert value["error_description"].count("\r\n") == 3


def test_v1_sends_texts_and_v2_numbers(service: Service) -> None:
    """entra.md 6: the success fields of both dialects."""
    v1 = service.token(**APP).value()
    v2 = service.v2_token(grant_type="client_credentials", scope=f"{PARTNER_CENTER}/.default").value()

    assert list(v1) == "token_type expires_in ext_expires_in expires_on not_before resource access_token".split()  # noqa: SIM905
    assert {type(value) for value in v1.values()} == {str}
    assert list(v2) == ["token_type", "expires_in", "ext_expires_in", "access_token"]
    assert (v2["expires_in"], v2["ext_expires_in"]) == (3600, 3600)


def test_v2_takes_no_resource(service: Service) -> None:
    """entra.md 3: `resource` sent to v2 is rejected, 901002."""
    response = service.v2_token(**APP, scope=f"{PARTNER_CENTER}/.default")

    assert response.value()["error_codes"] == [901002]


def test_basic_authentication_is_taken(service: Service) -> None:
    """entra.md 6: listed in the metadata as `client_secret_basic`."""
    import base64

    basic = base64.b64encode(f"{WEB_APP}:{WEB_APP_SECRET}".encode()).decode()
    fields = {"client_id": "", "client_secret": "", **APP}

    assert service.token(("Authorization", f"Basic {basic}"), **fields).status == 200
    assert service.token(("Authorization", "Basic ?"), **fields).value()["error_codes"] == [9002313]


def test_what_was_asked_stands_in_the_sign_in_log(service: Service) -> None:
    service.token(**APP)
    service.token(**APP, client_secret="wrong")
    service.token(client_id=NATIVE_APP, client_secret="", grant_type="device_code", code="x", resource=PARTNER_CENTER)

    rows = [(row.kind, row.code, row.client, row.resource) for row in service.ledger.log]
    assert rows == [
        ("client_credentials", 0, WEB_APP, PARTNER_CENTER),
        ("client_credentials", 7000215, WEB_APP, PARTNER_CENTER),
        ("device_code", 70018, NATIVE_APP, PARTNER_CENTER),
    ]
