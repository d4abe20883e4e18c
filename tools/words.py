"""
Does everybody use the words of the house?

Names that hide work are not used for modules or classes, and a thing that has
a word is not called by another one, in docs, docstrings and messages alike.
The table is in ``docs/explanation/words.md``; this program is its spelling.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

HIDING = frozenset(
    [
        "util",
        "utils",
        "utility",
        "utilities",
        "common",
        "helper",
        "helpers",
        "manager",
        "managers",
        "processor",
        "base",
        "info",
        "data",
        "context",
        "misc",
    ]
)
"""Words that say nothing about what a module or class does."""

ALLOWED_NAMES: dict[str, str] = {
    "src/moorage/sandbox/data": "a folder of files, not a module",
}
"""Paths and class names that hold such a word and may, each with its reason."""

SYNONYMS: dict[str, str] = {
    r"(?:actual|current|in-cluster|observed) state": "live state",
    r"expected state": "target state",
    r"merged state|dry-run result": "predicted state",
    r"reconcil(?:e|iation) (?:loop|iteration)s?": "pass",
    r"sync jobs?": "operation",
    r"sync stages?": "phase",
    r"garbage[- ]collect\w* (?:what|resources that) left (?:Git|the repository)": "prune",
    r"hydrat(?:e|es|ed|ing) (?:the )?(?:manifests?|charts?|templates?)": "render",
    r"out-of-sync state": "OutOfSync",
    r"auto-heal\w*": "self-heal",
}
"""What is not said, as patterns, and the word of the house for it."""

ALLOWED_PHRASES: dict[str, str] = {
    "tools/words.py": "names them in order to refuse them",
    "tests/shape/test_shape_tools.py": "tries them",
    "docs/explanation/words.md": "names them in order to refuse them",
}
"""Files that may hold a synonym, each with its reason."""

_SYNONYM = {re.compile(rf"(?i)\b(?:{pattern})\b"): word for pattern, word in SYNONYMS.items()}
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def main() -> int:
    """Print every fault of spelling in the repository; return 1 when there is one."""
    faults = [fault for path in tracked() for fault in faults_of(path, (ROOT / path).read_text())]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def tracked() -> list[str]:
    """Return the Python files and doc pages of the repository that are under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [path for path in listed.stdout.split("\n") if path and (ROOT / path).is_file()]


def faults_of(path: str, text: str) -> list[str]:
    """Return what is wrong with the words of one file."""
    found = list(_phrases(path, text))
    if path.endswith(".py"):
        found += list(_names(path, text))
    return found


def _phrases(path: str, text: str) -> Iterator[str]:
    if path in ALLOWED_PHRASES:
        return
    for pattern, word in _SYNONYM.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {match[0]!r}: say {word!r}"


def _names(path: str, text: str) -> Iterator[str]:
    for part in Path(path).with_suffix("").parts:
        if (hidden := _hiding(part)) and part not in ALLOWED_NAMES and path not in ALLOWED_NAMES:
            yield f"{path}: {hidden!r} in the name of a module hides what it does"
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.ClassDef)
            and node.name not in ALLOWED_NAMES
            and (hidden := _hiding(node.name))
        ):
            yield f"{path}:{node.lineno}: {hidden!r} in the class name {node.name} hides what it does"


def _hiding(name: str) -> str:
    return next((part for part in _PARTS.findall(name) if part.lower() in HIDING), "")


if __name__ == "__main__":
    sys.exit(main())
