"""What the JSON reader promises."""

from __future__ import annotations

import pytest

from moorage.formats import json
from moorage.model.errors import InvalidManifest, LimitExceeded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"a": 1,}', "f.json:1:8", id="trailing comma"),
        pytest.param('{\n "a": NaN}', "f.json:2:", id="not a number"),
        pytest.param("", "f.json:1:1", id="empty"),
        pytest.param('{"x": {"a": 1, "a": 2}}', "f.json: the field a is given twice", id="S77 duplicate key"),
    ],
)
def test_errors_name_the_place(text, message):
    """
    What is not strict JSON is refused with file, line and column; a key twice by its name.
    """
    with pytest.raises(InvalidManifest) as refused:
        json.load(text, origin="f.json")

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, '{"a":' * 250 + "1" + "}" * 250])
def test_s8_depth_is_bounded(text):
    """
    S8: nesting beyond the limit is refused.
    """
    with pytest.raises(LimitExceeded):
        json.load(text)


def test_s8_size_is_bounded():
    """
    S8: a text beyond the limit is refused before it is read.
    """
    with pytest.raises(LimitExceeded):
        json.load('"' + "a" * 100 + '"', size=50)


def test_values_survive():
    """
    A value read from what was written is the same value.
    """
    value = {"a": [1, 2.5, None, True, "é"], "b": {}}

    assert value == json.load(json.dump(value))
