"""Errors are the tree that the page draws, and each of them helps."""

import copy
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from partnerauth import errors
from partnerauth.errors import PartnerAuthError

LINE = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<names>[A-Z]\w+(?:, [A-Z]\w+)*)(?: +(?P<code>\d))?(?: {2,}.*)?$")


def drawn() -> Iterator[tuple[str, str, int]]:
    """Each class of the drawn tree: its name, its parent's, the exit code it has or inherits."""
    above: list[tuple[str, int]] = []
    for line in inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0].splitlines():
        found = LINE.match(line)
        assert found, f"this line of the tree cannot be read: {line!r}"
        depth = len(found["branch"]) // 4
        parent, inherited = above[depth - 1] if depth else ("Exception", 1)
        code = int(found["code"] or inherited)
        for name in found["names"].split(", "):
            yield name, parent, code
        del above[depth:]
        above.append((found["names"].split(", ")[0], code))


def written() -> Iterator[tuple[str, str, int]]:
    """The same of the classes there are."""
    for name, found in vars(errors).items():
        if inspect.isclass(found) and issubclass(found, PartnerAuthError):
            assert found.__base__ is not None
            yield name, found.__base__.__name__, found.exit_code


KINDS = [found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, PartnerAuthError)]


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    assert sorted(drawn()) == sorted(written())


def test_the_exit_codes_are_those_of_the_command() -> None:
    """docs: 1 internal, 2 usage, 3 consent needed, 4 MFA missing, 5 refused, 6 unreachable, 7 store."""
    branches = {found.__name__: found.exit_code for found in KINDS if found.__base__ is PartnerAuthError}

    assert branches == {
        "Misconfigured": 2,
        "ConsentNeeded": 3,
        "MfaMissing": 4,
        "Refused": 5,
        "Unreachable": 6,
        "StoreFailed": 7,
    }
    assert PartnerAuthError.exit_code == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_is_and_what_to_do_next(kind: type[PartnerAuthError]) -> None:
    error = kind("something happened")

    assert error.hint
    assert error.hint[-1] in ".!?"
    assert str(error) == error.message == "something happened"
    assert kind("it", hint="Do that.").hint == "Do that."
    assert inspect.getdoc(kind), "an error nobody explained"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_travels_whole(kind: type[PartnerAuthError]) -> None:
    """Between processes (pickle) and as a copy, with all that was told of it."""
    facts = {"hint": "Wait.", "code": 50076, "correlation_id": "c-1", "retry_after": 7.5, "claims": "{}", "status": 400}
    error = kind("refused", hint="Wait.", code=50076, correlation_id="c-1", retry_after=7.5, claims="{}", status=400)

    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert other.message == str(other) == "refused"
        assert {name: getattr(other, name) for name in facts} == facts
