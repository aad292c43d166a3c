"""The keys that a cloud signs its tokens with, fetched from its own address and kept for a while.

Sources: RFC 7517; Microsoft "Access tokens", validating the signature (keys roll without notice).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Authority, Dialect
from partnerauth.errors import Tampered, Unreadable
from partnerauth.flow import Flow, insist
from partnerauth.messages import Request, Response
from partnerauth.oauth.refusals import refused

FRESH = timedelta(hours=24)
ASKED_AGAIN = timedelta(minutes=5)
MOST_KEYS = 200
TENANT = "{tenantid}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public RSA key; `issuers` are those it may sign for, with `{tenantid}` in them; none means any."""

    kid: str
    modulus: str
    exponent: str
    issuers: tuple[str, ...] = ()

    @property
    def jwk(self) -> dict[str, str]:
        """The key as a JSON web key."""
        return {"kty": "RSA", "kid": self.kid, "n": self.modulus, "e": self.exponent}

    def may_sign_for(self, issuers: Iterable[str], tid: str) -> bool:
        """Whether the key names none of its own issuers, or, for tenant `tid`, one of `issuers`.

        Keys name the v2 issuer even where the token is of the v1 edition; so `issuers` are those of both.
        """
        known = frozenset(issuers)
        return not self.issuers or any(issuer.replace(TENANT, tid) in known for issuer in self.issuers)


class SigningKeys:
    """The keys of an authority, asked for again when older than a day or when a token names an unknown one.

    The latter not more than once in five minutes, whoever sends the tokens.
    """

    def __init__(self, authority: Authority, clock: Clock = SYSTEM) -> None:
        self.authority = authority
        self._clock = clock
        self._known: dict[Dialect, tuple[datetime, Mapping[str, SigningKey]]] = {}

    def find(self, kid: str, dialect: Dialect) -> Flow[SigningKey]:
        """The key of that id. Raises `Tampered` where the authority publishes none, `Unreadable`, `Unreachable`."""
        fetched_at, keys = self._known.get(dialect, (None, {}))
        age = None if fetched_at is None else abs(self._clock.now() - fetched_at)
        if age is None or age >= FRESH or (kid not in keys and age >= ASKED_AGAIN):
            keys = yield from self._fetch(dialect)
        try:
            return keys[kid]
        except KeyError:
            raise Tampered("the token is signed with a key that the sign-in service does not publish") from None

    def _fetch(self, dialect: Dialect) -> Flow[Mapping[str, SigningKey]]:
        response = yield from insist(Request("GET", self.authority.keys_endpoint(dialect)))
        if response.status != 200:
            raise refused(response)
        keys = read_keys(response)
        self._known[dialect] = (self._clock.now(), keys)
        return keys


def read_keys(response: Response) -> Mapping[str, SigningKey]:
    """The RSA signing keys in a key set, by their ids; keys of other kinds or for other uses are left aside.

    Raises `Unreadable` for an answer that is no key set.
    """
    try:
        value = response.value()
    except ValueError:
        raise Unreadable("the signing keys are no JSON", status=response.status) from None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise Unreadable("the answer holds no signing keys", status=response.status)
    keys: dict[str, SigningKey] = {}
    for entry in listed[:MOST_KEYS]:
        key = _key(entry)
        if key is None:
            continue
        known = keys.setdefault(key.kid, key)
        if known is not key and (known.modulus, known.exponent) == (key.modulus, key.exponent):
            keys[key.kid] = replace(known, issuers=_both(known.issuers, key.issuers))
    return keys


def _key(entry: Any) -> SigningKey | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
        return None
    kid, modulus, exponent = entry.get("kid"), entry.get("n"), entry.get("e")
    if not (isinstance(kid, str) and kid and isinstance(modulus, str) and isinstance(exponent, str)):
        return None
    issuer = entry.get("issuer")
    return SigningKey(kid, modulus, exponent, (issuer,) if isinstance(issuer, str) and issuer else ())


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The issuers of a key that is listed twice; an entry that names none restricts nothing."""
    return (*first, *second) if first and second else ()
