"""The OpenAPI document of the control API, made of the routes themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from partnerauth.emulator.control.route import ROOT, Route

REFERENCES = "#/components/schemas/{name}"
PROBLEM = {
    "type": "object",
    "description": "A refusal, as RFC 9457 says.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document (OpenAPI 3.1) of these routes."""
    routes = list(routes)
    types = [kind for route in routes for kind in (route.gives, route.takes) if kind is not None]
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCES)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The control API of the partnerauth emulator", "version": "1"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components | {"Problem": PROBLEM}},
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": "-".join([route.method.lower(), *route.path.replace("{", "").replace("}", "").split("/")[1:]]),
        "summary": route.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.names),
            *(
                {"name": name, "in": "query", "description": means, "schema": {"type": "string"}}
                for name, means in route.asks.items()
            ),
        ],
        "responses": {
            **({"204": {"description": "Done."}} if route.gives is None else {"200": _done(route.gives)}),
            "default": {
                "description": "Refused.",
                "content": {"application/problem+json": {"schema": {"$ref": REFERENCES.format(name="Problem")}}},
            },
        },
    }
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(route.takes)}}}
    return operation


def _done(gives: Any) -> dict[str, Any]:
    return {"description": "Done.", "content": {"application/json": {"schema": _schema(gives)}}}


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCES)
    return schema
