"""The credentials of the application, as they are set: which ones, in which order, where each lies, when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from partnerauth.config.table import CREDENTIALS, IN_STORE
from partnerauth.errors import Misconfigured
from partnerauth.oauth.credential_end import CredentialKind, KnownFrom
from partnerauth.onboarding.holding import Holding

if TYPE_CHECKING:
    from partnerauth.config.settings import Settings
    from partnerauth.hidden import Hidden
    from partnerauth.oauth.credential_end import CredentialEnd
    from partnerauth.onboarding.notebook import Notebook
    from partnerauth.stores.place import Place


class Credentials:
    """The credentials that these settings name. Nothing is read before it is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def holdings(self) -> tuple[Holding, ...]:
        """Those that are set, in the order of the setting `credentials`, and where each lies.

        Raises `Misconfigured` where that names one that is not set.
        """
        asked = self._settings.get("credentials").replace(",", " ").split()
        found = []
        for word in asked or CREDENTIALS:
            if word not in CREDENTIALS or asked.count(word) > 1:
                raise Misconfigured(
                    f"the setting credentials has a word too many: '{word[:40]}'",
                    hint=f"Name each at most once: {', '.join(CREDENTIALS)}.",
                )
            kind, setting = CredentialKind(word), CREDENTIALS[word]
            if kind is CredentialKind.SECRET and "client_secret" in self._settings.secrets:
                found.append(Holding(kind, given=self._settings.secrets["client_secret"]))
            elif value := self._settings.get(setting):
                found.append(Holding(kind, self.place(value, kind), passphrase=self.passphrase))
            elif asked:
                raise Misconfigured(
                    f"credentials names {word}, and {setting} is not set", hint=f"Set {setting}, or leave {word} away."
                )
        return tuple(found)

    def place(self, value: str, kind: CredentialKind) -> Place:
        """Where a credential lies: a path, or `store`. Raises `Misconfigured`."""
        from partnerauth.stores.place import FilePlace, StorePlace

        if value != IN_STORE or kind is CredentialKind.FEDERATED:
            return FilePlace(value, CREDENTIALS[kind.value])
        if self._settings.get("store").startswith("https://") or self._settings.get("store_key").startswith("vault:"):
            raise Misconfigured(
                f"the application's {kind.value} cannot lie in a vault that it opens itself",
                hint="Keep it in a file, or set another store.",
            )
        return StorePlace(self._settings.store, self.notebook.name(kind))

    @property
    def in_store(self) -> bool:
        """Whether one of them lies in the secret store."""
        from partnerauth.stores.place import StorePlace

        return any(isinstance(holding.place, StorePlace) for holding in self.holdings)

    def passphrase(self) -> Hidden | None:
        """The passphrase of the certificate, if one is set. Raises `Misconfigured`."""
        return self._settings.secret("certificate_passphrase")

    @cached_property
    def notebook(self) -> Notebook:
        """What is known of them, and what was begun with them."""
        from partnerauth.onboarding.notebook import Notebook

        return Notebook(self._settings.store, self._settings.cloud, self._settings.client_id)

    def ends(self) -> list[CredentialEnd]:
        """When each one ends, in their order, as far as that is known without asking anybody."""
        from partnerauth.onboarding.ends import known_ends

        said = self.secret_ends
        return [
            replace(end, ends=said, known_from=KnownFrom.SETTING)
            if said is not None and end.kind is CredentialKind.SECRET and end.ends is None
            else end
            for end in self._settings.session.run(known_ends(self.holdings, self.notebook))
        ]

    @property
    def secret_ends(self) -> datetime | None:
        """The day on which the secret ends, as the operator says. Raises `Misconfigured` for no day."""
        text = self._settings.get("client_secret_ends")
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise Misconfigured("client_secret_ends is no day", hint="Write it as 2027-01-31.") from None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
