"""
The words a user sees of an application: conditions, history and the whole view.

`AppView` is small, complete and comparable; `control.report` writes it in Argo
CD's shape and sends it only when it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from moorage.model.health import Health, HealthStatus
from moorage.model.operation import Operation
from moorage.model.states import Comparison, SyncStatus


class ConditionType(StrEnum):
    """The condition types of Argo CD's Application."""

    DELETION_ERROR = "DeletionError"
    INVALID_SPEC_ERROR = "InvalidSpecError"
    COMPARISON_ERROR = "ComparisonError"
    SYNC_ERROR = "SyncError"
    UNKNOWN_ERROR = "UnknownError"
    SHARED_RESOURCE_WARNING = "SharedResourceWarning"
    REPEATED_RESOURCE_WARNING = "RepeatedResourceWarning"
    EXCLUDED_RESOURCE_WARNING = "ExcludedResourceWarning"
    ORPHANED_RESOURCE_WARNING = "OrphanedResourceWarning"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something a person should know; `reason` is the word of the error tree."""

    type: ConditionType
    message: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AppView:
    """What people see of an application."""

    sync: SyncStatus
    revision: str
    health: Health
    source_type: str = ""
    comparison: Comparison | None = None
    operation: Operation | None = None
    conditions: tuple[Condition, ...] = ()
    images: tuple[str, ...] = ()

    @classmethod
    def unknown(cls) -> AppView:
        return cls(SyncStatus.UNKNOWN, "", Health(HealthStatus.UNKNOWN))
