"""
How kinds come to be: a CustomResourceDefinition is accepted, served, and forgotten with its objects.

Called for every write to a definition, after it is stored; the names and
conditions are set at once, so a new kind is served before the client that made
it has its answer.
"""

from __future__ import annotations

from moorage.engine.merge.customs import crd_schema
from moorage.engine.merge.schema import deduced
from moorage.model.manifest import Json
from moorage.sandbox.resources import Registry, Resource, ScalePaths
from moorage.sandbox.store import Change, Entry, Store
from moorage.sandbox.structural import StructuralRules
from moorage.sandbox.writes import Options, Writes

GROUP, PLURAL = "apiextensions.k8s.io", "customresourcedefinitions"
_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Definitions:
    """Keeps the registry in step with the definitions in the store."""

    def __init__(self, store: Store, registry: Registry, writes: Writes) -> None:
        self.store = store
        self.registry = registry
        self.writes = writes

    def load(self) -> None:
        """Serve what an earlier run defined."""
        for entry in self.store.collection(GROUP, PLURAL).objects.values():
            serve(self.registry, entry.body)
            if entry.body["metadata"].get("deletionTimestamp"):
                self._close(entry.body["spec"])

    def changed(self, resource: tuple[str, str], change: Change) -> None:
        """Follow one change in the store."""
        if resource == (GROUP, PLURAL):
            if change.type == "DELETED":
                spec = change.entry.body["spec"]
                self.registry.remove(spec["group"], spec["names"]["plural"])
            elif change.entry.body["metadata"].get("deletionTimestamp"):
                self._clean(change.entry)
            else:
                self._settle(change)
        elif change.type == "DELETED":
            self._after_last(resource)

    def _settle(self, change: Change) -> None:
        body = change.entry.body
        collection = self.store.collection(GROUP, PLURAL)
        if collection.objects.get(change.key) is not change.entry:
            return
        if change.previous is None or change.previous.body["spec"] != body["spec"]:
            before = change.previous.body["spec"] if change.previous else None
            if before is not None and before["names"] != body["spec"]["names"]:
                self.registry.remove(before["group"], before["names"]["plural"])
            serve(self.registry, body)
        status = accepted(body, self.writes.now())
        if status == body.get("status"):
            return
        # What holds the definition until its objects are gone is added together with its status.
        meta = body["metadata"]
        held = meta.get("finalizers") or []
        if _CLEANUP not in held:
            meta = {**meta, "finalizers": [*held, _CLEANUP]}
        self.store.write(collection, change.key, {**body, "metadata": dict(meta), "status": status})

    def _definition(self) -> Resource:
        found = self.registry.find(GROUP, "v1", PLURAL)
        assert found is not None
        return found

    def _clean(self, entry: Entry) -> None:
        spec = entry.body["spec"]
        self._close(spec)
        resource = self.registry.of_plural(spec["group"], spec["names"]["plural"])
        collection = self.store.collection(spec["group"], spec["names"]["plural"])
        if resource is not None:
            for key in list(collection.objects):
                if key in collection.objects and not collection.objects[key].body["metadata"].get(
                    "deletionTimestamp"
                ):
                    self.writes.delete(resource, key, {}, Options(tracked=False))
        self._after_last((spec["group"], spec["names"]["plural"]))

    def _close(self, spec: Json) -> None:
        for resource in self.registry.serving(spec["group"]):
            if resource.plural == spec["names"]["plural"]:
                resource.ending = True

    def _after_last(self, resource: tuple[str, str]) -> None:
        held = self.store.collections.get(resource)
        definitions = self.store.collection(GROUP, PLURAL)
        entry = definitions.objects.get(("", f"{resource[1]}.{resource[0]}"))
        if entry is None or (held is not None and held.objects):
            return
        meta = entry.body["metadata"]
        if not meta.get("deletionTimestamp") or _CLEANUP not in meta.get("finalizers", ()):
            return
        left = [name for name in meta["finalizers"] if name != _CLEANUP]
        body = {**entry.body, "metadata": {**meta, "finalizers": left}}
        self.writes.change(self._definition(), ("", meta["name"]), entry, body, Options(tracked=False))


def attach(store: Store, registry: Registry, writes: Writes) -> Definitions:
    """Serve the stored definitions and follow what becomes of them."""
    definitions = Definitions(store, registry, writes)
    definitions.load()
    store.subscribe(definitions.changed)
    return definitions


def serve(registry: Registry, body: Json) -> None:
    """Serve the versions of a definition in place of those served before."""
    spec = body["spec"]
    registry.remove(spec["group"], spec["names"]["plural"])
    stored = next((v["name"] for v in spec["versions"] if v.get("storage")), spec["versions"][0]["name"])
    for version in spec["versions"]:
        if version.get("served"):
            registry.add(_resource(spec, version, stored))


def _resource(spec: Json, version: Json, stored: str) -> Resource:
    names = spec["names"]
    openapi = (version.get("schema") or {}).get("openAPIV3Schema")
    subs = version.get("subresources") or {}
    scale = subs.get("scale")
    warning = ""
    if version.get("deprecated"):
        warning = (
            version.get("deprecationWarning")
            or f"{spec['group']}/{version['name']} {names['kind']} is deprecated"
        )
    preserve = bool(spec.get("preserveUnknownFields"))
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        rules=StructuralRules(
            openapi or {},
            preserve=preserve or openapi is None,
            scale=_scale_paths(scale) if scale else None,
        ),
        schema=crd_schema(openapi) if openapi else deduced(),
        storage_version=stored,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(name for name in ("status", "scale") if name in subs),
        generation=True,
        custom=True,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        scale=_scale_paths(scale) if scale else None,
        selectable=tuple(each["jsonPath"].lstrip(".") for each in version.get("selectableFields") or ()),
        openapi=openapi,
        warning=warning,
        list_kind=names.get("listKind") or f"{names['kind']}List",
    )


def _scale_paths(scale: Json) -> ScalePaths:
    def path(name: str) -> tuple[str, ...]:
        return tuple(part for part in (scale.get(name) or "").split(".") if part)

    return ScalePaths(path("specReplicasPath"), path("statusReplicasPath"), path("labelSelectorPath"))


def accepted(body: Json, now: str) -> Json:
    """Return the status of a definition whose names are free and which is served."""
    spec, held = body["spec"], body.get("status") or {}
    names = {**spec["names"]}
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    stored = [v["name"] for v in spec["versions"] if v.get("storage")]
    kept = list(held.get("storedVersions") or ())
    conditions = [
        _condition(held, "NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition(held, "Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    others = [c for c in held.get("conditions") or () if c["type"] not in ("NamesAccepted", "Established")]
    return {
        "conditions": [*conditions, *others],
        "acceptedNames": names,
        "storedVersions": kept + [name for name in stored if name not in kept],
    }


def _condition(held: Json, kind: str, reason: str, message: str, now: str) -> Json:
    for condition in held.get("conditions") or ():
        if condition["type"] == kind and condition["status"] == "True":
            return dict(condition)
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
