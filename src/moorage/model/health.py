"""
How a resource or an application is doing, in Argo CD's six words.

`moorage.engine.health` finds the health of an object; here are only the words
and which of them is worse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    """The states of health, from best to worst."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def rank(self) -> int:
        """The place from best (0) to worst."""
        return _RANKS[self]


_RANKS = {status: rank for rank, status in enumerate(HealthStatus)}


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """Return the worst of some states; Healthy when there are none."""
    return max(statuses, key=_RANKS.__getitem__, default=HealthStatus.HEALTHY)


@dataclass(frozen=True, slots=True)
class Health:
    """How something is doing and, when there is more to say, why."""

    status: HealthStatus
    message: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else str(self.status)
