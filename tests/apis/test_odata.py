"""OData filters: what the client writes the emulator reads, and nothing beyond the documented part."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis.odata import (
    ORDERINGS,
    And,
    AnyOf,
    Compared,
    Eq,
    Filter,
    Moment,
    Or,
    fields_of,
    lookup,
    read_filter,
)

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,6}(/[A-Za-z][A-Za-z0-9_]{0,6}){0,2}", fullmatch=True).filter(
    lambda name: name not in ("true", "false", "null", "and", "eq")
)
MOMENTS = st.datetimes().map(lambda moment: Moment(moment.replace(microsecond=0).isoformat() + "Z"))
VALUES = (
    st.text()
    | st.booleans()
    | st.none()
    | st.integers(-(10**14), 10**14)
    | st.decimals(-(10**6), 10**6, places=3).map(float).filter(lambda number: "e" not in str(number))
    | MOMENTS
)
ONE = st.builds(Eq, NAMES, VALUES) | st.builds(Compared, NAMES, st.sampled_from(["ne", *ORDERINGS]), VALUES)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    ONE,
    lambda inner: (
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, min_size=2, max_size=4))
        | st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, min_size=2, max_size=4))
        | st.builds(AnyOf, NAMES, inner)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(condition=FILTERS)
def test_a_filter_is_read_as_it_was_written(condition: Filter) -> None:
    assert read_filter(str(condition)) == condition


@settings(deadline=None)
@given(condition=FILTERS, record=st.recursive(st.none() | st.text(), lambda v: st.dictionaries(st.text(), v)))
def test_a_filter_holds_or_not_for_any_record(condition: Filter, record: Any) -> None:
    assert condition.holds(record) in (True, False)


@settings(deadline=None)
@given(text=st.text("()':/. \t\nabcqeandtrufls0123456789-TZ", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    """By ValueError and nothing else; what was read is written and read again."""
    try:
        condition = read_filter(text)
    except ValueError:
        return
    assert read_filter(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("status eq 'Active'", Eq("status", "Active")),
        (" ( status eq 'O''Neill' ) ", Eq("status", "O'Neill")),
        ("a eq 1 and b eq 2.5 and c eq true", And((Eq("a", 1), Eq("b", 2.5), Eq("c", True)))),
        ("a eq null and (b eq 'x' and c eq 'y')", And((Eq("a", None), And((Eq("b", "x"), Eq("c", "y")))))),
        ("customerProfile/address/country eq 'US'", Eq("customerProfile/address/country", "US")),
        ("team/any(t:t/email eq 'x')", AnyOf("team", Eq("email", "x"))),
        (
            "a eq 1 or b gt 2 and c ne 3",
            Or((Eq("a", 1), And((Compared("b", "gt", 2), Compared("c", "ne", 3))))),
        ),
        (
            "updatedDateTime eq 2026-03-01T12:00:00.0000000Z",
            Eq("updatedDateTime", Moment("2026-03-01T12:00:00.0000000Z")),
        ),
    ],
)
def test_the_documented_language(text: str, condition: Filter) -> None:
    """The reference of Referrals, 5."""
    assert read_filter(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status",
        "status eq",
        "eq 'x'",
        "status has 'x'",
        "status eq 'x",
        "status eq x",
        "status eq 'x' or",
        "not status eq 'x'",
        "(status eq 'x'",
        "status eq 'x')",
        "status eq 'x' and",
        "team/any(t)",
        "team/any(t:email eq 'x')",
        "team/any(t:u/email eq 'x')",
        "team/all(t:t/email eq 'x')",
        "startswith(name,'x')",
        "true eq true",
        "a eq 1x",
        "a eq 'x' b eq 'y'",
        "(" * 40 + "a eq 1" + ")" * 40,
        "a eq '" + "x" * 4000 + "'",
    ],
)
def test_the_rest_of_odata_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"filter|any\(\)"):
        read_filter(text)


def test_what_a_filter_holds_for() -> None:
    record = {
        "a": "x",
        "n": 1,
        "b": True,
        "at": "2026-03-01T12:00:00.0000000Z",
        "team": [{"email": "k"}],
        "z": {"y": "v"},
    }
    for true in ("a eq 'x'", "n eq 1", "b eq true", "none eq null", "z/y eq 'v'", "team/any(t:t/email eq 'k')"):
        assert read_filter(true).holds(record)
    for false in ("a eq 'X'", "n eq true", "b eq 1", "a eq null", "z eq 'v'", "team/any(t:t/email eq 'l')", "a/y eq 1"):
        assert not read_filter(false).holds(record)
    assert read_filter("at eq 2026-03-01T12:00:00Z").holds(record)


def test_what_is_greater_or_less() -> None:
    """What is not there, or of another kind, is neither; `and` binds more than `or`."""
    record = {"n": 2, "s": "b", "at": "2026-03-01T12:00:00.5000000Z"}
    for true in (
        "n gt 1 and n le 2",
        "n lt 3",
        "s ge 'b'",
        "s ne 'a'",
        "none ne 1",
        "at gt 2026-03-01T12:00:00Z",
        "at le 2026-03-01T12:00:00.5Z",
        "n eq 2 or n eq 9 and n eq 9",
    ):
        assert read_filter(true).holds(record), true
    for false in ("n gt 2", "n lt 2", "s gt 1", "n gt 'a'", "n gt true", "none lt 1", "at gt 2026-03-01T12:00:01Z"):
        assert not read_filter(false).holds(record), false


def test_the_fields_of_a_filter_are_known() -> None:
    condition = read_filter("a eq 1 and (b/c eq 2 and team/any(t:t/email eq 'x' and t/name eq 'y'))")

    assert fields_of(condition) == ("a", "b/c", "team/email", "team/name")
    assert lookup({"b": {"c": 2}}, "b/c") == 2
