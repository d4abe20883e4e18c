"""What the shape tests look at: the files of this repository, read once."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src/moorage"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)


class Block(NamedTuple):
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    text: str


@cache
def pages() -> tuple[Path, ...]:
    """Return every page of the docs, and the pages beside them."""
    return (*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md")


@cache
def text_of(path: Path) -> str:
    """Return what a file says."""
    return path.read_text()


def name_of(path: Path) -> str:
    """Return a path as messages and test ids show it."""
    return str(path.relative_to(ROOT))


def blocks(language: str) -> Iterator[Block]:
    """Yield the fenced blocks of one language, of all pages."""
    for page in pages():
        for found in _FENCE.finditer(text_of(page)):
            if found["language"] == language:
                line = text_of(page).count("\n", 0, found.start()) + 1
                yield Block(name_of(page), line, language, found["text"])


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a page that are neither code nor made from code."""
    text = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text_of(page))
    text = re.sub(
        r"<!-- made: .*?<!-- /made -->", lambda found: "\n" * found[0].count("\n"), text, flags=re.S
    )
    yield from enumerate(text.splitlines(), 1)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    lines = (line for _, line in prose(page) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).strip().replace(" ", "-") for line in lines}


@cache
def tracked(pattern: str) -> tuple[Path, ...]:
    """Return the files that match a pattern, under version control or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file())


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(text_of(path))


def tool(name: str) -> ModuleType:
    """Return a program of the tools folder as a module."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)
