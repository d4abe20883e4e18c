"""
Which resources the sandbox serves right now, built-in and custom, and by what rules.

A `Resource` is one plural in one version; versions of one plural share a
collection in the store. The `Registry` is the only thing that changes when a
CRD comes or goes, and `revision` tells caches (discovery, OpenAPI) that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from moorage.engine.merge.schema import Schema
from moorage.model.manifest import Json
from moorage.sandbox.answers import Cause, Failure, bad_request
from moorage.sandbox.store import Entry

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Rules(Protocol):
    """What a kind demands of its objects."""

    def decode(self, body: Json, *, applied: bool = False) -> tuple[Json, list[str], list[str]]:
        """
        Return a copy without what the kind does not know, the paths lost, and what cannot be decoded.

        What was `applied` keeps its nulls, where other writes lose them.
        """
        ...

    def applied_faults(self, config: Json) -> Sequence[Cause]:
        """Return what is wrong with a configuration to apply that nothing is wrong with once it is merged."""
        ...

    def default(self, body: Json) -> None:
        """Fill in what was left out."""
        ...

    def prepare(self, body: Json, before: Json | None) -> None:
        """Fill in what nobody owns: what the server gives out, after the owners were noted."""
        ...

    def validate(self, body: Json, before: Json | None, subresource: str) -> Sequence[Cause]:
        """Return what is wrong with `body`, which replaces `before` (None at creation)."""
        ...


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a kind keeps what its scale subresource shows."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ("spec", "selector")


@dataclass(frozen=True, slots=True)
class Conversion:
    """How objects of a resource become those of another that keeps them, and how they are shown again."""

    group: str
    """Of the resource that keeps them; it has the same plural."""
    kept: Callable[[Json], Json]
    shown: Callable[[Json], Json]


@dataclass(slots=True, eq=False)
class Resource:
    """One resource in one version, with all that serving it needs."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    rules: Rules
    schema: Schema
    storage_version: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    subresources: frozenset[str] = frozenset()
    generation: bool = True
    custom: bool = False
    columns: Sequence[Json] = ()
    scale: ScalePaths | None = None
    selectable: tuple[str, ...] = ()
    """Fields of a custom kind that field selectors may name."""
    openapi: Json | None = None
    warning: str = ""
    ending: bool = False
    """Whether its definition waits for the last objects to go; none are made any more."""
    api_version: str = field(init=False)
    head: bytes = field(init=False)
    storage_api_version: str = field(init=False)
    list_kind: str = ""
    conversion: Conversion | None = None
    sole: bool = True
    """Whether no other group shows the same objects; where one does, each write forgets the other's managers."""
    place: tuple[str, str] = field(init=False)
    """Group and plural of the collection that keeps its objects."""

    def __post_init__(self) -> None:
        self.api_version = f"{self.group}/{self.version}" if self.group else self.version
        group = self.conversion.group if self.conversion else self.group
        self.place = (group, self.plural)
        self.storage_api_version = f"{group}/{self.storage_version}" if group else self.storage_version
        self.head = f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",'.encode()
        self.list_kind = self.list_kind or f"{self.kind}List"

    def undecodable(self, why: str) -> Failure:
        """Return the refusal (400) of a body that cannot be read as this kind."""
        return bad_request(
            f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: {why}'
        )

    def shown(self, body: Json) -> Json:
        """Return a stored body as this version shows it; between versions of a group that alone changes."""
        if self.conversion is not None:
            return self.conversion.shown(body)
        return body if body["apiVersion"] == self.api_version else {**body, "apiVersion": self.api_version}

    def tail(self, entry: Entry) -> bytes:
        """Return the JSON of a stored object as this version shows it, from the third key on."""
        return entry.tail if self.conversion is None else Entry(self.shown(entry.body), entry.version).tail


class Registry:
    """All resources by group, version and plural."""

    def __init__(self) -> None:
        self.by_path: dict[tuple[str, str, str], Resource] = {}
        self.revision = 0
        self.group_order: list[str] = []
        self.version_order: dict[str, list[str]] = {}

    def add(self, resource: Resource) -> None:
        """Serve a resource, in place of the one at its path if there is any."""
        self.by_path[(resource.group, resource.version, resource.plural)] = resource
        if resource.group not in self.version_order:
            self.version_order[resource.group] = []
        versions = self.version_order[resource.group]
        if resource.version not in versions:
            versions.append(resource.version)
            versions.sort(key=version_rank)
        self.revision += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of a plural any more."""
        for path in [path for path in self.by_path if path[0] == group and path[2] == plural]:
            del self.by_path[path]
        left = {version for (g, version, _) in self.by_path if g == group}
        self.version_order[group] = [v for v in self.version_order.get(group, []) if v in left]
        if not self.version_order[group]:
            del self.version_order[group]
        self.revision += 1

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self.by_path.get((group, version, plural))

    def of_plural(self, group: str, plural: str) -> Resource | None:
        """Return the resource in its storage version."""
        for (g, _, p), resource in self.by_path.items():
            if g == group and p == plural and resource.version == resource.storage_version:
                return resource
        return None

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of a kind as manifests name it."""
        group, sep, version = api_version.rpartition("/")
        if not sep:
            group = ""
        for (g, v, _), resource in self.by_path.items():
            if g == group and v == version and resource.kind == kind:
                return resource
        return None

    def stored(self) -> list[Resource]:
        """Return each resource that keeps objects once, in its storage version."""
        resources = self.by_path.values()
        return [r for r in resources if r.version == r.storage_version and r.conversion is None]

    def groups(self) -> list[str]:
        return list(self.version_order)

    def serving(self, group: str) -> list[Resource]:
        """Return all resources of a group."""
        return [resource for (g, _, _), resource in self.by_path.items() if g == group]

    def in_version(self, group: str, version: str) -> list[Resource]:
        return [r for (g, v, _), r in sorted(self.by_path.items()) if g == group and v == version]


def version_rank(version: str) -> tuple[Any, ...]:
    """Return the sort key of Kubernetes' version priority: v2 before v1 before v1beta2 before v1alpha1."""
    rest = version[1:] if version.startswith("v") else ""
    for stage, rank in (("alpha", 2), ("beta", 1)):
        major, sep, minor = rest.partition(stage)
        if sep and major.isdigit() and (minor.isdigit() or not minor):
            return (rank, -int(major), -int(minor or 0), version)
    return (0, -int(rest), 0, version) if rest.isdigit() else (3, 0, 0, version)
