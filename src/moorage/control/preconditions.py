"""
What must hold before an operation sends its first request.

What can be known to fail is told before anything is touched: kinds without a
definition, namespaces that do not exist, resources another application tracks.
"""

from __future__ import annotations

from collections.abc import Mapping

from moorage.control.observation import Observation
from moorage.control.observing import Notebook, namespace_key, scope_of
from moorage.engine.options import resource_options
from moorage.engine.target import unserved_kinds
from moorage.model.application import Application, SyncOptions
from moorage.model.errors import Error, NotPermitted, Refused, UnknownKind
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.operation import Operation
from moorage.model.states import Change, Difference, TargetState

NAMESPACE = GroupKind("", "Namespace")


def obstacle(operation: Operation, target: TargetState, seen: Observation) -> Error | None:
    """Return what makes the operation impossible, known before anything is touched."""
    if operation.outcomes:
        return None
    if missing := unserved_kinds(target, scope_of(seen.allowed.session)):
        skipped = {m.key.group_kind for m in target.manifests if _skips_missing(operation.options, m.body)}
        if missing := tuple(kind for kind in missing if kind not in skipped):
            return UnknownKind(unknown_kinds_text(missing))
    if not operation.options.create_namespace and (absent := _absent_namespaces(target, seen)):
        names = ", ".join(repr(n) for n in absent)
        return Refused(
            f"namespace {names} does not exist; create it, or set the sync option CreateNamespace=true"
        )
    shared = [d for d in seen.comparison.differences if _is_shared(d, seen)]
    if shared and operation.options.fail_on_shared_resource:
        return NotPermitted(
            f"{shared[0].key} is tracked by application {shared[0].shared_with} (FailOnSharedResource=true)"
        )
    return None


def _is_shared(difference: Difference, seen: Observation) -> bool:
    """Whether two applications declare a resource; one that the other declares no longer is taken over."""
    if not difference.shared_with or difference.change is Change.PRUNE:
        return False
    return not seen.neighbours.let_go(difference.shared_with, difference.key)


def waits_for_kinds(app: Application, current: Operation | None, seen: Observation, notes: Notebook) -> bool:
    """Whether an automated sync had better not begin: the cluster lacks kinds, and is watched for them."""
    if app.operation is not None or (current is not None and not current.phase.finished):
        return False
    skipped = {m.key.group_kind for m in seen.target.manifests if _skips_missing(app.options, m.body)}
    return app.automated is not None and any(kind not in skipped for kind in notes.unserved)


def namespace_is_there(key: ResourceKey, seen: Observation, app: Application) -> bool:
    """Whether the namespace exists, with the labels and annotations the application asks for."""
    live = seen.live.objects.get(key)
    if live is None:
        return False
    metadata = live["metadata"]
    return all(
        (metadata.get(part) or {}).get(name) == value
        for part in ("labels", "annotations")
        for name, value in ((app.namespace_metadata or {}).get(part) or {}).items()
    )


def unknown_kinds_text(kinds: tuple[GroupKind, ...]) -> str:
    """Return the sentence a person reads when kinds have no definition."""
    names = ", ".join(str(kind) for kind in kinds)
    return f"the cluster has no kind {names}; install the definition (CRD), the application syncs once it is there"


def _skips_missing(options: SyncOptions, body: Mapping[str, object]) -> bool:
    own = resource_options(dict(body)).skip_dry_run_on_missing
    return options.skip_dry_run_on_missing if own is None else own


def _absent_namespaces(target: TargetState, seen: Observation) -> tuple[str, ...]:
    """Return the namespaces the manifests go to that are known not to exist."""
    declared = {m.key.name for m in target.manifests if m.key.group_kind == NAMESPACE}
    wanted = {m.key.namespace for m in (*target.manifests, *target.hooks) if m.key.namespace} - declared
    return tuple(sorted(n for n in wanted if seen.allowed.session.is_absent(namespace_key(n))))
