"""`partnerauth emulator run -- COMMAND`: one command for which the emulator is Microsoft, and nobody else."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.emulated import with_world

if TYPE_CHECKING:
    import socket

    from partnerauth.cli.emulated import Opened
    from partnerauth.serving.server import Server

NOT_FOUND, NOT_RUNNABLE, BY_SIGNAL = 127, 126, 128
"""Exit codes as a shell gives them."""
FORWARDED = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))

log = logging.getLogger("partnerauth.emulator.run")


@click.command(
    short_help="Run a command for which the emulator is Microsoft.", context_settings={"allow_interspersed_args": False}
)
@with_world
@click.option(
    "--names",
    type=click.Choice(["auto", "hosts", "proxy"]),
    default="auto",
    show_default=True,
    help="How Microsoft's names lead here: by a hosts file of the command's own, or by HTTPS_PROXY.",
)
@click.option("--isolated", is_flag=True, help="Give the command no other network than the emulator (Linux).")
@click.option("--pass-through", is_flag=True, help="Let the command trust and reach other hosts as well.")
@click.option("--sign-in", metavar="UPN", help="Whoever is sent to sign in is this person already; no browser opens.")
@click.option("--no-mfa", is_flag=True, help="With --sign-in: without a second factor.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    command: tuple[str, ...],
    names: str,
    isolated: bool,
    pass_through: bool,
    sign_in: str | None,
    no_mfa: bool,
    **world: Any,
) -> None:
    """Run COMMAND for which the emulator is Microsoft: real names, trusted certificates, nothing in it changed.

    Its environment says where roots to trust are, PARTNERAUTH_CONTROL where the control API is, PARTNERAUTH_EMULATED=1
    that all this is make-believe. Ends with COMMAND's exit code, and leaves nothing behind.

    \b
    partnerauth emulator run -- python sync.py
    partnerauth emulator run --policies today -- sh
    """  # noqa: D301  # click reads it
    if isolated and names == "proxy":
        raise click.UsageError("--isolated gives the command names of its own: it does not go with --names proxy.")
    if isolated and pass_through:
        raise click.UsageError("--isolated leaves nothing to pass through to.")
    if no_mfa and not sign_in:
        raise click.UsageError("--no-mfa belongs to --sign-in.")
    from partnerauth.cli.emulated import opened

    served = opened(**world)
    variables: dict[str, str] = {}
    if sign_in:
        _signed_in(served, sign_in, mfa=not no_mfa)
        variables["BROWSER"] = f"{shlex.quote(sys.executable)} -m partnerauth.cli.emulator_browser %s"
    with ExitStack() as ending:
        server, leading = _serving(served, names, isolated=isolated, pass_through=pass_through)
        ending.enter_context(served.keeping())
        ending.enter_context(server)
        variables |= leading
        variables |= {"PARTNERAUTH_EMULATED": "1", "PARTNERAUTH_CONTROL": f"{server.url}/_emulator"}
        code = _run(command, {**os.environ, **variables})
    sys.exit(code)


def _signed_in(served: Opened, upn: str, *, mfa: bool) -> None:
    from partnerauth.emulator.world import Automatic
    from partnerauth.errors import Misconfigured

    found = served.emulator.world.person(upn)
    if found is None:
        known = ", ".join(person.upn for _, person in served.emulator.world.people())
        raise Misconfigured(f"nobody is called '{upn[:80]}' in this world", hint=f"Known are: {known}.")
    person = found[1]
    served.emulator.world.automatic = Automatic(person.upn, mfa and person.totp is not None)


def _serving(served: Opened, names: str, *, isolated: bool, pass_through: bool) -> tuple[Server, dict[str, str]]:
    """A server about to start, and the variables by which a program finds it. Raises `Misconfigured`."""
    from partnerauth.errors import Misconfigured
    from partnerauth.serving.impersonation import Trust, around_proxies, real_names, through_proxy
    from partnerauth.serving.proxy import Rules
    from partnerauth.serving.server import bound

    known = real_names(served.emulator.world.vaults.values())
    doors: list[socket.socket] = []
    here: list[socket.socket] = []
    if names != "proxy":
        try:
            here = _names_of_its_own(known, isolated=isolated)
        except Misconfigured as error:
            if isolated or names == "hosts":
                raise
            log.info("names by proxy: %s", error.message)
    if not here:
        doors = bound("127.0.0.1", 0)
    rules = Rules(pass_through=pass_through)
    server = served.server(grace=1.0, also=here, proxies=doors, rules=rules)
    trusted = Trust.kept(server.ca, others=pass_through).variables()
    if here:
        log.info("names by a hosts file that leads to %s", here[0].getsockname()[0])
        return server, trusted | around_proxies(known)
    return server, trusted | through_proxy(f"http://127.0.0.1:{doors[0].getsockname()[1]}", trusted)


def _names_of_its_own(known: Sequence[str], *, isolated: bool) -> list[socket.socket]:
    """Enter a namespace where `known` lead to the sockets that are returned. Raises `Misconfigured`."""
    from partnerauth.serving import names
    from partnerauth.serving.impersonation import HTTPS, hosts_lines
    from partnerauth.serving.server import bound

    if isolated:
        names.enter(own_network=True)
    here = bound("localhost", HTTPS) if isolated else [names.loopback_socket()]
    try:
        if not isolated:
            names.enter()
        names.lay_over(hosts_lines(known, here[0].getsockname()[0]))
    except BaseException:
        for one in here:
            one.close()
        raise
    return here


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` to its end; its exit code, as a shell would give it.

    The terminal's signals reach the command itself; those sent to us are handed on.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def hand_on(number: int, _: object) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    # Before the command begins, for it may be that somebody ends us as soon as it says its first word. To ignore the
    # terminal's interrupt would be inherited, to do nothing about it is not.
    before = {number: signal.signal(number, hand_on) for number in FORWARDED}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(command, env=environment)  # noqa: S603  # that is what we are here for
        for number in early:
            child.send_signal(number)
        code = child.wait()
    except OSError as error:
        click.echo(f"{command[0]}: {error.strerror}", err=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return BY_SIGNAL - code if code < 0 else code
