"""
How is a JSON value written as YAML so that Kubernetes reads the same value back?

Text that another reader would take for a boolean or a number (``y``, ``1e3``,
``0o17``) is quoted, aliases are never written, and several lines become a
block. What aliases of the value expand to is counted before anything is
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from moorage.model.errors import LimitExceeded

_MAX_NODES = 5_000_000
_MAX_DEPTH = 200
_BOOLEAN = re.compile(r"^(y|Y|n|N)$")
_NUMBER = re.compile(
    r"^[-+]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9._]*[0-9][0-9._]*([eE][-+]?[0-9]+)?)$"
)


class _Writer(yaml.CSafeDumper):
    """PyYAML's safe writer with the types of an older YAML quoted too."""

    yaml_implicit_resolvers = {k: list(v) for k, v in yaml.CSafeDumper.yaml_implicit_resolvers.items()}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("yYnN"))
_Writer.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+0123456789."))
_Writer.add_representer(str, _text)


def dump(value: Any) -> str:
    """Return one value as a YAML document without a ``---`` line."""
    check_size(value)
    text: str = yaml.dump(
        value, Dumper=_Writer, sort_keys=False, width=10**9, allow_unicode=True, default_flow_style=False
    )
    # libyaml ends some scalars with a line of dots; a text may end in dots itself.
    return text[:-4] if text.endswith("\n...\n") else text


def dump_all(values: Iterable[Any]) -> str:
    """Return values as documents separated by ``---`` lines."""
    return "---\n".join(dump(value) for value in values)


def check_size(value: Any, *, nodes: int = _MAX_NODES, depth: int = _MAX_DEPTH) -> None:
    """Raise LimitExceeded if the value, with shared parts counted each time, is too large or too deep to write."""
    left = nodes
    stack = [(value, 1)]
    while stack:
        item, level = stack.pop()
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        left -= 1 + len(children)
        if left < 0:
            raise LimitExceeded(f"the value expands to more than {nodes} nodes; use fewer aliases")
        if level > depth:
            raise LimitExceeded(f"the value is nested deeper than {depth} levels")
        stack.extend((child, level + 1) for child in children if isinstance(child, (dict, list)))
