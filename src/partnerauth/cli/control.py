"""`partnerauth emulator control`: a running emulator's clock, policies, faults, barriers, journal, snapshots and forks.

What a command takes as NAME=VALUE are members of the control API's own documents, so that nothing is said twice: what
there is stands in docs/testing.md and in the emulator's `/_emulator/openapi.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import click

from partnerauth.cli.emulator_control import address_option, ask, ca_option, key_option
from partnerauth.cli.emulator_control import control as raw
from partnerauth.cli.options import as_json
from partnerauth.cli.output import print_json, table

METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
NAMED = "NAME=VALUE"

Ask: TypeAlias = Callable[..., Any]


class Group(click.Group):
    """The named commands, and `METHOD PATH [BODY]` for everything else."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with."""
        if args and args[0].upper() in METHODS:
            return raw.name, raw, args
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The named ones, and the way to all others."""
        super().format_commands(ctx, formatter)
        with formatter.section("Anything else"):
            formatter.write_dl([("GET|PUT|POST|DELETE PATH [BODY]", "One request to the control API.")])


def asking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where the emulator is; hand it a way to ask its control API."""

    @wraps(function)
    def called(control: str | None, ca: str | None, key_file: str | None, **given: Any) -> Any:
        def bound(method: str, path: str, value: Any = None) -> Any:
            return ask(method, path, value, control, ca, key_file)

        return function(bound, **given)

    decorated: Any = called
    for option in (as_json, key_option, ca_option, address_option):
        decorated = option(decorated)
    done: Callable[..., Any] = decorated
    return done


@click.group(cls=Group, short_help="Ask a running emulator's control API.")
def control() -> None:
    """Look at a running emulator's world, and change it.

    \b
    partnerauth emulator control clock --advance 90d
    partnerauth emulator control faults add service=entra grant_type=refresh_token aadsts=50173 times=1
    partnerauth emulator control journal count grant_type=refresh_token --expect 1
    """  # noqa: D301  # click needs the character itself


@control.command(short_help="Show or change the clock.")
@click.option("--set", "now", metavar="MOMENT", help="Make it this moment (ISO 8601).")
@click.option("--advance", metavar="DURATION", help="Let this pass at once: 90d, 12h, PT15M, or seconds.")
@click.option("--freeze/--follow", "frozen", default=None, help="Stand still, or run on.")
@asking
def clock(ask: Ask, now: str | None, advance: str | None, frozen: bool | None, json_: bool) -> None:
    """Show the world's clock, or change it first."""
    wanted = {"now": now, "advance": advance, "frozen": frozen}
    change = {name: value for name, value in wanted.items() if value is not None}
    answer = ask("PUT", "/clock", change) if change else ask("GET", "/clock")
    _told(answer, json_, lambda: click.echo(f"{answer['now']}{' (frozen)' if answer['frozen'] else ''}"))


@control.command(short_help="Show policies, or change when they hold.")
@click.argument("changes", nargs=-1, metavar="[POLICY=today|never|MOMENT]...")
@asking
def policies(ask: Ask, changes: tuple[str, ...], json_: bool) -> None:
    """Show from when on each policy holds, or change that first."""
    answer = ask("PUT", "/policies", dict(map(_pair, changes))) if changes else ask("GET", "/policies")
    rows = ((name, begins or "never") for name, begins in answer.items())
    _told(answer, json_, lambda: table(("policy", "holds from"), rows))


@control.command(name="sign-in", short_help="Sign whoever comes in as a person.")
@click.argument("upn", required=False)
@click.option("--mfa/--no-mfa", default=None, help="With a second factor; by itself, if the person has one.")
@click.option("--stop", is_flag=True, help="Let people sign in by themselves again.")
@asking
def sign_in(ask: Ask, upn: str | None, mfa: bool | None, stop: bool, json_: bool) -> None:
    """Say who is signed in without being asked, or change it first."""
    if stop:
        ask("DELETE", "/sign-in")
    elif upn:
        ask("PUT", "/sign-in", {"upn": upn} | ({} if mfa is None else {"mfa": mfa}))
    answer = ask("GET", "/sign-in")
    text = f"{answer['upn']}{' with MFA' if answer['mfa'] else ''}" if answer["upn"] else "nobody"
    _told(answer, json_, lambda: click.echo(text))


@control.command(short_help="Make the world what it was in the beginning.")
@asking
def reset(ask: Ask, json_: bool) -> None:
    """Make the world what it was in the beginning, without faults, barriers and journal."""
    ask("POST", "/reset")
    _told(None, json_, lambda: None)


