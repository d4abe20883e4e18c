"""
Which manifests of the real world are predictions tried on, and how are they edited?

Ours are in `manifests`; those of real repositories come along where the folder of
them lies beside this one. A seed picks an object, makes it quiet, so that no
controller has work with it, and edits it as people do: a field goes, a number
changes, an item of a list is added, moved or removed.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from tests.conformance.edits import edited
from tests.conformance.pairs import Json, Story, told_of

from moorage.cluster.threeway import BUILT_IN_GROUPS
from moorage.formats.yaml import load_all

HERE = Path(__file__).parent
FIXTURES = Path(os.environ.get("MOORAGE_FIXTURES") or HERE.parents[1] / "../shared/fixtures")
# Folders that hold plain manifests; charts and bases need a renderer.
PLAIN = (
    "kube-prometheus/manifests",
    "microservices-demo/kubernetes-manifests",
    "microservices-demo/istio-manifests",
    "ingress-nginx/deploy/static/provider",
    "argocd-example-apps",
    "cert-manager/deploy/crds",
)
# Webhooks and API services would change how the server answers everybody; the rest cannot be had twice.
LEFT_OUT = frozenset(
    {
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "APIService",
        "Namespace",
        "List",
        "Pod",
    }
)
ON_CLUSTERS = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "PriorityClass",
        "StorageClass",
    }
)
LARGE = 50_000
OWN_GROUP = "conformance.moorage.dev"


@functools.cache
def manifests() -> tuple[Json, ...]:
    """Return all objects of kinds that every server has, or that have their definition among them."""
    folders = (HERE / "manifests", *(FIXTURES / part for part in PLAIN))
    bodies = [_moved(body) for folder in folders for body in _read(folder)]
    defined = {(spec["group"], spec["names"]["kind"]) for spec in _specs(bodies)}
    return tuple(b for b in bodies if _group(b) in BUILT_IN_GROUPS or (_group(b), b["kind"]) in defined)


@functools.cache
def ours() -> tuple[Json, ...]:
    """Return the objects of this folder."""
    return tuple(_moved(body) for body in _read(HERE / "manifests"))


@functools.cache
def theirs() -> tuple[Json, ...]:
    """Return all objects but the largest definitions, which take as long as a hundred others."""
    return tuple(body for body in manifests() if len(json.dumps(body)) < LARGE)


@functools.cache
def definitions() -> tuple[Json, ...]:
    """Return the definitions of the kinds that some object is of, to be created before."""
    used = {(_group(body), body["kind"]) for body in manifests()}
    found = {
        body["metadata"]["name"]: body
        for body in manifests()
        for spec in _specs([body])
        if (spec["group"], spec["names"]["kind"]) in used
    }
    return tuple(found.values())


def kinds() -> tuple[tuple[str, str, str], ...]:
    """Return group, version and kind of everything there is."""
    return tuple(dict.fromkeys((*_group_version(body), body["kind"]) for body in manifests()))


def edited_story(seed: int, *, client_side: bool = False) -> Story:
    """Return the story of a seed about one of the manifests."""
    rng = Random(f"{seed} {client_side}")
    # Ours are few and of every kind, those of others many and of few.
    every = ours() if seed % 2 else theirs()
    body = every[seed // 2 % len(every)]
    name = f"{'c' if client_side else 's'}{seed}"

    def make() -> Json:
        return _named(_quiet(edited(rng, body)), name)

    group, version = _group_version(body)
    kind = (_plural(body), group, version, body["kind"])
    return told_of(rng, make, kind, client_side=client_side, place=_place(body))


# --- making quiet


def _quiet(body: Json) -> Json:
    """Return an object that gives no controller anything to do."""
    made = copy.deepcopy(body)
    spec = made.get("spec")
    match made["kind"]:
        case "Deployment":
            spec |= {"replicas": 0, "paused": True}
        case "StatefulSet" | "ReplicaSet":
            spec["replicas"] = 0
        case "DaemonSet":
            spec["template"]["spec"]["nodeSelector"] = {"there-is": "none"}
        case "Job" | "CronJob":
            spec["suspend"] = True
        case "PersistentVolumeClaim":
            spec["volumeName"] = "there-is-none"
        case "CustomResourceDefinition":
            made["spec"]["versions"] = [{**version, "served": False} for version in spec["versions"]]
    return made


def _named(body: Json, name: str) -> Json:
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    if body["kind"] == "CustomResourceDefinition":
        spec = {**body["spec"], "group": f"{name}.{OWN_GROUP}"}
        plural = f"{spec['names']['plural']}.{spec['group']}"
        return {**body, "metadata": {**metadata, "name": plural}, "spec": spec}
    if body["kind"] in ON_CLUSTERS:
        name = f"conformance-{name}"
    return {**body, "metadata": {**metadata, "name": name}}


# --- reading


def _read(folder: Path) -> Iterator[Json]:
    for file in sorted(folder.rglob("*.y*ml")):
        text = file.read_text()
        if "{{" in text:
            continue
        for body in (document.value for document in load_all(text, strict=False)):
            if isinstance(body, dict) and body.get("kind") not in LEFT_OUT and _name(body):
                yield body


def _name(body: Json) -> str:
    metadata = body.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) and body.get("apiVersion") else ""


def _group(body: Json) -> str:
    return _group_version(body)[0]


def _group_version(body: Json) -> tuple[str, str]:
    group, _, version = str(body["apiVersion"]).rpartition("/")
    return group, version


def _specs(bodies: Iterable[Json]) -> Iterator[Json]:
    return (body["spec"] for body in bodies if body["kind"] == "CustomResourceDefinition")


def _moved(body: Json) -> Json:
    """Return an object of somebody's own kind in a group of ours: a cluster may have the real one."""
    body = {key: value for key, value in body.items() if key != "status"}
    group, version = _group_version(body)
    if body["kind"] == "CustomResourceDefinition":
        spec = {**body["spec"], "group": _own(body["spec"]["group"]), "conversion": {"strategy": "None"}}
        metadata = {"name": f"{spec['names']['plural']}.{spec['group']}"}
        return {
            **body,
            "metadata": {**metadata, "labels": body["metadata"].get("labels") or {}},
            "spec": spec,
        }
    if group in BUILT_IN_GROUPS:
        return body
    return {**body, "apiVersion": f"{_own(group)}/{version}"}


def _own(group: str) -> str:
    return f"{group.replace('.', '-')}.{OWN_GROUP}"


def _plural(body: Json) -> str:
    for spec in _specs(definitions()):
        if (spec["group"], spec["names"]["kind"]) == (_group(body), body["kind"]):
            return str(spec["names"]["plural"])
    word = str(body["kind"]).lower()
    if word.endswith("s"):
        return f"{word}es"
    return re.sub("y$", "ie", word) + "s"


def _place(body: Json) -> str:
    prefix = f"/apis/{body['apiVersion']}" if "/" in body["apiVersion"] else f"/api/{body['apiVersion']}"
    return f"{prefix}{'' if body['kind'] in ON_CLUSTERS else '/namespaces/{ns}'}/{_plural(body)}"
