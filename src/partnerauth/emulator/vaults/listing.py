"""What lives in a vault, and the versions of one (the reference of Key Vault, 2 and 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from partnerauth.emulator.vaults.answers import item, listed
from partnerauth.emulator.vaults.asked import Asked, V
from partnerauth.emulator.vaults.life import Stage
from partnerauth.messages import Response


def list_all(asked: Asked[V]) -> Response:
    """All that live, without what they hold."""
    live = [stored for stored in asked.shelf.values() if asked.stage(stored) is Stage.LIVE and stored.versions]
    return asked.page(f"{asked.kind.word}s", live, lambda one: one.name.lower(), lambda one: listed(asked.vault, one))


def list_versions(asked: Asked[V]) -> Response:
    """All versions of one, without what they hold."""
    stored = asked.live()
    places = {version.id: f"{place:09d}" for place, version in enumerate(stored.versions)}

    def show(version: V) -> Mapping[str, Any]:
        return item(asked.vault, stored, version)

    path = f"{stored.word}s/{quote(stored.name)}/versions"
    return asked.page(path, stored.versions, lambda version: places[version.id], show)
