"""
The rules of built-in kinds, as the write side asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from moorage.engine.merge.schema import deduced
from moorage.model.manifest import Json
from moorage.sandbox import defaults, eventfaults, eventforms, kinds, preparing, validation
from moorage.sandbox.answers import Cause
from moorage.sandbox.kinds import Kind
from moorage.sandbox.resources import Conversion, Registry, Resource, ScalePaths
from moorage.sandbox.shapes import Decoding, shape_of

_UNCOUNTED = frozenset(
    {
        ("", "configmaps"),
        ("", "endpoints"),
        ("", "events"),
        ("", "limitranges"),
        ("", "namespaces"),
        ("", "nodes"),
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("", "resourcequotas"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("", "services"),
        ("apiregistration.k8s.io", "apiservices"),
        ("apps", "controllerrevisions"),
        ("certificates.k8s.io", "certificatesigningrequests"),
        ("coordination.k8s.io", "leases"),
        ("events.k8s.io", "events"),
        ("node.k8s.io", "runtimeclasses"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("rbac.authorization.k8s.io", "roles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("storage.k8s.io", "csidrivers"),
        ("storage.k8s.io", "csinodes"),
        ("storage.k8s.io", "csistoragecapacities"),
        ("storage.k8s.io", "storageclasses"),
        ("storage.k8s.io", "volumeattachments"),
        ("storage.k8s.io", "volumeattributesclasses"),
        ("networking.k8s.io", "ipaddresses"),
        ("resource.k8s.io", "resourceclaims"),
        ("resource.k8s.io", "resourceclaimtemplates"),
    }
)
"""Kinds whose objects have no generation."""


class BuiltinRules:
    """What the types of Kubernetes demand of one kind in one version."""

    def __init__(self, api_version: str, kind: str) -> None:
        self.shape = shape_of(api_version, kind)

    def decode(self, body: Json, *, applied: bool = False) -> tuple[Json, list[str], list[str]]:
        """Return the body as Go would write it again, unknown fields, and what cannot be decoded."""
        if self.shape is None:
            return body, [], []
        decoding = Decoding()
        read = decoding.read(body, self.shape)
        return read, decoding.unknown, decoding.faults

    def applied_faults(self, config: Json) -> Sequence[Cause]:
        """Return nothing: a null is as good as an absent field."""
        return ()

    def default(self, body: Json) -> None:
        """Fill in what was left out."""
        defaults.fill(body)

    def prepare(self, body: Json, before: Json | None) -> None:
        """Fill in what the server gives out."""
        preparing.prepare(body, before)

    def validate(self, body: Json, before: Json | None, subresource: str) -> Sequence[Cause]:
        """Return what is wrong with the body."""
        return validation.validate(body, before, subresource)


class EventRules(BuiltinRules):
    """What is demanded of events, which are judged in the form they are kept in."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(api_version, kind)
        self._strict = api_version == eventforms.FRESH

    def prepare(self, body: Json, before: Json | None) -> None:
        """Write the times that are not known, as the types do."""
        eventforms.fill_times(body)

    def validate(self, body: Json, before: Json | None, subresource: str) -> Sequence[Cause]:
        """Return what is wrong with the body."""
        held = eventforms.to_core(before) if before is not None else None
        return eventfaults.faults_of(eventforms.to_core(body), held, strict=self._strict)


_FRESH_EVENTS = Conversion("", eventforms.to_core, eventforms.to_fresh)
_FRESH_EVENT_FIELDS = (
    *(
        f"regarding.{name}"
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    ),
    "reason",
    "reportingController",
    "type",
)


def register(registry: Registry) -> None:
    """Serve every built-in kind in every version it has."""
    for kind in kinds.BUILTIN:
        for version in kind.versions:
            registry.add(_resource(kind, version))


def _resource(kind: Kind, version: str) -> Resource:
    api_version = f"{kind.group}/{version}" if kind.group else version
    rules = EventRules if kind.kind == "Event" else BuiltinRules
    fresh_event = api_version == eventforms.FRESH and kind.kind == "Event"
    return Resource(
        group=kind.group,
        version=version,
        plural=kind.plural,
        singular=kind.singular,
        kind=kind.kind,
        namespaced=kind.namespaced,
        rules=rules(api_version, kind.kind),
        schema=kinds.builtin_schemas().of(kind.group, version, kind.kind) or deduced(),
        storage_version=kind.version,
        short_names=kind.short_names,
        categories=kind.categories,
        verbs=kind.verbs,
        subresources=frozenset(kind.subresources),
        generation=(kind.group, kind.plural) not in _UNCOUNTED,
        scale=ScalePaths() if "scale" in kind.subresources else None,
        selectable=_FRESH_EVENT_FIELDS if fresh_event else (),
        conversion=_FRESH_EVENTS if fresh_event else None,
        sole=kind.kind != "Event",
    )
