"""Key Vault's contract as a document, and the emulated vault held against it, whatever is asked.

Source of the document: the Key Vault reference, 2, 2.1 and 4 (Microsoft's contracts of secrets and keys,
api-version 2025-07-01).
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from partnerauth.cloud import Api, emulated
from partnerauth.emulator import default
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from tests.emulator.test_control_fuzz import InProcess

ORIGIN = "https://localhost"
VAULT = f"{ORIGIN}/contoso.vault.azure.net"
KNOWN = "tenant-id"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
ATTRIBUTES = {
    "type": "object",
    "properties": {"enabled": {"type": "boolean"}, "nbf": NUMBER, "exp": NUMBER, "created": NUMBER, "updated": NUMBER},
}
TAGS = {"type": "object", "additionalProperties": TEXT}
BUNDLE = {
    "type": "object",
    "required": ["id", "attributes"],
    "properties": {"id": TEXT, "value": TEXT, "contentType": TEXT, "attributes": ATTRIBUTES, "tags": TAGS},
}
LIST = {
    "type": "object",
    "required": ["value", "nextLink"],
    "properties": {"value": {"type": "array", "items": BUNDLE}, "nextLink": {"type": ["string", "null"]}},
}
BACKUP = {"type": "object", "required": ["value"], "properties": {"value": TEXT}}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["code", "message"], "properties": {"code": TEXT}}},
}
CHANGES = {"contentType": TEXT, "tags": TAGS, "attributes": ATTRIBUTES}
KEY = {
    "type": "object",
    "required": ["key", "attributes"],
    "properties": {
        "key": {
            "type": "object",
            "required": ["kid", "kty", "key_ops"],
            "properties": {"kid": TEXT, "kty": TEXT, "key_ops": {"type": "array", "items": TEXT}, "d": False},
        },
        "attributes": ATTRIBUTES,
        "tags": TAGS,
    },
}
ALGORITHM = {"enum": ["RSA-OAEP-256", "RSA-OAEP", "RSA1_5", "RS256", "ES256", "A256KW"]}
USE = {"type": "object", "required": ["alg", "value"], "properties": {"alg": ALGORITHM, "value": TEXT}}
USED = {"type": "object", "required": ["kid", "value"], "properties": {"kid": TEXT, "value": TEXT}}
VERIFY = {"type": "object", "properties": {"alg": ALGORITHM, "digest": TEXT, "value": TEXT}}
VERIFIED = {"type": "object", "required": ["value"], "properties": {"value": {"type": "boolean"}}}
OPERATIONS = {"type": "array", "items": {"enum": ["sign", "verify", "wrapKey", "unwrapKey", "encrypt", "decrypt"]}}
KEY_CHANGES = {"key_ops": OPERATIONS, "tags": TAGS, "attributes": ATTRIBUTES}
CREATE = {
    "type": "object",
    "required": ["kty"],
    "properties": {"kty": {"enum": ["EC", "oct", "RSA-HSM"]}, "crv": TEXT, "key_size": NUMBER, **KEY_CHANGES},
}
IMPORT = {"type": "object", "required": ["key"], "properties": {"key": {"type": "object"}, "Hsm": {"type": "boolean"}}}
SET = {"type": "object", "required": ["value"], "properties": {"value": TEXT, **CHANGES}}
UPDATE = {"type": "object", "properties": CHANGES}


def operation(gives: dict[str, Any] | None, takes: dict[str, Any] | None = None, *names: str) -> dict[str, Any]:
    """One operation: what it takes and gives, and the names in its path."""
    parameters = [{"name": "api-version", "in": "query", "required": True, "schema": {"enum": ["7.4", "2026-04-01"]}}]
    parameters += [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    content = {"application/json": {"schema": gives}} if gives else None
    good = {"200": {"description": "done", "content": content}} if content else {"204": {"description": "done"}}
    bad = {
        str(status): {"description": "refused", "content": {"application/json": {"schema": ERROR}}}
        for status in (400, 401, 403, 404, 405, 409, 415)
    }
    described: dict[str, Any] = {"parameters": parameters, "responses": good | bad}
    if takes:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": takes}}}
    return described


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Key Vault", "version": "2025-07-01"},
    "paths": {
        "/secrets": {"get": operation(LIST)},
        "/secrets/{name}": {
            "put": operation(BUNDLE, SET, "name"),
            "get": operation(BUNDLE, None, "name"),
            "patch": operation(BUNDLE, UPDATE, "name"),
            "delete": operation(BUNDLE, None, "name"),
        },
        "/secrets/{name}/versions": {"get": operation(LIST, None, "name")},
        "/secrets/{name}/backup": {"post": operation(BACKUP, None, "name")},
        "/secrets/restore": {"post": operation(BUNDLE, BACKUP)},
        "/secrets/{name}/{version}": {
            "get": operation(BUNDLE, None, "name", "version"),
            "patch": operation(BUNDLE, UPDATE, "name", "version"),
        },
        "/deletedsecrets": {"get": operation(LIST)},
        "/deletedsecrets/{name}": {
            "get": operation(BUNDLE, None, "name"),
            "delete": operation(None, None, "name"),
        },
        "/deletedsecrets/{name}/recover": {"post": operation(BUNDLE, None, "name")},
        "/keys/{name}": {
            "put": operation(KEY, IMPORT, "name"),
            "get": operation(KEY, None, "name"),
            "patch": operation(KEY, {"type": "object", "properties": KEY_CHANGES}, "name"),
        },
        "/keys/{name}/create": {"post": operation(KEY, CREATE, "name")},
        **{
            f"/keys/{{name}}/{{version}}/{use}": {"post": operation(USED, USE, "name", "version")}
            for use in ("wrapkey", "sign")
        },
        "/keys/{name}/{version}/verify": {"post": operation(VERIFIED, VERIFY, "name", "version")},
    },
}

IN_PROCESS = InProcess()
SESSION = requests.Session()
SESSION.mount(ORIGIN, IN_PROCESS)
CONTRACT = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def bearer() -> dict[str, str]:
    """The header of an application that may do everything in the vault."""
    application = Application(default.WEB_APP, Secret(default.WEB_APP_SECRET))
    source = AppOnly(application, emulated(ORIGIN).authority(default.TENANT), clock=IN_PROCESS.emulator.world.clock)
    with Session(send=IN_PROCESS.emulator.handle) as session:
        token = session.token(source, Api.KEY_VAULT).access_token
    return {"Authorization": f"Bearer {token.reveal()}"}


@pytest.fixture(autouse=True)
def _no_faults_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR, "partnerauth.emulator"):
        yield
    assert "fault while answering" not in caplog.text


@CONTRACT.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_vault_answers_as_its_contract_says(case: schemathesis.Case[Any], bearer: dict[str, str]) -> None:
    """Asked by a stranger, and by who may, about what is not there and about what is."""
    case.call_and_validate(base_url=VAULT, session=SESSION, checks=CHECKS)
    case.call_and_validate(base_url=VAULT, session=SESSION, checks=CHECKS, headers=bearer)
    if "name" in case.path_parameters:
        SESSION.put(f"{VAULT}/secrets/{KNOWN}?api-version=7.4", json={"value": "RefreshTokenValue"}, headers=bearer)
        SESSION.post(f"{VAULT}/keys/{KNOWN}/create?api-version=7.4", json={"kty": "EC"}, headers=bearer)
        case.path_parameters = {**case.path_parameters, "name": KNOWN}
        case.call_and_validate(base_url=VAULT, session=SESSION, checks=CHECKS, headers=bearer)
