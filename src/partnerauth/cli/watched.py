"""From settings to a watch: the plan, the budget, the ways to tell somebody, what was told."""

from __future__ import annotations

import hashlib
import logging
import shlex
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from partnerauth.config import Settings, data_directory
from partnerauth.consent.plan import Plan
from partnerauth.errors import Misconfigured, PartnerAuthError
from partnerauth.hidden import Hidden
from partnerauth.oauth.credential_end import last_end
from partnerauth.stores.store import Allowance, SharingStore
from partnerauth.watch.budget import FOR_A_TENANT, IN_ALL, Budget
from partnerauth.watch.lookout import BEFORE_A_CREDENTIALS_END, BEFORE_AN_END, SILENCE, Lookout
from partnerauth.watch.sweep import AT_ONCE, Stopped, Sweep

if TYPE_CHECKING:
    from partnerauth.session import Session
    from partnerauth.watch.alarm import Alarm
    from partnerauth.watch.health import Health
    from partnerauth.watch.teller import Channel
    from partnerauth.watch.told import Told
    from partnerauth.watch.watch import Event, Round, Watch

log = logging.getLogger("partnerauth.watch")

FILES = ("certificate", "ca", "alarm_ca")
"""Settings that are paths, besides those that end in `_file`."""


def plan_of(settings: Settings) -> Plan:
    """What the settings and the store know about ends. Raises `StoreFailed`."""
    return replace(_policy(settings), credential_ends=last_end(settings.credentials.ends()))


def _policy(settings: Settings) -> Plan:
    """What the settings alone know."""
    days = settings.number("sign_in_days", 0)
    return Plan(timedelta(days=days) if days else None)


def sweep_of(settings: Settings, pause: Callable[[float], None], stopping: threading.Event | None = None) -> Sweep:
    """What renews."""
    from partnerauth.consent.first import judging
    from partnerauth.consent.user import AppUser

    user = AppUser(settings.application, settings.book, dialect=settings.dialect, clock=settings.clock)
    in_all = int(settings.number("renew_per_minute", IN_ALL, 1))
    budget: Allowance = Budget(settings.clock.ticks, in_all)
    if isinstance(user.book.store, SharingStore):
        budget = user.book.store.allowance(f"renewal\n{user.book.own}", in_all, FOR_A_TENANT)
    at_once = int(settings.number("renew_at_once", AT_ONCE, 1))
    return Sweep(
        user, judging(settings.cloud), settings.session.send, budget, pause, at_once, stopping or threading.Event()
    )


def adopting(settings: Settings) -> str:
    """The id of the tenant that the settings name, where another tool may leave a token there: in a vault.

    Nothing where they name none. Raises what asking for a domain's tenant raises.
    """
    from partnerauth.oauth.discovery import tenant_id

    authority = settings.authority(settings.get("tenant") or "organizations")
    if authority.shared or not settings.store.plain or settings.get("store") == "environment":
        return ""
    return settings.session.run(tenant_id(authority))


def watch_of(
    settings: Settings, stopping: threading.Event, say: Callable[[Event], None], health: Health, *, once: bool
) -> Watch:
    """The whole watch."""
    from partnerauth.flow import run
    from partnerauth.watch.teller import Teller
    from partnerauth.watch.watch import STORE_PATIENCE, Watch

    def pause(seconds: float) -> None:
        if stopping.wait(seconds):
            raise Stopped

    door = _door(settings)
    shared, own = _told(settings)
    plan, _ = _policy(settings), settings.credentials.secret_ends  # what is set wrong is said at once
    teller = Teller(
        settings.application.id,
        settings.cloud.name,
        channels_of(settings),
        shared,
        own,
        lambda alarm: _way_to_consent(settings, alarm),
        lambda flow: run(flow, door.send, pause),
    )

    def days(name: str, default: timedelta) -> timedelta:
        return timedelta(days=settings.number(name, default.days))

    lookout = Lookout(
        plan,
        days("alarm_end_days", BEFORE_AN_END),
        days("alarm_credential_days", BEFORE_A_CREDENTIALS_END),
        days("alarm_silence_days", SILENCE),
    )
    sweep = sweep_of(settings, pause, stopping)
    try:
        sweep = replace(sweep, user=replace(sweep.user, tenant=adopting(settings)))
    except PartnerAuthError as error:
        log.warning("which tenant the settings name cannot be told (%s)", type(error).__name__)
    return Watch(
        sweep,
        plan,
        lookout,
        teller,
        settings.clock,
        pause,
        say,
        settings.credentials.ends,
        _heartbeat(settings, door, pause),
        health=health,
        changed=stamps_of(settings),
        first=settings.first_consent(),
        store_patience=0 if once else STORE_PATIENCE,
        stopping=stopping,
    )


