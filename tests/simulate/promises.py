"""
What must hold at every step, watched in the sandbox's store as it happens.

The store is the truth: whatever Moorage believed, what it did is judged by what
was there. A broken promise is noted, not raised, because it is noticed in the
middle of somebody's write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.engine.order import is_hook
from moorage.engine.policy import parse_time
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, key_of
from moorage.model.words import OPERATION_ANNOTATION, TRACKING_ID_ANNOTATION
from moorage.sandbox import Sandbox
from moorage.sandbox.store import Change

from .clockwork import Clockwork
from .plans import App, Contents, Item

APPLICATIONS = ("argoproj.io", "applications")
MADE_UP = ("made up", "was cut", "no answer within")
LATE_SECONDS = 150.0
"""How old Moorage's view may be in this world: an idle watch is given up after 130 seconds."""


@dataclass(slots=True)
class Promises:
    """Judges every write; `broken` is what was found."""

    sandbox: Sandbox
    loop: Clockwork
    apps: Mapping[str, App]
    revisions: dict[str, Contents] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    acting: tuple[str, str] = ("", "")
    hooks: Counter[tuple[str, ResourceKey]] = field(default_factory=Counter)
    ended: dict[tuple[str, ResourceKey], str] = field(default_factory=dict)
    disturbed: dict[ResourceKey, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sandbox.store.subscribe(self._wrote)

    # What is declared and what is there

    def declared(self, app: str, revision: str) -> dict[ResourceKey, Item]:
        """Return what Git declares for an application at a revision."""
        items = self.revisions.get(revision, {}).get(app, {})
        namespace = self.apps[app].namespace
        return {item.key(namespace): item for item in items.values()}

    def application(self, name: str) -> Json | None:
        """Return an Application as it is."""
        entry = self.sandbox.store.collection(*APPLICATIONS).objects.get(("argocd", name))
        return entry.body if entry else None

    def live(self, key: ResourceKey) -> Json | None:
        """Return an object as it is."""
        for (group, _), collection in self.sandbox.store.collections.items():
            if group == key.group:
                entry = collection.objects.get((key.namespace, key.name))
                if entry is not None and entry.body["kind"] == key.kind:
                    return entry.body
        return None

    # Judging

    def _wrote(self, resource: tuple[str, str], change: Change) -> None:
        body = change.entry.body
        method, _ = self.acting
        if resource == APPLICATIONS:
            self._application_changed(change)
            return
        if resource[1] in ("events", "leases"):
            return
        key = key_of(body)
        if not method:
            self._others_wrote(key, change)
            return
        if body["kind"] == "AppProject":
            return
        before = change.previous.body if change.previous else None
        ends = change.type == "DELETED" or bool(
            body["metadata"].get("deletionTimestamp")
            and not (before or body)["metadata"].get("deletionTimestamp")
        )
        if method == "DELETE" and ends:
            self._deleted(key, before or body)
        elif method != "DELETE" and change.type != "DELETED":
            self._written(key, before, body, created=change.type == "ADDED")

    def _others_wrote(self, key: ResourceKey, change: Change) -> None:
        """A person or a controller of the cluster wrote; what these only count is no disturbance."""
        body, before = change.entry.body, change.previous.body if change.previous else None
        self._note_end(key, body)
        if change.type == "DELETED" or before is None or _without_counts(before) != _without_counts(body):
            self._disturb(key)

    def _note_end(self, key: ResourceKey, body: Json) -> None:
        conditions = (body.get("status") or {}).get("conditions") or ()
        ended = {c["type"] for c in conditions if c["status"] == "True"} & {"Complete", "Failed"}
        operation = (body["metadata"].get("annotations") or {}).get(OPERATION_ANNOTATION)
        if key.kind == "Job" and operation and ended:
            self.ended[operation, key] = "Succeeded" if "Complete" in ended else "Failed"

    def _disturb(self, key: ResourceKey) -> None:
        self.disturbed[key] = self.loop.time()

    def _deleted(self, key: ResourceKey, body: Json) -> None:
        owner = tracked_by(body)
        if owner is None:
            self._break(f"{key} was deleted, and no application tracks it")
            return
        app = self.application(owner)
        if app is None:
            self._break(f"{key} was deleted, and {owner}, which tracks it, is not there")
            return
        if app["metadata"].get("deletionTimestamp"):
            return
        revision = _running(app)
        if is_hook(body):
            self._hook_deleted(key, body, app)
        elif revision is None:
            self._break(f"{key} was deleted while {owner} was in no operation")
        elif key in self.declared(owner, revision):
            self._break(f"{key} was deleted in a sync of {owner} to {revision[:7]}, which declares it")
        self._disturb(key)

    def _hook_deleted(self, key: ResourceKey, body: Json, app: Json) -> None:
        if _running(app) is None:
            self._break(f"hook {key} was deleted while its application was in no operation")

    def _written(self, key: ResourceKey, before: Json | None, body: Json, *, created: bool) -> None:
        if before is not None and _without_books(before) == _without_books(body):
            return
        owner = tracked_by(body)
        if key.kind == "CustomResourceDefinition" or (key.kind == "Namespace" and key.name.startswith("of-")):
            return  # neither is tracked, and so never pruned
        if owner is None:
            self._break(f"{key} was written, and no application tracks it")
            return
        app = self.application(owner)
        revision = _running(app) if app else None
        if revision is None:
            if not is_hook(body):  # a hook is let go of when its operation is over
                self._break(f"{key} was written while {owner} was in no operation")
            return
        if key not in self.declared(owner, revision) and not body["metadata"].get("deletionTimestamp"):
            self._break(f"{key} was written by {owner} at {revision[:7]}, which does not declare it")
        other = tracked_by(before) if before else None
        if other not in (None, owner):
            self._disturb(key)
        operation = (body["metadata"].get("annotations") or {}).get(OPERATION_ANNOTATION)
        before_it = ((before or body)["metadata"].get("annotations") or {}).get(OPERATION_ANNOTATION)
        if operation and (created or before_it != operation):
            # One that is in the way and may not be deleted is taken over, with what became of it.
            self._note_end(key, body)
            self.hooks[operation, key] += 1
            if self.hooks[operation, key] > 1:
                self._break(f"hook {key} ran {self.hooks[operation, key]} times in operation {operation}")

    def _application_changed(self, change: Change) -> None:
        state = (change.entry.body.get("status") or {}).get("operationState") or {}
        before: Json = {}
        if change.previous is not None:
            before = (change.previous.body.get("status") or {}).get("operationState") or {}
        if change.type == "DELETED" or not state.get("finishedAt") or not self.acting[0]:
            return
        if (before.get("phase"), before.get("startedAt")) == (state.get("phase"), state["startedAt"]):
            return
        name, uid = change.entry.body["metadata"]["name"], change.entry.body["metadata"]["uid"]
        self._hooks_told(name, state, operation_of(uid, state))
        if state["phase"] == "Succeeded":
            self._succeeded(name, state, operation_of(uid, state))
        elif state["phase"] in ("Failed", "Error") and any(w in state["message"] for w in MADE_UP):
            self._break(f"a sync of {name} failed for a passing trouble: {state['message']}")

    def _hooks_told(self, name: str, state: Json, operation: str) -> None:
        """What an operation tells of its hooks is what became of them."""
        for told in (state.get("syncResult") or {}).get("resources") or ():
            key = ResourceKey(told.get("group", ""), told["kind"], told.get("namespace", ""), told["name"])
            phase, really = told.get("hookPhase"), self.ended.get((operation, key), "")
            blamed = state["message"].startswith(f"{key} is Degraded")
            if blamed and phase == "Running":
                self._break(f"a sync of {name} failed by its hook {key}, and told that this runs")
            if phase not in ("Succeeded", "Failed") or self._is_disturbed(key, state):
                continue
            if phase != really and (phase == "Succeeded" or really == "Succeeded"):
                self._break(
                    f"a sync of {name} told that its hook {key} {phase}, and it {really or 'goes on'}"
                )

    def _succeeded(self, name: str, state: Json, operation: str) -> None:
        result = state["syncResult"]
        picked = {
            ResourceKey(r.get("group", ""), r["kind"], r.get("namespace", ""), r["name"])
            for r in (state["operation"].get("sync") or {}).get("resources") or ()
        }
        declared = self.declared(name, result["revision"])
        for key, item in declared.items():
            if picked and key not in picked:
                continue
            if item.hook:
                if self.ended.get((operation, key)) == "Failed" and not self._is_disturbed(key, state):
                    self._break(f"a sync of {name} succeeded, and its hook {key} failed")
                self._hook_done(name, key, item, state, operation)
            elif not self._is_disturbed(key, state) and (why := differs(item, self.live(key), name)):
                self._break(f"a sync of {name} to {result['revision'][:7]} succeeded, and {key} {why}")

    def _hook_done(self, name: str, key: ResourceKey, item: Item, state: Json, operation: str) -> None:
        if item.hook != "SyncFail" and not self.hooks[operation, key] and not self._is_disturbed(key, state):
            self._break(f"a sync of {name} succeeded, and its hook {key} did not run")

    def _is_disturbed(self, key: ResourceKey, state: Json) -> bool:
        started = (parse_time(state["startedAt"]) - self.loop.now()).total_seconds() + self.loop.time()
        return self.disturbed.get(key, float("-inf")) >= started - LATE_SECONDS

    def _break(self, what: str) -> None:
        self.broken.append(f"{self.loop.time():.3f} s: {what}")

    # At the end

    def unsettled(self, head: str, gone: frozenset[str]) -> list[str]:
        """Return what is not yet as Git says."""
        found: list[str] = []
        wanted: dict[str, dict[ResourceKey, Item]] = {}
        for name in self.apps:
            wanted[name] = {} if name in gone else self.declared(name, head)
            app = self.application(name)
            if name in gone:
                found += [f"application {name} is still there"] if app else []
                continue
            found += [f"{name} is {_told(app)}"] if app is None or not self._settled(app, head) else []
            for key, item in wanted[name].items():
                why = "" if item.hook else differs(item, self.live(key), name)
                found += [f"{key} {why}"] if why else []
        for _, collection in sorted(self.sandbox.store.collections.items()):
            for entry in collection.objects.values():
                owner = tracked_by(entry.body)
                key = key_of(entry.body)
                if owner in self.apps and key not in wanted[owner] and not is_hook(entry.body):
                    found.append(f"{key} is tracked by {owner} and not declared")
        return found

    def _settled(self, app: Json, head: str) -> bool:
        status, name = app.get("status") or {}, app["metadata"]["name"]
        sync = status.get("sync") or {}
        return bool(
            sync.get("status") == "Synced"
            and self.declared(name, sync.get("revision", "")) == self.declared(name, head)
            and (status.get("health") or {}).get("status") == "Healthy"
            and (status.get("operationState") or {}).get("phase") != "Running"
            and "operation" not in app
        )


def _without_books(body: Json) -> Json:
    """Return a body without what the API server notes about who wrote it."""
    books = ("managedFields", "resourceVersion", "finalizers")
    return {**body, "metadata": {n: v for n, v in body["metadata"].items() if n not in books}}


def _without_counts(body: Json) -> Json:
    """Return a body without what controllers of the cluster count, nor who wrote it."""
    notes = body["metadata"].get("annotations") or {}
    notes = {n: v for n, v in notes.items() if n != "deployment.kubernetes.io/revision"}
    kept = {name: value for name, value in _without_books(body).items() if name != "status"}
    return {**kept, "metadata": {**kept["metadata"], "annotations": notes}}


def operation_of(uid: str, state: Json) -> str:
    """Return the name by which hooks know an operation."""
    started = int(parse_time(state["startedAt"]).timestamp())
    return f"{uid}-{state.get('retryCount', 0)}-{started}"


def tracked_by(body: Json) -> str | None:
    """Return the application that tracks an object, by its annotation."""
    mark = (body["metadata"].get("annotations") or {}).get(TRACKING_ID_ANNOTATION)
    return mark.partition(":")[0] if mark else None


def differs(item: Item, live: Json | None, app: str) -> str:
    """Return how a live object differs from what is declared; empty when it does not."""
    if live is None:
        return "is not there"
    if item.kind == "CustomResourceDefinition":
        return ""
    if tracked_by(live) != app:
        return f"is tracked by {tracked_by(live)}, not {app}"
    wanted = item.body()
    if item.kind == "Deployment":
        image = wanted["spec"]["template"]["spec"]["containers"][0]["image"]
        found = live["spec"]["template"]["spec"]["containers"][0]["image"]
        return "" if image == found else f"has {found}, not {image}"
    part = "data" if item.kind == "ConfigMap" else "spec"
    return "" if live.get(part) == wanted[part] else f"has {live.get(part)}, not {wanted[part]}"


def _running(app: Json) -> str | None:
    """Return the revision of the running operation; None when there is none."""
    state = (app.get("status") or {}).get("operationState") or {}
    if state.get("phase") not in ("Running", "Terminating"):
        return None
    revision: str = (state.get("syncResult") or {}).get("revision") or ""
    return revision


def _told(app: Json | None) -> str:
    if app is None:
        return "not there"
    status = app.get("status") or {}
    state = status.get("operationState") or {}
    sync = status.get("sync") or {}
    return (
        f"{sync.get('status')} at {str(sync.get('revision'))[:7]}, {(status.get('health') or {}).get('status')}, "
        f"{state.get('phase')}: {state.get('message')}; {[c['message'] for c in status.get('conditions') or ()]}"
    )