@control.group(invoke_without_command=True, short_help="Let requests go wrong.")
@asking
@click.pass_context
def faults(ctx: click.Context, ask: Ask, json_: bool) -> None:
    """List the rules by which requests go wrong; or `add` and `clear` them."""
    if not ctx.invoked_subcommand:
        answer = ask("GET", "/faults")
        rows = ((one["id"], f"{one['struck']} of {one['seen']}", _members(one["rule"])) for one in answer)
        _told(answer, json_, lambda: table(("rule", "struck", "what"), rows))


@faults.command(name="add", short_help="Add a rule.")
@click.argument("members", nargs=-1, required=True, metavar=f"{NAMED}...")
@asking
def add_fault(ask: Ask, members: tuple[str, ...], json_: bool) -> None:
    """Add a rule. Prints its id.

    \b
    which requests   service operation method path tenant user client_id grant_type resource
    when             nth every probability seed times until
    what happens     status headers body json aadsts code message retry_after html empty
                     content_type duplicate truncate delay reset drop processed
    """  # noqa: D301  # click needs the character itself
    _added(ask("POST", "/faults", dict(map(_member, members))), json_)


@faults.command(name="clear", short_help="Take a rule away, or all of them.")
@click.argument("name", required=False)
@asking
def clear_faults(ask: Ask, name: str | None, json_: bool) -> None:
    """Take one rule away, by its id; without one, all of them."""
    ask("DELETE", f"/faults/{quote(name, safe='')}" if name else "/faults")
    _told(None, json_, lambda: None)


@control.group(invoke_without_command=True, short_help="Hold requests until they are released.")
@asking
@click.pass_context
def barriers(ctx: click.Context, ask: Ask, json_: bool) -> None:
    """List the barriers and who waits there; or `add`, `release` and `clear` them."""
    if not ctx.invoked_subcommand:
        answer = ask("GET", "/barriers")
        rows = (
            (one["id"], str(len(one["waiting"])), str(one["came"]), str(one["expired"]), _members(one["barrier"]))
            for one in answer
        )
        _told(answer, json_, lambda: table(("barrier", "waiting", "came", "expired", "what"), rows))


@barriers.command(name="add", short_help="Put up a barrier.")
@click.argument("members", nargs=-1, metavar=f"[{NAMED}]...")
@asking
def add_barrier(ask: Ask, members: tuple[str, ...], json_: bool) -> None:
    """Put up a barrier. Prints its id.

    \b
    which requests   service operation method path tenant user client_id grant_type resource
    how              when=before|after parties times seconds
    """  # noqa: D301  # click needs the character itself
    _added(ask("POST", "/barriers", dict(map(_member, members))), json_)


@barriers.command(short_help="Let requests go on.")
@click.argument("name")
@click.option("--count", type=click.IntRange(0), help="Only the first ones.")
@asking
def release(ask: Ask, name: str, count: int | None, json_: bool) -> None:
    """Let the requests go on that wait at a barrier."""
    answer = ask("POST", f"/barriers/{quote(name, safe='')}/release", {} if count is None else {"count": count})
    _told(answer, json_, lambda: click.echo(f"{len(answer['released'])} released, {answer['waiting']} waiting"))


@barriers.command(name="clear", short_help="Take a barrier away, or all of them.")
@click.argument("name", required=False)
@asking
def clear_barriers(ask: Ask, name: str | None, json_: bool) -> None:
    """Take one barrier away, by its id; without one, all of them. Who waits there goes on."""
    ask("DELETE", f"/barriers/{quote(name, safe='')}" if name else "/barriers")
    _told(None, json_, lambda: None)


@control.group(invoke_without_command=True, short_help="What was asked, and how it ended.")
@asking
@click.pass_context
def journal(ctx: click.Context, ask: Ask, json_: bool) -> None:
    """Show the last requests; or `find`, `count` and `clear` them."""
    if not ctx.invoked_subcommand:
        _entries(ask, (), json_)


@journal.command(short_help="Search the journal.")
@click.argument("facts", nargs=-1, metavar=f"[{NAMED}]...")
@asking
def find(ask: Ask, facts: tuple[str, ...], json_: bool) -> None:
    """Show the requests of which all of this is true: service, path, status, method, client_id, grant_type, code..."""
    _entries(ask, facts, json_)


