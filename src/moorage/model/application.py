"""
Says what a user asked for: source, destination, sync policy, ignore rules.

Made once by `control.decode` from an ``argoproj.io/v1alpha1`` Application and
checked there; here are only the values. Words that mean nothing to Moorage are
kept as warnings, so that a spelling error is seen and not silently ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from moorage.model.identity import AppKey
from moorage.model.ignore import IgnoreRule


@dataclass(frozen=True, slots=True)
class Source:
    """Where manifests come from. `options` is the source's own JSON, decoded by the renderer it names."""

    repo_url: str
    path: str = "."
    target_revision: str = "HEAD"
    chart: str = ""
    tag_prefix: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def declared(self) -> dict[str, Any]:
        """The source as an application's specification has it."""
        said: dict[str, Any] = {"repoURL": self.repo_url}
        if self.chart:
            said["chart"] = self.chart
        elif self.path:
            said["path"] = self.path
        if self.target_revision:
            said["targetRevision"] = self.target_revision
        return {**said, **self.options}


@dataclass(frozen=True, slots=True)
class Destination:
    """Which cluster and namespace the manifests go to; exactly one of server and name is set."""

    server: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Automated:
    """The policy of an application that syncs by itself."""

    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a failed operation is tried again; a negative limit means for ever."""

    limit: int = 0
    refresh: bool = False
    duration: timedelta = timedelta(seconds=5)
    factor: int = 2
    max_duration: timedelta = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """
    The options of a sync, parsed once from the ``Word=value`` strings of Argo CD.

    An annotation on a resource overrides them for that resource; see
    `moorage.engine.options`.
    """

    validate: bool = True
    create_namespace: bool = False
    prune_propagation: str = "foreground"
    prune_last: bool = False
    replace: bool = False
    force: bool = False
    server_side_apply: bool = True
    apply_out_of_sync_only: bool = False
    respect_ignore_differences: bool = False
    fail_on_shared_resource: bool = False
    skip_dry_run_on_missing: bool = False
    client_side_apply_migration: bool = True
    prune: str = "true"
    delete: str = "true"
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """
    What people asked for, checked once when decoded.

    `status` and `operation` are the object's own JSON: progress is data and
    lives there. `resource_version` says which copy this is.
    """

    key: AppKey
    uid: str
    resource_version: str
    generation: int
    project: str
    source: Source
    destination: Destination
    automated: Automated | None = None
    options: SyncOptions = SyncOptions()
    retry: Retry | None = None
    ignore: tuple[IgnoreRule, ...] = ()
    namespace_metadata: dict[str, Any] | None = None
    history_limit: int = 10
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deleted_at: str = ""
    operation: dict[str, Any] | None = None
    status: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
