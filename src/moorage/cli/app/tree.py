"""``moor app tree``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import click

from moorage.cli import loop
from moorage.cli.app.door import Where, asks_cluster
from moorage.cli.app.observed import destination_of_body
from moorage.cli.cluster import Cluster, open_cluster
from moorage.cli.output import json_text, output_option
from moorage.cli.terminal import clean, dim, word
from moorage.engine.health import assess, rule_for
from moorage.engine.tree import Tree, node_of
from moorage.engine.tree import tree as tree_of
from moorage.model.errors import Error
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, key_of

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_NOISE = frozenset({"Event", "Lease", "PodMetrics", "NodeMetrics"})


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of the tree, with its depth."""

    depth: int
    key: ResourceKey
    health: str
    message: str


@click.command()
@click.argument("name")
@output_option("text", "json", "name")
@asks_cluster
def tree(where: Where, name: str, output: str) -> None:
    """Print the resources of an application, and what these own, with their health."""

    async def run() -> list[Line]:
        async with where.open() as apps:
            body = await apps.get(where.key(name))
            access = await destination_of_body(where, body, apps.api)
        async with open_cluster(access) as cluster:
            return list(lines_of(declared(body), await _bodies(cluster, declared(body))))

    lines = loop.run(run())
    for at, line in enumerate(lines):
        if output == "json":
            parts = {"depth": line.depth, "key": str(line.key), "group": line.key.group}
            click.echo(json_text({**parts, "status": line.health or None, "message": line.message}))
        elif output == "name":
            click.echo(clean(str(line.key)))
        else:
            message = f"  {dim(line.message)}" if line.message else ""
            click.echo(f"{_branch(lines, at)}{clean(str(line.key))}  {word(line.health)}{message}".rstrip())


def declared(body: Json) -> list[ResourceKey]:
    """Return the keys of the resources an Application's status names."""
    return [
        ResourceKey(r.get("group") or "", r["kind"], r.get("namespace") or "", r["name"])
        for r in (body.get("status") or {}).get("resources") or ()
    ]


async def _bodies(cluster: Cluster, roots: list[ResourceKey]) -> dict[ResourceKey, Json]:
    """Return the roots and everything in their namespaces that has an owner."""
    found = {m.key: m.body for m in await cluster.get_all((key, "") for key in roots)}
    namespaces = sorted({key.namespace for key in roots if key.namespace})
    kinds = [
        entry
        for entry in cluster.kinds.entries.values()
        if entry.namespaced and "list" in entry.verbs and entry.kind not in _NOISE
    ]

    async def listed(namespace: str, path: str, api_version: str, kind: str, accept: str) -> list[Json]:
        try:
            answer = await cluster.api.get(path, accept=accept)
        except Error:
            return []  # a kind that may not be listed hides only what it owns
        return [{**item, "apiVersion": api_version, "kind": kind} for item in answer.get("items") or ()]

    answers = await asyncio.gather(
        *(
            listed(
                namespace,
                entry.path(namespace),
                entry.api_version,
                entry.kind,
                "application/json" if rule_for(entry.group, entry.kind) else METADATA,
            )
            for namespace in namespaces
            for entry in kinds
        )
    )
    for body in (item for items in answers for item in items):
        found.setdefault(key_of(body), body)
    return found


def lines_of(roots: list[ResourceKey], bodies: dict[ResourceKey, Json]) -> Iterator[Line]:
    """Yield the resources below some roots, parents first; a root that is not there is Missing."""
    made: Tree = tree_of(node_of(body) for body in bodies.values())
    wanted = set(roots)
    shown: set[ResourceKey] = set()
    for root in sorted(roots):
        if any(parent in wanted for parent in made.parents.get(root, ())):
            continue
        if root not in bodies:
            yield Line(0, root, "Missing", "")
            continue
        for depth, key in [(0, root), *made.below(root)]:
            if key in shown:
                continue
            shown.add(key)
            judged = assess(bodies[key])
            yield Line(depth, key, str(judged.status) if judged else "", judged.message if judged else "")


def _branch(lines: list[Line], at: int) -> str:
    """Return the lines that lead to a resource: ``│  └─ ``."""
    depth = lines[at].depth
    if not depth:
        return ""
    parts = []
    for level in range(1, depth + 1):
        later = _goes_on(lines, at, level)
        if level == depth:
            parts.append("├─ " if later else "└─ ")
        else:
            parts.append("│  " if later else "   ")
    return "".join(parts)


def _goes_on(lines: list[Line], at: int, level: int) -> bool:
    """Whether another resource of this level follows below the same parent."""
    for line in lines[at + 1 :]:
        if line.depth < level:
            return False
        if line.depth == level:
            return True
    return False
