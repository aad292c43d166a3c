"""`partnerauth consent`: a person signs in with MFA, once; what they leave is judged and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import click
from click.core import ParameterSource

from partnerauth.cli import again
from partnerauth.cli.group import Group
from partnerauth.cli.options import as_json, with_settings
from partnerauth.cli.output import printable
from partnerauth.errors import MfaMissing, Misconfigured, PartnerAuthError, SignInCancelled

if TYPE_CHECKING:
    from partnerauth.cloud import Resource
    from partnerauth.config import Settings
    from partnerauth.consent.first import Expected, FirstConsent, Kept
    from partnerauth.consent.reach import Reached
    from partnerauth.oauth.authorize import Ticket

    Way = Callable[[Settings, FirstConsent, dict[str, str], str, bool], Kept]


COMMANDS = {
    "web": ("desk", "The consent page: a web server at which people consent."),
    "invite": ("invite", "Make a link by which one person may consent, once."),
    "reinstate": ("reinstate", "Put a consent that was set aside back in force."),
    "admin": ("admin", "Let an administrator grant the application its permissions."),
}


@click.group(
    cls=Group,
    loads=COMMANDS,
    invoke_without_command=True,
    short_help="Get a consent from a person with MFA, and keep it.",
)
@click.option("--paste", is_flag=True, help="No local web server: paste the address the browser ends at.")
@click.option("--no-browser", is_flag=True, help="Print the link instead of opening it.")
@click.option("--device", is_flag=True, help="Sign in on another device with a code; many tenants block this.")
@click.option("--import", "held", metavar="FILE|-|VAULT", default="", help="Take over a refresh token held elsewhere.")
@click.option("--login-hint", default="", metavar="TEXT", help="The user name to fill in.")
@click.option("--person", default="", metavar="GUID", help="The object id of the person who must sign in.")
@click.option("--replace", is_flag=True, help="Let a colleague's consent take the place of the present one.")
@click.option("--allow-no-mfa", is_flag=True, help="Emulated clouds only: keep a consent without MFA.")
@as_json
@with_settings("redirect_uri", "reach")
def consent(settings: Settings, **given: Any) -> None:
    """Get a consent from a person with MFA, and keep it.

    Opens the sign-in page in a browser. The person must be an agent of the partner's tenant with MFA. What comes back
    is judged before anything is stored: tenant, person, id_token, MFA. Then it is tried at each API.

    \b
    partnerauth consent
    partnerauth consent --paste --login-hint admin.agent@contoso.com
    partnerauth consent --import msal-cache.json
    partnerauth consent --import https://contoso-tokens.vault.azure.net/
    """  # noqa: D301  # click reads it
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        _require_no_options(context)
        return
    from partnerauth.cloud import GUID

    if given["person"] and not GUID.fullmatch(given["person"]):
        hint = "Give the object id of the account, a GUID; --login-hint takes a user name."
        raise Misconfigured("--person is no object id", hint=hint)
    _ = settings.reach  # what it names wrongly is told before anybody signs in
    kept = obtain(
        settings,
        way=_way(given),
        opened=not given["no_browser"],
        login_hint=given["login_hint"],
        person=given["person"],
        replacing=given["replace"],
        without_mfa=given["allow_no_mfa"],
    )
    again.forget()
    reached, roles = tried(settings, kept)
    report("consented", described(kept, settings), reached, roles, json_=given["json_"])


def report(done: str, facts: dict[str, Any], reached: list[Reached], roles: tuple[str, ...], *, json_: bool) -> None:
    """Tell of a consent that was just kept, and of what it opens."""
    from partnerauth.cli.output import print_json

    facts |= {"roles": list(roles), "apis": [one.facts() for one in reached]}
    if json_:
        print_json(facts)
        return
    click.echo(f"{click.style(done, fg='green', bold=True)}: {facts['user']} for tenant {facts['tenant']}")
    click.echo(f"  MFA {facts['mfa']}, roles seen: {', '.join(roles) or 'none'}")
    click.echo(f"  good until {facts['good_until']:%Y-%m-%d} if never used; each renewal adds 90 days")
    for one in reached:
        click.echo(f"  {_line(one)}")


def _require_no_options(context: click.Context) -> None:
    """What stands before a subcommand would be lost: say so."""
    for option in context.command.params:
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[-1]} belongs behind `{context.invoked_subcommand}`.")


def tried(settings: Settings, kept: Kept) -> tuple[list[Reached], tuple[str, ...]]:
    """What the kept consent opens of the APIs that the settings name, and the roles that could be seen."""
    from partnerauth.consent.reach import reach, roles_seen
    from partnerauth.consent.user import AppUser

    user = AppUser(
        settings.application, settings.book, kept.consent.tenant, dialect=settings.dialect, clock=settings.clock
    )
    reached = settings.session.run(reach(user, settings.reach))
    return reached, settings.session.run(roles_seen(reached, settings.cloud, kept.evidence.roles))


def _line(one: Reached) -> str:
    if one.open:
        return f"{click.style('opens', fg='green')} {one.api}: {printable(', '.join(one.permissions))}"
    facts = one.facts()
    word = click.style("not permitted", dim=True) if one.unasked else click.style("refused", fg="red")
    code = f" [{facts['code']}]" if facts["code"] else ""
    return f"{word} {one.api}{code}: {printable(str(facts['cause']))} {printable(str(facts['remedy']))}"


def described(kept: Kept, settings: Settings) -> dict[str, Any]:
    """What is told of a consent just kept."""
    return {
        "user": kept.consent.username,
        "tenant": kept.consent.tenant,
        "person": kept.consent.person,
        "mfa": kept.consent.mfa.value,
        "roles": list(kept.evidence.roles),
        "consented_at": kept.consent.consented_at,
        "good_until": kept.consent.idle_end,
        "store": settings.store.id,
    }


def obtain(
    settings: Settings,
    *,
    way: Way | None = None,
    opened: bool = True,
    login_hint: str = "",
    person: str = "",
    replacing: bool = False,
    without_mfa: bool = False,
) -> Kept:
    """A kept consent; where MFA is not shown at first, the person is asked once more."""
    from partnerauth.oauth.discovery import tenant_id

    authority = settings.authority(settings.get("tenant") or "organizations")
    first = settings.first_consent(without_mfa=without_mfa, replacing=replacing)
    settings.store.check()
    expected = "" if authority.shared else settings.session.run(tenant_id(authority))
    if left := _left_before(settings, first, expected, person):
        return left
    round_ = way or _loopback
    facts = {"login_hint": login_hint, "expected_tenant": expected, "expected_person": person}
    try:
        return round_(settings, first, facts, "", opened)
    except MfaMissing as error:
        if without_mfa or round_ not in (_loopback, _paste):
            raise
        click.echo(f"{error.message}; asking once more, for a sign-in with MFA", err=True)
        return round_(settings, first, facts, "login", opened)


def _left_before(settings: Settings, first: FirstConsent, tenant: str, person: str) -> Kept | None:
    """What an earlier sign-in left unjudged, judged now; the consent of the tenant and person asked for, if any."""
    from partnerauth.consent.first import Kept

    for outcome in settings.session.run(first.finish()):
        if not isinstance(outcome, Kept):
            click.echo(f"An earlier sign-in was left unfinished, and is not kept: {outcome.message}", err=True)
        elif tenant in ("", outcome.consent.tenant) and person.lower() in ("", outcome.consent.person):
            click.echo("An earlier sign-in was left unfinished; it has been judged now, and is kept.", err=True)
            return outcome
    return None


def _way(given: dict[str, Any]) -> Way:
    ways: dict[str, Way] = {"paste": _paste, "device": _device, "held": partial(_import, given["held"])}
    chosen = [name for name in ways if given[name]]
    if len(chosen) > 1:
        raise Misconfigured("--paste, --device and --import exclude each other")
    return ways[chosen[0]] if chosen else _loopback


def _loopback(settings: Settings, first: FirstConsent, facts: dict[str, str], prompt: str, opened: bool) -> Kept:
    from partnerauth.cli.browser import LoopbackReceiver, page
    from partnerauth.oauth.authorize import TICKET_LIFETIME, AuthorizeResponse

    with LoopbackReceiver(settings.get("redirect_uri", "http://localhost")) as receiver:
        ticket = _ticket(settings, receiver.redirect_uri, facts)
        receiver.expect(ticket.state)
        link = ticket.request(_asked(first), response_mode="form_post", prompt=prompt).to(ticket.authority)
        if opened:
            open_link(link)
        click.echo(f"{'Sign in in the browser window; if none opens, use' if opened else 'Open'} this link:", err=True)
        click.echo(link, err=True)
        fields = receiver.wait(TICKET_LIFETIME.total_seconds())
        try:
            kept = settings.session.run(first.answer(ticket, AuthorizeResponse.read(fields)))
        except BaseException as error:
            receiver.reply(page(error))
            raise
        receiver.reply(page(kept))
        return kept


def open_link(link: str) -> None:
    """Open the link in the person's browser.

    In a process of its own: some browsers only return when they are closed, and what they say is no part of our answer.
    It and the browser see none of our variables, which may hold secrets.
    """
    import os
    import subprocess
    import sys
    import threading

    opening = "import sys, webbrowser; webbrowser.open(sys.argv[1])"  # as a module it would ring the bell
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("PARTNERAUTH_")}
    opener = subprocess.Popen([sys.executable, "-I", "-c", opening, link], stdout=sys.stderr, env=theirs)  # noqa: S603
    threading.Thread(target=opener.wait, daemon=True).start()  # nobody else would, and it would stay as a zombie


def _paste(settings: Settings, first: FirstConsent, facts: dict[str, str], prompt: str, opened: bool) -> Kept:
    from partnerauth.oauth.authorize import OOB, AuthorizeResponse

    ticket = _ticket(settings, settings.get("redirect_uri", OOB), facts)
    click.echo(
        "Open this link in a browser, sign in, and paste what you come to (the address, or the text shown):", err=True
    )
    click.echo(ticket.request(_asked(first), prompt=prompt).to(ticket.authority), err=True)
    fields = read_pasted(_typed())
    return settings.session.run(first.answer(ticket, AuthorizeResponse.read(fields)))


def _typed() -> str:
    try:
        return str(click.prompt("", prompt_suffix="> ", err=True, default="", show_default=False)).strip()
    except click.Abort as end:
        if isinstance(end.__context__, EOFError):
            return ""
        raise


def _device(settings: Settings, first: FirstConsent, facts: dict[str, str], prompt: str, opened: bool) -> Kept:
    from partnerauth.consent.first import advise
    from partnerauth.oauth.device import begin

    expected = _expected(settings, facts)
    asking = begin(settings.application, expected.authority, _asked(first), settings.clock, settings.dialect)
    try:
        login = settings.session.run(asking)
        click.echo(printable(login.message), err=True)
        click.echo("Type the code only at that address, and only because you started this yourself.", err=True)
        return settings.session.run(first.device(login, expected, settings.dialect))
    except PartnerAuthError as error:
        advise(error)
        raise


def _import(
    file: str, settings: Settings, first: FirstConsent, facts: dict[str, str], prompt: str, opened: bool
) -> Kept:
    from partnerauth.cli.inspect import text_of
    from partnerauth.consent.held import held_in_vault, read_held

    if file.startswith("https://"):
        vault, secret = settings.stores.other_vault(file)
        tenant = facts["expected_tenant"]
        token = settings.session.run(held_in_vault(vault, settings.application.id, settings.cloud, tenant, secret))
    else:
        token = read_held(text_of(file), settings.application.id, settings.cloud)
    return settings.session.run(first.held(token, _expected(settings, facts), settings.dialect))


def _expected(settings: Settings, facts: dict[str, str]) -> Expected:
    from partnerauth.consent.first import Expected

    authority = settings.authority(settings.get("tenant") or "organizations")
    return Expected(authority, facts["expected_tenant"], facts["expected_person"])


def _ticket(settings: Settings, redirect_uri: str, facts: dict[str, str]) -> Ticket:
    from partnerauth.oauth.authorize import Ticket

    authority = settings.authority(settings.get("tenant") or "organizations")
    return Ticket.issue(
        authority, settings.application.id, redirect_uri, settings.clock.now(), dialect=settings.dialect, **facts
    )


def _asked(first: FirstConsent) -> Resource:
    return first.apis[0]


def read_pasted(text: str) -> dict[str, str]:
    """The fields in what a person pasted: an address with its query or fragment, or the fields alone.

    Raises `SignInCancelled` for nothing and `Misconfigured` for anything else.
    """
    if not text:
        raise SignInCancelled("nothing was pasted")
    parts = urlsplit(text)
    carried = parts.query or parts.fragment if "?" in text or "#" in text else text
    try:
        pairs = parse_qsl(carried, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if len(fields) != len(pairs) or not {"code", "error"} & fields.keys():
        raise Misconfigured(
            "what was pasted carries neither a code nor an error",
            hint="Paste the whole address of the page you came to, from https:// or urn: to its end.",
        )
    return fields
