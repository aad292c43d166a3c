"""Scripts of other sites (CORS): single-page applications sign in and ask Graph from the browser.

Sources: Fetch (CORS protocol); Microsoft "Redirect URI restrictions and limitations" (single-page applications);
recorded metadata answers.
"""

from __future__ import annotations

from dataclasses import replace

from partnerauth.messages import Headers, Request, Response

A_DAY = "86400"


def permission(request: Request, *methods: str) -> Response:
    """The answer to a browser that asks whether a script may ask: by these methods, with the headers that it names."""
    wanted = request.header("Access-Control-Request-Headers")
    named = (("Access-Control-Allow-Headers", wanted),) if wanted else ()
    return Response(200, (*_open(methods), *named, ("Access-Control-Max-Age", A_DAY)))


def readable(request: Request, response: Response, *methods: str, exposed: str) -> Response:
    """`response` such that the script that asked, if one did, may read it, with these headers of it."""
    if not request.header("Origin"):
        return response
    more = (*_open(methods), ("Access-Control-Expose-Headers", exposed))
    return replace(response, headers=(*response.headers, *more))


def _open(methods: tuple[str, ...]) -> Headers:
    return (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", ", ".join((*methods, "OPTIONS"))),
    )
