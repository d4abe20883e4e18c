"""
What was measured, beside what was wanted and what the server alone could do.

A figure is only as good as the machine it came from, so a goal is a ratio to a
raw limit of the same run wherever there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

_COLUMNS = ("what", "measured", "wanted", "raw limit")


@dataclass(frozen=True, slots=True)
class Row:
    """
    One figure.

    `wanted` is the goal in words, `met` whether it is reached (None where there
    is no goal), `limit` what the server or machine alone does in the same run.
    """

    what: str
    value: float
    unit: str
    wanted: str = ""
    met: bool | None = None
    limit: str = ""
    note: str = ""
    server: str = ""

    @property
    def shown(self) -> str:
        """The figure for people."""
        return f"{number(self.value)} {self.unit}".rstrip()


def number(value: float) -> str:
    """Return a figure with three digits that mean something."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def at_most(what: str, value: float, unit: str, goal: float, *, limit: str = "", note: str = "") -> Row:
    """Return a row whose figure should not pass a goal."""
    return Row(what, value, unit, f"≤ {number(goal)} {unit}".rstrip(), value <= goal, limit, note)


def at_least(what: str, value: float, unit: str, goal: float, *, limit: str = "", note: str = "") -> Row:
    """Return a row whose figure should reach a goal."""
    return Row(what, value, unit, f"≥ {number(goal)} {unit}".rstrip(), value >= goal, limit, note)


def unjudged(row: Row) -> Row:
    """Return a row without its goal: goals are for full counts, in which what happens once weighs little."""
    return replace(row, wanted="", met=None)


def table(rows: Iterable[Row]) -> str:
    """Return rows as text, one block a server."""
    blocks: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        mark = {True: "✓", False: "✗", None: " "}[row.met]
        what = f"{mark} {row.what}"
        cells = (what, row.shown, row.wanted, " ".join(filter(None, (row.limit, row.note))))
        blocks.setdefault(row.server or "this machine", []).append(cells)
    return "\n\n".join(_block(server, cells) for server, cells in blocks.items())


def _block(server: str, cells: list[tuple[str, ...]]) -> str:
    lines = [(f"  {server}", *_COLUMNS[1:]), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_COLUMNS))]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:<{widths[2]}}  {line[3]}".rstrip()
        for line in lines
    )


def as_json(rows: Iterable[Row]) -> str:
    """Return rows as JSON, a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False)
