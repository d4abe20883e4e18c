"""List: selectors of labels and fields, pages, versions to read."""

from __future__ import annotations

from tests.conformance.cases.words import cases, config_map, create, get, merge, pod_spec, widget
from tests.conformance.exchange import Case, Request

_MAPS = [
    create("configmaps", config_map("a", {"app": "web", "tier": "front", "n": "1"})),
    create("configmaps", config_map("b", {"app": "web", "tier": "back", "n": "2"})),
    create("configmaps", config_map("c", {"app": "db", "n": "3"})),
]
_WIDGETS = [
    create("widgets", widget("a")),
    create("widgets", widget("b", colour="green")),
    create("widgets", widget("c", colour="green")),
]
_PODS = [
    create(
        "pods",
        {"metadata": {"name": "a"}, "spec": pod_spec(restartPolicy="Never", schedulingGates=[{"name": "w"}])},
    ),
    create("pods", {"metadata": {"name": "b"}, "spec": pod_spec(schedulingGates=[{"name": "w"}])}),
]

_LABELS = (
    "app=web", "app==web", "app!=web,n", "app", "!tier,app", "app in (web,db)", "app in (web)", "app notin (web),n",
    "tier in (front,back),app=web", "n>1", "n<2,app", "n>x", "app=web,tier!=back", " app = web ", "app in ()", "app=",
    "app=web,", "=web", "app in web", "app=a b", "-x=1", "app===web", "n>=1", "app=no-such",
)  # fmt: skip
_FIELDS = ("metadata.name=a", "metadata.name!=a,metadata.name!=kube-root-ca.crt", "metadata.namespace=none", "metadata.name==b", "data.a=1", "metadata.labels=a", "=a", "metadata.name", "metadata.name=a,metadata.name=b")  # fmt: skip
_POD_FIELDS = ("spec.restartPolicy=Never", "status.phase=Pending", "status.phase=Running", "spec.nodeName=", "spec.nodeName=none", "spec.other=1")  # fmt: skip

CASES: tuple[Case, ...] = (
    *cases("label selector", {words: [*_MAPS, get("configmaps", labelSelector=words)] for words in _LABELS}),
    *cases(
        "field selector",
        {words: [*_MAPS, get("configmaps", fieldSelector=words, labelSelector="app")] for words in _FIELDS},
    ),
    *cases(
        "field selector",
        {f"pods {words}": [*_PODS, get("pods", fieldSelector=words)] for words in _POD_FIELDS},
    ),
    *cases(
        "field selector",
        {
            "custom": [*_WIDGETS, get("widgets", fieldSelector="spec.colour=green")],
            "custom name": [*_WIDGETS, get("widgets", fieldSelector="metadata.name=a")],
            "custom unknown": [*_WIDGETS, get("widgets", fieldSelector="spec.size=1")],
        },
    ),
    *cases(
        "list",
        {
            "nothing": [get("secrets")],
            "custom nothing": [get("widgets")],
            "custom": [*_WIDGETS, get("widgets")],
            "first page": [*_WIDGETS, get("widgets", limit="2")],
            "second page": [
                *_WIDGETS,
                get("widgets", limit="2"),
                get("widgets", limit="2", **{"continue": "{3.metadata.continue}"}),
            ],
            "page by page": [
                *_WIDGETS,
                get("widgets", limit="1"),
                get("widgets", limit="1", **{"continue": "{3.metadata.continue}"}),
                get("widgets", limit="1", **{"continue": "{4.metadata.continue}"}),
            ],
            "a page as it was": [
                *_WIDGETS,
                get("widgets", limit="2"),
                create("widgets", widget("d")),
                get("widgets", limit="2", **{"continue": "{3.metadata.continue}"}),
            ],
            "a page with a selector": [*_MAPS, get("configmaps", limit="1", labelSelector="app=web")],
            "limit of all": [*_WIDGETS, get("widgets", limit="3")],
            "limit of zero": [*_WIDGETS, get("widgets", limit="0")],
            "limit that is no number": [get("widgets", limit="many")],
            "bad continue": [get("widgets", limit="1", **{"continue": "nonsense"})],
            # "Any" may be an old one, but not older than what has just been read.
            "any version": [
                *_WIDGETS,
                get("widgets", resourceVersion="{2.metadata.resourceVersion}"),
                get("widgets", resourceVersion="0"),
            ],
            "not older than": [
                *_WIDGETS,
                get(
                    "widgets",
                    resourceVersion="{2.metadata.resourceVersion}",
                    resourceVersionMatch="NotOlderThan",
                ),
            ],
            "exact version": [
                *_WIDGETS,
                merge("widgets", "a", {"spec": {"size": 5}}),
                get("widgets", resourceVersion="{2.metadata.resourceVersion}", resourceVersionMatch="Exact"),
            ],
            "exact of nothing": [get("widgets", resourceVersionMatch="Exact")],
            "exact of zero": [get("widgets", resourceVersion="0", resourceVersionMatch="Exact")],
            "unknown match": [get("widgets", resourceVersion="1", resourceVersionMatch="Other")],
            "bad version": [get("widgets", resourceVersion="abc")],
            "get of any version": [*_WIDGETS, get("widgets", "a", resourceVersion="0")],
            "over all namespaces": [
                *_MAPS,
                Request(
                    "GET",
                    "/api/v1/configmaps",
                    query={"fieldSelector": "metadata.namespace={ns},metadata.name=a"},
                ),
            ],
            "events as initial": [get("widgets", sendInitialEvents="true")],
        },
    ),
)
