"""
Would checking a chart's values read anything outside the chart?

A JSON schema can name other schemas by address, and the checker would open
them, files of this machine included. Only references inside the schema itself
are let through.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moorage.formats import json
from moorage.model.errors import PathEscapes

NAME = "values.schema.json"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_KNOWN = ("http://json-schema.org/", "https://json-schema.org/")


def remove(chart: Path) -> None:
    """Remove the schemas of a chart and its dependencies, so that values are not checked."""
    for schema in chart.rglob(NAME):
        schema.unlink()


def check(chart: Path) -> None:
    """Refuse a chart whose schema, or a dependency's, refers to anything outside itself."""
    for file in sorted(chart.rglob(NAME)):
        name = file.relative_to(chart).as_posix()
        content = file.read_bytes()
        if content.strip():
            _check(json.load(content, origin=name, strict=False), name)


def _check(schema: Any, name: str) -> None:
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
            _check_references(item, name)


def _check_references(item: dict[str, Any], name: str) -> None:
    for field in _REFERENCES:
        target = item.get(field)
        if isinstance(target, str) and not target.startswith("#"):
            raise PathEscapes(
                f"{name}: {field} leads outside the schema and is not followed; write the definition into the schema "
                "or set skipSchemaValidation"
            )
    dialect = item.get("$schema")
    if isinstance(dialect, str) and not dialect.startswith(_KNOWN):
        raise PathEscapes(f"{name}: $schema is not a published dialect; name one of json-schema.org")
