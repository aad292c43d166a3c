"""The `claims` parameter: what a client demands of the sign-in, on an API's behalf.

Sources: OpenID Connect Core 5.5; Microsoft "Claims challenges", "Optional claims reference".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from partnerauth.emulator.entra.refuse import Denied

OPTIONAL = frozenset({"auth_time", "login_hint", "sid"})
"""Claims of an id_token that stand in it only where they are asked for."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Whether a second factor is demanded, and which authentication contexts (`c1`, …) are to be satisfied.

    `capable`: the client says that it understands a claims challenge (`xms_cc` with `cp1`). `identity` are the optional
    claims of the id_token that it names.
    """

    mfa: bool = False
    acrs: tuple[str, ...] = ()
    capable: bool = False
    identity: frozenset[str] = frozenset()

    @classmethod
    def read(cls, claims: str) -> Demand:
        """The demand in the JSON text of the parameter; unknown members are left aside. Raises `Denied` 90023."""
        if not claims:
            return cls()
        try:
            value = msgspec.json.decode(claims)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            value = None
        if not isinstance(value, dict):
            raise Denied(90023, "The parameter 'claims' is not a JSON object.")
        acrs, amr, capabilities = [], [], []
        for token in ("access_token", "id_token"):
            members = value.get(token)
            if isinstance(members, dict):
                acrs += _values(members.get("acrs"))
                amr += _values(members.get("amr"))
                capabilities += _values(members.get("xms_cc"))
        capable = "cp1" in map(str.lower, capabilities)
        named = value.get("id_token")
        identity = OPTIONAL & named.keys() if isinstance(named, dict) else frozenset[str]()
        return cls(bool(acrs) or "mfa" in amr, tuple(dict.fromkeys(acrs)), capable, frozenset(identity))


def _values(member: Any) -> list[str]:
    if not isinstance(member, dict):
        return []
    values = member.get("values")
    found = [member.get("value"), *(values if isinstance(values, list) else [])]
    return [value for value in found if isinstance(value, str) and 0 < len(value) < 100]
