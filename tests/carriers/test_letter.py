"""A request made ready for the wire."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.carriers.letter import AGENT, Letter
from partnerauth.errors import Misconfigured
from partnerauth.messages import Request

ROOT = Path(__file__).parents[2]


def test_the_user_agent_names_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f"{project['name']}/{project['version']}" == AGENT


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://login.microsoftonline.com/common", "login.microsoftonline.com", 443, "/common"),
        ("https://Login.Example:8443", "login.example", 8443, "/"),
        ("https://localhost?a=b", "localhost", 443, "/?a=b"),
        ("https://[::1]:8443/a//b/../c", "[::1]", 8443, "/a//b/../c"),
        ("https://h/a%2fb?c=%zz&d=[1]|2", "h", 443, "/a%2Fb?c=%25zz&d=%5B1%5D%7C2"),
        ("https://h/$skiptoken='x'!(y)*", "h", 443, "/$skiptoken='x'!(y)*"),
    ],
)
def test_the_address_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    letter = Letter.of(Request("GET", url))

    assert (letter.host, letter.port, letter.target) == (host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://login.microsoftonline.com/",
        "https://",
        "https://user:secret@localhost/",
        "https://localhost/#secret",
        "https://localhost/a b",
        "https://localhost/\r\nX: y",
        "https://localhost/é",
        "https://localhost:port/",
        "localhost/secret",
        "https://local\\host/",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_unseen(url: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        Letter.of(Request("GET", url))

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X Y", "1"), ("", "1"), ("X:", "1"), ("X\n", "1"), ("X", "a\nb"), ("X", "\0"), ("X", " a"), ("X", "é")],
)
def test_a_header_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(Misconfigured):
        Letter.of(Request("GET", "https://h/", ((name, value),)))


def test_what_belongs_to_the_connection_is_not_the_callers() -> None:
    given_headers = (("Host", "evil"), ("Content-Length", "7"), ("transfer-encoding", "chunked"), ("X", "y"))

    letter = Letter.of(Request("POST", "https://h/", given_headers, b"body"))

    assert letter.headers == (("User-Agent", AGENT), ("Accept-Encoding", "gzip"), ("X", "y"), ("Content-Length", "4"))


def test_a_caller_may_name_itself() -> None:
    letter = Letter.of(Request("GET", "https://h/", (("user-agent", "mine/1"),)))

    assert letter.headers == (("user-agent", "mine/1"), ("Accept-Encoding", "gzip"))


def test_a_letter_prints_no_more_than_its_host() -> None:
    letter = Letter.of(Request("POST", "https://h:8443/secret?secret", (("X", "secret"),), b"secret"))

    assert repr(letter) == str(letter) == "<Letter POST https://h:8443>"


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")))
def test_spelling_a_target_twice_changes_nothing(path: str) -> None:
    once = Letter.of(Request("GET", f"https://h/{path}")).target

    assert Letter.of(Request("GET", f"https://h{once}")).target == once
