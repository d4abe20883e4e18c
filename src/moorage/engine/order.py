"""
Which place does each manifest take: phase, wave, kind, name?

Everything here reads annotations that people wrote. A value that makes no
sense never stops a sync: it counts as absent, and `order_warnings` names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from moorage.model.manifest import Json, key_of
from moorage.model.words import (
    HELM_HOOK_ANNOTATION,
    HELM_HOOK_DELETE_POLICY_ANNOTATION,
    HELM_HOOK_WEIGHT_ANNOTATION,
    HOOK_ANNOTATION,
    HOOK_DELETE_POLICY_ANNOTATION,
    SYNC_WAVE_ANNOTATION,
)

SKIP = "Skip"
"""The phase of a manifest that is never applied."""

DROPPED = "Dropped"
"""The phase of a Helm hook for a moment that never comes here, such as a test or a rollback."""

_KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_KIND_RANKS = {kind: rank for rank, kind in enumerate(_KIND_ORDER)}
_AFTER_ALL = len(_KIND_RANKS)

_PHASES = frozenset({"PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", SKIP})
_HELM_PHASES = {
    "crd-install": "",
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
    "pre-delete": "PreDelete",
    "post-delete": "PostDelete",
    "pre-rollback": DROPPED,
    "post-rollback": DROPPED,
    "test": DROPPED,
    "test-success": DROPPED,
    "test-failure": DROPPED,
}

_POLICIES = frozenset({"HookSucceeded", "HookFailed", "BeforeHookCreation"})
_HELM_POLICIES = {
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
    "before-hook-creation": "BeforeHookCreation",
}


def kind_rank(group: str, kind: str) -> int:
    """Return the place of a kind among the resources of one wave; kinds nobody ranked come last."""
    return _KIND_RANKS.get(kind, _AFTER_ALL)


def wave_of(body: Json) -> int:
    """Return the wave of a manifest: its sync wave, else the weight of its Helm hook, else 0."""
    annotations = _annotations(body)
    if not annotations:
        return 0
    for name in (SYNC_WAVE_ANNOTATION, HELM_HOOK_WEIGHT_ANNOTATION):
        if name in annotations:
            wave = _integer(annotations[name])
            if wave is not None:
                return wave
    return 0


def phases_of(body: Json) -> tuple[str, ...]:
    """
    Return the phases at which a manifest runs as a hook, in the order written.

    Empty for an ordinary resource. `SKIP` stands for one that is never applied
    and `DROPPED` for a Helm hook whose moment never comes; PreDelete and
    PostDelete hooks run when the application is deleted.
    """
    annotations = _annotations(body)
    if not annotations:
        return ()
    if annotations.get(HOOK_ANNOTATION):
        # A hook whose phase nobody knows must not turn into a resource: it is left out.
        words = _words(annotations[HOOK_ANNOTATION])
        return _unique(word for word in words if word in _PHASES) or (SKIP,)
    if not annotations.get(HELM_HOOK_ANNOTATION):
        return ()
    phases = _unique(_HELM_PHASES.get(word, DROPPED) for word in _words(annotations[HELM_HOOK_ANNOTATION]))
    if "" in phases:
        return ()
    kept = tuple(phase for phase in phases if phase != DROPPED)
    return kept or phases


def is_hook(body: Json) -> bool:
    """Return whether a manifest is a hook, which is run and not compared, rather than a resource."""
    return bool(phases_of(body))


def hook_delete_policies(body: Json) -> tuple[str, ...]:
    """Return when a hook is deleted, as written; empty when it does not say."""
    annotations = _annotations(body)
    if not annotations:
        return ()
    if annotations.get(HOOK_ANNOTATION) or annotations.get(HOOK_DELETE_POLICY_ANNOTATION):
        words = _words(annotations.get(HOOK_DELETE_POLICY_ANNOTATION))
        return _unique(word for word in words if word in _POLICIES)
    words = _words(annotations.get(HELM_HOOK_DELETE_POLICY_ANNOTATION))
    return _unique(_HELM_POLICIES[word] for word in words if word in _HELM_POLICIES)


def sort_key(body: Json, phase_rank: int = 0) -> tuple[int, int, int, str, str, str, str]:
    """Return what sorts manifests into their order: phase, wave, kind, name, and the rest to make it total."""
    key = key_of(body)
    return (
        phase_rank,
        wave_of(body),
        kind_rank(key.group, key.kind),
        key.name,
        key.kind,
        key.group,
        key.namespace,
    )


def order_warnings(body: Json) -> tuple[str, ...]:
    """Return a sentence for each word about order that makes no sense and was ignored."""
    annotations = _annotations(body)
    if not annotations:
        return ()
    return tuple(
        f"{name}: {word!r} is not {expected}; it is ignored"
        for name, expected, known in _EXPECTATIONS
        if name in annotations
        for word in (_words(annotations[name]) or (str(annotations[name]),))
        if not known(word)
    )


def _integer(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 20:
        return None
    text = value.strip()
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() else None


_EXPECTATIONS = (
    (SYNC_WAVE_ANNOTATION, "an integer", lambda word: _integer(word) is not None),
    (HELM_HOOK_WEIGHT_ANNOTATION, "an integer", lambda word: _integer(word) is not None),
    (HOOK_ANNOTATION, "a phase", _PHASES.__contains__),
    (HELM_HOOK_ANNOTATION, "a Helm hook", _HELM_PHASES.__contains__),
    (HOOK_DELETE_POLICY_ANNOTATION, "a delete policy", _POLICIES.__contains__),
    (HELM_HOOK_DELETE_POLICY_ANNOTATION, "a delete policy", _HELM_POLICIES.__contains__),
)


def _annotations(body: Json) -> Json:
    metadata = body.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, str):
        return ()
    return tuple(word for part in value.split(",") if (word := part.strip()))


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
