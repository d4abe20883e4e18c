"""
Compares manifests with live objects that were read from anywhere, and shows how they differ.

The comparison is the engine's. What is here is how its inputs are put
together without a controller, and how a difference is told to a person:
Secrets are masked before anything is compared for showing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moorage.engine.compare import Rules, compare
from moorage.engine.diff import ABSENT, FieldChange, diff, print_path
from moorage.engine.ignoring import apply_ignore_rules
from moorage.engine.masking import mask_secrets
from moorage.engine.merge.schema import Schema, deduced
from moorage.engine.merge.takeover import predecessors
from moorage.engine.normalize import normalize
from moorage.engine.order import is_hook, phases_of
from moorage.engine.predict import predict_apply, predict_client_side
from moorage.model.errors import DuplicateResource
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Json, Manifest, with_value
from moorage.model.states import Change, Comparison, Difference, LiveState, TargetState
from moorage.model.words import FIELD_MANAGER, LAST_APPLIED_ANNOTATION

SchemaOf = Callable[[str, str, str], Schema | None]
_OF_A_SERVER = ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation")


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of one resource as they may be shown: normalized and masked."""

    difference: Difference
    live: Json | None
    target: Json | None

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """The fields that differ; none for a resource that is only on one side."""
        return diff(self.live, self.target) if self.live is not None and self.target is not None else ()


def builtin_schemas() -> SchemaOf:
    """Return the schemas of the kinds every cluster has."""
    from moorage.sandbox.kinds import builtin_schemas

    return builtin_schemas().of


def rules_of(schema_of: SchemaOf, *, exact: bool | None = None) -> Rules:
    """
    Return the rules of a comparison without an application.

    A live object that a server reported is compared with what it would be
    after an apply: what nobody declares is no difference. One that is itself
    only a manifest is compared as it is. `exact` says always or never.
    """

    def predict(live: Json, target: Manifest) -> Json:
        if exact or (exact is None and not reported(live)):
            return target.body
        key = target.key
        schema = schema_of(key.group, target.api_version.rpartition("/")[2], key.kind)
        metadata = live.get("metadata") or {}
        if LAST_APPLIED_ANNOTATION in (metadata.get("annotations") or {}) and not metadata.get(
            "managedFields"
        ):
            return predict_client_side(live, target.body, schema)
        return predict_apply(
            live,
            target.body,
            manager=FIELD_MANAGER,
            schema=schema or deduced(),
            migrate_from=predecessors(),
        )

    return Rules(predict=predict, instance="", owner=lambda body: None)


def reported(live: Json) -> bool:
    """Whether an object looks as an API server gives it, rather than as somebody wrote it."""
    metadata = live.get("metadata") or {}
    return "status" in live or any(name in metadata for name in _OF_A_SERVER)


def target_of(manifests: Iterable[Manifest]) -> TargetState:
    """
    Return the target state of manifests that belong to no application.

    Raises:
        DuplicateResource: Two of them name the same object.
    """
    resources: dict[ResourceKey, Manifest] = {}
    hooks: list[Manifest] = []
    for manifest in manifests:
        if is_hook(manifest.body):
            if phases_of(manifest.body):
                hooks.append(manifest)
            continue
        if (first := resources.get(manifest.key)) is not None:
            raise DuplicateResource(
                f"{manifest.key}: given twice, at {first.origin} and {manifest.origin}; remove one"
            )
        resources[manifest.key] = manifest
    return TargetState(
        AppKey("", "target"),
        "",
        tuple(sorted(resources.values(), key=lambda m: m.key)),
        tuple(sorted(hooks, key=lambda m: m.key)),
    )


def placed(
    manifests: Iterable[Manifest], live: Iterable[ResourceKey], namespace: str
) -> tuple[Manifest, ...]:
    """
    Return manifests with the namespace they go to.

    One without a namespace goes where the only live object of its name is,
    else to the namespace that was given, when its kind is known to live in one.
    """
    known: dict[tuple[str, str, str], list[str]] = {}
    for key in live:
        known.setdefault((key.group, key.kind, key.name), []).append(key.namespace)
    return tuple(_placed(manifest, known, namespace) for manifest in manifests)


def _placed(manifest: Manifest, known: dict[tuple[str, str, str], list[str]], namespace: str) -> Manifest:
    key = manifest.key
    if key.namespace or not _namespaced(key):
        return manifest
    there = known.get((key.group, key.kind, key.name), [])
    chosen = namespace or (there[0] if len(there) == 1 else "")
    if not chosen:
        return manifest
    return Manifest.of(with_value(manifest.body, ("metadata", "namespace"), chosen), manifest.origin)


def _namespaced(key: ResourceKey) -> bool:
    from moorage.sandbox.kinds import by_kind

    kind = by_kind(key.group, key.kind)
    return kind is None or kind.namespaced


def compare_all(target: TargetState, live: Iterable[Manifest], rules: Rules, *, whole: bool) -> Comparison:
    """Return the comparison; with `whole`, live objects without a target are there to be pruned."""
    objects = {manifest.key: manifest.body for manifest in live}
    tracked = frozenset(objects) if whole else frozenset()
    return compare(target, LiveState(objects, tracked), rules)


def sides(difference: Difference, rules: Rules) -> Sides:
    """Return what may be shown of a difference."""
    live, after = difference.live, None
    if difference.target is not None:
        after = difference.target.body if live is None else difference.predicted
        if live is not None and after is None:
            after = rules.predict(live, difference.target)
    before = normalize(live, rules.status_fields) if live is not None else None
    after = normalize(after, rules.status_fields) if after is not None else None
    if before is not None and after is not None and rules.ignore:
        after, before = apply_ignore_rules(after, before, rules.ignore, rules.jq)
    masked = mask_secrets((before, after))
    return Sides(difference, masked[0], masked[1])


def as_json(shown: Sides) -> Json:
    """Return a difference for programs: key, change, and each field with both values (null: not there)."""
    return {
        "key": str(shown.difference.key),
        "change": str(shown.difference.change),
        "fields": [
            {"path": print_path(c.path), **_given("live", c.old), **_given("target", c.new)}
            for c in shown.fields
        ],
    }


def _given(side: str, value: Any) -> Json:
    return {} if value is ABSENT else {side: value}


def differs(comparison: Comparison) -> tuple[Difference, ...]:
    """Return what differs, in key order."""
    return tuple(d for d in comparison.differences if d.change is not Change.NONE and not d.ignored)
