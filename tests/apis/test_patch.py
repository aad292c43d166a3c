"""JSON Patch: all changes or none, by RFC 6902's `replace` and `add`."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.apis.patch import Change, patched, read_changes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


def places(value: Any, path: str = "") -> list[str]:
    """The pointers to everything in a JSON value."""
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        step = str(name).replace("~", "~0").replace("/", "~1")
        found += places(member, f"{path}/{step}")
    return found


def at(value: Any, path: str) -> Any:
    for step in Change(path, None).names:
        value = value[int(step) if isinstance(value, list) else step]
    return value


@settings(deadline=None)
@given(document=st.dictionaries(st.text(max_size=4), JSON, min_size=1), value=JSON, data=st.data())
def test_what_was_replaced_stands_there_and_nothing_else_changed(document: Any, value: Any, data: Any) -> None:
    """For every place of every document; the document that was given stays as it was."""
    before = copy.deepcopy(document)
    path = data.draw(st.sampled_from(places(document)))
    after = patched(document, [Change(path, value)])

    assert at(after, path) == value
    assert document == before
    assert patched(after, [Change(path, at(before, path))]) == before


@settings(deadline=None)
@given(members=st.lists(JSON, max_size=5), value=JSON, data=st.data())
def test_add_moves_the_others_along(members: list[Any], value: Any, data: Any) -> None:
    """RFC 6902 4.1; `-` is the place behind the last."""
    place = data.draw(st.integers(0, len(members)))
    inserted = patched({"list": members}, [Change(f"/list/{place}", value, "add")])["list"]
    appended = patched({"list": members}, [Change("/list/-", value, "add")])["list"]

    assert inserted == [*members[:place], value, *members[place:]]
    assert appended == [*members, value]


@settings(deadline=None)
@given(
    document=JSON,
    body=JSON
    | st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "replace", "remove"]), "path": st.text("/~01-ab", max_size=8), "value": JSON}
        )
    ),
)
def test_anything_else_is_refused_by_value_error(document: Any, body: Any) -> None:
    """Whatever a stranger sends."""
    try:
        changes = read_changes(body)
        patched(document, changes)
    except ValueError:
        return
    assert read_changes([change.write() for change in changes]) == changes


def test_none_of_the_changes_is_made_where_one_cannot_be() -> None:
    document = {"a": 1, "list": []}
    with pytest.raises(ValueError, match="no place"):
        patched(document, [Change("/a", 2), Change("/list/0", 1)])

    assert document == {"a": 1, "list": []}


def test_a_change_does_not_print_its_value() -> None:
    assert "secret" not in repr(Change("/a", "secret"))
