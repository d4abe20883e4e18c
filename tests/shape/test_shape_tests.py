"""What all tests have in common: each states a guarantee, and none waits for time to pass."""

from __future__ import annotations

import ast

import pytest
from repository_files import name_of, text_of, tracked, tree_of

WAITS_FOR_THE_WORLD = {
    "tests/controlplane/kit.py": "a program gives no sign of being ready but its answer",
    "tests/conformance/exchange.py": "a real server works by its own clock",
    "tests/conformance/test_takeover.py": "a real server's controllers write when they like",
    "tests/programs/test_programs.py": "the kernel buries a killed child when it likes",
    "tests/render/test_render_pool.py": "a worker process gives no sign of having begun",
}
"""Who may sleep, and why nothing else would do."""

FILES = [pytest.param(path, id=name_of(path)) for path in tracked("tests/**/*.py")]


@pytest.mark.parametrize("path", FILES)
def test_every_test_states_a_guarantee(path):
    """
    Every test has a docstring: what it promises to whoever reads it.
    """
    silent = [
        node.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").strip()
    ]

    assert silent == []


def sleeps(source):
    """Return the lines on which a program sleeps for a time it names as a number."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and node.args
        and _name(node.func) == "sleep"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value
    ]


def _name(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("await asyncio.sleep(0.1)", [1], id="asyncio"),
        pytest.param("time.sleep(1)", [1], id="time"),
        pytest.param("sleep(2)", [1], id="bare"),
        pytest.param("await asyncio.sleep(0)", [], id="giving way is no sleep"),
        pytest.param("await clock.sleep(seconds)", [], id="a clock of its own"),
    ],
)
def test_sleeping_is_seen(source, expected):
    """
    A sleep of a fixed time is found however it is spelled; giving way is none.
    """
    assert expected == sleeps(source)


@pytest.mark.parametrize("path", FILES)
def test_no_test_sleeps(path):
    """
    A test waits for what happens, not for time; where time matters it is virtual.
    """
    # The simulation runs on a clock of its own; its sleeps take no time.
    virtual = "looptime" in text_of(path) or "simulate" in path.parts
    allowed = name_of(path) in WAITS_FOR_THE_WORLD or virtual

    assert allowed or sleeps(text_of(path)) == []


def test_names_of_test_files_differ():
    """
    Test files have names of their own, because outside of packages pytest knows them by these alone.
    """
    packages = {path.parent for path in tracked("tests/**/__init__.py")}
    names = [path.name for path in tracked("tests/**/test_*.py") if path.parent not in packages]

    assert sorted(set(names)) == sorted(names)
