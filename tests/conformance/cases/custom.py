"""Custom resources: pruning, defaults, validation messages, formats, lists, and definitions themselves."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    cases,
    create,
    delete,
    gadget,
    get,
    gone,
    json_patch,
    merge,
    put,
    widget,
)
from tests.conformance.definitions import definition, version
from tests.conformance.exchange import Case, Request

# What a widget's spec says, and the server keeps, completes or refuses.
_SPECS: dict[str, Json] = {
    "unknown field pruned": {"size": 1, "unknown": {"a": 1}},
    "unknown field deep": {"size": 1, "keyed": [{"name": "a", "other": 1}]},
    "free field kept": {"size": 1, "free": {"a": [1, {"b": None}]}},
    "partly free kept": {"size": 1, "partlyFree": {"x": 1, "known": {"a": "1", "b": "2"}}},
    "default over null": {"size": 1, "colour": None},
    "nullable null": {"size": 1, "nothing": None},
    "nullable null with default": {"size": 1, "nothingDefault": None},
    "null without nullable": {"size": 1, "code": None},
    "null of an object": {"size": 1, "map": None},
    "null of a list": {"size": 1, "list": None},
    "null inside a list": {"size": 1, "list": ["a", None]},
    "null inside a map": {"size": 1, "map": {"a": None}},
    "inner default": {"size": 1, "inner": {}},
    "inner default kept": {"size": 1, "inner": {"b": "mine"}},
    "defaults in items": {"size": 1, "keyed": [{"name": "a"}, {"name": "b", "protocol": "UDP"}]},
    "required missing": {},
    "required missing in an item": {"size": 1, "keyed": [{"port": 1}]},
    "too small": {"size": -1},
    "too big": {"size": 101},
    "at the limit": {"size": 100},
    "exclusive minimum": {"size": 1, "weight": 0},
    "exclusive minimum passed": {"size": 1, "weight": 0.5},
    "no multiple": {"size": 1, "step": 7},
    "multiple": {"size": 1, "step": 15},
    "text for an integer": {"size": "1"},
    "fraction for an integer": {"size": 1.5},
    "whole fraction for an integer": {"size": 2.0},
    "integer for a number": {"size": 1, "weight": 3},
    "integer for text": {"size": 1, "code": 5},
    "text for a boolean": {"size": 1, "on": "true"},
    "map for a list": {"size": 1, "list": {}},
    "list for a map": {"size": 1, "map": []},
    "list for an object": {"size": 1, "inner": []},
    "not in the enum": {"size": 1, "colour": "pink"},
    "pattern missed": {"size": 1, "code": "ab1"},
    "too short": {"size": 1, "code": "A1"},
    "too long": {"size": 1, "code": "AB12345"},
    "several wrong": {"size": 200, "code": "x", "colour": "pink"},
    "too many items": {"size": 1, "list": list("abcde")},
    "too few items": {"size": 1, "unique": []},
    "too many properties": {"size": 1, "map": {"a": "1", "b": "1", "c": "1", "d": "1"}},
    "wrong value in a map": {"size": 1, "numbers": {"a": "x"}},
    "wrong item in a list": {"size": 1, "list": ["a", 1]},
    "date-time": {"size": 1, "when": "2020-01-01T00:00:00Z"},
    "no date-time": {"size": 1, "when": "yesterday"},
    "date": {"size": 1, "day": "2020-02-30"},
    "ipv4": {"size": 1, "address": "300.1.1.1"},
    "byte": {"size": 1, "bytes": "***"},
    "duration": {"size": 1, "span": "1h30m"},
    "no duration": {"size": 1, "span": "long"},
    "uuid": {"size": 1, "id": "nope"},
    "int32 too big": {"size": 1, "small": 2147483648},
    "int64": {"size": 1, "big": 9007199254740993},
    "int or string, integer": {"size": 1, "either": 5},
    "int or string, text": {"size": 1, "either": "50%"},
    "int or string, boolean": {"size": 1, "either": True},
    "one of, none": {"size": 1, "oneOf": {}},
    "one of, one": {"size": 1, "oneOf": {"left": "a"}},
    "one of, both": {"size": 1, "oneOf": {"left": "a", "right": "b"}},
    "any of, none": {"size": 1, "anyOf": {}},
    "not, refused": {"size": 1, "not": {"left": "a", "right": "b"}},
    "not, passed": {"size": 1, "not": {"left": "a"}},
    "set with duplicates": {"size": 1, "set": ["a", "b", "a"]},
    "map list with duplicates": {"size": 1, "keyed": [{"name": "a"}, {"name": "a"}]},
    "map list, keys by default": {
        "size": 1,
        "keyedTwice": [{"name": "a", "port": 1}, {"name": "b", "port": 1}],
    },
    "embedded": {"size": 1, "embedded": {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "x": 1}},
    "embedded without a kind": {"size": 1, "embedded": {"apiVersion": "v1"}},
    "embedded with bad metadata": {
        "size": 1,
        "embedded": {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "labels": {"a": 1}}},
    },
}
_ROOTS: dict[str, Json] = {
    "no spec": {"spec": ...},
    "spec is null": {"spec": None},
    "spec is a list": {"spec": []},
    "unknown at the root": {"other": 1},
    "metadata pruned": {"metadata": {"name": "x", "unheard": "of"}},
    "metadata refused": {"metadata": {"name": "x", "labels": {"a b": "c"}}},
    "name refused": {"metadata": {"name": "X"}},
}


def _root(more: Json) -> Json:
    return {key: value for key, value in (widget() | more).items() if value is not ...}


def _thing(kind: str, **more: Json) -> Json:
    return (
        definition(f"{kind.lower()}s", kind, version("v1", {"type": "object"}), group="{ns}.example.com")
        | more
    )


def _schema(schema: Json) -> Json:
    return definition("things", "Thing", version("v1", schema), group="{ns}.example.com")


_DEFINITION = "things.{ns}.example.com"
_TYPELESS = {"type": "object", "properties": {"a": {}}}
_THINGS = "/apis/{ns}.example.com/v1/namespaces/{ns}/things"

CASES: tuple[Case, ...] = (
    *cases("custom", {name: [create("widgets", widget() | {"spec": spec})] for name, spec in _SPECS.items()}),
    *cases("custom", {name: [create("widgets", _root(more))] for name, more in _ROOTS.items()}),
    *cases(
        "custom",
        {
            "update refused": [create("widgets", widget()), merge("widgets", "x", {"spec": {"size": 500}})],
            "update pruned": [create("widgets", widget()), merge("widgets", "x", {"spec": {"other": 5}})],
            "update of nothing": [create("widgets", widget()), merge("widgets", "x", {"spec": {"size": 1}})],
            "put pruned": [
                create("widgets", widget()),
                put(
                    "widgets",
                    "x",
                    widget(other=1)
                    | {"metadata": {"name": "x", "resourceVersion": "{0.metadata.resourceVersion}"}},
                ),
            ],
            "ratcheting": [
                create("widgets", widget(colour="green")),
                json_patch("widgets", "x", {"op": "add", "path": "/spec/code", "value": "bad"}),
                get("widgets", "x"),
            ],
            "another version reads the same": [
                create("gadgets", gadget("{ns}", a={"b": [1]})),
                get("gadgets-beta", "{ns}"),
                merge("gadgets-beta", "{ns}", {"a": {"c": 1}}),
                get("gadgets", "{ns}"),
            ],
            "one becomes true by a merge patch": [
                create("gadgets", gadget("{ns}", a={"b": 1, "c": [0, {"d": False}]})),
                merge("gadgets", "{ns}", {"a": {"b": True}}, fieldManager="two"),
                merge("gadgets", "{ns}", {"a": {"c": [False, {"d": 0}]}}, fieldManager="three"),
                get("gadgets", "{ns}"),
            ],
            "true becomes one by an update": [
                create("gadgets", gadget("{ns}", a={"b": True})),
                put("gadgets", "{ns}", gadget("{ns}", a={"b": 1}), fieldManager="two"),
            ],
            "one becomes one with a point": [
                create("gadgets", gadget("{ns}", a={"b": 1})),
                put("gadgets", "{ns}", gadget("{ns}", a={"b": 1.0}), fieldManager="two"),
            ],
            "true is no one to a JSON patch": [
                create("gadgets", gadget("{ns}", a={"b": 1})),
                json_patch("gadgets", "{ns}", {"op": "test", "path": "/a/b", "value": True}),
                json_patch("gadgets", "{ns}", {"op": "test", "path": "/a/b", "value": 1}),
            ],
            "one and true in a free field": [
                create("widgets", widget(free={"a": 1})),
                merge("widgets", "x", {"spec": {"free": {"a": True}}}, fieldManager="two"),
                merge("widgets", "x", {"spec": {"free": {"a": True}}}, fieldManager="three"),
            ],
            "free at the root": [
                create("gadgets", gadget("{ns}", spec={"a": 1}, status={"b": 2}, x=[None, 1]))
            ],
        },
    ),
    *cases(
        "definition",
        {
            "created": [create("customresourcedefinitions", _thing("Thing"))],
            "serves after a moment": [
                create("customresourcedefinitions", _thing("Thing")),
                Request("GET", _THINGS, until=200),
                Request("GET", "/apis/{ns}.example.com/v1", until=200),
                Request(
                    "POST",
                    _THINGS,
                    {"apiVersion": "{ns}.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}},
                ),
                delete("customresourcedefinitions", _DEFINITION),
                gone("customresourcedefinitions", _DEFINITION),
                Request("GET", _THINGS, until=404),
            ],
            "without a schema": [
                create(
                    "customresourcedefinitions",
                    definition(
                        "things",
                        "Thing",
                        {"name": "v1", "served": True, "storage": True},
                        group="{ns}.example.com",
                    ),
                )
            ],
            "schema without types": [create("customresourcedefinitions", _schema(_TYPELESS))],
            "list map without keys": [
                create(
                    "customresourcedefinitions",
                    _schema(
                        {
                            "type": "object",
                            "properties": {
                                "a": {
                                    "type": "array",
                                    "items": {"type": "object"},
                                    "x-kubernetes-list-type": "map",
                                }
                            },
                        }
                    ),
                )
            ],
            "default of the wrong type": [
                create(
                    "customresourcedefinitions",
                    _schema({"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}),
                )
            ],
            "wrong name": [
                create(
                    "customresourcedefinitions", _thing("Thing", metadata={"name": "other.{ns}.example.com"})
                )
            ],
            "two storage versions": [
                create(
                    "customresourcedefinitions",
                    definition(
                        "things",
                        "Thing",
                        version("v1", {"type": "object"}),
                        version("v2", {"type": "object"}),
                        group="{ns}.example.com",
                    ),
                )
            ],
            "no versions": [
                create("customresourcedefinitions", definition("things", "Thing", group="{ns}.example.com"))
            ],
            "bad scope": [
                create(
                    "customresourcedefinitions",
                    definition(
                        "things",
                        "Thing",
                        version("v1", {"type": "object"}),
                        group="{ns}.example.com",
                        scope="Somewhere",
                    ),
                )
            ],
            "protected group": [
                create(
                    "customresourcedefinitions",
                    definition("things", "Thing", version("v1", {"type": "object"}), group="x.k8s.io"),
                )
            ],
        },
    ),
)
