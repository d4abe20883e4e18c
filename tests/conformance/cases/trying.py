"""Dry-run: the same answer as the real thing, and nothing kept."""

from __future__ import annotations

from tests.conformance.cases.words import (
    apply,
    cases,
    config_map,
    create,
    delete,
    deployment,
    get,
    json_patch,
    merge,
    put,
    strategic,
    widget,
)
from tests.conformance.exchange import Case

_MAP = config_map("x", a="1")

CASES: tuple[Case, ...] = cases(
    "dry run",
    {
        "create": [create("configmaps", _MAP, dryRun="All"), get("configmaps", "x")],
        "create of a deployment": [create("deployments", deployment(), dryRun="All")],
        "create of what is there": [create("configmaps", _MAP), create("configmaps", _MAP, dryRun="All")],
        "create refused": [create("widgets", widget(size=900), dryRun="All")],
        "create with a generated name": [
            create("configmaps", {"metadata": {"generateName": "g-"}}, dryRun="All")
        ],
        "update": [
            create("configmaps", _MAP),
            put("configmaps", "x", config_map("x", b="2"), dryRun="All"),
            get("configmaps", "x"),
        ],
        "merge patch": [
            create("configmaps", _MAP),
            merge("configmaps", "x", {"data": {"b": "2"}}, dryRun="All"),
            get("configmaps", "x"),
        ],
        "strategic patch": [
            create("configmaps", _MAP),
            strategic("configmaps", "x", {"data": {"b": "2"}}, dryRun="All"),
            get("configmaps", "x"),
        ],
        "JSON patch": [
            create("configmaps", _MAP),
            json_patch("configmaps", "x", {"op": "remove", "path": "/data/a"}, dryRun="All"),
            get("configmaps", "x"),
        ],
        "apply new": [apply("configmaps", "x", _MAP, dryRun="All"), get("configmaps", "x")],
        "apply": [
            create("configmaps", _MAP),
            apply("configmaps", "x", config_map("x", b="1"), dryRun="All"),
            get("configmaps", "x"),
        ],
        "apply conflict": [
            create("configmaps", _MAP),
            apply("configmaps", "x", config_map("x", a="2"), dryRun="All"),
        ],
        "apply custom": [
            create("widgets", widget()),
            apply("widgets", "x", widget(code="AB1"), dryRun="All"),
            get("widgets", "x"),
        ],
        "delete": [
            create("configmaps", _MAP),
            delete("configmaps", "x", dryRun="All"),
            get("configmaps", "x"),
        ],
        "delete of what is not there": [delete("configmaps", "x", dryRun="All")],
        "delete by body": [
            create("configmaps", _MAP),
            delete("configmaps", "x", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}),
            get("configmaps", "x"),
        ],
        "status": [
            create("widgets", widget()),
            merge("widgets", "x", {"status": {"phase": "A"}}, "status", dryRun="All"),
            get("widgets", "x"),
        ],
        "unknown word": [create("configmaps", _MAP, dryRun="Some")],
        "generation": [
            create("widgets", widget()),
            merge("widgets", "x", {"spec": {"size": 2}}, dryRun="All"),
            merge("widgets", "x", {"spec": {"size": 3}}),
        ],
    },
)
