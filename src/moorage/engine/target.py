"""
Rendered manifests become the target state of one application.

Objects get their namespace and their tracking, hooks are told from resources,
and two objects with one key are refused. What kinds there are, and whether they
live in a namespace, is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from moorage.engine.options import resource_options
from moorage.engine.order import DROPPED, SKIP, is_hook, order_warnings, phases_of
from moorage.engine.plan import CRD, defined_kind
from moorage.engine.track import Tracking, track
from moorage.model.errors import DuplicateResource
from moorage.model.identity import AppKey, GroupKind, ResourceKey
from moorage.model.manifest import Json, Manifest, with_value, without
from moorage.model.states import TargetState

Scope = Callable[[GroupKind], bool | None]
"""Whether a kind lives in a namespace; None when the cluster does not serve it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How the objects of one application are marked and where they go."""

    app: AppKey
    instance: str
    namespace: str
    tracking: Tracking
    label_key: str
    installation_id: str = ""


def make_target(
    manifests: Iterable[Manifest],
    placement: Placement,
    scope: Scope,
    *,
    revision: str,
    source_type: str,
    warnings: Iterable[str] = (),
    fingerprint: str = "",
) -> TargetState:
    """
    Return the target state that rendered manifests make.

    Raises:
        DuplicateResource: Two manifests name the same object; both places are named.
    """
    rendered = tuple(manifests)
    defined = {
        defined_kind(m.body): (m.body.get("spec") or {}).get("scope") != "Cluster"
        for m in rendered
        if m.key.group_kind == CRD
    }
    notes = list(warnings)
    resources: dict[ResourceKey, Manifest] = {}
    hooks: list[Manifest] = []
    for manifest in rendered:
        placed = _placed(manifest, placement, scope, defined)
        notes += [
            f"{placed.key}: option {word!r} is not known" for word in resource_options(placed.body).unknown
        ]
        notes += [f"{placed.key}: annotation {note}" for note in order_warnings(placed.body)]
        if is_hook(placed.body):
            hooks.append(placed)
            continue
        if (first := resources.get(placed.key)) is not None:
            raise _declared_twice(first, placed)
        resources[placed.key] = placed
    _refuse_repeated_hooks(hooks, resources)
    return TargetState(
        placement.app,
        revision,
        tuple(sorted(resources.values(), key=lambda m: m.key)),
        tuple(sorted(hooks, key=lambda m: m.key)),
        source_type,
        tuple(notes),
        fingerprint,
    )


def _refuse_repeated_hooks(hooks: Iterable[Manifest], resources: Mapping[ResourceKey, Manifest]) -> None:
    """A hook must not share its key with a resource, nor with a hook of one of its phases."""
    known: dict[tuple[ResourceKey, str], Manifest] = {}
    for hook in hooks:
        if not hook.key.name:
            continue
        for phase in phases_of(hook.body):
            first = resources.get(hook.key) or known.get((hook.key, phase))
            if first is not None and phase not in (SKIP, DROPPED):
                raise _declared_twice(first, hook)
            known[hook.key, phase] = hook


def _declared_twice(first: Manifest, second: Manifest) -> DuplicateResource:
    return DuplicateResource(
        f"{second.key}: declared twice, in {first.origin or '?'} and {second.origin or '?'}; remove one of them"
    )


def _placed(
    manifest: Manifest, placement: Placement, scope: Scope, defined: dict[GroupKind, bool]
) -> Manifest:
    kind = manifest.key.group_kind
    namespaced = scope(kind)
    if namespaced is None:
        namespaced = defined.get(kind, True)
    body = manifest.body
    if not namespaced:
        body = without(body, ("metadata", "namespace"))
    elif not manifest.key.namespace:
        body = with_value(body, ("metadata", "namespace"), placement.namespace)
    body = track(
        body,
        placement.instance,
        placement.tracking,
        placement.label_key,
        placement.namespace,
        placement.installation_id,
    )
    return Manifest.of(body, manifest.origin)


def unserved_kinds(target: TargetState, scope: Scope) -> tuple[GroupKind, ...]:
    """Return the kinds of a target state that the cluster does not serve and the target does not define."""
    defined = {defined_kind(m.body) for m in target.manifests if m.key.group_kind == CRD}
    kinds = {m.key.group_kind for m in (*target.manifests, *target.hooks)}
    return tuple(sorted(kind for kind in kinds if scope(kind) is None and kind not in defined))


def namespace_manifest(name: str, metadata: Json | None) -> Manifest:
    """Return the namespace that ``CreateNamespace=true`` asks for: it is not tracked."""
    extra = {part: value for part in ("labels", "annotations") if (value := (metadata or {}).get(part))}
    return Manifest.of(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **extra}}, "CreateNamespace=true"
    )
