"""
How objects come, change and go: the one way for HTTP, controllers and simulations.

Each write runs the same steps as in a real API server: metadata, pruning,
defaults, validation, field ownership, generation, version. Everything happens
between two awaits, so no write sees half of another.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from moorage.model.equality import same
from moorage.model.manifest import Json
from moorage.sandbox import answers, kinds, merging, metadata
from moorage.sandbox.resources import Registry, Resource
from moorage.sandbox.store import Entry, Key, Store

OBJECT_LIMIT = 1_572_864
_STATUSLESS = ("metadata", "status")
# Kinds the server only notes the time for when they are to go.
_MARKED_PLAINLY = ("Namespace", "CustomResourceDefinition")


def wall_clock() -> str:
    """Return the time in the form Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Options:
    """How a write is to be done; `warnings` collects what the client is told besides."""

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    patch: bool = False
    """Whether the body is what a patch made of the object, rather than what the client sent."""
    warnings: list[str] = field(default_factory=list)
    tracked: bool = True


@dataclass(slots=True)
class Written:
    """What a write left behind."""

    body: Json
    entry: Entry | None
    created: bool = False


class Writes:
    """The write side of the API."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        now: Callable[[], str] = wall_clock,
        uid: Callable[[], str] = lambda: str(uuid.uuid4()),
        seed: int | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.now = now
        self.uid = uid
        self._random = random.Random(seed)  # noqa: S311 - names, not secrets

    def current(self, resource: Resource, namespace: str, name: str) -> Entry | None:
        """Return what is stored, None when there is nothing."""
        return self.store.collection(*resource.place).objects.get((namespace, name))

    def existing(self, resource: Resource, namespace: str, name: str) -> Entry:
        """Return what is stored. Raises Failure (404) when there is nothing."""
        found = self.current(resource, namespace, name)
        if found is None:
            raise answers.not_found(resource.group, resource.plural, name)
        return found

    def create(self, resource: Resource, namespace: str, body: Json, options: Options) -> Written:
        """Store a new object; `body` becomes the store's. Raises Failure."""
        told = (body.get("metadata") or {}).get("resourceVersion")
        self._name(body, namespace, resource)
        self._admit(resource, namespace, body["metadata"]["name"])
        if told and told != "0":
            raise answers.Failure(500, "", "resourceVersion should not be set on objects to be created")
        return self._insert(resource, namespace, body, options)

    def _insert(
        self, resource: Resource, namespace: str, body: Json, options: Options, *, applied: bool = False
    ) -> Written:
        meta = body["metadata"]
        if resource.namespaced:
            meta["namespace"] = namespace
        key: Key = (namespace, meta["name"])
        metadata.for_creation(body, uid=self.uid(), now=self.now(), generation=resource.generation)
        if "status" in resource.subresources and resource.custom:
            body.pop("status", None)
        body = self._read(resource, body, options, "", applied=applied)
        if options.tracked and not applied:
            body = self._record(_blank(resource), body, resource, options, "")
        resource.rules.prepare(body, None)
        self._check(resource, body, None, "")
        collection = self.store.collection(*resource.place)
        if key in collection.objects:
            leaving = bool(collection.objects[key].body["metadata"].get("deletionTimestamp"))
            raise answers.already_exists(resource.group, resource.plural, key[1], leaving=leaving)
        body = self._stored(resource, body)
        if options.dry_run:
            return Written(body, None, True)
        entry = self.store.write(collection, key, body)
        return Written(entry.body, entry, True)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json,
        options: Options,
        subresource: str = "",
    ) -> Written:
        """Replace an object by `body`, or its status when the subresource says so. Raises Failure."""
        entry = self.existing(resource, namespace, name)
        return self.change(resource, (namespace, name), entry, body, options, subresource)

    def change(
        self,
        resource: Resource,
        key: Key,
        entry: Entry,
        body: Json,
        options: Options,
        subresource: str = "",
        *,
        applied: bool = False,
    ) -> Written:
        """Store what `body` makes of the object in `entry`; nothing is written when nothing changes."""
        before = resource.shown(entry.body)
        self._check_version(resource, key[1], before, body, patch=options.patch)
        body = metadata.for_update(resource, before, body, subresource, applied=applied)
        body = self._read(resource, body, options, subresource, applied=applied)
        if options.tracked and not applied:
            body = self._record(before, body, resource, options, subresource)
        if not subresource:
            resource.rules.prepare(body, before)
        self._check(resource, body, before, subresource)
        if resource.generation:
            self._count_generation(resource, before, body)
        collection = self.store.collection(*resource.place)
        body["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        body = self._stored(resource, body)
        if metadata.same_but_times(entry.body, body):
            return Written(entry.body, entry)
        if options.dry_run:
            return Written(body, None)
        if metadata.may_go(body):
            # Watchers see what was stored last, with the finalizers that held it.
            last = self.store.remove(collection, key, entry.body)
            return Written(body, Entry(body, last.version))
        written = self.store.write(collection, key, body)
        return Written(written.body, written)

    def apply(
        self, resource: Resource, key: Key, config: Json, options: Options, subresource: str = ""
    ) -> Written:
        """Server-side apply `config`, creating the object when there is none. Raises Failure."""
        entry = self.current(resource, *key)
        if entry is None and subresource:
            raise answers.not_found(resource.group, resource.plural, key[1])
        if entry is None:
            self._admit(resource, key[0], key[1])
        if causes := resource.rules.applied_faults(config):
            raise answers.invalid(resource.group, resource.kind, key[1], causes)
        live = resource.shown(entry.body) if entry is not None else None
        body = merging.applied(
            live,
            config,
            manager=options.manager,
            schema=resource.schema,
            force=options.force,
            now=self.now(),
            subresource=subresource,
            status="status" in resource.subresources,
        )
        if entry is None:
            return self._insert(resource, key[0], body, options, applied=True)
        return self.change(resource, key, entry, body, options, subresource, applied=True)

    def delete(self, resource: Resource, key: Key, wishes: Json, options: Options) -> Written:
        """
        Remove an object, or mark it for removal when finalizers hold it.

        Returns what is left: `entry` is None when the object is gone.
        Raises Failure (404, 409).
        """
        entry = self.existing(resource, *key)
        body = entry.body
        metadata.check_preconditions(resource, key[1], body["metadata"], wishes.get("preconditions") or {})
        if options.dry_run:
            return Written(body, None)
        collection = self.store.collection(*resource.place)
        finalizers = metadata.finalizers_for_deletion(body, wishes)
        if finalizers or metadata.held_by_spec(body):
            if body["metadata"].get("deletionTimestamp") and finalizers == body["metadata"].get(
                "finalizers", []
            ):
                return Written(body, entry)
            marked = self.store.write(collection, key, self._mark(body, finalizers, wishes))
            return Written(marked.body, marked)
        if body["kind"] == "Pod" and body["apiVersion"] == "v1":
            body = self._mark(body, [], wishes)
        last = self.store.remove(collection, key, body)
        return Written(last.body, None)

    def _mark(self, body: Json, finalizers: list[str], wishes: Json) -> Json:
        meta = dict(body["metadata"])
        if not meta.get("deletionTimestamp"):
            meta["deletionTimestamp"] = self.now()
            if body["kind"] not in _MARKED_PLAINLY:
                meta["deletionGracePeriodSeconds"] = int(wishes.get("gracePeriodSeconds") or 0)
                if "generation" in meta:
                    meta["generation"] += 1
        if finalizers:
            meta["finalizers"] = finalizers
        marked = {**body, "metadata": meta}
        if body["kind"] == "Namespace" and body["apiVersion"] == "v1":
            marked["status"] = {**(body.get("status") or {}), "phase": "Terminating"}
        return marked

    def _name(self, body: Json, namespace: str, resource: Resource) -> None:
        meta = body.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            prefix = meta["generateName"]
            collection = self.store.collection(*resource.place)
            while True:
                letters = "".join(self._random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
                if (namespace, prefix[:58] + letters) not in collection.objects:
                    break
            meta["name"] = prefix[:58] + letters
        if namespace:
            meta["namespace"] = namespace
        else:
            meta.pop("namespace", None)
        if not meta.get("name"):
            cause = answers.Cause(
                "FieldValueRequired", "Required value: name or generateName is required", "metadata.name"
            )
            raise answers.invalid(resource.group, resource.kind, "", [cause])

    def _admit(self, resource: Resource, namespace: str, name: str) -> None:
        if resource.ending:
            raise answers.not_while_ending()
        if not resource.namespaced:
            return
        space = self.store.collection("", "namespaces").objects.get(("", namespace))
        if space is None:
            raise answers.not_found("", "namespaces", namespace)
        if space.body["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            causes = [
                answers.Cause(
                    "NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace"
                )
            ]
            raise answers.forbidden(resource.group, resource.plural, name, why, causes)

    def _read(
        self, resource: Resource, body: Json, options: Options, subresource: str, *, applied: bool
    ) -> Json:
        sent = body
        body, unknown, faults = resource.rules.decode(sent, applied=applied)
        if faults:
            raise _unreadable(resource, sent, faults[0], options)
        if unknown and options.validation != "Ignore" and not subresource:
            _complain(resource, sent, unknown, options)
        resource.rules.default(body)
        return body

    def _check(self, resource: Resource, body: Json, before: Json | None, subresource: str) -> None:
        causes = [
            *metadata.faults(resource, body, before),
            *resource.rules.validate(body, before, subresource),
        ]
        if causes:
            raise answers.invalid(resource.place[0], resource.kind, body["metadata"]["name"], causes)

    def _record(
        self, before: Json, body: Json, resource: Resource, options: Options, subresource: str
    ) -> Json:
        return merging.recorded(
            before,
            body,
            manager=options.manager,
            schema=resource.schema,
            now=self.now(),
            api_version=resource.api_version,
            subresource=subresource,
            status="status" in resource.subresources,
        )

    def _count_generation(self, resource: Resource, before: Json, body: Json) -> None:
        counted = body["metadata"].get("generation") or before["metadata"].get("generation") or 1
        ignored = _STATUSLESS if not resource.custom or "status" in resource.subresources else ("metadata",)
        keys = {*before, *body}.difference(ignored, ("apiVersion", "kind"))
        changed = not all(same(before.get(key), body.get(key)) for key in keys)
        body["metadata"]["generation"] = counted + 1 if changed else counted

    def _check_version(self, resource: Resource, name: str, before: Json, body: Json, *, patch: bool) -> None:
        held, meta = before["metadata"], body.get("metadata") or {}
        told = meta.get("resourceVersion")
        if told and not str(told).isdigit():
            raise answers.Failure(500, "", f'strconv.ParseUint: parsing "{told}": invalid syntax')
        if told and told != held["resourceVersion"]:
            raise answers.conflict(resource.group, resource.plural, name, answers.STALE)
        if meta.get("uid") and meta["uid"] != held["uid"]:
            if patch:
                told = f'Invalid value: "{meta["uid"]}": field is immutable'
                cause = answers.Cause("FieldValueInvalid", told, "metadata.uid")
                raise answers.invalid(resource.group, resource.kind, name, [cause])
            place = "/".join(part for part in (resource.plural, held.get("namespace"), name) if part)
            why = (
                f"StorageError: invalid object, Code: 4, Key: /registry/{place}, ResourceVersion: 0, AdditionalErrorMsg: "
                f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {held['uid']}"
            )
            raise answers.conflict(resource.group, resource.plural, name, why)

    def _stored(self, resource: Resource, body: Json) -> Json:
        if not resource.sole:
            body = _own_books(resource, body)
        if resource.conversion is not None:
            body = resource.conversion.kept(body)
        rest = {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}
        if len(orjson.dumps(rest)) > OBJECT_LIMIT:
            raise answers.etcd_too_large()
        return {"kind": resource.kind, "apiVersion": resource.storage_api_version, **rest}


def _own_books(resource: Resource, body: Json) -> Json:
    """Return a body without the managers that wrote it through another group, which cannot be compared."""
    held = body["metadata"].get("managedFields") or ()
    kept = [entry for entry in held if entry.get("apiVersion") == resource.api_version]
    if len(kept) == len(held):
        return body
    rest = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {**body, "metadata": {**rest, "managedFields": kept} if kept else rest}


def _blank(resource: Resource) -> Json:
    """Return what everything of a kind has; whoever creates an object does not own that."""
    return {} if resource.custom else kinds.blank(resource.api_version, resource.kind)


def _unreadable(resource: Resource, body: Json, why: str, options: Options) -> answers.Failure:
    if not options.patch:
        return resource.undecodable(why)
    shown = orjson.dumps(orjson.dumps(body).decode()).decode()
    cause = answers.Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", "patch")
    return answers.invalid("", "", "", [cause])


def _complain(resource: Resource, body: Json, unknown: list[str], options: Options) -> None:
    if options.validation == "Strict":
        told = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise _unreadable(resource, body, f"strict decoding error: {told}", options)
    for path in unknown:
        warning = f'unknown field "{path}"'
        if warning not in options.warnings:
            options.warnings.append(warning)
