"""Where the user's settings, keys and data lie, by the platform's custom."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

FILE = "partnerauth.toml"
"""The file of settings, in the configuration directory and in the working directory."""


def configuration_directory(env: Mapping[str, str] = os.environ) -> Path:
    """Where the user's settings and the store's key lie."""
    if sys.platform == "win32":
        return Path(env.get("APPDATA") or Path.home()) / "partnerauth"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partnerauth"
    return Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME") or Path.home()) / ".config") / "partnerauth"


def data_directory(env: Mapping[str, str] = os.environ) -> Path:
    """Where the file store lies; not where its key lies."""
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or Path.home()) / "partnerauth" / "data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partnerauth" / "data"
    return Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME") or Path.home()) / ".local" / "share") / "partnerauth"
