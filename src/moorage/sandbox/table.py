"""
Objects as clients may ask to see them: whole, metadata only, or as a table.

kubectl's columns come from the server: of built-in kinds from `columns`, of
custom ones from their definition, each value found by a small JSONPath.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers
from moorage.sandbox import columns as builtin_columns
from moorage.sandbox.durations import age
from moorage.sandbox.requests import Request
from moorage.sandbox.resources import Resource


class Form(enum.Enum):
    """The shapes an answer can have."""

    OBJECT = "object"
    METADATA = "metadata"
    TABLE = "table"


@lru_cache(maxsize=64)
def form_of(accept: str) -> Form:
    """Return the first form of an Accept header that the sandbox speaks."""
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media not in ("application/json", "*/*", "application/*", ""):
            continue
        wanted = dict(p.split("=", 1) for p in parameters if "=" in p).get("as", "")
        if wanted == "Table":
            return Form.TABLE
        if wanted.startswith("PartialObjectMetadata"):
            return Form.METADATA
        if not wanted:
            return Form.OBJECT
    return Form.OBJECT


def partial(body: Json) -> Json:
    """Return the metadata of an object as PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": body["metadata"],
    }


def partial_list(bodies: Sequence[Json], meta: Json) -> Json:
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "items": [partial(body) for body in bodies],
    }


def table(
    resource: Resource, bodies: Sequence[Json], meta: Json, request: Request, *, headed: bool = True
) -> Json:
    """Return objects as a `Table`; without `headed` the column definitions are left out, as in a watch."""
    definitions, cells = columns_of(resource)
    include = request.query.get("includeObject") or "Metadata"
    if include not in ("Metadata", "Object", "None"):
        told = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
        raise answers.bad_request(f"Unable to convert to Table as requested: {told}")
    rows = []
    for body in bodies:
        shown = None if include == "None" else body if include == "Object" else partial(body)
        row: Json = {"cells": cells(body), "object": shown}
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions if headed else None,
        "rows": rows,
    }


def columns_of(resource: Resource) -> tuple[list[Json], Any]:
    """Return the column definitions of a resource and the function from object to cells."""
    if resource.custom:
        return _custom_columns(resource)
    found = builtin_columns.columns_for(resource.group, resource.kind)
    return list(found.definitions), found.cells


def _custom_columns(resource: Resource) -> tuple[list[Json], Any]:
    declared = list(resource.columns) or [
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    ]
    name = builtin_columns.columns_for("", "ConfigMap").definitions[0]
    definitions = [
        name,
        *(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": column.get("description")
                or f"Custom resource definition column (in JSONPath format): {column['jsonPath']}",
                "priority": column.get("priority", 0),
            }
            for column in declared
        ),
    ]
    paths = [(parse_path(column["jsonPath"]), column["type"]) for column in declared]

    def cells(body: Json) -> list[Any]:
        return [body["metadata"]["name"], *(_cell(find(body, path), kind) for path, kind in paths)]

    return definitions, cells


def _cell(values: list[Any], kind: str) -> Any:
    if not values:
        return None
    if kind == "date":
        return age(str(values[0])) if values[0] else "<unknown>"
    if kind in ("integer", "number", "boolean"):
        return values[0]
    if len(values) > 1 or isinstance(values[0], (dict, list)):
        return ",".join(_text(value) for value in values) if len(values) > 1 else _text(values[0])
    return _text(values[0])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    return str(value)


_STEP = re.compile(
    r"""\.(?P<key>[A-Za-z0-9_\-]+(?:\\\.[A-Za-z0-9_\-/]+)*)"""
    r"""|\[(?P<index>-?\d+|\*)\]|\['(?P<quoted>[^']+)'\]|\["(?P<double>[^"]+)"\]|(?P<star>\.\*)"""
    r"""|\[\?\(\s*@(?P<left>[^=!<>\s]*)\s*(?P<sign>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]"""
)
Step = tuple[str, Any]


@lru_cache(maxsize=1024)
def parse_path(text: str) -> tuple[Step, ...]:
    """Return a JSONPath of printer columns as steps: keys, indices and equality filters."""
    text = text.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            return ()
        at = found.end()
        if found["index"]:
            steps.append(("all", None) if found["index"] == "*" else ("index", int(found["index"])))
        elif found["star"]:
            steps.append(("all", None))
        elif found["sign"]:
            left = found["left"] if found["left"].startswith(".") else f".{found['left']}"
            steps.append(("where", (parse_path(left), found["sign"], found["right"].strip("\"'"))))
        else:
            key = found["key"] or found["quoted"] or found["double"]
            steps.append(("key", key.replace("\\.", ".")))
    return tuple(steps)


def find(body: Any, steps: tuple[Step, ...]) -> list[Any]:
    """Return the values a path leads to, none when it leads nowhere."""
    if not steps:
        return []
    held = [body]
    for kind, argument in steps:
        held = [value for item in held for value in _walk(item, kind, argument)]
    return [value for value in held if value is not None]


def _walk(item: Any, kind: str, argument: Any) -> list[Any]:
    if kind == "key":
        return [item[argument]] if isinstance(item, dict) and argument in item else []
    if kind == "index":
        return [item[argument]] if isinstance(item, list) and -len(item) <= argument < len(item) else []
    values = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
    if kind == "all":
        return list(values)
    path, sign, wanted = argument
    return [v for v in values if (wanted in [_text(found) for found in find(v, path)]) is (sign == "==")]
