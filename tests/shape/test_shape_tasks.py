"""Tasks live in task groups, but for a few whose life is somebody's own."""

from __future__ import annotations

import ast

from repository_files import SOURCE, tree_of

LOOSE_TASKS = {
    "api/listening.py": "the HTTP server, which ends by itself when asked to",
    "serve.py": "the controller ends later than the group that is cancelled",
    "cli/running.py": "the command itself, cancelled by a signal",
    "cli/app/door.py": "a watch that lives as long as a context",
    "cli/demo/story.py": "the house and the wait for it, whichever is first",
    "sandbox/server.py": "the HTTP server",
    "sandbox/wire.py": "a stream beside the wait for its reader",
    "testing/scene.py": "a house that lives as long as a context",
    "sandbox/workloads/driver.py": "the clock and the turns of pretended controllers",
}
"""Which modules make tasks outside of a task group, and why."""


def loose_tasks(tree):
    """Return the lines on which a task is made outside of a task group."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("create_task", "ensure_future")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("asyncio", "loop")
    ]


def test_loose_tasks_are_found():
    """
    A task of asyncio or of a loop is loose, one of a group is not.
    """
    source = (
        "asyncio.create_task(a())\nloop.create_task(b())\ngroup.create_task(c())\nasyncio.ensure_future(d())"
    )

    assert loose_tasks(ast.parse(source)) == [1, 2, 4]


def test_no_module_makes_loose_tasks():
    """
    Outside of the modules named here nobody makes a task that no group waits for, so no failure goes unseen.
    """
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if loose_tasks(tree_of(path))}

    assert set(LOOSE_TASKS) == found
