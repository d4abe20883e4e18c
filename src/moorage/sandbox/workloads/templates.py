"""
How do workloads make pods: by which template, named and labelled how, ready when?
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import orjson

from moorage.model.manifest import Json
from moorage.sandbox.workloads.pods import is_ready, ready_since

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def fingerprint(value: object, length: int = 10) -> str:
    """Return a short name for a JSON value, made of the letters Kubernetes uses in generated names."""
    number = int.from_bytes(hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest(), "big")
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def owner_of(body: Json, *, blocking: bool = True) -> Json:
    """Return the reference that makes `body` the controller of an object."""
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "uid": body["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": blocking,
    }


def controller_of(body: Json) -> Json | None:
    """Return the reference to the controller of an object, None when it has none."""
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def pod_from(template: Json, owner: Json, *, name: str = "", labels: Json | None = None) -> Json:
    """Return a pod by a template, owned by a workload; named, or to be given a name like the workload's."""
    held = template.get("metadata") or {}
    metadata: Json = {
        "namespace": owner["metadata"]["namespace"],
        "labels": {**held.get("labels", {}), **(labels or {})},
        "ownerReferences": [owner_of(owner)],
    }
    if held.get("annotations"):
        metadata["annotations"] = dict(held["annotations"])
    if name:
        metadata["name"] = name
    else:
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    return {"metadata": metadata, "spec": dict(template["spec"])}


def wait_for_available(pods: list[Json], minimum: float, now: datetime) -> float | None:
    """Return the seconds until another ready pod counts as available, None when none is about to."""
    if not minimum:
        return None
    waits = [
        minimum - (now - since).total_seconds()
        for pod in pods
        if is_ready(pod) and (since := ready_since(pod)) is not None
    ]
    return min((wait for wait in waits if wait > 0), default=None)


def is_available(pod: Json, minimum: float, now: datetime) -> bool:
    """Return whether a pod has been ready for `minimum` seconds."""
    if not is_ready(pod):
        return False
    since = ready_since(pod)
    return not minimum or since is None or (now - since).total_seconds() >= minimum


def nonzero(counts: Json) -> Json:
    """Return the counts that are not zero: Go leaves the others out."""
    return {name: count for name, count in counts.items() if count}
