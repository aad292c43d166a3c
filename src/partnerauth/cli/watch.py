"""`partnerauth watch`: stays up, renews what is due, and tells who must act; `watch install` prints how to run it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import click

from partnerauth.cli.options import ALWAYS, as_json, with_settings
from partnerauth.errors import StoreFailed

if TYPE_CHECKING:
    from partnerauth.config import Settings
    from partnerauth.watch.units import Unit
    from partnerauth.watch.watch import Event

GRACE = 3.0
"""So many seconds a request may go on once the watch was told to stop."""


@click.group(invoke_without_command=True, short_help="Stay up: renew what is due, tell who must act.")
@click.option("--once", is_flag=True, help="One look, for a timer; the exit code tells whether a person is needed.")
@as_json
@with_settings("sign_in_days")
def watch(settings: Settings, once: bool, json_: bool) -> None:
    """Stay up: renew consents by the plan, and tell by webhook, mail or command who must act.

    It ends at SIGTERM, and begins anew at SIGHUP or where a file of its settings has changed. With --json each event
    is one line.
    """
    context = click.get_current_context()
    context.obj = settings
    if context.invoked_subcommand is not None:
        return
    from partnerauth.cli.consents import nothing_kept, worst
    from partnerauth.cli.watched import watch_of
    from partnerauth.watch.health import Health
    from partnerauth.watch.sweep import Stopped
    from partnerauth.watch.watch import STORE_PAUSE, Event

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop(stopping))
    say = _line if json_ else _sentence
    if hasattr(signal, "SIGHUP") and not once:
        signal.signal(signal.SIGHUP, lambda *_: _begin_anew())
    health = Health.of(settings.env, settings.get("watch_health_file"))
    watching = None
    while watching is None:
        try:
            watching = watch_of(settings, stopping, say, health, once=once)
        except StoreFailed as failure:
            if once:
                raise
            # A credential lies there too, say: the store may come up after this does.
            say(Event("store", settings.clock.now(), {"error": failure.message, "hint": failure.hint}))
            if stopping.wait(STORE_PAUSE):
                return
    if not once:
        if watching.stay():
            _begin_anew()
        return
    try:
        done = watching.round()
    except Stopped:
        return
    if not done.consents and not done.codes:
        raise nothing_kept("watch")
    from partnerauth.consent.consent import State

    lost = [3 for consent in done.consents if consent.state is State.LOST]
    raise SystemExit(worst([*done.codes, *lost]))


def _stop(stopping: threading.Event) -> None:
    """Stop; and where somebody else's answer does not come, without it: a renewal cut short costs nothing."""
    stopping.set()
    last = threading.Timer(GRACE, os._exit, (0,))
    last.daemon = True
    last.start()


def _begin_anew() -> NoReturn:
    """The same process with the settings as they are now: a new secret, say."""
    os.execv(sys.executable, [sys.executable, "-m", "partnerauth", *sys.argv[1:]])  # noqa: S606


@watch.command(short_help="Print the files by which a system runs the watch.")
@click.option(
    "--print",
    "kind",
    type=click.Choice(["systemd", "cron", "schtasks", "kubernetes"]),
    required=True,
    help="For whom.",
)
@click.option("--image", default="partnerauth:latest", show_default=True, help="The container's image (kubernetes).")
@click.pass_obj
def install(settings: Settings, kind: str, image: str) -> None:
    """Print the file by which a system runs the watch, with the settings in force. No secret stands in it."""
    from partnerauth.watch.units import KINDS

    click.echo(KINDS[kind](_unit(settings, kind, image)), nl=False)


def _line(event: Event) -> None:
    """An event as one line of JSON."""
    import json

    from partnerauth.cli.output import plain

    _out(json.dumps({"at": event.at, "event": event.name, **event.facts}, ensure_ascii=False, default=plain))


def _sentence(event: Event) -> None:
    """An event as a line for people; looks at which nothing happened are not worth one."""
    from partnerauth.cli.output import printable

    facts = event.facts
    if event.name == "round" and facts["consents"] and not (facts["renewed"] or facts["failed"] or facts["postponed"]):
        return
    order = ("title", "user", "tenant", "what", "error", "hint", "who", "remedy", "channel")
    said = [str(facts[name]) for name in order if facts.get(name)]
    if event.name == "round":
        said = [f"{name} {facts[name]}" for name in ("consents", "renewed", "failed", "postponed", "lost")]
    _out(printable(f"{event.at:%Y-%m-%d %H:%M:%SZ} {event.name}: {'; '.join(said)}".rstrip(": ")))


def _out(line: str) -> None:
    """Print; a watch goes on although nobody reads."""
    try:
        click.echo(line)
    except (BrokenPipeError, ValueError):
        from partnerauth.cli.output import nobody_listens

        nobody_listens()
    except OSError:  # a full disk, which may be mended
        return


def _unit(settings: Settings, kind: str, image: str) -> Unit:
    """What the file says: the settings that a service would not find by itself."""
    import getpass
    import hashlib
    import shutil

    from partnerauth.config import PREFIX
    from partnerauth.watch.units import Unit

    found = shutil.which("partnerauth")
    program = [os.path.abspath(found)] if found else [sys.executable, "-m", "partnerauth"]
    taken = ("the environment", "the command line")
    given: dict[str, Any] = {
        name: value for name, value in settings.values.items() if settings.origins.get(name) in taken
    }
    for name, value in given.items():
        path = name.endswith("_file") or name in ("certificate", "ca") or (name == "store" and value.startswith("."))
        given[name] = os.path.abspath(os.path.expanduser(value)) if path else value
    minute = int(hashlib.sha256(settings.get("client_id").encode()).hexdigest()[:8], 16) % 60
    missing = [
        name
        for name, secret in settings.secrets.items()
        if settings.env.get(PREFIX + name.upper()) and secret.reveal() != given.get(name)
    ]
    for name in missing:
        given.pop(name, None)
    account = getpass.getuser() if kind == "systemd" else ""
    return Unit(program, given, missing, minute, account, image, (*ALWAYS, "sign_in_days"))
