"""The rules where versions are only added: checked at each request that changes the vault.

Nothing is written there on condition. So two hosts may each add a version that the other one does not know; what must
hold is that the one that counts (the greatest by its tags) is true, is never disabled, and is what was handed out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from partnerauth.consent.consent import Consent, State
from partnerauth.emulator.default import VAULT
from partnerauth.emulator.world import SecretVersion, VaultSecret
from partnerauth.messages import Request, Response
from partnerauth.stores.keyvault import CONTENT_TYPE
from partnerauth.stores.store import Entry, rank
from tests.simulation.rules import Broken, Rules, is_anothers

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.process import Act, Process

Standing = tuple[tuple[str, int, str], str]


class Watcher:
    """Between the processes and the emulated vault. `strict`: there is one host, whose locks keep others off."""

    def __init__(self, rules: Rules, place: Place) -> None:
        self._rules = rules
        self._place = place
        self.strict = True
        self._forgotten: set[str] = set()
        self._added_by: dict[str, Act] = {}

    def handle(self, process: Process, request: Request) -> Response:
        """The vault's answer, after what it changed was looked at. Raises `Broken`."""
        before, deleted = (self._seen(), self._deleted()) if request.method != "GET" else ({}, set())
        response = self._place.emulator.handle(request)
        if request.method == "GET" or not response.ok:
            return response
        act = process.act
        assert act is not None
        after = self._seen()
        for name, versions in after.items():
            for identity, version in versions.items():
                old = before.get(name, {}).get(identity)
                if old is None:
                    self._added(process, act, name, version, before.get(name, {}))
                elif old != version or (request.method == "PATCH" and identity in request.path):
                    self._changed(act, name, old, version)
        gone = self._deleted() - deleted
        if gone and act.kind != "forget":
            raise Broken("8", "a secret was deleted although nobody forgets it")
        for name in gone:
            self._forgotten |= before[name].keys()
            self._rules.strangers(act.tenant)
        return response

    def forgot(self) -> None:
        """Somebody has forgotten a consent: another application's, added meanwhile, is there again."""
        after = self._seen()
        for name in self._deleted():
            if any(is_anothers(entry) and enabled for entry, enabled in after[name].values()):
                raise Broken("4", "another application's consent was forgotten")

    def _deleted(self) -> set[str]:
        secrets: dict[str, VaultSecret] = self._place.world.vaults[VAULT].secrets
        return {name for name, secret in secrets.items() if secret.deleted is not None}

    def _seen(self) -> dict[str, dict[str, tuple[Entry, bool]]]:
        secrets: dict[str, VaultSecret] = self._place.world.vaults[VAULT].secrets
        return {
            name: {version.id: (_entry(name, version), version.enabled) for version in secret.versions}
            for name, secret in secrets.items()
        }

    def _added(
        self,
        process: Process,
        act: Act,
        name: str,
        version: tuple[Entry, bool],
        before: dict[str, tuple[Entry, bool]],
    ) -> None:
        """A version was added: a new token's, or one that was there, once more."""
        entry = version[0]
        new = Consent.read(entry)
        if new is None:
            raise Broken("6", "a version was written that is no consent")
        self._added_by[entry.version] = act
        if new.state is State.SUPERSEDED:
            self._rules.superseded(act, entry, new)
            return
        known = [Consent.read(one) for one, _ in before.values()]
        if any(one is not None and one.turn == new.turn and one.refresh_token == new.refresh_token for one in known):
            return
        self._rules.true(new)
        if any(one is not None and one.epoch == new.epoch for one in known):
            redeemed = act.redeemed[-1] if act.redeemed else None
            if redeemed is None or redeemed.new != new.refresh_token.reveal():
                raise Broken("6", "a token was written that this process did not just get")
            if new.state is not State.LIVE or new.intent:
                raise Broken("8", "a token that was just got lies there as suspended, lost or intended")
            process.counts["rotated"] += 1
        elif not act.consents and new.outcome != "adopted":
            raise Broken("8", f"a consent came to life by '{act.kind}'")
        else:
            process.counts["kept"] += 1

    def _changed(self, act: Act, name: str, old: tuple[Entry, bool], new: tuple[Entry, bool]) -> None:
        """A version was disabled, or what its tags say was changed."""
        if old[1] and not new[1]:
            self._disabled(act, name, new[0])
        first, second = Consent.read(old[0]), Consent.read(new[0])
        if first is not None and second is not None and new[1]:
            if first.turn != second.turn:
                raise Broken("6", "a mark changed a version's place")
            self._rules.tagged(act, first, second, strict=self.strict)

    def _disabled(self, act: Act, name: str, entry: Entry) -> None:
        if is_anothers(entry) and self._added_by.get(entry.version) is not act:
            raise Broken("4", "another application's version was disabled")
        if act.kind == "forget":
            self._rules.strangers(act.tenant)
            return
        if entry.version in self._forgotten:
            return
        secret = self._place.world.vaults[VAULT].secrets[name]
        later = secret.versions[[one.id for one in secret.versions].index(entry.version) :]
        if any(one.content_type != CONTENT_TYPE for one in later):
            return  # another tool wrote over it
        ours = [one for one in secret.versions if one.enabled and one.content_type == CONTENT_TYPE]
        if self._added_by.get(entry.version) is act and any(_owner(one.tags) != _owner(entry.tags) for one in ours):
            return  # taken back, beside another person's or application's
        if entry.tags.get("format") and not any(rank(one.tags or {}) >= rank(entry.tags) for one in ours):
            raise Broken("6", "the version that counts was disabled")


def _owner(tags: Mapping[str, str] | None) -> tuple[str, str]:
    return (tags or {}).get("client", ""), (tags or {}).get("person", "")


def _entry(name: str, version: SecretVersion) -> Entry:
    return Entry(name, version.value, version.id, dict(version.tags or {}))
