"""A secret does not print itself, wherever it is put."""

import copy
import dataclasses
import json
import logging
import pickle
import sys
import traceback
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.hidden import MASK, Hidden
from tests.canaries import Canary


@dataclass(frozen=True)
class Held:
    """Something that holds a secret."""

    secret: Hidden
    names: list[Hidden] = field(default_factory=list)


@pytest.mark.parametrize("form", ["{}", "{!r}", "{!s}", "{!a}", "{:>40}", "{:s}", "{0:10.3}"])
def test_no_format_prints_it(form: str, canary: Canary) -> None:
    assert form.format(Hidden(canary("token"))) == MASK


def test_nothing_that_prints_prints_it(canary: Canary) -> None:
    """`%`, f-strings, containers, `repr` of what holds it: all go to the captured output, which is searched."""
    text = canary("token")
    secret = Hidden(text)
    held = Held(secret, [secret])

    told = f"{secret} {secret!r} {secret:>9} {[secret]} {held} {held!r} { {secret: secret} }"
    told += "%s %r" % (secret, secret)  # noqa: UP031
    sys.stdout.write(told)

    assert text not in told


def test_a_copy_as_a_dictionary_is_hidden_still(canary: Canary) -> None:
    secret = Hidden(canary("token"))

    copied = dataclasses.asdict(Held(secret, [secret]))

    assert copied == {"secret": secret, "names": [secret]}
    assert isinstance(copied["secret"], Hidden)
    assert repr(dataclasses.astuple(Held(secret))) == f"({MASK}, [])"
    assert repr(copy.copy(secret)) == repr(copy.deepcopy([secret])[0]) == MASK


def test_it_has_no_dictionary_and_takes_no_attributes() -> None:
    secret: Any = Hidden("a secret")

    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.name = "value"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_refuses_to_be_pickled(protocol: int) -> None:
    for value in (Hidden("a secret"), Held(Hidden("a secret")), {"in": [Hidden("a secret")]}):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(value, protocol)


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.to_builtins])
def test_it_refuses_to_be_serialised(encode: Any) -> None:
    with pytest.raises(TypeError) as caught:
        encode({"secret": Hidden("a secret text")})

    assert "a secret text" not in str(caught.value)


def test_a_log_line_does_not_hold_it(canary: Canary, caplog: pytest.LogCaptureFixture) -> None:
    secret = Hidden(canary("token"))

    logging.getLogger("any").warning("sending %s and %r in %s", secret, secret, Held(secret))

    assert caplog.messages == [f"sending {MASK} and {MASK} in Held(secret={MASK}, names=[])"]


def test_a_traceback_with_its_locals_does_not_hold_it(canary: Canary) -> None:
    """What a crash reporter writes: every frame with the values of its variables."""
    text = canary("token")

    def fail(secret: Hidden) -> None:
        raise ValueError(secret)

    try:
        fail(Hidden(text))
    except ValueError:
        kind, error, trace = sys.exc_info()
    assert kind is not None
    assert error is not None
    told = "".join(traceback.TracebackException(kind, error, trace, capture_locals=True).format())

    assert f"secret = {MASK}" in told
    # The test's own variable is plain text on purpose: without it, nothing of the secret is left.
    assert text not in told.replace(f"text = {text!r}", "")


@given(st.text(), st.text())
def test_two_are_equal_when_their_texts_are(first: str, second: str) -> None:
    one, other = Hidden(first), Hidden(second)

    assert (one == other) == (first == second)
    assert one == Hidden(first)
    assert hash(one) == hash(Hidden(first))
    assert bool(one) == bool(first)
    assert one != first
    assert one.reveal() == first


def test_texts_that_no_encoding_takes_are_compared_too() -> None:
    """A lone surrogate, as a broken answer may bring: the error about it would carry the text."""
    assert Hidden("\ud800 secret") == Hidden("\ud800 secret")
    assert Hidden("\ud800 secret") != Hidden("secret")
