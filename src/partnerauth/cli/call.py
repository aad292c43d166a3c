"""`partnerauth call`: an authorised request to an API, its pages followed, its refusals explained."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from partnerauth.cli.options import with_settings
from partnerauth.errors import Misconfigured

if TYPE_CHECKING:
    from partnerauth.apis.operation import Call
    from partnerauth.cloud import Api, Resource
    from partnerauth.config import Settings
    from partnerauth.messages import Response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@click.command(short_help="Send an authorised request to an API.")
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False))
@click.argument("path_or_url")
@click.option("--api", default="", metavar="NAME", help="The API a path belongs to (default: partner-center).")
@click.option("--as", "kind", type=click.Choice(["app", "user", "password"]), default="user", show_default=True)
@click.option("--body", default="", metavar="TEXT|@FILE|-", help="The JSON body; - reads standard input.")
@click.option("--output", type=click.Choice(["json", "curl"]), default="json", show_default=True)
@with_settings("username", "password_file")
def call(settings: Settings, method: str, path_or_url: str, api: str, kind: str, body: str, output: str) -> None:
    """Send an authorised request to an API and print the answer as JSON.

    PATH_OR_URL is a path of the API (/v1/customers) or one of its addresses; a token goes to no other host. Pages of a
    list are followed. `--output curl` prints a command that takes the header from standard input instead.

    \b
    partnerauth call GET /v1/customers
    partnerauth call GET /v1.0/me --api graph
    partnerauth call PATCH /v1/customers/ID --body @change.json
    """  # noqa: D301  # click reads it
    from partnerauth.apis.reference import any_call
    from partnerauth.cli.output import print_json

    named, resource, path = _addressed(settings, path_or_url, api)
    if output == "curl":
        header = f"partnerauth token --api {named.value} --as {kind} --output header"
        url = shlex.quote(resource.address + path)
        click.echo(f"{header} | curl --silent --show-error --header @- --request {method} {url}")
        return
    parts = urlsplit(path)
    value = _body(body) if body else None
    asked = any_call(named, method, parts.path, query=_query(parts.query), body=value)
    print_json(_gathered(settings, kind, asked))


def _addressed(settings: Settings, path_or_url: str, api: str) -> tuple[Api, Resource, str]:
    from partnerauth.cloud import Api

    if path_or_url.startswith("/"):
        named = {known.value: known for known in Api}.get(api or Api.PARTNER_CENTER.value)
        if named is None:
            settings.resource(api)
            raise Misconfigured(f"'{api}' is an address; give the path's API by name")
        return named, settings.cloud.resource(named), path_or_url
    resource = settings.cloud.find(path_or_url)
    named = next(known for known, other in settings.cloud.apis.items() if other == resource)
    if named is Api.KEY_VAULT:
        raise Misconfigured("key vaults are not called this way", hint="Use Microsoft's SDK with our credential.")
    parts, base = urlsplit(path_or_url), urlsplit(resource.address)
    path = parts.path.removeprefix(base.path.rstrip("/")) or "/"
    return named, resource, f"{path}?{parts.query}" if parts.query else path


def _query(text: str) -> dict[str, str]:
    from partnerauth.messages import read_form

    try:
        return read_form(text)
    except ValueError as error:
        raise Misconfigured(f"the query is not well formed: {error}") from None


def _body(given: str) -> Any:
    import msgspec

    if given == "-":
        content = sys.stdin.buffer.read()
    elif given.startswith("@"):
        try:
            content = Path(given[1:]).read_bytes()
        except OSError as error:
            raise Misconfigured(f"the body's file cannot be read ({error.strerror})") from None
    else:
        content = given.encode()
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise Misconfigured(
            "the body is no JSON", hint='Give JSON: --body \'{"name": "value"}\', @file or -.'
        ) from None


def _gathered(settings: Settings, kind: str, asked: Call[Any]) -> Any:
    """The answer; where it is a list in pages, with the items of all of them."""
    from dataclasses import replace

    from partnerauth.apis.page import Page

    documents: list[Any] = []

    def read(call: Call[Any], response: Response) -> Any:
        value = response.value() if response.body else None
        documents.append(value)
        listed = isinstance(value, Mapping) and (isinstance(value.get("items") or value.get("value"), list))
        return Page.read(dict, call, response, value) if listed or call.ends(response) else value

    source = settings.source(kind, settings.get("tenant"))
    page = settings.session.call(source, replace(asked, reader=read))
    if not isinstance(page, Page):
        return page
    items, following = list(page.items), page.next
    while following is not None:
        page = settings.session.call(source, following)
        items += page.items
        following = page.next
    first = dict(documents[0])
    name = "items" if isinstance(first.get("items"), list) else "value"
    first[name] = items
    for link in ("@odata.nextLink", "continuationToken", "links"):
        first.pop(link, None)
    return first
