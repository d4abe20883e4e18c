"""
Which resource belongs under which?

Owner references make a tree; some owners are known only by custom, such as the
Service of an Endpoints object or the StatefulSet of a claim. Owners that are
not there and owners that own each other are borne: every resource is found
below some root, exactly once per owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from moorage.model.identity import ResourceKey, group_of
from moorage.model.manifest import Json
from moorage.model.words import SERVICE_NAME_LABEL


class Node(NamedTuple):
    """
    One resource, as far as its place in a tree goes.

    `owners` are the uids it names. `guessed_owners` hold when it names none
    that is there; `claims` are the beginnings of the names of claims that a
    StatefulSet makes.
    """

    key: ResourceKey
    uid: str = ""
    owners: tuple[str, ...] = ()
    guessed_owners: tuple[ResourceKey, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """
    Resources under their owners. Roots and children are in key order.

    `children` has an entry for owners only, `parents` for the owned only.
    """

    roots: tuple[ResourceKey, ...]
    children: Mapping[ResourceKey, tuple[ResourceKey, ...]]
    parents: Mapping[ResourceKey, tuple[ResourceKey, ...]]

    def below(self, key: ResourceKey) -> Iterator[tuple[int, ResourceKey]]:
        """Yield what is below a resource with its depth, each resource once, parents before children."""
        seen = {key}
        stack = [(1, child) for child in reversed(self.children.get(key, ()))]
        while stack:
            depth, found = stack.pop()
            if found in seen:
                continue
            seen.add(found)
            yield depth, found
            stack += [(depth + 1, child) for child in reversed(self.children.get(found, ()))]


def node_of(body: Json) -> Node:
    """Return the node of an object that has a name."""
    metadata = body["metadata"]
    group, kind = group_of(body["apiVersion"]), body["kind"]
    namespace, name = metadata.get("namespace") or "", metadata.get("name") or ""
    references = metadata.get("ownerReferences") or ()
    owners = tuple(str(r.get("uid")) for r in references if isinstance(r, dict)) if references else ()
    guessed: tuple[ResourceKey, ...] = ()
    claims: tuple[str, ...] = ()
    if kind == "Endpoints" and not group:
        guessed = (ResourceKey("", "Service", namespace, name),)
    elif kind == "EndpointSlice":
        labels = metadata.get("labels")
        service = labels.get(SERVICE_NAME_LABEL) if isinstance(labels, dict) else None
        guessed = (ResourceKey("", "Service", namespace, str(service)),) if service else ()
    elif kind == "StatefulSet" and group == "apps":
        claims = _claims(body, name)
    return Node(
        ResourceKey(group, kind, namespace, name), str(metadata.get("uid") or ""), owners, guessed, claims
    )


def tree(nodes: Iterable[Node]) -> Tree:
    """Return the tree of some resources. The order of the input never matters."""
    nodes = list(nodes)
    by_uid = {node.uid: node.key for node in nodes if node.uid}
    claimed = {(n.key.namespace, prefix): n.key for n in nodes if n.claims for prefix in n.claims}
    present: set[ResourceKey] | None = None
    roots: list[ResourceKey] = []
    parents: dict[ResourceKey, tuple[ResourceKey, ...]] = {}
    children: dict[ResourceKey, list[ResourceKey]] = {}
    for node in nodes:
        key, owners = node.key, node.owners
        found: tuple[ResourceKey, ...] = ()
        if owners:
            found = tuple([by_uid[uid] for uid in owners if uid in by_uid])
        if not found and node.guessed_owners:
            if present is None:
                present = {n.key for n in nodes}
            found = tuple(owner for owner in node.guessed_owners if owner in present)
        if not found and claimed and key.kind == "PersistentVolumeClaim":
            found = _claimant(key, claimed)
        if not found:
            roots.append(key)
            continue
        parents[key] = found
        for owner in found:
            children.setdefault(owner, []).append(key)
    roots += _one_of_each_circle(nodes, roots, children)
    roots.sort()
    return Tree(tuple(roots), {owner: tuple(sorted(owned)) for owner, owned in children.items()}, parents)


def _claims(body: Json, name: str) -> tuple[str, ...]:
    spec = body.get("spec")
    templates = spec.get("volumeClaimTemplates") if isinstance(spec, dict) else None
    if not isinstance(templates, list):
        return ()
    names = (
        t["metadata"].get("name")
        for t in templates
        if isinstance(t, dict) and isinstance(t.get("metadata"), dict)
    )
    return tuple(f"{template}-{name}" for template in names if template)


_ORDINAL = re.compile(r"(.+)-[0-9]+")


def _claimant(key: ResourceKey, claimed: Mapping[tuple[str, str], ResourceKey]) -> tuple[ResourceKey, ...]:
    match = _ORDINAL.fullmatch(key.name)
    owner = claimed.get((key.namespace, match[1])) if match else None
    return (owner,) if owner else ()


def _one_of_each_circle(
    nodes: list[Node], roots: list[ResourceKey], children: Mapping[ResourceKey, list[ResourceKey]]
) -> list[ResourceKey]:
    """Return a root for each circle of owners, so that its members are not lost."""
    reached = set(roots)
    _reach(list(roots), children, reached)
    if len(reached) >= len(nodes):
        return []
    found = []
    for key in sorted({node.key for node in nodes} - reached):
        if key not in reached:
            found.append(key)
            reached.add(key)
            _reach([key], children, reached)
    return found


def _reach(
    stack: list[ResourceKey],
    children: Mapping[ResourceKey, list[ResourceKey]],
    reached: set[ResourceKey],
) -> None:
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in reached:
                reached.add(child)
                stack.append(child)
