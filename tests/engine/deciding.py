"""Small builders of the values that floor 2 decides about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moorage.engine.compare import Rules
from moorage.engine.track import Tracking, owner, track
from moorage.model.application import Application, Automated, Destination, Source
from moorage.model.health import Health, HealthStatus
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.operation import Operation, OperationPhase, Outcome, Result, Verb
from moorage.model.states import Change, Comparison, Difference, LiveState, SyncStatus, TargetState
from moorage.model.words import (
    HOOK_ANNOTATION,
    HOOK_DELETE_POLICY_ANNOTATION,
    INSTANCE_LABEL,
    SYNC_OPTIONS_ANNOTATION,
    SYNC_WAVE_ANNOTATION,
)

SHOP = AppKey("argocd", "shop")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REVISION, NEWER = "a" * 40, "b" * 40
HEALTHY, DEGRADED = Health(HealthStatus.HEALTHY), Health(HealthStatus.DEGRADED, "it broke")
PROGRESSING = Health(HealthStatus.PROGRESSING, "soon")


def body(name, kind="ConfigMap", api="v1", namespace="web", *, annotations=None, labels=None, **fields):
    """Return the body of an object."""
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = annotations
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def resource(
    name, kind="ConfigMap", api="v1", namespace="web", *, wave=None, options="", hook="", policy="", **rest
):
    """Return a manifest, with the annotations of Argo CD said in short."""
    said = {
        SYNC_WAVE_ANNOTATION: None if wave is None else str(wave),
        SYNC_OPTIONS_ANNOTATION: options,
        HOOK_ANNOTATION: hook,
        HOOK_DELETE_POLICY_ANNOTATION: policy,
    }
    annotations = {**{name: value for name, value in said.items() if value}, **rest.pop("annotations", {})}
    return Manifest.of(body(name, kind, api, namespace, annotations=annotations, **rest), f"{name}.yaml")


def job(name, hook="PreSync", **rest):
    """Return a hook."""
    return resource(name, "Job", "batch/v1", hook=hook, **rest)


def key(name, kind="ConfigMap", group="", namespace="web"):
    """Return a key."""
    return ResourceKey(group, kind, namespace, name)


def target(*manifests, hooks=(), revision=REVISION):
    """Return a target state."""
    return TargetState(SHOP, revision, tuple(manifests), tuple(hooks))


def application(*, automated=None, prune=False, heal=False, empty=False, **fields):
    """Return an application; `automated` turns its automation on."""
    given = {
        "key": SHOP,
        "uid": "u-1",
        "resource_version": "1",
        "generation": 1,
        "project": "default",
        "source": Source("https://git.example/shop.git", "deploy"),
        "destination": Destination("https://kubernetes.default.svc", "", "web"),
        "automated": Automated(prune, heal, empty) if automated else None,
    }
    return Application(**{**given, **fields})


def at(seconds=0.0):
    """Return a moment, so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def stamp(seconds=0.0):
    """Return that moment as Kubernetes writes it."""
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def operation(phase=OperationPhase.RUNNING, **fields):
    """Return an operation that began at noon."""
    given = {"id": "u-1-0-1772452800", "revision": REVISION, "started_at": stamp(), "phase": phase}
    return Operation(**{**given, **fields})


def ended(phase=OperationPhase.SUCCEEDED, **fields):
    """Return an operation that ended at noon."""
    return operation(phase, **{"finished_at": stamp(), **fields})


def difference(name, change=Change.UPDATE, **fields):
    """Return one resource compared."""
    return Difference(fields.pop("key", key(name)), change, **fields)


def comparison(*differences, status=None):
    """Return a comparison of some differences."""
    found = SyncStatus.OUT_OF_SYNC if any(d.out_of_sync for d in differences) else SyncStatus.SYNCED
    return Comparison(status or found, tuple(differences), {d.key: d for d in differences})


def performed(plan, result=Result.CONFIGURED, *, message="", verbs=tuple(Verb)):
    """Return the outcomes of all actions of a plan or step of these verbs."""
    steps = plan.steps if hasattr(plan, "steps") else (plan,)
    return {a.key: Outcome(result, message) for s in steps for a in s.actions if a.verb in verbs}


def marked(manifest, instance="shop"):
    """Return a manifest's body with the tracking annotation of an application."""
    return track(manifest.body, instance, Tracking.ANNOTATION, INSTANCE_LABEL, "web")


def annotated_owner(live):
    """Return whose a live object is, by annotation."""
    return owner(live, Tracking.ANNOTATION, INSTANCE_LABEL)


def overlay(live, wanted):
    """Return `live` with what `wanted` says laid over it: the simplest of all predictions."""

    def laid(below, above):
        if isinstance(below, dict) and isinstance(above, dict):
            return {**below, **{name: laid(below.get(name), value) for name, value in above.items()}}
        return above

    return laid(live, wanted.body)


def rules(**fields):
    """Return rules of comparison."""
    return Rules(**{"predict": overlay, "instance": "shop", "owner": annotated_owner, **fields})


def live_state(*bodies, tracked=None, gaps=()):
    """Return a live state; what carries the application's mark is tracked."""
    objects = {Manifest.of(b).key: b for b in bodies}
    owned = {k for k, b in objects.items() if annotated_owner(b) == "shop"} if tracked is None else tracked
    return LiveState(objects, frozenset(owned), frozenset(gaps))
