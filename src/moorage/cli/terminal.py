"""
What may go to a terminal: text without control characters, colours where they are wanted, columns.

Names and messages come from clusters and repositories, whose authors are not
trusted. A control character in them could rewrite what the screen said before,
so everything passes through `clean` on its way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import click

_UNPRINTABLE = "�"
_SAFE = re.compile(r"[\x20-\x7e]*")
_LINES = re.compile(r"[\x20-\x7e\n]*")

COLOURS = {
    "Synced": "green",
    "Healthy": "green",
    "Succeeded": "green",
    "Pruned": "green",
    "OutOfSync": "yellow",
    "PruneSkipped": "yellow",
    "Suspended": "magenta",
    "Progressing": "cyan",
    "Running": "cyan",
    "Terminating": "cyan",
    "Degraded": "red",
    "Missing": "yellow",
    "Unknown": "red",
    "Failed": "red",
    "SyncFailed": "red",
    "Error": "red",
    "create": "green",
    "apply": "green",
    "update": "yellow",
    "prune": "red",
}


def clean(text: object, *, lines: bool = False) -> str:
    """Return foreign text with what could steer a terminal replaced; line feeds stay when `lines` is set."""
    told = str(text)
    if (_LINES if lines else _SAFE).fullmatch(told):
        return told
    return "".join(c if c.isprintable() or (lines and c == "\n") else _UNPRINTABLE for c in told)


def colour_wanted(choice: str, environment: Mapping[str, str], terminal: bool) -> bool:
    """Return whether output is to be coloured."""
    if choice != "auto":
        return choice == "always"
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def word(text: object) -> str:
    """Return a word of status, cleaned and in its colour."""
    told = clean(text)
    colour = COLOURS.get(told)
    return click.style(told, fg=colour) if colour else told


def dim(text: str) -> str:
    """Return cleaned text in the background."""
    return click.style(clean(text), dim=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """
    Return rows in columns, two spaces apart, the last one ragged.

    Cells are cleaned, cut nowhere, and coloured where they are words of status.
    """
    from rich.cells import cell_len

    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *cells, strict=True)]

    def line(row: Sequence[str], paint: bool) -> str:
        parts = []
        for text, width in zip(row, widths, strict=True):
            shown = word(text) if paint else text
            parts.append(shown + " " * (width - cell_len(text)))
        return "  ".join(parts).rstrip()

    return "\n".join([line(headings, False), *(line(row, True) for row in cells)])
