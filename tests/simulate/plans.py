"""
What a seed means: applications, commits, what people do, and what goes wrong.

A plan is plain data, so that the shortest plan that still fails can be looked
for by leaving parts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from moorage.model.identity import IN_CLUSTER, ResourceKey
from moorage.model.manifest import Json
from moorage.model.words import CASCADE_FINALIZER

from .history import URL
from .wire import Fault

GROUPS = {
    "ConfigMap": "",
    "Deployment": "apps",
    "Job": "batch",
    "CustomResourceDefinition": "apiextensions.k8s.io",
    "Widget": "example.com",
}
VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "Widget": "example.com/v1",
}
WIDGETS = "widgets.example.com"


class Item(NamedTuple):
    """One object that Git declares; `hook` is its phase when it is a hook."""

    kind: str
    name: str
    value: str = "1"
    wave: int = 0
    hook: str = ""
    policy: str = ""
    fails: bool = False

    @property
    def path(self) -> str:
        return f"{self.kind.lower()}-{self.name}"

    def key(self, namespace: str) -> ResourceKey:
        """Return the key of the object in a namespace."""
        where = "" if self.kind == "CustomResourceDefinition" else namespace
        return ResourceKey(GROUPS[self.kind], self.kind, where, self.name)

    def body(self) -> Json:
        """Return the manifest."""
        notes = {}
        if self.wave:
            notes["argocd.argoproj.io/sync-wave"] = str(self.wave)
        if self.hook:
            notes["argocd.argoproj.io/hook"] = self.hook
        if self.policy:
            notes["argocd.argoproj.io/hook-delete-policy"] = self.policy
        metadata: Json = {"name": self.name, **({"annotations": notes} if notes else {})}
        return {
            "apiVersion": VERSIONS[self.kind],
            "kind": self.kind,
            "metadata": metadata,
            **_content(self),
        }


def mended(item: Item) -> Item:
    """Return an item that fails no more; a hook of which an old one may be in the way gets another name."""
    kept = item.hook and item.policy and "BeforeHookCreation" not in item.policy
    return item._replace(fails=False, name=f"{item.name}-mended" if kept else item.name)


def _content(item: Item) -> Json:
    match item.kind:
        case "ConfigMap":
            return {"data": {"value": item.value}}
        case "Widget":
            return {"spec": {"value": item.value}}
        case "CustomResourceDefinition":
            return {"spec": _widgets()}
    fate = "job-failed" if item.kind == "Job" else "crash-loop"
    mark = {"annotations": {"sandbox.moorage.dev/fail": fate}} if item.fails else {}
    container = {"name": "main", "image": f"registry.example/main:{item.value}"}
    labels = {"labels": {"app": item.name}}
    if item.kind == "Deployment":
        template = {"metadata": {**labels, **mark}, "spec": {"containers": [container]}}
        return {
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": item.name}}, "template": template}
        }
    pod = {"containers": [container], "restartPolicy": "Never"}
    return {"spec": {"backoffLimit": 0, "template": {"metadata": mark, "spec": pod}}}


def _widgets() -> Json:
    value = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"value": {"type": "string"}}}},
    }
    return {
        "group": "example.com",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": value}}],
    }


class App(NamedTuple):
    """One Application."""

    name: str
    namespace: str
    options: tuple[str, ...] = ()
    automated: bool = True
    retries: int = -1

    def body(self) -> Json:
        """Return the Application."""
        policy: Json = {"syncOptions": list(self.options)}
        if self.automated:
            policy["automated"] = {"prune": True, "selfHeal": True, "allowEmpty": True}
        if self.retries >= 0:
            policy["retry"] = {"limit": self.retries, "backoff": {"duration": "2s", "maxDuration": "20s"}}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.name, "namespace": "argocd", "finalizers": [CASCADE_FINALIZER]},
            "spec": {
                "project": "default",
                "source": {"repoURL": URL, "path": f"apps/{self.name}", "targetRevision": "main"},
                "destination": {"server": IN_CLUSTER, "namespace": self.namespace},
                "syncPolicy": policy,
            },
        }


Contents = Mapping[str, Mapping[str, Item]]
"""For each application the items it declares, by path."""


def files_of(contents: Contents) -> dict[str, bytes]:
    """Return the files of a commit. Each folder has one that declares nothing, so that none is ever gone."""
    files = {
        f"apps/{app}/{p}.json": orjson.dumps(i.body())
        for app, its in contents.items()
        for p, i in its.items()
    }
    return files | {f"apps/{app}/README.md": b"An application.\n" for app in contents}


class Commit(NamedTuple):
    """Sets and removes items; `told` is after how many seconds Moorage hears of it, never when negative."""

    changes: tuple[tuple[str, Item, bool], ...]
    told: float = 0.1


class Revert(NamedTuple):
    """Goes back some commits."""

    back: int
    told: float = 0.1


class Spoil(NamedTuple):
    """A person changes an object by hand."""

    app: str
    path: str


class Remove(NamedTuple):
    """A person deletes an object."""

    app: str
    path: str


class Sync(NamedTuple):
    """A person asks for a sync."""

    app: str


class Terminate(NamedTuple):
    """A person ends the running operation."""

    app: str


class Drop(NamedTuple):
    """A person deletes an Application; it is declared again after some seconds."""

    app: str
    seconds: float


class GitDown(NamedTuple):
    """The Git server is away for some seconds."""

    seconds: float


class Compact(NamedTuple):
    """The API server forgets old versions."""


class Kill(NamedTuple):
    """The process that acts (or one that stands by) is killed, and started again after some seconds."""

    seconds: float
    acting: bool = True


class Pause(NamedTuple):
    """The process that acts is paused for some seconds; it does not know of it when it wakes up."""

    seconds: float


class TakeLease(NamedTuple):
    """A person deletes the Lease, so that for some seconds two processes believe that they hold it."""


Act = (
    Commit | Revert | Spoil | Remove | Sync | Terminate | Drop | GitDown | Compact | Kill | Pause | TakeLease
)


@dataclass(frozen=True)
class Plan:
    """One history to be: who is there, what happens when, and what goes wrong at which request."""

    seed: int
    apps: tuple[App, ...]
    start: Contents
    acts: tuple[tuple[float, Act], ...] = ()
    faults: Mapping[int, Fault] = field(default_factory=dict)
    processes: int = 1

    def __len__(self) -> int:
        return len(self.acts) + len(self.faults)


def apply(contents: dict[str, dict[str, Item]], changes: Iterable[tuple[str, Item, bool]]) -> None:
    """Make the changes of a commit."""
    for app, item, there in changes:
        if there:
            contents[app][item.path] = item
        else:
            contents[app].pop(item.path, None)
