"""How Graph answers: its entities, its errors, its headers (the reference of app registration, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from partnerauth.cloud import GUID
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.world import World
from partnerauth.messages import Headers, Request, Response

LONGEST = 100
ABSENT = "does not exist or one of its queried reference-property objects are not present"


class Denied(Exception):
    """Graph says no. `detail` is a code that says more than `code`, about the property `target`."""

    def __init__(
        self, status: int, code: str, message: str, headers: Headers = (), *, detail: str = "", target: str = ""
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.detail = detail
        self.target = target

    def response(self, moment: datetime, request_id: str, client: str) -> Response:
        """The answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail:
            error["details"] = [{"code": self.detail, "message": self.message, "target": self.target}]
        error["innerError"] = {
            "date": moment.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": client,
        }
        return Response.json(self.status, {"error": error}, self.headers)


def bad(message: str, detail: str = "", target: str = "") -> Denied:
    """A request that cannot be: 400 `Request_BadRequest`."""
    return Denied(400, "Request_BadRequest", message, detail=detail, target=target)


def forbidden(message: str = "Insufficient privileges to complete the operation.") -> Denied:
    """403 `Authorization_RequestDenied`."""
    return Denied(403, "Authorization_RequestDenied", message)


def no_such(name: str) -> Denied:
    """404 `Request_ResourceNotFound`."""
    return Denied(404, "Request_ResourceNotFound", f"Resource '{shown(name)}' {ABSENT}.")


def conflict(message: str) -> Denied:
    """409 `Request_MultipleObjectsWithSameKeyValue`."""
    return Denied(409, "Request_MultipleObjectsWithSameKeyValue", message)


def context(arrival: Arrival, what: str) -> str:
    """What `@odata.context` says."""
    return f"{arrival.base}/v1.0/$metadata#{what}"


def stamped(world: World, request: Request, response: Response) -> Response:
    """The answer with the headers that every answer carries."""
    request_id, client = ids(world, request)
    headers = (*response.headers, ("request-id", request_id), ("client-request-id", client))
    return Response(response.status, headers, response.body, response.reason)


def ids(world: World, request: Request) -> tuple[str, str]:
    """The id of this request here, and the caller's own."""
    with world.lock:
        request_id = world.guid()
    client = request.header("client-request-id")
    return request_id, client if GUID.fullmatch(client) else request_id


def moment(read: datetime | None) -> str | None:
    """A moment as Graph writes it."""
    return None if read is None else read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(text: str) -> str:
    """What a stranger sent, fit for a message: printable and short."""
    return "".join(character for character in text[:LONGEST] if character.isprintable())


def without(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A record without some of its members."""
    return {name: value for name, value in record.items() if name not in names}
