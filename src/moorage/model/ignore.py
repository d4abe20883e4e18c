"""
Says which fields of which resources do not count as differences.

The rules are applied by `moorage.engine.ignoring`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """
    Fields that are ignored when resources that the rule selects are compared.

    `group` and `kind` are globs; an empty `name` or `namespace` selects any.
    Fields are named by JSON pointers (RFC 6901), by jq paths, or by the field
    managers that own them in the live object.
    """

    group: str = ""
    kind: str = "*"
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()
    jq_paths: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
