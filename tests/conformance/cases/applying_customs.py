"""Server-side apply to custom resources: by the schema of their definition, or by none."""

from __future__ import annotations

from tests.conformance.cases.words import Json, apply, cases, gadget, get, merge, widget
from tests.conformance.definitions import GROUP
from tests.conformance.exchange import Case, Request


def _w(manager: str = "one", *, force: bool = False, **spec: Json) -> Request:
    body = widget("x") | {"spec": spec}
    return apply("widgets", "x", body, manager, force=force)


CASES: tuple[Case, ...] = (
    *cases(
        "apply custom",
        {
            "creates": [_w(size=1)],
            "defaults are nobody's": [_w(size=1), _w("two", size=1, colour="green")],
            "without what is required": [_w(colour="red")],
            "required from another": [_w(size=1), _w("two", colour="green"), _w()],
            "set": [_w(size=1, set=["a", "b"]), _w("two", set=["b", "c"]), _w(size=1, set=["a"]), _w("two")],
            "set with duplicates": [_w(size=1, set=["a", "a"])],
            "set in another order": [_w(size=1, set=["a", "b"]), _w(size=1, set=["b", "a"])],
            "set put between": [_w(size=1, set=["a", "c"]), _w(size=1, set=["a", "b", "c"])],
            "map list": [
                _w(size=1, keyed=[{"name": "a", "port": 1}]),
                _w("two", keyed=[{"name": "b", "port": 2}]),
                _w(size=1, keyed=[{"name": "c"}]),
            ],
            "map list with duplicates": [_w(size=1, keyed=[{"name": "a"}, {"name": "a"}])],
            "map list without a key": [_w(size=1, keyed=[{"port": 1}])],
            "map list conflict": [
                _w(size=1, keyed=[{"name": "a", "port": 1}]),
                _w("two", keyed=[{"name": "a", "port": 2}]),
            ],
            "map list of two keys": [
                _w(size=1, keyedTwice=[{"name": "a", "port": 1}]),
                _w("two", keyedTwice=[{"name": "b", "port": 1, "protocol": "UDP"}]),
            ],
            "map list key by default": [
                _w(size=1, keyedTwice=[{"name": "a", "port": 1}]),
                _w(size=1, keyedTwice=[{"name": "z", "port": 1, "protocol": "TCP"}]),
            ],
            "plain list is atomic": [
                _w(size=1, list=["a", "b"]),
                _w("two", list=["a"]),
                _w(size=1, list=["c"]),
            ],
            "atomic list": [
                _w(size=1, atomicList=["a"]),
                _w("two", atomicList=["a"]),
                _w(size=1, atomicList=["b"]),
            ],
            "atomic map": [_w(size=1, atomicMap={"a": "1"}), _w("two", atomicMap={"b": "1"})],
            "granular map": [_w(size=1, map={"a": "1"}), _w("two", map={"b": "1"}), _w(size=1)],
            "free field": [_w(size=1, free={"a": {"b": [1, {"c": 2}]}}), _w("two", free={"z": 1})],
            "free field, one and true": [
                _w(size=1, free={"a": 1}),
                _w(size=1, free={"a": True}),
                _w("two", size=1, free={"a": 1}),
                _w("two", force=True, size=1, free={"a": 1}),
            ],
            "free field changed": [_w(size=1, free={"a": {"b": 1}}), _w(size=1, free={"a": {"c": 1}})],
            "partly free": [_w(size=1, partlyFree={"known": {"a": "1"}, "other": {"b": 2}})],
            "embedded": [
                _w(
                    size=1,
                    embedded={"apiVersion": "v1", "kind": "Any", "metadata": {"name": "e"}, "spec": {"a": 1}},
                )
            ],
            "unknown field": [_w(size=1, unheard=1)],
            "wrong type": [_w(size="big")],
            "null of a nullable": [_w(size=1, nothing=None)],
            "null of another": [_w(size=1, code=None)],
            "empty list": [_w(size=1, keyed=[]), _w(size=1)],
            "empty map": [_w(size=1, map={}), _w(size=1)],
            "nothing": [apply("widgets", "x", widget() | {"spec": {}})],
            "conflict": [_w(size=1), _w("two", size=2)],
            "forced": [_w(size=1), _w("two", force=True, size=2)],
            "int or string": [_w(size=1, either=1), _w(size=1, either="50%")],
            "numbers of two kinds": [_w(size=1, weight=1), _w(size=1, weight=1.0), _w(size=1, weight=1.5)],
            "cluster object": [
                apply(
                    "gadgets",
                    "{ns}",
                    gadget("{ns}", a={"b": 1}),
                ),
                apply(
                    "gadgets",
                    "{ns}",
                    gadget("{ns}", a={"c": 1}),
                ),
            ],
            "in two versions": [
                apply(
                    "gadgets",
                    "{ns}",
                    gadget("{ns}", a={"b": 1}),
                ),
                apply(
                    "gadgets-beta",
                    "{ns}",
                    gadget("{ns}", a={"b": 1}) | {"apiVersion": f"{GROUP}/v1beta1"},
                ),
            ],
            "update takes, apply takes back": [
                _w(size=1, map={"a": "1"}),
                merge("widgets", "x", {"spec": {"map": {"a": "2"}}}, fieldManager="u"),
                _w(size=1, map={"a": "1"}),
                _w("one", force=True, size=1, map={"a": "1"}),
                get("widgets", "x"),
            ],
        },
    ),
)
