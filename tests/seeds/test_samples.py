"""The samples themselves: read, filled in, written."""

from pathlib import Path

import pytest

from tests.seeds.sample import SAMPLES, Sample, differences, request_bytes, response_bytes

REQUESTS = sorted(path.name.removesuffix(".txt") for path in SAMPLES.glob("*.request.txt"))
RESPONSES = sorted(path.name.removesuffix(".txt") for path in SAMPLES.glob("*.response.txt"))
PLAIN = "x"
"""A value that no encoding changes."""


def text(name: str, length: int) -> bytes:
    """The file's text, each variable filled with a plain value, its lines as HTTP ends them."""
    written = Path(SAMPLES, f"{name}.txt").read_text("utf-8").removesuffix("\n")
    for variable in Sample.named(name).variables:
        written = written.replace(f"{{{{{variable}}}}}", PLAIN)
    head, _, body = written.replace("{{length}}", str(length)).partition("\n\n")
    return (head + "\n\n").replace("\n", "\r\n").encode() + body.encode()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_written_as_its_file_has_it(name: str) -> None:
    sample = Sample.named(name)
    request = sample.request(**dict.fromkeys(sample.variables, PLAIN))

    assert b"".join(request_bytes(request)) == text(name, len(request.body))
    assert request.header("Host") == request.host + (":44395" if "form-post" in name else "")
    assert not request.body or request.header("Content-Length") == str(len(request.body))


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_written_as_its_file_has_it(name: str) -> None:
    sample = Sample.named(name)
    response = sample.response(**dict.fromkeys(sample.variables, PLAIN))

    assert b"".join(response_bytes(response)) == text(name, len(response.body))
    assert response.header("Content-Length") == str(len(response.body))


def test_every_sample_is_listed_in_the_readme() -> None:
    readme = (SAMPLES / "README.md").read_text("utf-8")
    listed = {name for name in [*REQUESTS, *RESPONSES] if f"`{name}.txt`" in readme}
    beside = {
        name for name in RESPONSES if f"`{name.removesuffix('.response')}.request.txt`, `.response.txt`" in readme
    }

    assert listed | beside == {*REQUESTS, *RESPONSES}


def test_values_are_written_as_their_place_asks_for() -> None:
    secret = 'a+b/c=&%"é'

    form = Sample.named("s2-5-refresh.request").request(
        tenant="t/", client_id="1", client_secret=secret, refresh_token="2"
    )
    assert form.fields["client_secret"] == secret
    assert form.path == "/t%2F/oauth2/token"
    answer = Sample.named("s4-1-client-credentials.response").response(access_token=secret)
    assert answer.value()["access_token"] == secret
    header = Sample.named("s2-6-customer-users.request").request(customer="c", access_token="a+b/c=")
    assert header.header("Authorization") == "Bearer a+b/c="


@pytest.mark.parametrize(
    ("written", "instead", "found"),
    [
        (b'"3600"', b"3600", ["expires_in: 3600"]),
        (b'"resource"', b'"Resource"', ["no resource"]),
        (b'"Bearer"', b'"bearer"', ["token_type: 'bearer'"]),
    ],
)
def test_a_difference_between_an_answer_and_its_sample_is_seen(
    written: bytes, instead: bytes, found: list[str]
) -> None:
    sample = Sample.named("s4-1-client-credentials.response").response(access_token="t")
    other = type(sample)(200, sample.headers, sample.body.replace(written, instead, 1), "OK")

    assert differences(sample, sample) == []
    assert differences(other, sample) == found
    assert differences(type(sample)(200, sample.headers[1:], sample.body, "OK"), sample) == ["Cache-Control: "]
    assert differences(type(sample)(201, sample.headers, sample.body, "OK"), sample) == ["201 OK"]
