"""What is given in exchange for tokens, in both dialects.

Sources: RFC 6749 (4.1.3, 4.3.2, 4.4.2, 6), RFC 8628 3.4, Microsoft "OAuth 2.0 flows" v1 and v2,
"On-behalf-of flow", and the seed documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from partnerauth.cloud import Dialect
from partnerauth.errors import InvalidRequest
from partnerauth.hidden import Hidden

ON_BEHALF_OF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class AppItself:
    """The application acts for nobody but itself."""

    name: ClassVar[str] = "client_credentials"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant."""
        return {"grant_type": self.name}

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> AppItself:
        """The grant in these form fields."""
        return cls()


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """What the browser brought back. On the client's side made by `Ticket.claim` and nothing else."""

    code: Hidden
    redirect_uri: str
    verifier: Hidden | None = None
    name: ClassVar[str] = "authorization_code"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant."""
        fields = {"grant_type": self.name, "code": self.code.reveal()}
        if self.redirect_uri:
            fields["redirect_uri"] = self.redirect_uri
        if self.verifier is not None:
            fields["code_verifier"] = self.verifier.reveal()
        return fields

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> AuthorizationCode:
        """The grant in these form fields. Raises `InvalidRequest`."""
        verifier = fields.get("code_verifier")
        return cls(
            Hidden(required(fields, "code")), fields.get("redirect_uri", ""), Hidden(verifier) if verifier else None
        )


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The token that a consent left us."""

    token: Hidden
    name: ClassVar[str] = "refresh_token"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant."""
        return {"grant_type": self.name, "refresh_token": self.token.reveal()}

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> RefreshToken:
        """The grant in these form fields. Raises `InvalidRequest`."""
        return cls(Hidden(required(fields, "refresh_token")))


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """The code behind the one that a person types on another device."""

    code: Hidden
    name: ClassVar[str] = "device_code"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant; v1 calls both the grant and the field by shorter names."""
        if dialect is Dialect.V1:
            return {"grant_type": self.name, "code": self.code.reveal()}
        return {"grant_type": DEVICE_CODE, "device_code": self.code.reveal()}

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> DeviceCode:
        """The grant in these form fields, in either spelling. Raises `InvalidRequest`."""
        name = "device_code" if "device_code" in fields or "code" not in fields else "code"
        return cls(Hidden(required(fields, name)))


@dataclass(frozen=True, slots=True)
class Password:
    """A person's own password: the recipe of "Referrals API authentication". Ends where MFA begins."""

    username: str
    password: Hidden
    name: ClassVar[str] = "password"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant."""
        return {"grant_type": self.name, "username": self.username, "password": self.password.reveal()}

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Password:
        """The grant in these form fields. Raises `InvalidRequest`."""
        return cls(required(fields, "username"), Hidden(required(fields, "password")))


@dataclass(frozen=True, slots=True)
class OnBehalfOf:
    """The access token that somebody's call brought to our own API, to go on to another API for the same person."""

    assertion: Hidden
    name: ClassVar[str] = "on_behalf_of"

    def fields(self, dialect: Dialect) -> dict[str, str]:
        """The form fields of this grant."""
        return {
            "grant_type": ON_BEHALF_OF,
            "requested_token_use": self.name,
            "assertion": self.assertion.reveal(),
        }

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> OnBehalfOf:
        """The grant in these form fields. Raises `InvalidRequest`, also for another use of the assertion (RFC 7523)."""
        if required(fields, "requested_token_use") != cls.name:
            raise InvalidRequest("The value of 'requested_token_use' is not supported.", code=90023)
        return cls(Hidden(required(fields, "assertion")))


Grant: TypeAlias = AppItself | AuthorizationCode | RefreshToken | DeviceCode | Password | OnBehalfOf

GRANTS: Mapping[str, type[Grant]] = {
    **{grant.name: grant for grant in (AppItself, AuthorizationCode, RefreshToken, DeviceCode, Password)},
    DEVICE_CODE: DeviceCode,
    ON_BEHALF_OF: OnBehalfOf,
}


def required(fields: Mapping[str, str], name: str) -> str:
    """The value of a field that must be there. Raises `InvalidRequest` with AADSTS 900144."""
    value = fields.get(name, "")
    if not value:
        raise InvalidRequest(f"The request body must contain the following parameter: '{name}'.", code=900144)
    return value


def read_grant(fields: Mapping[str, str]) -> Grant:
    """The grant in the form fields of a token request. Raises `InvalidRequest` (900144; 70003 for an unknown one)."""
    kind = GRANTS.get(required(fields, "grant_type"))
    if kind is None:
        raise InvalidRequest("The app requested an unsupported grant type.", code=70003)
    return kind.read(fields)
