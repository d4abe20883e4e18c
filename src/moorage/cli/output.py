"""
How results are written for programs: JSON and YAML that hold the whole truth and steer no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from moorage.model.manifest import Json

F = TypeVar("F", bound=Callable[..., Any])
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def output_option(*choices: str, default: str = "") -> Callable[[F], F]:
    """Return the option ``-o`` with these choices."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(choices),
        default=default or choices[0],
        show_default=True,
        help="How to print.",
    )


def json_text(value: Any, *, indent: bool = False) -> str:
    """Return a value as JSON in which no character steers a terminal."""
    import orjson

    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def yaml_text(values: Iterable[Any]) -> str:
    """Return values as YAML documents; the writer escapes what steers a terminal."""
    from moorage.formats.yaml import dump_all

    return dump_all(values)


def tidy(body: Json) -> Json:
    """Return an object without the server's bookkeeping of field owners."""
    metadata = {k: v for k, v in (body.get("metadata") or {}).items() if k != "managedFields"}
    return {**body, "metadata": metadata}


def print_objects(bodies: Iterable[Json], output: str, *, single: bool = False) -> None:
    """Print objects as JSON or YAML; several of them as a ``List``."""
    shown = [tidy(body) for body in bodies]
    value: Json = shown[0] if single and shown else {"apiVersion": "v1", "kind": "List", "items": shown}
    click.echo(json_text(value, indent=True) if output == "json" else yaml_text([value]).rstrip("\n"))
