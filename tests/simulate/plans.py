"""
What a seed means: applications, commits, what people do, and what goes wrong.

A plan is plain data, so that the shortest plan that still fails can be looked
for by leaving parts out.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from moorage.model.identity import IN_CLUSTER, ResourceKey
from moorage.model.manifest import Json
from moorage.model.words import CASCADE_FINALIZER

from .history import URL
from .wire import OF_WATCHES, Fault, What

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


def draw(seed: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)
    apps = _apps(rng)
    start: dict[str, dict[str, Item]] = {app.name: {} for app in apps}
    for app in apps:
        for item in _items(rng, app, rng.randint(1, 4)):
            start[app.name][item.path] = item
    processes = rng.choice((1, 1, 2))
    acts = _acts(rng, apps, start, processes)
    faults = _faults(rng, rng.choice((0.0, 0.02, 0.05, 0.15)))
    return Plan(seed, apps, start, acts, faults, processes)


POLICIES = (
    "",
    "HookSucceeded",
    "BeforeHookCreation",
    "HookFailed",
    "BeforeHookCreation,HookSucceeded",
    "HookSucceeded,HookFailed",
)


def _apps(rng: random.Random) -> tuple[App, ...]:
    found = []
    for name in ("ant", "bee", "cat")[: rng.randint(1, 3)]:
        options = tuple(o for o in ("ServerSideApply=false", "PruneLast=true") if rng.random() < 0.2)
        namespace = rng.choice(("one", "one", "two", f"of-{name}"))
        if namespace.startswith("of-"):
            options = (*options, "CreateNamespace=true")
        retries = rng.choice((-1, -1, 0, 1, 3))
        found.append(App(name, namespace, options, automated=rng.random() < 0.9, retries=retries))
    return tuple(found)


def _items(rng: random.Random, app: App, count: int) -> list[Item]:
    found: list[Item] = []
    for _ in range(count):
        what = rng.choice(("map", "map", "map", "deployment", "hook", "widget"))
        value, wave = str(rng.randint(1, 9)), rng.choice((0, 0, 0, 1, 2))
        name = f"{app.name}-{rng.choice(('red', 'green', 'blue'))}"
        if what == "map":
            found.append(Item("ConfigMap", name, value, wave))
        elif what == "deployment":
            found.append(Item("Deployment", name, value, wave, fails=rng.random() < 0.1))
        elif what == "hook":
            phase = rng.choice(("PreSync", "Sync", "PostSync", "SyncFail"))
            policy = rng.choice(POLICIES)
            fails = rng.random() < 0.25
            found.append(Item("Job", f"{name}-{phase.lower()}", value, 0, phase, policy, fails))
        elif app.name == "ant":
            # One application owns the definition; its objects come with it.
            found.append(Item("CustomResourceDefinition", WIDGETS))
            found.append(Item("Widget", name, value, wave))
    return found


def _acts(
    rng: random.Random, apps: tuple[App, ...], start: Contents, processes: int
) -> tuple[tuple[float, Act], ...]:
    acts: list[tuple[float, Act]] = []
    contents = {app: dict(items) for app, items in start.items()}
    at = 1.0
    past = [_copied(contents)]
    for _ in range(rng.randint(2, 9)):
        at += rng.choice((0.05, 0.3, 1.0, 3.0, 10.0, 40.0))
        app = rng.choice(apps)
        paths = sorted(contents[app.name])
        what = rng.choice(("commit", "commit", "commit", "revert", "spoil", "remove", "sync", "rest"))
        told = rng.choice((0.0, 0.2, 2.0, -1.0))
        if what == "commit":
            changes = _changes(rng, apps, app, contents)
            past.append(_copied(contents))
            acts.append((at, Commit(changes, told)))
        elif what == "revert" and len(past) > 1:
            contents = _copied(past[-2])
            past.append(_copied(contents))
            acts.append((at, Revert(1, told)))
        elif what == "spoil" and paths:
            acts.append((at, Spoil(app.name, rng.choice(paths))))
        elif what == "remove" and paths:
            acts.append((at, Remove(app.name, rng.choice(paths))))
        elif what == "sync":
            acts.append((at, Sync(app.name)))
        else:
            acts.append(
                (at, _of_processes(rng) if processes > 1 and rng.random() < 0.5 else _rarer(rng, app))
            )
    return tuple(acts)


def _copied(contents: Contents) -> dict[str, dict[str, Item]]:
    return {app: dict(items) for app, items in contents.items()}


def _rarer(rng: random.Random, app: App) -> Act:
    return rng.choice(
        (
            Kill(rng.choice((0.1, 3.0))),
            Kill(rng.choice((0.1, 30.0))),
            Compact(),
            GitDown(rng.choice((1.0, 30.0))),
            Terminate(app.name),
            Drop(app.name, rng.choice((5.0, 60.0))),
        )
    )


def _of_processes(rng: random.Random) -> Act:
    return rng.choice(
        (
            Pause(rng.choice((1.0, 12.0, 18.0))),
            Pause(rng.choice((25.0, 60.0))),
            Kill(rng.choice((0.1, 3.0, 30.0))),
            Kill(rng.choice((0.1, 30.0)), acting=False),
            TakeLease(),
        )
    )


def _changes(
    rng: random.Random, apps: tuple[App, ...], app: App, contents: dict[str, dict[str, Item]]
) -> tuple[tuple[str, Item, bool], ...]:
    changes: list[tuple[str, Item, bool]] = []
    begun = 0
    for _ in range(rng.randint(1, 3)):
        apply(contents, changes[begun:])
        begun = len(changes)
        known = [contents[app.name][p] for p in sorted(contents[app.name])]
        what = rng.choice(("add", "change", "remove", "hand over"))
        if what == "add" or not known:
            others = {p for a in apps if a is not app for p in contents[a.name]}
            new = [item for item in _items(rng, app, 1) if item.path not in others]
            changes += [(app.name, item, True) for item in new]
            continue
        item = rng.choice(known)
        plain = item.kind == "ConfigMap"
        if what == "change":
            fails = item.fails and rng.random() < 0.5
            changes.append((app.name, item._replace(value=str(rng.randint(10, 99)), fails=fails), True))
        elif what == "hand over" and plain:
            heirs = [a.name for a in apps if a.namespace == app.namespace and a is not app]
            changes.append((app.name, item, False))
            changes += [(heir, item, True) for heir in heirs[:1]]
        elif item.kind != "CustomResourceDefinition":
            changes.append((app.name, item, False))
    apply(contents, changes[begun:])
    return tuple(changes)


def apply(contents: dict[str, dict[str, Item]], changes: Iterable[tuple[str, Item, bool]]) -> None:
    """Make the changes of a commit."""
    for app, item, there in changes:
        if there:
            contents[app][item.path] = item
        else:
            contents[app].pop(item.path, None)


_OF_REQUESTS = tuple(what for what in What if what not in OF_WATCHES)
_AMOUNTS = {What.SLOW: 2.4, What.LATE_ANSWER: 3.0, What.LATE: 8.0, What.SHORT: 6.0, What.PAST: 12.0}


def _faults(rng: random.Random, share: float) -> dict[int, Fault]:
    faults: dict[int, Fault] = {}
    for number in range(1, 1500):
        if rng.random() < share:
            # Watches are a small part of the requests: a fault of theirs that meets another is no fault.
            what = rng.choice((*_OF_REQUESTS, *OF_WATCHES_SORTED))
            faults[number] = Fault(what, round(rng.uniform(0.5, 2.0) * _AMOUNTS.get(what, 0.0), 1))
    return faults


OF_WATCHES_SORTED = tuple(what for what in What if what in OF_WATCHES)
