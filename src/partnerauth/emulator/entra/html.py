"""Pages: text in which everything that comes from outside is escaped, and the headers that keep a page to itself.

Source: Content Security Policy level 3. Chromium follows `form-action` through redirects, so the address that the
answer goes to is named there.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable

from partnerauth.messages import Headers, Response


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def fill(template: str, **values: object) -> Html:
    """`template` with the values put into its braces, each escaped unless it is `Html`."""
    safe = {name: value if isinstance(value, Html) else html.escape(str(value)) for name, value in values.items()}
    return Html(template.format_map(safe))


def joined(parts: Iterable[Html]) -> Html:
    """The parts one after the other."""
    return Html("".join(parts))


STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #616161; --paper: #fff; --ground: #f2f4f7; --line: #8a8a8a;
  --accent: #0f5ea8; --on-accent: #fff; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3f3f3; --soft: #b8b8b8; --paper: #242628; --ground: #151618;
  --line: #8a8a8a; --accent: #6cb2f2; --on-accent: #0b1a28; --wrong: #ff9b94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center;
  justify-content: center; background: var(--ground); color: var(--ink);
  font: 16px/1.5 "Segoe UI", system-ui, sans-serif; padding: 1rem; }
main { width: 100%; max-width: 27.5rem; background: var(--paper); padding: 2.75rem; border-radius: 2px;
  box-shadow: 0 2px 8px rgb(0 0 0 / 20%); overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; font-weight: 600; line-height: 1.25; margin: 0 0 .75rem; }
.brand { color: var(--soft); font-weight: 600; margin: 0 0 1rem; }
.who { margin: 0 0 .75rem; }
p, ul, dl { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
label { display: block; margin: 0 0 .25rem; }
input[type=text], input[type=password], textarea { width: 100%; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: 2px; padding: .4rem .6rem; margin: 0 0 1rem; }
textarea { min-height: 10rem; font-family: ui-monospace, monospace; font-size: .8rem; }
.check { display: flex; gap: .5rem; align-items: baseline; margin: 0 0 1rem; }
.check label { margin: 0; }
.actions { display: flex; flex-direction: row-reverse; gap: .5rem; flex-wrap: wrap; }
button { font: inherit; min-width: 6.75rem; padding: .35rem .75rem; border: 1px solid transparent; border-radius: 2px;
  background: var(--accent); color: var(--on-accent); cursor: pointer; }
button.second { background: transparent; color: inherit; border-color: var(--line); }
button.wide { width: 100%; text-align: left; margin: 0 0 .5rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.number { font-size: 3rem; text-align: center; font-variant-numeric: tabular-nums; }
.wrong { color: var(--wrong); }
.soft, footer { color: var(--soft); font-size: .85rem; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; }
footer { max-width: 27.5rem; margin-top: 1rem; text-align: center; }
@media (max-width: 30rem) { main { padding: 1.5rem; } }
"""

SUBMIT = "document.forms[0].submit();"
"""The only script of all pages: it sends the form of `response_mode=form_post`."""

AGAIN = '<meta http-equiv="refresh" content="3; url={url}">\n'

DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{again}<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
<footer>An emulator of Microsoft Entra ID. Never type a real password here.</footer>
{script}</body>
</html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page(
    title: str,
    body: Html,
    *,
    status: int = 200,
    targets: str = "'self'",
    submit: bool = False,
    again: str = "",
    frames: str = "",
) -> Response:
    """A page. `targets` says where its forms may go; with `submit` its form goes there at once.

    `again` is where the page looks by itself, without a script, for what comes next; `frames` are the origins of the
    pages within it.
    """
    policy = [
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"form-action {targets}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if submit:
        policy.append(f"script-src {_hash(SUBMIT)}")
    if frames:
        policy.append(f"frame-src {frames}")
    headers: Headers = (
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    )
    script = Html(f"<script>{SUBMIT}</script>\n") if submit else Html("")
    refresh = fill(AGAIN, url=again) if again else Html("")
    document = fill(DOCUMENT, title=title, style=Html(STYLE), body=body, script=script, again=refresh)
    return Response.html(status, document, headers)
