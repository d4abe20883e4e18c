"""
Says what a group of applications may do.

Made by `control.decode` from an AppProject; the rules are read by
`moorage.engine.permits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """Globs over a destination's server, name and namespace; a leading ``!`` denies."""

    server: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class KindRule:
    """Globs over group and kind, and over the name of a cluster-scoped resource when given."""

    group: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """A recurring time in which syncing is allowed or denied for the applications it selects."""

    kind: str
    schedule: str
    duration: timedelta
    applications: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    manual_sync: bool = False
    time_zone: str = "UTC"
    and_operator: bool = False
    sync_overrun: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """
    What the applications of a project may use and touch.

    `namespace_kinds_allowed` is None when the project says nothing (all kinds
    are allowed); an empty `cluster_kinds_allowed` allows no cluster-scoped kind.
    """

    name: str
    source_repos: tuple[str, ...] = ()
    destinations: tuple[DestinationRule, ...] = ()
    source_namespaces: tuple[str, ...] = ()
    cluster_kinds_allowed: tuple[KindRule, ...] = ()
    cluster_kinds_denied: tuple[KindRule, ...] = ()
    namespace_kinds_allowed: tuple[KindRule, ...] | None = None
    namespace_kinds_denied: tuple[KindRule, ...] = ()
    windows: tuple[SyncWindow, ...] = ()
    only_project_clusters: bool = False
    warnings: tuple[str, ...] = ()