def stamps_of(settings: Settings) -> Callable[[], bool]:
    """Says whether a file that the settings come from or name, or a credential, has changed since now."""
    from partnerauth.config import FILE, configuration_directory

    named = [value for name, value in settings.values.items() if name.endswith("_file") or name in FILES]
    skipped = {settings.get("watch_health_file"), settings.get("watch_state_file")}
    paths = [Path(path).expanduser() for path in named if path not in skipped]
    paths += [configuration_directory(settings.env) / FILE, Path.cwd() / FILE]

    def stamps() -> list[object]:
        found: list[object] = []
        for path in paths:
            try:
                facts = path.stat()
                found.append((facts.st_mtime_ns, facts.st_size))
            except OSError:
                found.append(None)
        return found

    def credentials() -> object:
        try:
            return [(one.kind, one.key_id, one.ends) for one in settings.credentials.ends()]
        except PartnerAuthError:
            return None

    before, known = stamps(), credentials()

    def changed() -> bool:
        now = credentials()
        return stamps() != before or (now is not None and known is not None and now != known)

    return changed


def channels_of(settings: Settings) -> list[Channel]:
    """The ways to tell somebody that are set up, and the log. Raises `Misconfigured` for one that cannot be used."""
    from partnerauth.watch.teller import Log

    channels: list[Channel] = [Log()]
    if address := settings.secret("alarm_webhook"):
        from partnerauth.watch.webhook import Webhook

        channels.append(Webhook(address, settings.secret("alarm_webhook_key")))
    if server := settings.get("alarm_mail_server"):
        from partnerauth.watch.mail import Mail

        to = tuple(address.strip() for address in settings.get("alarm_mail_to").split(",") if address.strip())
        trust = settings.get("alarm_ca") or settings.get("ca")
        password = settings.secret("alarm_mail_password")
        sender, user = settings.get("alarm_mail_from"), settings.get("alarm_mail_user")
        channels.append(Mail(server, sender, to, user, password, trust))
    if command := settings.get("alarm_command"):
        from partnerauth.watch.program import Program

        try:
            channels.append(Program(tuple(shlex.split(command))))
        except ValueError:
            raise Misconfigured("alarm_command has a quote that does not end") from None
    return channels


def _way_to_consent(settings: Settings, alarm: Alarm) -> Hidden:
    """The link of a new invitation where there is a consent page, else the command that gets a new consent."""
    if settings.get("desk_url"):
        try:
            issued = settings.session.run(settings.invitations.issue(alarm.tenant, username=alarm.username))
        except PartnerAuthError as error:
            log.warning("no invitation could be made for an alarm (%s)", type(error).__name__)
        else:
            return issued.link
    words = ["partnerauth", "consent", "--tenant", alarm.tenant, "--client-id", settings.application.id]
    if settings.cloud.name != "global":
        words += ["--cloud", settings.get("cloud")]
    return Hidden(shlex.join(words))


def _door(settings: Settings) -> Session:
    """The way to whoever is told: it may trust other authorities than the way to the cloud."""
    from partnerauth.session import Session

    return Session(ca=settings.get("alarm_ca") or settings.get("ca") or None, clock=settings.clock)


def _told(settings: Settings) -> tuple[Told, Told]:
    """What was told, to be shared with other replicas, and for this machine."""
    from partnerauth.watch.told import FileMemory, Memory, StoreMemory, Told

    whose = hashlib.sha256(f"{settings.cloud.name}\n{settings.application.id.lower()}".encode()).hexdigest()[:24]
    path = settings.get("watch_state_file") or str(data_directory(settings.env) / f"watch-{whose}.json")
    file = FileMemory(path)
    store = settings.store
    sealing = not store.plain and settings.get("store") not in ("environment", "memory")
    memories: list[Memory] = [StoreMemory(store, f"watch-{whose}"), file] if sealing else [file]
    return Told(memories), Told([file])


def _heartbeat(settings: Settings, door: Session, pause: Callable[[float], None]) -> Callable[[Round], None] | None:
    address = settings.secret("watch_heartbeat")
    if not address:
        return None
    import msgspec

    from partnerauth.flow import run
    from partnerauth.watch.watch import summary
    from partnerauth.watch.webhook import Webhook

    webhook = Webhook(address, settings.secret("alarm_webhook_key"), "heartbeat")

    def beat(done: Round) -> None:
        now = settings.clock.now()
        body = msgspec.json.encode({"event": "alive", "client_id": settings.application.id, "at": now, **summary(done)})
        run(webhook.post(body, f"alive-{int(now.timestamp())}", int(now.timestamp())), door.send, pause)

    return beat
