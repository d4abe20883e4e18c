"""Floors 1 and 2 know no clock, no chance and no world: what they need of these is an argument."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FLOORS = [Path(__file__).parents[2] / "src" / "moorage" / floor for floor in ("model", "engine")]
MODULES = sorted(path for floor in FLOORS for path in floor.rglob("*.py"))
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime"}
CHANCE = {"random", "uuid", "secrets", "os", "time"}


def impurities(source):
    """Yield the line and the text of what asks a clock, chance, or waits."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield node.lineno, ast.unparse(node.func)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.partition(".")[0] in CHANCE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in CHANCE:
            yield node.lineno, node.module
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("open", "input")
        ):
            yield node.lineno, node.func.id
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield node.lineno, "async"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from datetime import datetime\ndatetime.now()", id="now"),
        pytest.param("import datetime\ndatetime.datetime.now(datetime.UTC)", id="now of a module"),
        pytest.param("from datetime import date\ndate.today()", id="today"),
        pytest.param("import random", id="random"),
        pytest.param("from uuid import uuid4", id="uuid"),
        pytest.param("open('x')", id="open"),
        pytest.param("async def f(): ...", id="async"),
    ],
)
def test_impurity_is_seen(source):
    """
    The search finds each way to ask for the time, for chance or for a file.
    """
    assert list(impurities(source))


@pytest.mark.parametrize("module", [pytest.param(m, id="/".join(m.parts[-3:])) for m in MODULES])
def test_deciding_is_pure(module):
    """
    No module of floors 1 and 2 asks a clock, chance or a file, or waits.
    """
    assert list(impurities(module.read_text())) == []
