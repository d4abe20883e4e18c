"""
How long are the files and functions of each room, and is one too long?

Prints median, 90th percentile and the five longest of each, so that growth is
seen in every run. The guides (80 to 250 lines a file, a talk at 400) are for
people; only the hard caps below make the program fail. A suite of tests may be
longer than what it tests.

A function's length is without its docstring, and without functions inside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

FILE_CAP = 600
SUITE_CAP = 900
FUNCTION_CAP = 100
LONGEST = 5

ROOT = Path(__file__).resolve().parent.parent
HOUSE = Path("src/moorage")
BESIDE = ("tests", "tools", "scripts", "bench", "fuzz")


class Piece(NamedTuple):
    """A file or function with its length."""

    lines: int
    name: str


def main() -> int:
    """Print the shape of every room; return 1 when a cap is passed."""
    faults: list[str] = []
    for room, paths in rooms(ROOT):
        files = [Piece(len(path.read_text().splitlines()), str(path.relative_to(ROOT))) for path in paths]
        functions = [
            piece for path in paths for piece in functions_of(path.read_text(), str(path.relative_to(ROOT)))
        ]
        print(f"{room}: {len(files)} files, {sum(piece.lines for piece in files)} lines")
        print_sizes("files", files)
        print_sizes("functions", functions)
        cap = SUITE_CAP if room == "tests" else FILE_CAP
        faults += [
            f"{name}: {lines} lines, the cap for a file is {cap}; split it"
            for lines, name in over(files, cap)
        ]
        faults += [
            f"{name}: {lines} lines, the cap for a function is {FUNCTION_CAP}; give its parts names"
            for lines, name in over(functions, FUNCTION_CAP)
        ]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def rooms(root: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield each room of the house and each folder beside it, with its Python files."""
    house = root / HOUSE
    yield "moorage", sorted(house.glob("*.py"))
    for room in sorted(path for path in house.iterdir() if path.is_dir()):
        if files := sorted(room.rglob("*.py")):
            yield f"moorage.{room.name}", files
    for name in BESIDE:
        if files := sorted((root / name).rglob("*.py")):
            yield name, files


def functions_of(source: str, name: str) -> list[Piece]:
    """Return every function of a file by its qualified name."""
    return list(_functions(ast.parse(source), name + "::"))


def _functions(node: ast.AST, prefix: str) -> Iterator[Piece]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = list(_functions(child, f"{prefix}{child.name}."))
            direct = [each for each in inner if each.name.count(".", len(prefix)) == 1]
            yield Piece(
                _span(child) - _docstring(child) - sum(each.lines for each in direct), prefix + child.name
            )
            yield from inner
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _span(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return _span(node.body[0]) if ast.get_docstring(node, clean=False) is not None else 0


def over(pieces: Iterable[Piece], cap: int) -> list[Piece]:
    """Return the pieces longer than a cap, longest first."""
    return sorted((piece for piece in pieces if piece.lines > cap), reverse=True)


def percentile(lengths: list[int], share: float) -> int:
    """Return the smallest length that so large a share of all does not pass; 0 of nothing."""
    ordered = sorted(lengths)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)] if ordered else 0


def print_sizes(what: str, pieces: list[Piece]) -> None:
    """Print one line of figures and the five longest."""
    lengths = [piece.lines for piece in pieces]
    print(f"  {what:9}  median {percentile(lengths, 0.5):4}  p90 {percentile(lengths, 0.9):4}")
    for lines, name in sorted(pieces, reverse=True)[:LONGEST]:
        print(f"    {lines:5}  {name}")


if __name__ == "__main__":
    sys.exit(main())
