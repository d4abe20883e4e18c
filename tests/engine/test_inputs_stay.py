"""The watch over the inputs of engine calls sees what it is there for."""

from __future__ import annotations

import pytest
from watching_inputs import watched

from moorage.engine.diff import diff


def _careless(value):
    value["changed"] = True


def test_a_changed_input_is_noticed():
    """
    A function that changes what it was given fails under watch.
    """
    with pytest.raises(AssertionError, match="_careless changed its inputs"):
        watched(_careless)({"a": 1})


def test_engine_functions_are_watched_here():
    """
    The functions a test module imports from floor 2 are the watched ones.
    """
    assert hasattr(diff, "__wrapped__")
    assert diff({"a": 1}, {"a": 1}) == ()
