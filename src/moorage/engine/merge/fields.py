"""
Names sets of fields as Kubernetes does when it says who owns what.

A set is kept in the shape of FieldsV1: a tree whose edges are ``f:`` a field,
``k:`` a list element by its keys, ``v:`` a set element by its value and ``i:`` an
element by its index. An empty node is a member; a node with children is a member
when it holds ``.``. Keeping that shape makes reading and writing ``managedFields``
almost free. Nodes are shared between sets and never changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from moorage.engine.merge.schema import Schema
from moorage.model.manifest import Json

Node = dict[str, Any]
"""One node of the tree; by convention never changed after it was handed over."""

MEMBER: Final[Node] = {}
_ORDER: Final = {"f": 0, "k": 1, "v": 2, "i": 3}


class FieldSet:
    """
    An immutable set of paths into an object.

    Two sets are equal when they hold the same paths, whatever order they were
    read in. A set is false when it is empty.
    """

    __slots__ = ("tree",)

    def __init__(self, tree: Node | None = None) -> None:
        self.tree: Node = tree if tree is not None else {}

    @classmethod
    def of(cls, *paths: tuple[str, ...]) -> FieldSet:
        """Return the set of the given paths, each a tuple of edges such as ``f:spec``."""
        result = cls()
        for path in paths:
            node: Node = MEMBER
            for edge in reversed(path):
                node = {edge: node}
            result = result.union(cls(node))
        return result

    @classmethod
    def from_value(cls, value: Any, schema: Schema) -> FieldSet:
        """Return the fields an object sets, as the API server would record them."""
        return cls(fields_of(value, schema) or {})

    @classmethod
    def from_v1(cls, fields: Json | None) -> FieldSet:
        """Return the set written as FieldsV1 JSON."""
        return cls(_canonical(fields or {}, top=True))

    def to_v1(self) -> Json:
        """Return the set as FieldsV1 JSON, in the API server's order."""
        return _sorted(self.tree)

    def union(self, other: FieldSet) -> FieldSet:
        return FieldSet(union(self.tree, other.tree))

    def intersection(self, other: FieldSet) -> FieldSet:
        return FieldSet(_intersection(self.tree, other.tree) or {})

    def difference(self, other: FieldSet) -> FieldSet:
        """Return the paths of this set that `other` does not hold; children of its members stay."""
        return FieldSet(_difference(self.tree, other.tree, deep=False) or {})

    def without(self, other: FieldSet) -> FieldSet:
        """Return the paths of this set that are neither in `other` nor below one of its members."""
        return FieldSet(_difference(self.tree, other.tree, deep=True) or {})

    def with_named(self, schema: Schema) -> FieldSet:
        """Return this set and every declared field on the way to one of its paths."""
        return FieldSet(_with_named(self.tree, schema))

    def has(self, path: tuple[str, ...]) -> bool:
        """Return whether the path, a tuple of edges such as ``f:spec``, is a member."""
        node = self.tree
        for edge in path:
            if edge not in node:
                return False
            node = node[edge]
        return is_member(node)

    def paths(self) -> tuple[str, ...]:
        """Return the members as the API server prints them: ``.spec.containers[name="web"].image``."""
        return tuple("".join(map(printed, path)) for path in self)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return _members(self.tree, ())

    def __bool__(self) -> bool:
        return bool(self.tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(orjson.dumps(self.to_v1()))

    def __repr__(self) -> str:
        return f"FieldSet({', '.join(self.paths())})"


class Mismatch(ValueError):
    """An element of a list cannot be told from the others."""


def edge_of(item: Any, schema: Schema) -> str:
    """Return the edge to an element of a ``map`` or ``set`` list. Raises Mismatch when it has none."""
    if schema.list_type == "set":
        if isinstance(item, dict):
            raise Mismatch("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise Mismatch("not supported: associative list with lists as elements")
        if item is None:
            raise Mismatch("associative list without keys has an element that's an explicit null")
        return f"v:{orjson.dumps(item).decode()}"
    if item is None:
        raise Mismatch("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise Mismatch("associative list with keys may not have non-map elements")
    keys: Json = {}
    for key in schema.list_keys:
        if key in item:
            keys[key] = item[key]
        elif (default := schema.key_defaults.get(key)) is not None:
            keys[key] = default
    if not keys:
        names = " ".join(orjson.dumps(key).decode() for key in schema.list_keys)
        raise Mismatch(
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return f"k:{orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()}"


def fields_of(value: Any, schema: Schema) -> Node | None:
    """Return the tree of the fields a value sets; None when it sets none of its own."""
    if isinstance(value, dict) and schema.takes_map:
        return MEMBER if schema.atomic_map else _fields_of_map(value, schema)
    if isinstance(value, list) and schema.takes_list:
        return MEMBER if schema.atomic_list else _fields_of_list(value, schema)
    if value is None and not schema.takes_scalar:
        # A null map or list is a leaf only where it would be replaced as a whole.
        whole = schema.atomic_map if schema.takes_map else schema.atomic_list
        return MEMBER if whole else None
    return MEMBER


def _fields_of_map(value: Json, schema: Schema) -> Node | None:
    children: Node = {}
    for name, inner in value.items():
        if inner.__class__ is str:
            children[f"f:{name}"] = MEMBER
            continue
        node = fields_of(inner, schema.child(name))
        if inner is None or inner == {} or not schema.declares(name):
            node = as_member(node)
        if node is not None:
            children[f"f:{name}"] = node
    return children or None


def _fields_of_list(value: list[Any], schema: Schema) -> Node | None:
    children: Node = {}
    items = schema.items
    for item in value:
        try:
            edge = edge_of(item, schema)
        except Mismatch:
            continue
        # Elements that share their keys are owned as one, without their fields.
        children[edge] = MEMBER if edge in children else as_member(fields_of(item, items))
    return children or None


def is_member(node: Node) -> bool:
    """Return whether the path to this node belongs to the set."""
    return not node or "." in node


def as_member(node: Node | None) -> Node:
    """Return the node with the path to it in the set."""
    if not node or "." in node:
        return node or MEMBER
    return {".": MEMBER, **node}


def union(left: Node, right: Node) -> Node:
    """Return a tree of the paths of both."""
    if not left:
        return right
    if not right:
        return left
    result = dict(left)
    for edge, node in right.items():
        held = result.get(edge)
        if held is None:
            result[edge] = node
        elif held is not node and edge != ".":
            result[edge] = _joined(held, node)
    return result


def printed(edge: str) -> str:
    """Return an edge as the API server prints it in a path."""
    kind, _, rest = edge.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "i":
        return f"[{rest}]"
    value = orjson.loads(rest)
    if kind == "v":
        return f"[={_quoted(value)}]"
    return "[" + ",".join(f"{name}={_quoted(value[name])}" for name in sorted(value)) + "]"


def _joined(left: Node, right: Node) -> Node:
    merged = union(left, right)
    return as_member(merged) if is_member(left) or is_member(right) else merged


def _intersection(left: Node, right: Node) -> Node | None:
    result: Node = {}
    for edge, node in left.items():
        other = right.get(edge)
        if other is None or edge == ".":
            continue
        inner = _intersection(node, other)
        if is_member(node) and is_member(other):
            result[edge] = as_member(inner)
        elif inner:
            result[edge] = inner
    return result or None


def _difference(left: Node, right: Node, *, deep: bool) -> Node | None:
    result: Node = {}
    for edge, node in left.items():
        other = right.get(edge)
        if edge == ".":
            continue
        if other is None:
            result[edge] = node
            continue
        dropped = is_member(other)
        if dropped and deep:
            continue
        inner = _difference(node, other, deep=deep)
        if is_member(node) and not dropped:
            result[edge] = as_member(inner)
        elif inner:
            result[edge] = inner
    return result or None


def _with_named(node: Node, schema: Schema) -> Node:
    result: Node = {}
    for edge, inner in node.items():
        if edge == "." or not inner:
            result[edge] = inner
        elif edge.startswith("f:"):
            name = edge[2:]
            below = _with_named(inner, schema.child(name))
            result[edge] = as_member(below) if schema.declares(name) else below
        else:
            result[edge] = _with_named(inner, schema.items)
    return result


def _members(node: Node, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    edges = sorted((edge for edge in node if edge != "."), key=_rank)
    for edge in edges:
        if is_member(node[edge]):
            yield (*prefix, edge)
    for edge in edges:
        if node[edge]:
            yield from _members(node[edge], (*prefix, edge))


def _rank(edge: str) -> tuple[int, int, str]:
    kind = edge[:1]
    return _ORDER.get(kind, 4), int(edge[2:]) if kind == "i" else 0, edge


def _sorted(node: Node) -> Json:
    edges = sorted(node)
    if any(edge.startswith("i:") for edge in edges):
        # Indexes are numbers, and come last; everything else is in the order of its text.
        edges.sort(key=lambda edge: (-1, 0, "") if edge == "." else _rank(edge))
    return {edge: _sorted(inner) if (inner := node[edge]) else MEMBER for edge in edges}


def _canonical(fields: Json, *, top: bool = False) -> Node:
    result: Node = {}
    for edge, inner in fields.items():
        if edge == ".":
            if not top:
                result["."] = MEMBER
            continue
        name = edge
        if edge[:2] in ("k:", "v:"):
            name = edge[:2] + orjson.dumps(orjson.loads(edge[2:]), option=orjson.OPT_SORT_KEYS).decode()
        result[name] = _canonical(inner) if inner else MEMBER
    if result.keys() == {"."}:
        return MEMBER
    return result


def _quoted(value: Any) -> str:
    return orjson.dumps(value).decode()
