"""Watch: from a version, from now, with bookmarks, with the list as a stream, by selector."""

from __future__ import annotations

from tests.conformance.cases.words import cases, config_map, create, delete, get, merge, watch, widget
from tests.conformance.exchange import Case

_A, _B = create("configmaps", config_map("a", {"w": "1"})), create("configmaps", config_map("b", {"w": "2"}))
_FROM = "{0.metadata.resourceVersion}"
_STREAM = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
_W = "w"

CASES: tuple[Case, ...] = cases(
    "watch",
    {
        "from a version": [
            _A,
            _B,
            merge("configmaps", "a", {"data": {"k": "1"}}),
            delete("configmaps", "b"),
            watch("configmaps", 3, resourceVersion=_FROM, labelSelector=_W),
        ],
        "custom from a version": [
            create("widgets", widget("a")),
            create("widgets", widget("b")),
            merge("widgets", "b", {"spec": {"size": 2}}),
            delete("widgets", "b"),
            watch("widgets", 3, resourceVersion=_FROM),
        ],
        "from the beginning": [_A, _B, watch("configmaps", 2, labelSelector=_W)],
        "from zero": [_A, _B, watch("configmaps", 2, resourceVersion="0", labelSelector=_W)],
        "an object enters a selection": [
            _A,
            _B,
            merge("configmaps", "b", {"metadata": {"labels": {"w": "1"}}}),
            watch("configmaps", 1, resourceVersion=_FROM, labelSelector="w=1"),
        ],
        "an object leaves a selection": [
            _A,
            merge("configmaps", "a", {"metadata": {"labels": {"w": "9"}}}),
            watch("configmaps", 1, resourceVersion=_FROM, labelSelector="w=1"),
        ],
        "one object by name": [
            _A,
            _B,
            merge("configmaps", "b", {"data": {"k": "1"}}),
            watch("configmaps", 2, resourceVersion=_FROM, fieldSelector="metadata.name=b"),
        ],
        "list as a stream": [
            create("widgets", widget("a")),
            create("widgets", widget("b")),
            watch("widgets", 3, **_STREAM),
        ],
        "nothing as a stream": [watch("widgets", 1, **_STREAM)],
        "a selection as a stream": [_A, _B, watch("configmaps", 2, labelSelector="w=1", **_STREAM)],
        "a stream without a match": [watch("widgets", 1, sendInitialEvents="true")],
        "a stream with another match": [
            watch("widgets", 1, sendInitialEvents="true", resourceVersionMatch="Exact", resourceVersion="1")
        ],
        "a stream not wanted": [
            create("widgets", widget("a")),
            create("widgets", widget("b")),
            watch(
                "widgets",
                1,
                sendInitialEvents="false",
                resourceVersionMatch="NotOlderThan",
                resourceVersion=_FROM,
            ),
        ],
        "a match without a stream": [
            watch("widgets", 1, resourceVersionMatch="NotOlderThan", resourceVersion="1")
        ],
        "bad version": [watch("widgets", 1, resourceVersion="abc")],
        "bad selector": [watch("widgets", 1, labelSelector="a in")],
        "version of the future": [
            create("widgets", widget()),
            watch("widgets", 1, resourceVersion="9000000000", timeoutSeconds="1", allowWatchBookmarks="true"),
        ],
        "version of long ago": [create("widgets", widget()), watch("widgets", 1, resourceVersion="1")],
        "ends by itself": [
            _A,
            watch("configmaps", 5, resourceVersion=_FROM, timeoutSeconds="1", labelSelector=_W),
        ],
        "finalizers": [
            create(
                "configmaps",
                config_map("a", {"w": "1"})
                | {"metadata": {"name": "a", "labels": {"w": "1"}, "finalizers": ["example.com/a"]}},
            ),
            delete("configmaps", "a"),
            merge("configmaps", "a", {"metadata": {"finalizers": None}}),
            watch("configmaps", 2, resourceVersion=_FROM, labelSelector=_W),
        ],
        "status of a widget": [
            create("widgets", widget()),
            merge("widgets", "x", {"status": {"phase": "A"}}, "status"),
            watch("widgets", 1, resourceVersion=_FROM),
        ],
        "a change of nothing is no event": [
            _A,
            merge("configmaps", "a", {"data": {}}),
            merge("configmaps", "a", {"data": {"k": "1"}}),
            watch("configmaps", 1, resourceVersion=_FROM, labelSelector=_W),
        ],
        "list, then from there": [
            _A,
            get("configmaps", labelSelector=_W),
            _B,
            watch("configmaps", 1, resourceVersion="{1.metadata.resourceVersion}", labelSelector=_W),
        ],
    },
)
