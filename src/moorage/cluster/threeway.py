"""
What client-side apply sends: the difference between what was applied last, what is declared, and what is there.

`apply` does the asking; this module only compares. The object remembers in an
annotation what was applied last, as `kubectl apply` has it.
"""

from __future__ import annotations

import orjson

from moorage.cluster.http import MERGE_PATCH, STRATEGIC_PATCH
from moorage.engine.merge.jsonmerge import three_way_merge
from moorage.engine.merge.schema import Schema
from moorage.engine.merge.strategic import three_way_strategic
from moorage.model.manifest import Json
from moorage.model.words import LAST_APPLIED_ANNOTATION

BUILT_IN_GROUPS = frozenset(
    (
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    )
)
"""Groups whose kinds the API server can merge strategically; all others take JSON merge patches."""


def three_way(declared: Json, live: Json, schema: Schema | None) -> tuple[Json, str]:
    """
    Return the patch that makes a live object as declared, and which kind of patch it is.

    With a schema of a built-in kind it is a strategic one, which merges lists by
    their keys; without, a JSON merge patch. Fields that were applied last and are
    no longer declared are removed. The patch is empty when nothing differs.
    """
    original = last_applied(live)
    if schema is not None:
        return three_way_strategic(original, declared, live, schema), STRATEGIC_PATCH
    return three_way_merge(original, declared, live), MERGE_PATCH


def remembering(body: Json) -> Json:
    """Return the object with itself as its last applied configuration, as client-side apply keeps it."""
    metadata = body["metadata"]
    annotations = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED_ANNOTATION
    }
    plain = {**body, "metadata": {**metadata, "annotations": annotations}}
    text = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    return {**body, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED_ANNOTATION: text}}}


def last_applied(live: Json) -> Json:
    """Return what was applied last by a client-side apply; empty when nothing was."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED_ANNOTATION)
    try:
        found = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
