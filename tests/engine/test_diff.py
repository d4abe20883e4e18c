"""Field differences: nothing lost, told as people write paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.diff import ABSENT, FieldChange, Key, diff, patch, print_path
from moorage.formats import yaml

FOLDER = Path(__file__).parents[1] / "cases" / "diff"
_PARTS = re.compile(r"^# live\n([\s\S]*?)^# target\n([\s\S]*?)^# output\n([\s\S]*)", re.MULTILINE)
CASES = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.case"))]


@pytest.mark.parametrize("path", CASES)
def test_case(path):
    """
    The two values of each case differ in exactly the fields that stand below them.
    """
    live, target, output = _PARTS.search(path.read_text()).groups()

    changes = diff(yaml.load(live), yaml.load(target))

    assert output == "".join(f"{change}\n" for change in changes)


def test_there_are_cases():
    """
    The folder of cases is found.
    """
    assert len(CASES) >= 8


_LEAVES = (
    st.none() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.sampled_from(["", "a", "b", "é", "."])
)
_NAMES = st.sampled_from(["name", "port", "key", "type", "a", "b", "a.b/c", "ip"])
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=25,
)
_KEYED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcde")}, optional={"image": _LEAVES, "x": _JSON}),
    max_size=5,
    unique_by=lambda item: item["name"],
)
_VALUES = _JSON | _KEYED | st.fixed_dictionaries({"spec": st.fixed_dictionaries({"containers": _KEYED})})


@given(_VALUES, _VALUES)
def test_a_patch_with_the_differences_gives_the_other(one, other):
    """
    Patching the first value with the differences gives the second: nothing is lost.
    """
    assert other == patch(one, diff(one, other))


@given(_VALUES, _VALUES)
def test_differences_are_empty_for_equals_alone(one, other):
    """
    There are differences if and only if the values differ.
    """
    assert (one == other) is (diff(one, other) == ())


@given(_VALUES)
def test_a_value_differs_from_nothing_in_one_change(value):
    """
    Nothing differs from itself.
    """
    assert diff(value, value) == ()
    assert patch(value, ()) == value


def items(*names, **fields):
    return [{"name": name, **fields} for name in names]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(1, 2, [".: 1 → 2"], id="numbers"),
        pytest.param({}, {"a": None}, [".a: added null"], id="added null"),
        pytest.param({"a": 1}, {}, [".a: removed 1"], id="removed"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, [".a.b: 1 → 2"], id="nested"),
        pytest.param({"a": {"b": 1}}, {"a": [1]}, ['.a: {"b":1} → [1]'], id="another type"),
        pytest.param([1, 2], [1, 3, 4], ["[1]: 2 → 3", "[2]: added 4"], id="positions"),
        pytest.param([1, 2, 3], [1], ["[1]: removed 2", "[2]: removed 3"], id="shorter"),
        pytest.param(
            items("a", "b"), items("a", "b", "c"), ['[name=c]: added {"name":"c"}'], id="item added"
        ),
        pytest.param(items("a", "b"), items("b"), ['[name=a]: removed {"name":"a"}'], id="item removed"),
        pytest.param(
            items("a", x=1), items("a", x=2), ["[name=a].x: 1 → 2"], id="item changed"
        ),
        pytest.param(
            items("a", "b"), items("b", "a"), ['[order by name]: ["a","b"] → ["b","a"]'], id="order"
        ),
        pytest.param(
            [{"containerPort": 80}], [{"containerPort": 81}],
            ['[containerPort=80]: removed {"containerPort":80}', '[containerPort=81]: added {"containerPort":81}'],
            id="another key",
        ),
        pytest.param(
            [{"name": "a"}, {"name": "a"}], [{"name": "a"}], ['[1]: removed {"name":"a"}'], id="a key that repeats"
        ),
        pytest.param({"a.b/c": 1}, {"a.b/c": 2}, ['["a.b/c"]: 1 → 2'], id="a name with dots"),
        pytest.param("x" * 200, "y", [f'.: "{"x" * 119}… → "y"'], id="long"),
    ],
)  # fmt: skip
def test_how_differences_are_told(old, new, expected):
    """
    A difference tells where, what was and what is, in one line.
    """
    assert expected == [str(change) for change in diff(old, new)]


def test_paths():
    """
    Paths print as people write them.
    """
    assert print_path(()) == "."
    assert print_path(("spec", "ports", Key("name", "http"), "port", 0)) == ".spec.ports[name=http].port[0]"


def test_absence_is_not_null():
    """
    A field that is not there is told from one that is null.
    """
    assert diff({}, {"a": None}) == (FieldChange(("a",), ABSENT, None),)
    assert repr(ABSENT) == "ABSENT"


def test_a_value_without_json_is_told_too():
    """
    A value that is no JSON is told as it prints.
    """
    assert str(FieldChange(("a",), {1, 2}, 3)) == ".a: {1, 2} → 3"
