"""Events: one storage that is read and written in two groups."""

from __future__ import annotations

from tests.conformance.cases.tables import TABLE
from tests.conformance.cases.words import (
    Json,
    apply,
    at,
    cases,
    create,
    delete,
    get,
    gone,
    json_patch,
    merge,
    put,
    watch,
)
from tests.conformance.exchange import Case, Request

_AT = "2026-01-02T03:04:05Z"
_PRECISE = "2026-01-02T03:04:05.000006Z"
_ABOUT = {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "{ns}", "uid": "u-1"}


def _event(**fields: Json) -> Json:
    """Return an event as controllers of old write it."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "x"},
        "involvedObject": _ABOUT,
        "reason": "Pulled",
        "message": "pulled it",
        "type": "Normal",
        **fields,
    }


def _fresh(**fields: Json) -> Json:
    """Return an event as it is written in the group of its own."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "x"},
        "regarding": _ABOUT,
        "reason": "Pulled",
        "action": "Pulling",
        "note": "pulled it",
        "type": "Normal",
        "eventTime": _PRECISE,
        "reportingController": "example.com/kubelet",
        "reportingInstance": "node-1",
        **fields,
    }


_OLD = {
    "count": 3,
    "firstTimestamp": _AT,
    "lastTimestamp": _AT,
    "source": {"component": "kubelet", "host": "node-1"},
}
_RELATED = {"kind": "Node", "name": "node-1"}
_BOTH = [get("events", "x"), get("fresh-events", "x")]
_SERIES = {"count": 2, "lastObservedTime": _PRECISE}

CASES: tuple[Case, ...] = (
    *cases(
        "events",
        {
            "written of old": [create("events", _event(**_OLD)), *_BOTH],
            "written of old, with little": [
                create(
                    "events",
                    {
                        "apiVersion": "v1",
                        "kind": "Event",
                        "metadata": {"name": "x"},
                        "involvedObject": {"namespace": "{ns}"},
                    },
                ),
                *_BOTH,
            ],
            "written anew": [create("fresh-events", _fresh(related=_RELATED)), *_BOTH],
            "of a series": [create("fresh-events", _fresh(series=_SERIES)), *_BOTH],
            "listed in both": [
                create("events", _event(**_OLD)),
                create("fresh-events", _fresh(metadata={"name": "y"})),
                get("events"),
                get("fresh-events"),
            ],
            "named once": [create("events", _event(**_OLD)), create("fresh-events", _fresh())],
            "changed in the other": [
                create("events", _event(**_OLD)),
                merge("fresh-events", "x", {"deprecatedCount": 4}, fieldManager="two"),
                get("events", "x"),
                json_patch(
                    "events", "x", {"op": "replace", "path": "/count", "value": 5}, fieldManager="three"
                ),
                get("fresh-events", "x"),
            ],
            "nothing changed in the other": [
                create("events", _event(**_OLD)),
                merge("fresh-events", "x", {"deprecatedCount": 3}, fieldManager="two"),
                *_BOTH,
            ],
            "labelled of old": [
                create("fresh-events", _fresh()),
                merge("events", "x", {"metadata": {"labels": {"a": "1"}}}, fieldManager="two"),
                *_BOTH,
            ],
            "labelled in turns": [
                create("events", _event(**_OLD)),
                merge("fresh-events", "x", {"metadata": {"labels": {"a": "1"}}}, fieldManager="two"),
                apply("events", "x", _event(metadata={"name": "x", "labels": {"b": "2"}}), "three"),
                *_BOTH,
            ],
            "replaced": [
                create("fresh-events", _fresh()),
                put("fresh-events", "x", _fresh(series=_SERIES), fieldManager="two"),
                get("events", "x"),
            ],
            "applied in both": [
                apply("events", "x", _event(count=1)),
                apply("fresh-events", "x", _fresh(), "two", force=True),
                *_BOTH,
            ],
            "deleted in the other": [
                create("events", _event()),
                delete("fresh-events", "x"),
                gone("events", "x"),
            ],
            "watched anew": [create("events", _event(**_OLD)), watch("fresh-events", 1)],
            "watched of old": [create("fresh-events", _fresh()), watch("events", 1)],
            "selected": [
                create("events", _event(**_OLD)),
                get("events", fieldSelector="involvedObject.name=p,reason=Pulled"),
                get("events", fieldSelector="involvedObject.name=q"),
                get("fresh-events", fieldSelector="regarding.name=p,reason=Pulled,reportingController=x"),
                get("fresh-events", fieldSelector="regarding.name=q"),
                get("fresh-events", fieldSelector="involvedObject.name=p"),
            ],
            "shown": [
                create("events", _event(metadata={"name": "x", "creationTimestamp": _AT})),
                Request("GET", at("fresh-events", "x"), headers=TABLE),
            ],
            **{
                f"anew, {name}": [create("fresh-events", _fresh(**fields))]
                for name, fields in {
                    "without a time": {"eventTime": None},
                    "without a controller": {"reportingController": ""},
                    "with a controller that is no name": {"reportingController": "no name"},
                    "without an instance": {"reportingInstance": ""},
                    "without an action": {"action": ""},
                    "without a reason": {"reason": ""},
                    "of no type": {"type": "Odd"},
                    "with a long note": {"note": "n" * 1025},
                    "with old times": {"deprecatedFirstTimestamp": _AT, "deprecatedCount": 2},
                    "with a series of one": {"series": {"count": 1, "lastObservedTime": _PRECISE}},
                    "about another namespace": {"regarding": {**_ABOUT, "namespace": "other"}},
                    "about nothing": {"regarding": {}},
                }.items()
            },
            **{
                f"of old, {name}": [create("events", _event(**fields))]
                for name, fields in {
                    "about another namespace": {"involvedObject": {**_ABOUT, "namespace": "other"}},
                    "about nothing": {"involvedObject": {}},
                    "of no type": {"type": "Odd"},
                    "with a time, and no controller": {"eventTime": _PRECISE},
                }.items()
            },
        },
    ),
)
