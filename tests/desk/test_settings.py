"""The desk's settings: its address, and where its own things lie."""

from pathlib import Path

import pytest

from partnerauth.config import Settings, proper_desk_url
from partnerauth.errors import Misconfigured
from partnerauth.stores.file import FileStore
from tests.stores.conftest import _postgresql, postgresql
from tests.stores.server import PostgreSQL

__all__ = ["_postgresql", "postgresql"]


def settings(tmp_path: Path, **values: str) -> Settings:
    """Settings from variables, in a home of their own."""
    home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(tmp_path))
    keys = {"PARTNERAUTH_STORE_KEY": f"file:{tmp_path / 'store.key'}", "PARTNERAUTH_CLIENT_ID": "0" * 8}
    own = {f"PARTNERAUTH_{name.upper()}": value for name, value in values.items()}
    return Settings.load({}, {**home, **keys, **own}, tmp_path)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://localhost:44395/", "https://localhost:44395/"),
        ("https://Consent.Contoso.com", "https://consent.contoso.com/"),
        ("https://consent.contoso.com:443/a/b", "https://consent.contoso.com/a/b/"),
        ("https://[::1]:44395", "https://[::1]:44395/"),
    ],
)
def test_the_address_as_browsers_write_it(given: str, address: str) -> None:
    assert proper_desk_url(given) == address


@pytest.mark.parametrize(
    "given",
    [
        *("", "consent.contoso.com", "http://localhost/", "https://", "https://a.b/?x=1", "https://a.b/#x"),
        *("https://u@a.b/", "https://a.b:x/", "https://[::1/", "https://ä.de/", "https://a b/", "https://a.b/\n"),
    ],
)
def test_what_is_no_address_is_told(given: str) -> None:
    with pytest.raises(Misconfigured, match="no address of a consent page"):
        proper_desk_url(given)


def test_a_file_in_the_working_directory_does_not_say_where_people_are_sent(tmp_path: Path) -> None:
    for name in ("desk_url", "desk_store"):
        (tmp_path / "partnerauth.toml").write_text(f'{name} = "https://elsewhere.example/"\n')
        with pytest.raises(Misconfigured, match=f"names {name}"):
            Settings.load({}, {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home")}, tmp_path)


def test_where_invitations_lie(tmp_path: Path) -> None:
    beside = settings(tmp_path)
    bare = settings(tmp_path, store="openbao:https://bao.contoso.com:8200/secret/partner", store_token="unused")
    named = settings(tmp_path, desk_store=str(tmp_path / "desk.db"))

    assert beside.stores.desk is beside.store
    assert isinstance(bare.stores.desk, FileStore)
    assert bare.stores.desk is bare.stores.file
    assert isinstance(named.stores.desk, FileStore)
    assert named.stores.desk.explain()["path"] == str(tmp_path / "desk.db")
    assert beside.desk_url == "https://localhost:44395/"


def test_desks_over_a_vault_share_a_database(tmp_path: Path, postgresql: PostgreSQL) -> None:
    place = "openbao:https://bao.contoso.com:8200/secret/partner"
    shared = settings(tmp_path, store=place, store_token="unused", desk_store=postgresql.url)

    shared.stores.desk.check()

    assert shared.stores.desk.explain()["kind"] == "postgres"
