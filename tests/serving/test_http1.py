"""HTTP/1.1 on paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.messages import Headers, Response
from partnerauth.serving.http1 import addressed, plain, written


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        ("/", "localhost", "https://localhost/"),
        ("/a?b=c%20d", "localhost:8443", "https://localhost:8443/a?b=c%20d"),
        ("//a/../b", "[::1]:8443", "https://[::1]:8443//a/../b"),
        ("https://real", "localhost", "https://real/"),
        ("https://Real:1?a", "localhost", "https://Real:1/?a"),
        ("https://real/a?b://c", "localhost", "https://real/a?b://c"),
    ],
)
def test_the_address_is_as_the_client_wrote_it(target: str, host: str, url: str) -> None:
    assert addressed(target, (("X", "y"), ("hOsT", host))) == url


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", ()),
        ("/", (("Host", "a"), ("host", "a"))),
        ("/", (("Host", "a/b"),)),
        ("/", (("Host", "a:65536"),)),
        ("", (("Host", "a"),)),
        ("*", (("Host", "a"),)),
        ("/a b", (("Host", "a"),)),
        ("http://a/", (("Host", "a"),)),
        ("https:///", (("Host", "a"),)),
        ("https://a@b/", (("Host", "a"),)),
        ("https://a#b", (("Host", "a"),)),
    ],
)
def test_what_is_no_address_is_refused(target: str, headers: Headers) -> None:
    with pytest.raises(ValueError, match=r"strange|Host"):
        addressed(target, headers)


def test_what_the_connection_says_is_said_once() -> None:
    answer = Response(
        200,
        (("Date", "then"), ("content-length", "99"), ("Connection", "upgrade"), ("Transfer-Encoding", "x")),
        b"body",
    )

    head, body = written(answer, "now", connection="close")

    assert head == b"HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    assert body == b"body"


def test_an_unknown_status_has_an_empty_phrase() -> None:
    assert written(Response(599), "now")[0].startswith(b"HTTP/1.1 599 \r\nDate: now\r\n")


@given(name=st.text(max_size=5), value=st.text(max_size=5), reason=st.text(max_size=5))
def test_no_header_and_no_reason_makes_a_line_of_its_own(name: str, value: str, reason: str) -> None:
    try:
        head, _ = written(Response(200, ((name, value),), b"", reason), "now")
    except ValueError:
        return
    assert head.count(b"\n") == head.count(b"\r") == 5 - (name.lower() in ("date", "connection"))


def test_a_plain_answer_says_its_status() -> None:
    assert plain(413).body == b"Content Too Large\n" or plain(413).body == b"Request Entity Too Large\n"
