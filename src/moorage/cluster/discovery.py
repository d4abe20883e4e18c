"""
Which kinds an API server has, where they are, and what it calls its version.

`discover` asks once (two requests where the server aggregates, one a group
version where it does not) and returns a `Kinds`, an immutable table. When a
definition changes the session asks again and swaps the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from moorage.cluster.answers import Answered
from moorage.cluster.http import Api
from moorage.model.errors import ApiFailed, Error, InvalidManifest, UnknownKind
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, digest

_AGGREGATED = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)


@dataclass(frozen=True, slots=True)
class KindEntry:
    """
    One kind a server has. `version` is the one it prefers, `versions` all in its order.

    `verbs` and `subresources` are those of the preferred version.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    subresources: frozenset[str] = frozenset()
    versions: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def watchable(self) -> bool:
        return "list" in self.verbs and "watch" in self.verbs

    def path(self, namespace: str = "", name: str = "", version: str = "", subresource: str = "") -> str:
        """Return the path of an object, or of the collection when no name is given."""
        prefix = f"/apis/{self.group}" if self.group else "/api"
        parts = [prefix, _segment(version or self.version)]
        if namespace and self.namespaced:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(_segment(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def _segment(text: str) -> str:
    if text in (".", ".."):
        raise InvalidManifest(f"{text!r} is not a name")
    return quote(text, safe=":@")


@dataclass(frozen=True)
class Kinds:
    """All kinds of a server, by group and kind. `incomplete` names groups that did not answer."""

    entries: Mapping[GroupKind, KindEntry] = field(default_factory=dict)
    version: str = ""
    incomplete: frozenset[str] = frozenset()

    @cached_property
    def revision(self) -> str:
        """A text that is the same as long as the kinds, their versions and scopes are."""
        rows = [[*key, *entry.versions, entry.namespaced] for key, entry in self.entries.items()]
        return digest([self.version, sorted(rows, key=str)])

    def entry(self, group: str, kind: str) -> KindEntry | None:
        return self.entries.get(GroupKind(group, kind))

    def need(self, group: str, kind: str, version: str = "") -> KindEntry:
        """Return the entry of a kind. Raises UnknownKind when the server does not serve it (in that version)."""
        entry = self.entries.get(GroupKind(group, kind))
        api_version = f"{group}/{version}" if group else version
        if entry is None and group in self.incomplete:
            raise ApiFailed(
                f"{kind} ({api_version or group}): the server behind the API group {group} does not answer; "
                "look at its APIService"
            )
        if entry is None:
            raise UnknownKind(
                f"{kind} ({api_version or group or 'v1'}) is not served by the cluster; "
                "install the CustomResourceDefinition that defines it, or add it to this application"
            )
        if version and version not in entry.versions:
            raise UnknownKind(
                f"{kind} is served as {', '.join(entry.versions)} and not as {api_version}; change apiVersion"
            )
        return entry

    def path(self, key: ResourceKey, version: str = "") -> str:
        """Return the path of the object a key names. Raises UnknownKind."""
        return self.need(key.group, key.kind, version).path(key.namespace, key.name, version)

    def scoped(self, key: ResourceKey) -> ResourceKey:
        """Return the key as the server has it: without a namespace when its kind has none."""
        entry = self.entries.get(key.group_kind)
        return key._replace(namespace="") if entry and not entry.namespaced and key.namespace else key

    def after(self, before: Kinds) -> Kinds:
        """Return the table with what was known `before` of groups that do not answer now."""
        kept = {
            key: entry
            for key, entry in before.entries.items()
            if key.group in self.incomplete and key not in self.entries
        }
        return replace(self, entries={**self.entries, **kept}) if kept else self

    @cached_property
    def api_versions(self) -> tuple[str, ...]:
        """What Helm calls capabilities: ``apps/v1`` and ``apps/v1/Deployment``, sorted."""
        found = set()
        for entry in self.entries.values():
            for version in entry.versions:
                api_version = f"{entry.group}/{version}" if entry.group else version
                found |= {api_version, f"{api_version}/{entry.kind}"}
        return tuple(sorted(found))


async def discover(api: Api) -> Kinds:
    """Return the kinds the server has now, and its version."""
    version, core, groups = await asyncio.gather(
        api.get("/version"), _aggregated(api, "/api"), _aggregated(api, "/apis")
    )
    resources: list[_Resource] = []
    missing: set[str] = set()
    for path, answer in (("/api", core), ("/apis", groups)):
        if answer.get("kind") == "APIGroupDiscoveryList":
            resources += _of_aggregated(answer, missing)
        else:
            resources += await _classic(api, path, answer, missing)
    return Kinds(_merged(resources), str(version.get("gitVersion") or ""), frozenset(missing))


@dataclass(frozen=True, slots=True)
class _Resource:
    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    subresources: frozenset[str]
    short_names: tuple[str, ...]


async def _aggregated(api: Api, path: str) -> Json:
    answer: Json = await api.get(path, accept=_AGGREGATED)
    return answer


def _of_aggregated(answer: Json, missing: set[str]) -> Iterator[_Resource]:
    for group in answer.get("items") or []:
        name = group.get("metadata", {}).get("name", "")
        for version in group.get("versions") or []:
            if version.get("freshness") == "Stale" and not version.get("resources"):
                missing.add(name)
            for item in version.get("resources") or []:
                kind = (item.get("responseKind") or {}).get("kind") or item.get("kind")
                if not kind:
                    continue
                yield _Resource(
                    name,
                    version["version"],
                    kind,
                    item["resource"],
                    item.get("scope") == "Namespaced",
                    frozenset(item.get("verbs") or ()),
                    frozenset(sub["subresource"] for sub in item.get("subresources") or ()),
                    tuple(item.get("shortNames") or ()),
                )


async def _classic(api: Api, path: str, answer: Json, missing: set[str]) -> list[_Resource]:
    if path == "/api":
        wanted = [("", version) for version in answer.get("versions") or []]
    else:
        wanted = [
            (group["name"], version) for group in answer.get("groups") or [] for version in _ordered(group)
        ]

    async def ask(group: str, version: str) -> list[_Resource]:
        try:
            listed = await api.get(f"{path}/{group}/{version}" if group else f"{path}/{version}")
        except Error as error:
            # An aggregated API whose server is down must not hide the others.
            if not isinstance(error, Answered):
                raise
            missing.add(group)
            return []
        return list(_of_list(group, version, listed.get("resources") or []))

    answers = await asyncio.gather(*(ask(group, version) for group, version in wanted))
    return [resource for found in answers for resource in found]


def _ordered(group: Json) -> list[str]:
    preferred = (group.get("preferredVersion") or {}).get("version", "")
    versions = [item["version"] for item in group.get("versions") or []]
    return sorted(versions, key=lambda version: version != preferred)


def _of_list(group: str, version: str, items: list[Any]) -> Iterator[_Resource]:
    subresources: dict[str, set[str]] = {}
    for item in items:
        plural, slash, sub = item["name"].partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(sub)
    for item in items:
        if "/" not in item["name"]:
            yield _Resource(
                group,
                version,
                item["kind"],
                item["name"],
                bool(item.get("namespaced")),
                frozenset(item.get("verbs") or ()),
                frozenset(subresources.get(item["name"], ())),
                tuple(item.get("shortNames") or ()),
            )


def _merged(resources: Iterable[_Resource]) -> dict[GroupKind, KindEntry]:
    by_kind: dict[GroupKind, list[_Resource]] = {}
    for resource in resources:
        by_kind.setdefault(GroupKind(resource.group, resource.kind), []).append(resource)
    entries = {}
    for key, found in by_kind.items():
        first = next((r for r in found if "list" in r.verbs), found[0])
        entries[key] = KindEntry(
            group=key.group,
            version=first.version,
            kind=key.kind,
            plural=first.plural,
            namespaced=first.namespaced,
            verbs=first.verbs,
            subresources=first.subresources,
            versions=tuple(dict.fromkeys(r.version for r in found if r.plural == first.plural)),
            short_names=first.short_names,
        )
    return entries