@journal.command(short_help="How often something was asked.")
@click.argument("facts", nargs=-1, metavar=f"[{NAMED}]...")
@click.option("--expect", type=click.IntRange(0), metavar="N", help="Fail with exit code 5 where it is not so often.")
@asking
def count(ask: Ask, facts: tuple[str, ...], expect: int | None, json_: bool) -> None:
    """Say how often something was asked; what may be named is as in `find`."""
    from partnerauth.errors import Refused

    answer = ask("GET", f"/journal/count{_query(facts)}")
    _told(answer, json_, lambda: click.echo(answer["count"]))
    if expect is not None and answer["count"] != expect:
        hint = "`partnerauth emulator control journal` shows what was asked."
        raise Refused(f"{' '.join(facts) or 'anything'} was asked {answer['count']} times, not {expect}", hint=hint)


@journal.command(name="clear", short_help="Forget all entries.")
@asking
def clear_journal(ask: Ask, json_: bool) -> None:
    """Forget all entries."""
    ask("DELETE", "/journal")
    _told(None, json_, lambda: None)


@control.group(invoke_without_command=True, short_help="Remember what the world is, and go back to it.")
@asking
@click.pass_context
def snapshot(ctx: click.Context, ask: Ask, json_: bool) -> None:
    """List the snapshots; or `take`, `restore` and `forget` them."""
    if not ctx.invoked_subcommand:
        answer = ask("GET", "/snapshots")
        _told(answer, json_, lambda: table(("snapshot", "moment"), ((one["id"], one["moment"]) for one in answer)))


@snapshot.command(short_help="Remember what the world is now.")
@click.argument("name", default="")
@asking
def take(ask: Ask, name: str, json_: bool) -> None:
    """Remember what the world is now. Prints the snapshot's name; one of the same NAME is replaced."""
    _added(ask("POST", "/snapshots", {"id": name}), json_)


@snapshot.command(short_help="Make the world what it was then.")
@click.argument("name")
@asking
def restore(ask: Ask, name: str, json_: bool) -> None:
    """Make the world what it was when the snapshot was taken."""
    answer = ask("POST", f"/snapshots/{quote(name, safe='')}/restore")
    _told(answer, json_, lambda: click.echo(f"{answer['id']}, of {answer['moment']}"))


@snapshot.command(short_help="Forget a snapshot.")
@click.argument("name")
@asking
def forget(ask: Ask, name: str, json_: bool) -> None:
    """Forget a snapshot."""
    ask("DELETE", f"/snapshots/{quote(name, safe='')}")
    _told(None, json_, lambda: None)


@control.group(invoke_without_command=True, short_help="Second worlds, that begin as this one is.")
@asking
@click.pass_context
def fork(ctx: click.Context, ask: Ask, json_: bool) -> None:
    """List the forks of this world; or `start` and `end` them. All of them end with the emulator."""
    if not ctx.invoked_subcommand:
        answer = ask("GET", "/forks")
        _told(answer, json_, lambda: table(("fork", "address"), ((one["id"], one["url"]) for one in answer)))


@fork.command(short_help="Fork the world as it is now.")
@click.argument("name", default="")
@asking
def start(ask: Ask, name: str, json_: bool) -> None:
    """Serve a second world, equal to this one as it is now, at an address of its own. Prints its name and that."""
    answer = ask("POST", "/forks", {"id": name})
    _told(answer, json_, lambda: click.echo(f"{answer['id']}  {answer['url']}"))


@fork.command(short_help="End a fork.")
@click.argument("name")
@asking
def end(ask: Ask, name: str, json_: bool) -> None:
    """End a fork, and the forks of that one."""
    ask("DELETE", f"/forks/{quote(name, safe='')}")
    _told(None, json_, lambda: None)


def _told(answer: Any, json_: bool, show: Callable[[], None]) -> None:
    if json_:
        print_json(answer)
    else:
        show()


def _added(answer: Any, json_: bool) -> None:
    _told(answer, json_, lambda: click.echo(answer["id"]))


def _entries(ask: Ask, facts: Iterable[str], json_: bool) -> None:
    answer = ask("GET", f"/journal{_query(facts)}")
    rows = (
        (
            str(one["number"]),
            one["moment"][:19].replace("T", " "),
            str(one["status"]),
            f"{one['method']} {one['service']}{one['path']}",
            " ".join(filter(None, (one.get("grant_type"), one.get("code"), one.get("fault")))),
        )
        for one in answer["entries"]
    )
    _told(answer, json_, lambda: table(("", "when", "status", "what", ""), rows))


def _query(facts: Iterable[str]) -> str:
    pairs = [_pair(fact) for fact in facts]
    return f"?{urlencode(pairs)}" if pairs else ""


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"'{text}' is not {NAMED}")
    return name, value


def _member(text: str) -> tuple[str, Any]:
    """A member of a document: what is written as JSON is JSON, all else is text."""
    name, value = _pair(text)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _members(document: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in document.items()
        if name != "id"
    )
