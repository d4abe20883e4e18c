"""What is written of a beginning, and when a pass looks again after an error."""

from __future__ import annotations

import pytest

from moorage.control.queue import Depth
from moorage.control.report import beginning, next_look
from moorage.model.errors import ApiFailed, Error, InvalidSpec, LiveStateUnknown
from moorage.model.manifest import Json


@pytest.mark.parametrize(
    ("error", "failures", "seconds"),
    [
        (ApiFailed("x"), 1, 1.0),
        (ApiFailed("x"), 2, 2.0),
        (ApiFailed("x"), 5, 16.0),
        (ApiFailed("x"), 50, 180.0),
        (InvalidSpec("x"), 1, 180.0),
    ],
)
def test_the_delay_follows_from_the_kind_of_error(error: Error, failures: int, seconds: float) -> None:
    """
    A fault of the world is looked at after one second first, then after twice as long, three minutes at most.
    """
    answer = next_look(error, failures)

    assert answer.after_seconds is not None
    assert 0.8 * seconds <= answer.after_seconds <= 1.2 * seconds
    assert answer.depth is Depth.REVISION


def test_what_waits_for_the_cluster_needs_no_look_at_git() -> None:
    """
    A cluster that is not known yet is asked again soon, with the revision known already.
    """
    answer = next_look(LiveStateUnknown("x"), 7)

    assert answer.after_seconds is not None
    assert 8.0 <= answer.after_seconds <= 12.0
    assert answer.depth is Depth.LIVE


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({}, {"sync": "new"}),
        ({"sync": "old", "resources": ["old"]}, {"sync": "new", "resources": ["old"]}),
        ({"sync": "old", "resources": []}, {"sync": "new"}),
    ],
)
def test_a_beginning_says_nothing_new_of_resources(before: Json, expected: Json) -> None:
    """
    The write that all of a sync waits for is small, however many resources there are; what was told of them stays.
    """
    assert beginning(before, {"sync": "new", "resources": ["new"]}) == expected
