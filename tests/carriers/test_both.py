"""Both carriers, against real TLS servers: the same requests, the same answers, the same failures."""

import gzip
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.carriers.answer import MOST_BYTES
from partnerauth.carriers.letter import AGENT
from partnerauth.errors import Misconfigured, Unreachable, Unreadable, Untrusted
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.server import Server
from tests.canaries import Canary
from tests.carriers.conftest import Echo, MakeCarrier, Rude

OK = b"HTTP/1.1 200 OK\r\n"
MakeRude = Callable[..., Rude]


def test_a_form_arrives_as_it_was_written_and_with_nothing_else(make: MakeCarrier, server: Server, echo: Echo) -> None:
    request = Request.form(
        f"{server.url}/common/oauth2/token?a=1&b=%2f|", {"grant_type": "x"}, (("X-A", "1"), ("X-A", "2"))
    )

    response = make(server.ca).send(request)

    assert response.status == 200
    assert echo.asked == [
        Request(
            "POST",
            f"{server.url}/common/oauth2/token?a=1&b=%2F%7C",
            (
                ("Host", f"localhost:{server.port}"),
                ("User-Agent", AGENT),
                ("Accept-Encoding", "gzip"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("X-A", "1"),
                ("X-A", "2"),
                ("Content-Length", "12"),
            ),
            b"grant_type=x",
        )
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_without_a_body_there_is_no_length(make: MakeCarrier, server: Server, echo: Echo, method: str) -> None:
    make(server.ca).send(Request(method, server.url))

    names = [name for name, _ in echo.asked[0].headers]
    assert (echo.asked[0].url, names) == (f"{server.url}/", ["Host", "User-Agent", "Accept-Encoding"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_empty_body_is_said(make: MakeCarrier, server: Server, echo: Echo, method: str) -> None:
    make(server.ca).send(Request(method, server.url))

    assert echo.asked[0].header("Content-Length") == "0"
    assert echo.asked[0].header("Content-Type") == ""


def test_the_answer_is_kept_whole(make: MakeCarrier, server: Server) -> None:
    response = make(server.ca).send(Request("GET", f"{server.url}/phrase"))

    assert (response.status, response.reason, response.body) == (401, "Unauthorized - MFA required", b"")
    assert [value for name, value in response.headers if name.lower() == "x-one"] == ["1", "2"]


def test_no_redirect_is_followed_and_no_cookie_kept(make: MakeCarrier, server: Server, echo: Echo) -> None:
    carrier = make(server.ca)

    response = carrier.send(Request("GET", f"{server.url}/moved"))
    carrier.send(Request("GET", server.url))

    assert (response.status, response.header("Location")) == (302, "/elsewhere")
    assert [value for name, value in response.headers if name == "Set-Cookie"] == ["a=b", "c=d"]
    assert [(request.path, request.header("Cookie")) for request in echo.asked] == [("/moved", ""), ("/", "")]


def test_connections_are_used_again(make: MakeCarrier, rude: MakeRude, certificates: Certificates) -> None:
    server = rude(OK + b"Content-Length: 2\r\n\r\nok", stays=True)
    carrier = make(certificates.bundle, read_timeout=0.2)

    carrier.send(Request("GET", server.url))
    with pytest.raises(Unreachable):
        carrier.send(Request("GET", server.url))  # this server answers once on a connection

    assert server.connections == 1


def test_nothing_is_sent_twice(make: MakeCarrier, server: Server, echo: Echo) -> None:
    carrier = make(server.ca)
    carrier.send(Request("GET", server.url))

    with pytest.raises(Unreachable):
        carrier.send(Request("GET", f"{server.url}/ended"))  # harmless to repeat, on a kept connection

    carrier.send(Request("GET", server.url))
    assert len(echo.asked) == 2


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_body_needs_no_length(
    make: MakeCarrier, rude: MakeRude, certificates: Certificates, status: int
) -> None:
    server = rude(b"HTTP/1.1 %d X\r\nX: y\r\n\r\n" % status)

    assert make(certificates.bundle).send(Request("GET", server.url)) == Response(status, (("X", "y"),), b"", "X")


def test_chunks_are_joined(make: MakeCarrier, rude: MakeRude, certificates: Certificates) -> None:
    server = rude(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nTrailer: x\r\n\r\n")

    assert make(certificates.bundle).send(Request("GET", server.url)).body == b"abcde"


def test_gzip_is_unpacked(make: MakeCarrier, rude: MakeRude, certificates: Certificates) -> None:
    packed = gzip.compress(b"{}")
    server = rude(OK + b"Content-Encoding: gzip\r\nX: y\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)

    assert make(certificates.bundle).send(Request("GET", server.url)) == Response(200, (("X", "y"),), b"{}", "OK")


def test_long_header_lines_are_taken(make: MakeCarrier, rude: MakeRude, certificates: Certificates) -> None:
    server = rude(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://x/?" + b"a" * 30_000 + b"\r\n\r\n")

    assert len(make(certificates.bundle).send(Request("GET", server.url)).header("Location")) > 30_000


FAILURES = {
    "no answer": (b"", Unreachable, "closed the connection"),
    "half a status line": (b"HTT", Unreachable, "localhost"),
    "half a head": (OK + b"Content-Le", Unreachable, "localhost"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Unreadable, "not HTTP"),
    "half a body": (OK + b"Content-Length: 9\r\n\r\nhalf", Unreadable, "broke off"),
    "half a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf", Unreadable, "broke off"),
    "no last chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", Unreadable, "broke off"),
    "no chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", Unreachable, "localhost"),
    "no end": (OK + b"\r\nwho knows", Unreadable, "where its answer ends"),
    "half packed": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + gzip.compress(b"{}")[:9],
        Unreadable,
        "broke off",
    ),
    "not packed": (OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", Unreadable, "damaged"),
    "packed strangely": (OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", Unreadable, "not asked for"),
    "too long": (OK + b"Content-Length: 99999999\r\n\r\n" + b"x" * (MOST_BYTES + 9), Unreadable, "more than 16 MiB"),
    "a bomb": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb := gzip.compress(bytes(64 * 1024 * 1024), 9)), bomb),
        Unreadable,
        "more than 16 MiB",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_no_answer_is_told_by_its_kind(
    make: MakeCarrier, rude: MakeRude, certificates: Certificates, name: str
) -> None:
    says, kind, told = FAILURES[name]

    with pytest.raises(kind, match=told) as failure:
        make(certificates.bundle).send(Request("GET", rude(says).url))

    assert failure.type is kind or kind is Unreachable


def test_a_failed_connection_is_not_used_again(make: MakeCarrier, server: Server, echo: Echo) -> None:
    carrier = make(server.ca)

    for path in ("/cut", "/half", "/ended"):
        with pytest.raises(Unreachable):
            carrier.send(Request("GET", server.url + path))
        assert carrier.send(Request("GET", server.url)).ok


@pytest.mark.parametrize("says", [b"", OK, OK + b"Content-Length: 9\r\n\r\nhalf"], ids=["no head", "half", "body"])
def test_a_slow_answer_is_not_waited_for(
    make: MakeCarrier, rude: MakeRude, certificates: Certificates, says: bytes
) -> None:
    with pytest.raises(Unreachable, match="localhost did not answer in time") as failure:
        make(certificates.bundle, read_timeout=0.1).send(Request("GET", rude(says, stays=True).url))

    assert failure.type is Unreachable


def test_a_handshake_that_never_ends_is_not_waited_for(make: MakeCarrier, rude: MakeRude) -> None:
    with pytest.raises(Unreachable, match="localhost did not answer in time"):
        make(connect_timeout=0.1).send(Request("GET", rude(b"", plain=True, stays=True).url))


def test_nobody_there(make: MakeCarrier) -> None:
    with pytest.raises(Unreachable, match="localhost refused the connection"):
        make().send(Request("GET", "https://localhost:1/"))
    with pytest.raises(Unreachable, match=r"no address is known for nowhere\.invalid"):
        make().send(Request("GET", "https://nowhere.invalid/"))


def test_no_tls_there(make: MakeCarrier, rude: MakeRude) -> None:
    with pytest.raises(Unreachable, match="no TLS connection to localhost") as failure:
        make().send(Request("GET", rude(b"HTTP/1.1 400 Bad Request\r\n\r\n", plain=True).url))

    assert failure.type is Unreachable


def test_an_authority_that_is_not_ours_is_not_trusted(make: MakeCarrier, server: Server, tmp_path: Path) -> None:
    others = Certificates(tmp_path)

    for ca in (None, others.bundle):
        with pytest.raises(Untrusted, match="the certificate of localhost is not trusted"):
            make(ca).send(Request("GET", server.url))


def test_a_certificate_for_another_name_is_not_trusted(
    make: MakeCarrier, rude: MakeRude, certificates: Certificates
) -> None:
    server = rude(b"", context=certificates.context_for("login.microsoftonline.com"))

    with pytest.raises(Untrusted, match="the certificate of localhost is not trusted"):
        make(certificates.bundle).send(Request("GET", server.url))


def test_a_certificate_that_ended_is_not_trusted(make: MakeCarrier, rude: MakeRude, tmp_path: Path) -> None:
    old = Certificates(tmp_path, now=lambda: datetime.now(UTC) - timedelta(days=400))

    with pytest.raises(Untrusted, match="expired"):
        make(old.bundle).send(Request("GET", rude(b"", context=old.context).url))


def test_old_tls_is_refused(make: MakeCarrier, rude: MakeRude, certificates: Certificates) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(certificates.bundle.parent / "local.pem")

    with pytest.raises(Unreachable, match="no TLS connection to localhost"):
        make(certificates.bundle).send(Request("GET", rude(b"", context=context).url))


def test_loopback_addresses_are_reached_by_number(make: MakeCarrier, server: Server) -> None:
    for host in ("127.0.0.1", "[::1]"):
        assert make(server.ca).send(Request("GET", f"https://{host}:{server.port}/")).ok


@pytest.mark.parametrize("path", ["/", "/cut", "/half", "/slow"])
def test_secrets_stay_out_of_logs_and_failures(
    make: MakeCarrier, server: Server, canary: Canary, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    token, code = canary("token", awkward=False), canary("code", awkward=False)
    request = Request.form(
        f"{server.url}{path}?code={code}", {"refresh_token": token}, (("Authorization", f"Bearer {token}"),)
    )
    carrier = make(server.ca, read_timeout=0.1)

    told: list[Any] = [carrier, request]
    try:
        told.append(carrier.send(request))
    except Unreachable as failure:
        told += [failure, failure.__context__, failure.__cause__]

    assert isinstance(told[-1], Response) if path == "/" else told[-2:] == [None, None]
    for text in (*map(repr, told), *map(str, told), caplog.text):
        assert token not in text
        assert code not in text


def test_a_secret_that_cannot_be_sent_is_not_quoted(
    make: MakeCarrier, server: Server, canary: Canary, echo: Echo
) -> None:
    token = canary("token")

    for value in (f"Bearer {token}\r\nX: y", f"Bearer {token}é"):
        with pytest.raises(Misconfigured, match="Authorization") as failure:
            make(server.ca).send(Request("GET", server.url, (("Authorization", value),)))
        assert token not in str(failure.value)

    assert echo.asked == []
