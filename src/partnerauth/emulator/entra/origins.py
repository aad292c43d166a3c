"""Scripts of other sites (CORS): single-page applications redeem codes and read metadata from the browser.

Sources: Fetch (CORS protocol); Microsoft "Redirect URI restrictions and limitations" (single-page applications);
recorded metadata answers.
"""

from __future__ import annotations

from dataclasses import replace

from partnerauth.messages import Headers, Request, Response

READABLE = {
    ".well-known/openid-configuration": "GET",
    "v2.0/.well-known/openid-configuration": "GET",
    "discovery/keys": "GET",
    "discovery/v2.0/keys": "GET",
    "discovery/instance": "GET",
    "oauth2/token": "POST",
    "oauth2/v2.0/token": "POST",
}
"""What a script of any site may ask, and by which method. What it is told is decided elsewhere."""
A_DAY = "86400"


def is_preflight(request: Request, endpoint: str) -> bool:
    """Whether a browser asks if a script may ask."""
    return request.method.upper() == "OPTIONS" and endpoint in READABLE


def permission(request: Request, endpoint: str) -> Response:
    """The answer to that: it may, with the headers that it names."""
    wanted = request.header("Access-Control-Request-Headers")
    named = (("Access-Control-Allow-Headers", wanted),) if wanted else ()
    return Response(200, (*_open(endpoint), *named, ("Access-Control-Max-Age", A_DAY)))


def readable(request: Request, endpoint: str, response: Response) -> Response:
    """`response` such that the script that asked may read it; metadata says so to everybody by itself."""
    if request.method.upper() != "POST" or not request.header("Origin") or READABLE.get(endpoint) != "POST":
        return response
    exposed = ("Access-Control-Expose-Headers", "Content-Length, Content-Encoding, x-ms-request-id, x-ms-clitelem")
    return replace(response, headers=(*response.headers, *_open(endpoint), exposed))


def _open(endpoint: str) -> Headers:
    return (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", f"{READABLE[endpoint]}, OPTIONS"),
    )
