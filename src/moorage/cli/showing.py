"""
How differences are printed: as unified diffs, as fields, as names, as JSON lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

import click

from moorage.cli.comparing import Sides, as_json
from moorage.cli.output import json_text
from moorage.cli.terminal import clean, word
from moorage.formats.yaml import dump

OUTPUTS = ("unified", "fields", "json", "name")
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def show(differences: Iterable[Sides], output: str, context: int = 3) -> None:
    """Print differences in one of the `OUTPUTS`."""
    for sides in differences:
        if output == "json":
            click.echo(json_text(as_json(sides)))
        elif output == "name":
            click.echo(clean(str(sides.difference.key)))
        else:
            click.echo(click.style(heading(sides), bold=True))
            for line in _fields(sides) if output == "fields" else unified(sides, context):
                click.echo(line)


def heading(sides: Sides) -> str:
    """Return the line above a difference: ``=== Deployment/shop/web (apps)  update``."""
    key = sides.difference.key
    group = f" ({clean(key.group)})" if key.group else ""
    return f"=== {clean(str(key))}{group}  {word(sides.difference.change)}"


def _fields(sides: Sides) -> Iterator[str]:
    for change in sides.fields:
        yield f"  {clean(str(change))}"


def unified(sides: Sides, context: int = 3) -> Iterator[str]:
    """Yield the coloured lines of a unified diff of both sides as YAML, live first."""
    before, after = _lines(sides.live), _lines(sides.target)
    name = clean(str(sides.difference.key))
    for line in difflib.unified_diff(before, after, f"live/{name}", f"target/{name}", n=context, lineterm=""):
        colour = None if line.startswith(("---", "+++")) else _COLOURS.get(line[:1])
        text = clean(line)
        yield click.style(text, fg=colour) if colour else text


def _lines(body: Any) -> list[str]:
    return dump(_in_order(body)).splitlines() if body is not None else []


def _in_order(value: Any) -> Any:
    """Return a value with its fields sorted, names first, so that order is never a difference."""
    if isinstance(value, dict):
        first = [name for name in ("apiVersion", "kind", "metadata", "name") if name in value]
        names = [*first, *sorted(value.keys() - set(first))]
        return {name: _in_order(value[name]) for name in names}
    return [_in_order(item) for item in value] if isinstance(value, list) else value
