"""When two JSON values are the same: as an API server sees it, not as Python does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model.equality import same

LEAVES = (
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=2)
)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abc"), v))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(1, 1, True, id="numbers"),
        pytest.param(1, 1.0, True, id="numbers of two kinds"),
        pytest.param(1, True, False, id="one and true"),
        pytest.param(False, 0, False, id="false and zero"),
        pytest.param(False, 0.0, False, id="false and zero with a point"),
        pytest.param("1", 1, False, id="text and number"),
        pytest.param({"a": [{"b": True}]}, {"a": [{"b": 1}]}, False, id="deep inside"),
        pytest.param({"a": 1, "b": True}, {"b": True, "a": 1}, True, id="another order of fields"),
        pytest.param([1, True], [True, 1], False, id="exchanged"),
        pytest.param({"a": None}, {}, False, id="null and nothing"),
        pytest.param({}, [], False, id="object and list"),
    ],
)
def test_same(left, right, expected):
    """
    Values are the same when they are equal and truth values stand in the same places.
    """
    assert expected is same(left, right)
    assert expected is same(right, left)


def marked(value):
    """Return a value in which truth values cannot be taken for numbers."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return {name: marked(inner) for name, inner in value.items()}
    return [marked(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_same_is_equality_of_marked_values(left, right):
    """
    For whatever two values it is plain equality, once truth values are something else than numbers.
    """
    assert (marked(left) == marked(right)) is same(left, right)
    assert same(left, left)
