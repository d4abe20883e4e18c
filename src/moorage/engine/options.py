"""
Which options does a resource or an application set, and which of them hold?

Options are written as ``Word=value`` strings: in a list on the application, in
annotations on a resource. What a resource says wins over what its application
says. Words and values nobody knows are kept, so that a spelling error is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from moorage.model.application import SyncOptions
from moorage.model.manifest import Json
from moorage.model.words import (
    COMPARE_OPTIONS_ANNOTATION,
    HELM_RESOURCE_POLICY_ANNOTATION,
    MOORAGE_COMPARE_OPTIONS_ANNOTATION,
    MOORAGE_SYNC_OPTIONS_ANNOTATION,
    SYNC_OPTIONS_ANNOTATION,
)


@dataclass(frozen=True, slots=True)
class ResourceOptions:
    """
    What one resource says about its own sync and comparison.

    None means that it says nothing and the application's option holds. `prune`
    and `delete` are ``true``, ``false`` or ``confirm``.
    """

    validate: bool | None = None
    prune_last: bool | None = None
    replace: bool | None = None
    force: bool | None = None
    server_side_apply: bool | None = None
    apply_out_of_sync_only: bool | None = None
    skip_dry_run_on_missing: bool | None = None
    client_side_apply_migration: bool | None = None
    prune: str | None = None
    delete: str | None = None
    ignore_extraneous: bool = False
    server_side_diff: bool | None = None
    include_mutation_webhook: bool | None = None
    unknown: tuple[str, ...] = ()


_NOTHING_SAID = ResourceOptions()

_FLAG = {"true": True, "false": False}
_DELETION = {"true": "true", "false": "false", "confirm": "confirm"}
_PROPAGATION = {"foreground": "foreground", "background": "background", "orphan": "orphan"}

_ON_RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "Validate": ("validate", _FLAG),
    "PruneLast": ("prune_last", _FLAG),
    "Replace": ("replace", _FLAG),
    "Force": ("force", _FLAG),
    "ServerSideApply": ("server_side_apply", _FLAG),
    "ApplyOutOfSyncOnly": ("apply_out_of_sync_only", _FLAG),
    "SkipDryRunOnMissingResource": ("skip_dry_run_on_missing", _FLAG),
    "ClientSideApplyMigration": ("client_side_apply_migration", _FLAG),
    "Prune": ("prune", _DELETION),
    "Delete": ("delete", _DELETION),
}

_ON_APPLICATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    **_ON_RESOURCES,
    "CreateNamespace": ("create_namespace", _FLAG),
    "PrunePropagationPolicy": ("prune_propagation", _PROPAGATION),
    "RespectIgnoreDifferences": ("respect_ignore_differences", _FLAG),
    "FailOnSharedResource": ("fail_on_shared_resource", _FLAG),
}

_IN_COMPARISONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ServerSideDiff": ("server_side_diff", _FLAG),
    "IncludeMutationWebhook": ("include_mutation_webhook", _FLAG),
    "IgnoreExtraneous": ("ignore_extraneous", _FLAG),
}


def sync_options(words: Iterable[object]) -> SyncOptions:
    """Return the options of an application, from its list of ``Word=value`` strings."""
    known, unknown = _read(words, _ON_APPLICATIONS)
    return SyncOptions(**known, unknown=unknown)


def option_words(options: SyncOptions) -> tuple[str, ...]:
    """Return options as ``Word=value`` strings, only those that differ from the default."""
    default = SyncOptions()
    return tuple(
        f"{word}={str(getattr(options, field)).lower()}"
        for word, (field, _) in _ON_APPLICATIONS.items()
        if getattr(options, field) != getattr(default, field)
    )


def resource_options(body: Json) -> ResourceOptions:
    """Return what a resource's annotations say about its sync and comparison."""
    metadata = body.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not annotations or not isinstance(annotations, dict):
        return _NOTHING_SAID
    known: dict[str, Any] = {}
    if annotations.get(HELM_RESOURCE_POLICY_ANNOTATION) == "keep":
        known = {"prune": "false", "delete": "false"}
    unknown: list[str] = []
    for annotation, table in (
        (SYNC_OPTIONS_ANNOTATION, _ON_RESOURCES),
        (MOORAGE_SYNC_OPTIONS_ANNOTATION, _ON_RESOURCES),
        (COMPARE_OPTIONS_ANNOTATION, _IN_COMPARISONS),
        (MOORAGE_COMPARE_OPTIONS_ANNOTATION, _IN_COMPARISONS),
    ):
        text = annotations.get(annotation)
        if not text:
            continue
        if not isinstance(text, str):
            unknown.append(f"{annotation}: not a string")
            continue
        found, strange = _read(text.split(","), table)
        known.update(found)
        unknown += strange
    if not known and not unknown:
        return _NOTHING_SAID
    return ResourceOptions(**known, unknown=tuple(unknown))


_SHARED = tuple(
    field.name
    for field in fields(ResourceOptions)
    if field.name in {f.name for f in fields(SyncOptions)} and field.name != "unknown"
)


def merge_options(application: SyncOptions, resource: ResourceOptions) -> SyncOptions:
    """Return the options that hold for one resource: its own where it says something, else the application's."""
    if resource is _NOTHING_SAID:
        return application
    said = {name: value for name in _SHARED if (value := getattr(resource, name)) is not None}
    if not said and not resource.unknown:
        return application
    return replace(application, **said, unknown=(*application.unknown, *resource.unknown))


def _read(
    words: Iterable[object], table: dict[str, tuple[str, dict[str, Any]]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    known: dict[str, Any] = {}
    unknown: list[str] = []
    for word in words:
        if not isinstance(word, str):
            unknown.append(str(word))
            continue
        text = word.strip()
        if not text:
            continue
        name, sep, value = text.partition("=")
        field, values = table.get(name.strip(), ("", {}))
        # A bare word means true: IgnoreExtraneous is usually written so.
        value = value.strip().lower() if sep else "true"
        if value in values:
            known[field] = values[value]
        else:
            unknown.append(text)
    return known, tuple(unknown)
