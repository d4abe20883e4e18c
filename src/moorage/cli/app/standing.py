"""
How does an application stand, and is that what was waited for?

Pure: reads the status that Moorage, or Argo CD, wrote into an Application.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moorage.control.decode import decode_application
from moorage.control.statuses import encode_source
from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json

FINISHED = frozenset({"Succeeded", "Failed", "Error"})
FAILED = frozenset({"Failed", "Error"})


@dataclass(frozen=True, slots=True)
class Standing:
    """The words of an application's status that people look at."""

    sync: str
    health: str
    phase: str
    revision: str
    message: str
    conditions: tuple[str, ...]
    running: bool
    current: bool

    @classmethod
    def of(cls, body: Json) -> Standing:
        status = body.get("status") or {}
        state = status.get("operationState") or {}
        phase = str(state.get("phase") or "")
        return cls(
            sync=str((status.get("sync") or {}).get("status") or "Unknown"),
            health=str((status.get("health") or {}).get("status") or "Unknown"),
            phase=phase,
            revision=str((status.get("sync") or {}).get("revision") or ""),
            message=str(state.get("message") or ""),
            conditions=tuple(str(c.get("type") or "") for c in status.get("conditions") or ()),
            running=bool(body.get("operation")) or phase in ("Running", "Terminating"),
            current=_current(body, status),
        )


def _current(body: Json, status: Json) -> bool:
    """Whether the status speaks of the source that is declared now, and not of an earlier one."""
    compared = ((status.get("sync") or {}).get("comparedTo") or {}).get("source")
    source = (body.get("spec") or {}).get("source")
    if not compared or not source:
        return bool(status.get("sync"))
    if compared == source:
        return True
    try:
        return bool(compared == encode_source(decode_application(body)))
    except InvalidSpec:
        return True


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for; all that is set must hold."""

    sync: bool = False
    health: bool = False
    operation: bool = False
    suspended: bool = False
    degraded: bool = False
    delete: bool = False

    @property
    def named(self) -> bool:
        return self != Goal()

    def missing(self, body: Json, resources: Iterable[str] = ()) -> tuple[str, ...]:
        """Return what does not hold yet, as a person would read it; empty when all does."""
        if self.delete:
            return ("it is still there",)
        standing = Standing.of(body)
        wanted = tuple(resources)
        out = []
        if (self.sync or self.health) and not standing.current:
            out.append("the change was not looked at yet")
        if self.operation and standing.running:
            out.append(f"operation {standing.phase or 'requested'}")
        if wanted:
            return (*out, *_resources_missing(self, body, wanted))
        if self.sync and standing.sync != "Synced":
            out.append(f"sync {standing.sync}")
        healths = self._healths
        if healths and standing.health not in healths:
            out.append(f"health {standing.health}")
        return tuple(out)

    @property
    def _healths(self) -> tuple[str, ...]:
        words = (("Healthy", self.health), ("Suspended", self.suspended), ("Degraded", self.degraded))
        return tuple(word for word, wanted in words if wanted)


def _resources_missing(goal: Goal, body: Json, wanted: tuple[str, ...]) -> tuple[str, ...]:
    out = []
    for name in wanted:
        found = [r for r in (body.get("status") or {}).get("resources") or () if matches(name, r)]
        if not found:
            out.append(f"{name}: not there")
        for resource in found:
            health = (resource.get("health") or {}).get("status") or "Healthy"
            if goal.sync and resource.get("status") != "Synced":
                out.append(f"{name}: sync {resource.get('status') or 'Unknown'}")
            if goal._healths and health not in goal._healths:
                out.append(f"{name}: health {health}")
    return tuple(out)


def matches(pattern: str, resource: Json) -> bool:
    """
    Return whether a resource of a status is meant by ``GROUP:KIND:NAME``, or ``GROUP:KIND:NAMESPACE/NAME``.

    Each part may be a glob. Raises InvalidSpec when it is not of this form.
    """
    from fnmatch import fnmatchcase

    group, kind, namespace, name = split_resource(pattern)
    return (
        fnmatchcase(resource.get("group") or "", group)
        and fnmatchcase(resource.get("kind") or "", kind)
        and fnmatchcase(resource.get("name") or "", name)
        and (not namespace or fnmatchcase(resource.get("namespace") or "", namespace))
    )


def split_resource(pattern: str) -> tuple[str, str, str, str]:
    """Return group, kind, namespace and name of ``GROUP:KIND:[NAMESPACE/]NAME``. Raises InvalidSpec."""
    parts = pattern.split(":", 2)
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise InvalidSpec(f"--resource {pattern!r}: write GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME")
    namespace, _, name = parts[2].rpartition("/")
    return parts[0], parts[1], namespace, name


def sync_policy(spec: Json) -> str:
    """Return the sync policy in Argo CD's words: ``Auto-Prune``, ``Manual``…"""
    automated: Any = (spec.get("syncPolicy") or {}).get("automated")
    if automated is None or automated.get("enabled") is False:
        return "Manual"
    return "Auto-Prune" if automated.get("prune") else "Auto"


def source_of(body: Json) -> Json:
    """Return the first source of an Application."""
    spec = body.get("spec") or {}
    several = spec.get("sources") or [{}]
    source: Json = spec.get("source") or several[0] or {}
    return source


def destination_of(body: Json) -> str:
    """Return the cluster an Application goes to, by name or address."""
    destination = (body.get("spec") or {}).get("destination") or {}
    return str(destination.get("name") or destination.get("server") or "")
