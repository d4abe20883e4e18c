"""
What people shall see of one pass: statuses, health and conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from moorage.control.observation import Observation
from moorage.control.observing import Notebook
from moorage.control.preconditions import unknown_kinds_text
from moorage.engine.health import app_health
from moorage.engine.windows import BLOCKED
from moorage.model.application import Application
from moorage.model.errors import BlockedByWindow
from moorage.model.health import Health, HealthStatus
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json
from moorage.model.operation import NotNow, Operation
from moorage.model.states import Change, Comparison, LiveState, TargetState
from moorage.model.status import AppView, Condition, ConditionType

APPLICATION = ResourceKey("argoproj.io", "Application", "", "")


def view_of(app: Application, seen: Observation, operation: Operation | None) -> AppView:
    """Return the view of an application after a pass that could compare."""
    comparison = seen.comparison
    health = app_health(
        comparison.differences, APPLICATION._replace(namespace=app.key.namespace, name=app.key.name)
    )
    if not seen.live.complete:
        health = Health(HealthStatus.UNKNOWN)
    return AppView(
        comparison.status,
        seen.target.revision,
        health,
        seen.target.source_type,
        comparison,
        operation,
        seen.conditions,
        images_of(comparison),
    )


def conditions_of(
    app: Application, target: TargetState, live: LiveState, comparison: Comparison, notes: Notebook
) -> tuple[Condition, ...]:
    """Return what a person should know of an observation beside its comparison."""
    found = [
        Condition(ConditionType.EXCLUDED_RESOURCE_WARNING, w, "Warning")
        for w in (*app.warnings, *target.warnings)
    ]
    if live.gaps:
        kinds = ", ".join(sorted(str(kind) for kind in live.gaps))
        why = f": {live.why}" if live.why else ""
        text = (
            f"LiveStateUnknown: the watch of {kinds} is not complete{why}; "
            "nothing is pruned or healed on its word"
        )
        found.append(Condition(ConditionType.COMPARISON_ERROR, text, "LiveStateUnknown"))
    for difference in comparison.differences:
        if difference.shared_with:
            left = difference.change is Change.PRUNE
            what = (
                "declared by application {}, and left to it" if left else "tracked by application {} as well"
            )
            text = f"{difference.key} is {what.format(difference.shared_with)}"
            found.append(Condition(ConditionType.SHARED_RESOURCE_WARNING, text, "SharedResource"))
    if notes.unserved:
        text = f"UnknownKind: {unknown_kinds_text(notes.unserved)}"
        found.append(Condition(ConditionType.COMPARISON_ERROR, text, "UnknownKind"))
    return tuple(found)


def warned(view: AppView, message: str) -> AppView:
    """Return a view that says as well why syncing does not go on."""
    warning = Condition(ConditionType.SYNC_ERROR, message, "SyncFailed")
    return replace(view, conditions=(*view.conditions, warning))


def blocked_text(decision: NotNow) -> str:
    """Return what a person reads while a sync window holds something back; empty when none does."""
    if not decision.reason.startswith(BLOCKED):
        return ""
    return f"{BlockedByWindow.reason}: {decision.reason}; it begins when the window lets it"


def images_of(comparison: Comparison) -> tuple[str, ...]:
    """Return the container images of all live resources, sorted."""
    found: set[str] = set()
    for difference in comparison.differences:
        if difference.live is not None and difference.key.group in ("", "apps", "batch"):
            found.update(_images(difference.live))
    return tuple(sorted(found))


def _images(body: Json) -> Iterable[str]:
    spec: Json = body.get("spec") or {}
    template: Json = (spec.get("jobTemplate") or {}).get("spec", spec) if "jobTemplate" in spec else spec
    pod = (template.get("template") or {}).get("spec") or (spec if body.get("kind") == "Pod" else {})
    for name in ("initContainers", "containers"):
        for container in pod.get(name) or ():
            if isinstance(container, dict) and container.get("image"):
                yield container["image"]
