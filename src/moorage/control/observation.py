"""
What one pass saw, and the comparison of it that costs only what moved.

A comparison of the last pass holds for every resource of which neither target
nor live version changed, and a resource that was just applied is as the server
answered. Only the rest is compared again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.control.claims import Neighbours
from moorage.control.config import Config
from moorage.control.observing import Notebook, Permitted
from moorage.control.rules import Ruled
from moorage.engine.compare import compare
from moorage.engine.health import assess
from moorage.model.equality import same
from moorage.model.identity import ResourceKey
from moorage.model.states import Change, Comparison, Difference, LiveState, TargetState
from moorage.model.status import Condition


@dataclass(frozen=True, slots=True)
class Observation:
    """What one pass saw, and by what it went."""

    config: Config
    allowed: Permitted
    rules: Ruled
    neighbours: Neighbours
    target: TargetState
    live: LiveState
    comparison: Comparison
    conditions: tuple[Condition, ...] = ()


def compare_remembering(
    target: TargetState, live: LiveState, rules: Ruled, notes: Notebook, neighbours: Neighbours
) -> Comparison:
    """Compare, with the differences of the last pass that still hold; what comes out is remembered."""
    known = _still_known(target, live, notes, rules.fingerprint)
    comparison = compare(target, live, rules.rules, known, neighbours.keep(target, live))
    notes.compared, notes.rules_of = comparison, rules.fingerprint
    return comparison


def compare_at(target: TargetState, live: LiveState, seen: Observation, notes: Notebook) -> Comparison:
    """Compare the live state with the target state of an operation, which need not be the latest."""
    if target is seen.target:
        return compare_remembering(target, live, seen.rules, notes, seen.neighbours)
    return compare(target, live, seen.rules.rules, elsewhere=seen.neighbours.keep(target, live))


def _still_known(
    target: TargetState, live: LiveState, notes: Notebook, fingerprint: str
) -> Mapping[ResourceKey, Difference]:
    """Return the differences of the last pass that hold still: same target, same version of the live object."""
    known: dict[ResourceKey, Difference] = {}
    if notes.compared is None or notes.rules_of != fingerprint:
        before: Mapping[ResourceKey, Difference] = {}
    else:
        before = notes.compared.by_key
    for manifest in target.manifests:
        body = live.objects.get(manifest.key)
        if body is None:
            notes.applied.pop(manifest.key, None)
            continue
        version = body["metadata"].get("resourceVersion")
        old = before.get(manifest.key)
        if (
            old is not None
            and old.live is not None
            and old.target is not None
            and same(old.target.body, manifest.body)
            and old.live["metadata"].get("resourceVersion") == version
        ):
            known[manifest.key] = old
        elif (applied := notes.applied.get(manifest.key)) and applied == (manifest, version):
            known[manifest.key] = Difference(
                manifest.key,
                Change.NONE,
                manifest.api_version.rpartition("/")[2],
                health=assess(body),
                live=body,
                target=manifest,
            )
    return known
