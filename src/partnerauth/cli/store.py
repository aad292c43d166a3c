"""`partnerauth store`: which store it is and why, and what an operator does with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli import again
from partnerauth.cli.options import as_json, with_settings
from partnerauth.errors import Misconfigured, StoreConflict, StoreCorrupt

if TYPE_CHECKING:
    from partnerauth.config import Settings
    from partnerauth.consent.book import ConsentBook
    from partnerauth.consent.consent import Consent
    from partnerauth.hidden import Hidden
    from partnerauth.stores.store import Entry, Lock, SecretStore

forced = click.option("--force", is_flag=True, help="Overwrite what is newer, or another person's.")
passphrase_file = click.option("--passphrase-file", metavar="PATH", help="A file with the backup's passphrase.")
settings_of_a_store = with_settings("store_passphrase_file", "store_token_file")


@click.group(short_help="Which store it is and why; move, back up, restore, verify and re-key it.")
def store() -> None:
    """The place where the refresh tokens sleep."""


@store.command(short_help="Which store it is, why, and where its key lies.")
@as_json
@settings_of_a_store
def explain(settings: Settings, json_: bool) -> None:
    """Which store is in use and which setting says so, where its key lies, its schema, what is in it. No secret."""
    origins = settings.origins
    facts = {
        "store": settings.get("store", "file"),
        "said by": origins.get("store", "nobody: it is the default"),
        "store_key": settings.get("store_key") or "not set: the store's header says which kind",
        "key said by": origins.get("store_key", "nobody: it is the default"),
        **settings.store.explain(),
    }
    _told(facts, json_)


@store.command(short_help="Open every entry.")
@as_json
@settings_of_a_store
def verify(settings: Settings, json_: bool) -> None:
    """Open every entry and read what it says; nothing is written. Exit code 7 where one cannot be opened."""
    from partnerauth.cli.output import print_json, table

    found = [(name, _fault(settings.store, name)) for name in _names(settings.store)]
    if json_:
        print_json([{"name": name, "opens": fault is None, "message": fault or ""} for name, fault in found])
    elif found:
        table(("entry", "found"), ((name, fault or "opens, and is what was written") for name, fault in found))
    else:
        click.echo("There are no entries.")
    broken = [name for name, fault in found if fault]
    if broken:
        raise StoreCorrupt(
            f"{len(broken)} of {len(found)} entries cannot be used",
            hint="Restore them from a backup (`partnerauth store restore`), or consent again for those tenants.",
        )


@store.command(short_help="Copy the consents into another store.")
@click.option("--to", metavar="STORE", help="The other store, as the setting `store` (or PARTNERAUTH_STORE_TO).")
@click.option("--to-key", default="", metavar="KEY", help="Its key, as the setting `store_key`.")
@click.option("--new-passphrase-file", metavar="PATH", help="For --to-key passphrase.")
@click.option("--forget", is_flag=True, help="Take each entry away here once it reads back from there.")
@forced
@as_json
@settings_of_a_store
def move(
    settings: Settings,
    to: str | None,
    to_key: str,
    new_passphrase_file: str | None,
    forget: bool,
    force: bool,
    json_: bool,
) -> None:
    """Copy every consent into another store; each is read back. Run it again to go on where it ended.

    Nothing newer in the other store is overwritten. Then set `store` to the other one. With --forget nothing is left
    here; without it both keep a token of the same consent, and only the one that is renewed stays alive.

    \b
    partnerauth store move --to postgresql://db.contoso.com/tokens --to-key keyring
    partnerauth store move --to other.db --forget
    """  # noqa: D301  # click reads it
    from partnerauth.stores import transfer

    source, target = settings.store, _target(settings, to, to_key, new_passphrase_file)
    if target.id == source.id:
        raise Misconfigured("that is the store in use already", hint="Name another one with --to.")
    target.check()

    def moved(listed: Entry) -> tuple[str, str]:
        name, lock = listed.name, _lock(source, listed)
        lock.acquire()  # nobody spends this token meanwhile
        try:
            entry = source.read(name)
            if entry is None:
                return name, "gone meanwhile"
            there = _as_in(settings, target, entry)
            if there is None:
                return name, transfer.LEFT
            result = transfer.put(target, there.name, there.value, there.tags, force=force)
            if forget and result not in transfer.KEPT:
                source.forget(name)
            return there.name, result
        finally:
            lock.release()

    _results((moved(entry) for entry in source.list()), json_)


@store.command(short_help="Write one sealed file with every entry.")
@click.argument("file", metavar="FILE")
@passphrase_file
@as_json
@settings_of_a_store
def backup(settings: Settings, file: str, passphrase_file: str | None, json_: bool) -> None:
    """Write every entry into FILE, a new file, sealed with a passphrase (or PARTNERAUTH_BACKUP_PASSPHRASE)."""
    from partnerauth.stores.backup import Backup
    from partnerauth.stores.passphrase import proper

    made = Backup.of(settings.store, settings.clock.now())
    secret = _secret(settings, "BACKUP_PASSPHRASE", passphrase_file, "Passphrase of the backup", new=True)
    made.write(file, proper(secret))
    _told(
        {"file": str(Path(file).absolute()), "store": made.store, "made": made.made, "entries": len(made.entries)},
        json_,
    )


@store.command(short_help="Put the entries of a backup back.")
@click.argument("file", metavar="FILE")
@passphrase_file
@forced
@as_json
@settings_of_a_store
def restore(settings: Settings, file: str, passphrase_file: str | None, force: bool, json_: bool) -> None:
    """Put the entries of FILE into the store in use. What is newer there stays, unless --force says otherwise."""
    from partnerauth.stores import transfer
    from partnerauth.stores.backup import Backup

    secret = _secret(settings, "BACKUP_PASSPHRASE", passphrase_file, "Passphrase of the backup", new=False)
    found, target = Backup.read(file, secret), settings.store
    target.check()

    def restored(entry: Entry) -> tuple[str, str]:
        lock = _lock(target, entry)
        lock.acquire()
        try:
            there = _as_in(settings, target, entry)
            if there is None:
                return entry.name, transfer.LEFT
            return there.name, transfer.put(target, there.name, there.value, there.tags, force=force)
        finally:
            lock.release()

    _results((restored(entry) for entry in found.entries), json_)


@store.command(short_help="Go over to another key, while others go on working.")
@click.option("--new-key", metavar="KEY", help="The other key, as the setting `store_key`; else the key stays.")
@click.option("--new-passphrase-file", metavar="PATH", help="For --new-key passphrase.")
@click.option("--values", is_flag=True, help="Seal every value anew with a new data key; for a key that was seen.")
@as_json
@settings_of_a_store
def rekey(settings: Settings, new_key: str | None, new_passphrase_file: str | None, values: bool, json_: bool) -> None:
    """Seal the store's data key with another key; with --values also every value with a new data key.

    It is one transaction: after a crash the former key opens the store, or the new one does. Programs that have the
    store open go on; set `store_key` for those that start.

    \b
    partnerauth store rekey --new-key keyring
    partnerauth store rekey --new-key vault:https://NAME.vault.azure.net/keys/KEY
    partnerauth store rekey --values
    """  # noqa: D301  # click reads it
    from partnerauth.stores.opening import key_source
    from partnerauth.stores.store import SealingStore

    if not new_key and not values:
        raise Misconfigured("there is nothing to do", hint="Name --new-key, or --values, or both.")
    if not isinstance(settings.store, SealingStore):
        raise Misconfigured(
            "the store in use has no key of ours",
            hint="Only a file and PostgreSQL are sealed by us; a vault seals itself.",
        )
    source = key_source(new_key, _means(settings, new_passphrase_file)) if new_key else None
    if new_key and new_key.startswith("vault:") and settings.credentials.in_store:
        raise Misconfigured(
            "the application's credential lies in this store, and the vault asks for it before the store opens",
            hint="Put the credential elsewhere first: a file, or another store.",
        )
    settings.store.rekey(source, values=values)
    again.forget()
    facts = settings.store.explain()
    told = {"key": facts["key"], "key id": facts["key id"], "generation": facts["generation"]}
    if new_key and new_key != settings.get("store_key"):
        told["next"] = f"set store_key to {new_key}"
    _told(told, json_)


def _target(settings: Settings, to: str | None, to_key: str, new_passphrase_file: str | None) -> SecretStore:
    from partnerauth.stores.opening import addressed, key_source, open_store

    place, origin = (
        (to, "the command line") if to else (settings.env.get("PARTNERAUTH_STORE_TO", ""), "the environment")
    )
    if place in ("", "memory"):
        raise Misconfigured("no other store is named", hint="Give --to, or set PARTNERAUTH_STORE_TO.")
    means = _means(settings, new_passphrase_file)
    return open_store(addressed(place, origin)[1], key_source(to_key, means), means)


def _means(settings: Settings, new_passphrase_file: str | None) -> Any:
    what = "New passphrase of the store"
    return replace(
        settings.stores.means,
        passphrase=lambda new: _secret(settings, "STORE_NEW_PASSPHRASE", new_passphrase_file, what, new=new),
    )


def _secret(settings: Settings, variable: str, path: str | None, what: str, *, new: bool) -> Hidden:
    """From a file, else from a variable, else typed."""
    from partnerauth.config import PREFIX, secret_in
    from partnerauth.hidden import Hidden
    from partnerauth.stores.opening import typed

    if path:
        return secret_in(path, what)
    if value := settings.env.get(PREFIX + variable):
        return Hidden(value)
    return typed(what, new)


def _names(store: SecretStore) -> Iterable[str]:
    from partnerauth.stores.store import SealingStore

    return store.names() if isinstance(store, SealingStore) else [entry.name for entry in store.list()]


def _fault(store: SecretStore, name: str) -> str | None:
    from partnerauth.consent.consent import Consent

    try:
        entry = store.read(name)
        if entry is not None:
            Consent.read(entry)
    except StoreCorrupt as error:
        return error.message
    return None


def _as_in(settings: Settings, target: SecretStore, entry: Entry) -> Entry | None:
    """The entry as it is in another store: a plain one has consents only, each with one token.

    None where it has no place there.
    """
    from partnerauth.consent.consent import Consent, State

    consent = Consent.read(entry)
    if consent is None:
        return None if target.plain else entry
    book = _book(target, consent)
    name = book.aside(consent) if consent.state is State.SUPERSEDED else _name(settings, book, consent, entry.name)
    return replace(entry, name=name, value=consent.alone().value() if target.plain else entry.value)


def _name(settings: Settings, book: ConsentBook, consent: Consent, former: str) -> str:
    """Its name there: where it lies already; else the usual one is for the configured application, or who had it."""
    from partnerauth.consent.consent import client_of

    name, there = settings.session.run(book.place(consent.tenant))
    if there is not None and client_of(there) == consent.application_id.lower():
        return name
    configured = settings.get("client_id").lower() in ("", consent.application_id)
    return name if configured or former == book.name(consent.tenant) else book.names(consent.tenant)[-1]


def _lock(store: SecretStore, entry: Entry) -> Lock:
    """What holds off whoever would spend the token in an entry of a store."""
    from partnerauth.consent.consent import Consent

    consent = Consent.read(entry)
    return store.lock("entry\n" + entry.name) if consent is None else _book(store, consent).lock(consent.tenant)


def _book(store: SecretStore, consent: Consent) -> ConsentBook:
    from partnerauth.cloud import cloud_named
    from partnerauth.consent.book import ConsentBook

    return ConsentBook(store, cloud_named(consent.cloud), consent.application_id)


def _results(results: Iterable[tuple[str, str]], json_: bool) -> None:
    from partnerauth.cli.output import print_json, table
    from partnerauth.stores import transfer

    told: list[tuple[str, str]] = []
    try:
        told.extend(results)
    finally:
        if json_:
            print_json([{"name": name, "result": result} for name, result in told])
        elif told:
            table(("entry", "result"), told)
        else:
            click.echo("There are no entries.")
    kept = [name for name, result in told if result in transfer.KEPT]
    if kept:
        raise StoreConflict(
            f"{len(kept)} of {len(told)} entries were kept as they are",
            hint="Look at them (`partnerauth status`); --force overwrites them.",
        )


def _told(facts: dict[str, Any], json_: bool) -> None:
    from partnerauth.cli.output import listed, print_json

    if json_:
        print_json({name.replace(" ", "_"): fact for name, fact in facts.items()})
    else:
        click.echo(listed(facts.items()))
