"""The settings in force: each from the first place that has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from partnerauth.config.directories import FILE, configuration_directory
from partnerauth.config.layers import layers
from partnerauth.config.table import CREDENTIALS, INLINE_SECRETS, ONLY_VARIABLES, PREFIX, SETTINGS
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden


@dataclass(frozen=True)
class Values:
    """Every setting with a value, and where it came from. A file that a setting names is read when it is asked for."""

    values: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    configured: Mapping[str, str] = field(default_factory=dict)
    """The same without the command line: whose partner this is, where a flag names a customer."""
    secrets: Mapping[str, Hidden] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls, flags: Mapping[str, str | None], env: Mapping[str, str] = os.environ, directory: Path | None = None
    ) -> Self:
        """The settings in force. Raises `Misconfigured`, naming the place, for anything that is not one."""
        values: dict[str, str] = {}
        origins: dict[str, str] = {}
        configured: dict[str, str] = {}
        for origin, layer in layers(flags, env, directory):
            configured = dict(values)
            values |= layer
            origins |= dict.fromkeys(layer, origin)
        names = ("client_secret", "certificate_passphrase", "password", *ONLY_VARIABLES)
        secrets = {name: Hidden(env[PREFIX + name.upper()]) for name in names if env.get(PREFIX + name.upper())}
        for place in ("store", "desk_store"):
            if "://" in values.get(place, ""):
                from partnerauth.stores.opening import addressed

                values[place], secrets[place] = addressed(values[place], origins[place])
        return cls(values, origins, configured, secrets, dict(env))

    def get(self, name: str, default: str = "") -> str:
        """The value of a setting, or `default`."""
        return self.values.get(name, default)

    def required(self, name: str) -> str:
        """The value of a setting. Raises `Misconfigured` where it has none."""
        value = self.values.get(name)
        if not value:
            flag = name.replace("_", "-")
            raise Misconfigured(
                f"{name} is not set ({SETTINGS[name]})",
                hint=f"Give --{flag}, set {PREFIX}{name.upper()}, or write it into "
                f"{configuration_directory(self.env) / FILE}.",
            )
        return value

    @property
    def files(self) -> list[str]:
        """Every file that settings, credentials and secrets are read from, whether it is there or not."""
        named = [self.get(name) for name in (*CREDENTIALS.values(), *INLINE_SECRETS.values())]
        settings = (str(configuration_directory(self.env) / FILE), FILE)
        return [os.path.abspath(path) for path in (*settings, *(os.path.expanduser(path) for path in named if path))]

    def number(self, name: str, default: float, least: float = 0.0) -> float:
        """A setting that is a number. Raises `Misconfigured` for any other text, and for less than `least`."""
        text = self.get(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = float("nan")
        if not least <= value < 1e9:
            raise Misconfigured(f"{name} is no number that it can be: '{text[:20]}' ({SETTINGS[name]})")
        return value

    def secret(self, name: str) -> Hidden | None:
        """A secret setting: from its variable, or from the file that `name_file` names. Raises `Misconfigured`."""
        if name in self.secrets:
            return self.secrets[name]
        path = self.get(f"{name}_file")
        return secret_in(path, f"{name}_file") if path else None


def secret_in(path: str, what: str) -> Hidden:
    """The secret in a text file, without line ends; `what` names the file's purpose. Raises `Misconfigured`."""
    from partnerauth.onboarding.holding import text_of
    from partnerauth.stores.place import FilePlace

    return text_of(FilePlace(path, what).needed(), what)
