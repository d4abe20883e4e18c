"""What a benchmark's figures look like, and when a goal counts as reached."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from bench.processes import tree
from bench.rows import Row, as_json, at_least, at_most, number, table, unjudged
from bench.stages import STAGES


@pytest.mark.parametrize(
    ("row", "met"),
    [
        pytest.param(at_least("rate", 85, "%", 85), True, id="reached exactly"),
        pytest.param(at_least("rate", 84.9, "%", 85), False, id="missed"),
        pytest.param(at_most("time", 0.2, "s", 0.2), True, id="as long as allowed"),
        pytest.param(at_most("time", 0.21, "s", 0.2), False, id="too long"),
        pytest.param(Row("rate", 1, "objects/s"), None, id="no goal"),
    ],
)
def test_a_goal_is_reached_or_not(row, met):
    """
    A row says whether its goal is reached; one without a goal says neither.
    """
    assert row.met is met


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (0, "0"), (12.345, "12.35"), (0.012345, "0.0123")]
)
def test_figures_have_three_digits_that_mean_something(value, text):
    """
    Large figures have no fraction, small ones as much of it as says something.
    """
    assert number(value) == text


def test_a_quick_run_judges_nothing():
    """
    With small counts a figure is shown as it is, neither reached nor missed.
    """
    row = unjudged(at_least("rate", 10, "%", 85))

    assert (row.met, row.wanted, row.shown) == (None, "", "10 %")


def test_a_table_shows_the_goal_and_the_limit_beside_the_figure():
    """
    Each line holds what was measured, what was wanted and what the server alone does.
    """
    row = at_least("one application", 900, "objects/s", 850, limit="1,000 objects/s plain PATCH")

    assert table([row]).splitlines()[1].split("  ") == [
        "✓ one application",
        "900 objects/s",
        "≥ 850 objects/s",
        "1,000 objects/s plain PATCH",
    ]
    assert json.loads(as_json([row]))[0]["met"] is True


def test_a_process_tree_holds_the_process_itself():
    """
    What a process used is counted for it and its descendants.
    """
    assert os.getpid() in tree(os.getppid())
    assert tree(os.getpid())[0] == os.getpid()


def test_the_page_names_every_stage():
    """
    The how-to of measuring lists the stages there are, and no others.
    """
    page = (Path(__file__).parents[2] / "docs/how-to/measure.md").read_text()
    listed = re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)

    assert sorted(listed) == sorted(["micro", *STAGES])
