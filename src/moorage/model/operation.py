"""
One sync, as data: what it set out to do, how far it came, what comes next.

An `Operation` pins its revision and options and collects outcomes; it is kept
in the application's status, so a restarted controller goes on where the last
one stopped. The `Plan` is made anew each pass and is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from moorage.model.application import Retry, SyncOptions
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Manifest


class Phase(StrEnum):
    """The phases of a sync, in the order in which they run, and those of a deletion."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {phase: rank for rank, phase in enumerate(Phase)}


class OperationPhase(StrEnum):
    """How an operation stands, in Argo CD's words."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def finished(self) -> bool:
        return self in (OperationPhase.SUCCEEDED, OperationPhase.FAILED, OperationPhase.ERROR)


class Verb(StrEnum):
    """What an action does to one resource."""

    APPLY = "apply"
    HOOK = "hook"
    CLEAR = "clear"
    PRUNE = "prune"


class Result(StrEnum):
    """What became of an action: one of six words."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"
    SKIPPED = "skipped"
    FAILED = "failed"


class ActionKey(NamedTuple):
    """Names an action within its operation, so that its outcome is found again after a restart."""

    phase: Phase
    verb: Verb
    resource: ResourceKey


@dataclass(frozen=True, slots=True)
class Action:
    """
    One thing to do to one resource. `manifest` is absent for deletions.

    An action with a `skip_reason` is recorded and not done; one that
    `awaits_approval` holds the operation until a person approves it.
    """

    phase: Phase
    wave: int
    verb: Verb
    resource: ResourceKey
    manifest: Manifest | None = None
    options: SyncOptions = SyncOptions()
    delete_policies: frozenset[str] = frozenset()
    skip_reason: str = ""
    awaits_approval: bool = False

    @property
    def key(self) -> ActionKey:
        return ActionKey(self.phase, self.verb, self.resource)


@dataclass(frozen=True, slots=True)
class Step:
    """The actions of one phase and wave, in the order of their kinds."""

    phase: Phase
    wave: int
    actions: tuple[Action, ...]

    @property
    def has_hooks(self) -> bool:
        return any(a.verb is Verb.HOOK for a in self.actions)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What one sync will do, in order, decided before anything is touched.

    A plan is a value: two plans made from the same target state, tracked
    resources and options are equal, whichever process made them. That is how a
    restarted controller recognises the operation it was in the middle of.
    `on_failure` holds the SyncFail hooks and stays unused while all goes well.
    """

    steps: tuple[Step, ...]
    on_failure: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one action. `resource_version` is that of the object as written, if one was."""

    result: Result
    message: str = ""
    version: str = ""
    resource_version: str = ""
    images: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return self.result is Result.FAILED


@dataclass(frozen=True, slots=True)
class Perform:
    """Do these actions now; those of equal rank of kind side by side."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until one of these resources changes."""

    resources: tuple[ResourceKey, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The operation is over. `cleanup` names hooks whose delete policy asks for their removal."""

    succeeded: bool
    message: str
    cleanup: tuple[ResourceKey, ...] = ()


Move = Perform | Wait | Finished


class SelectedResource(NamedTuple):
    """A resource picked for a partial sync; an empty namespace matches any."""

    group: str
    kind: str
    namespace: str
    name: str

    def matches(self, key: ResourceKey) -> bool:
        return (
            self.group == key.group
            and self.kind == key.kind
            and self.name == key.name
            and (not self.namespace or self.namespace == key.namespace)
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One sync from request to finish, pinned to a revision, over several passes.

    `id` is made of what is kept (application uid and start time), so it
    survives a restart; hooks carry it, which is why none runs twice. `source` is
    what it was asked to sync, as the application declared it; None when nobody kept it.
    """

    id: str
    revision: str
    started_at: str
    phase: OperationPhase = OperationPhase.RUNNING
    message: str = ""
    prune: bool = False
    dry_run: bool = False
    automated: bool = False
    username: str = ""
    skip_hooks: bool = False
    force: bool = False
    options: SyncOptions = SyncOptions()
    retry: Retry = Retry()
    retries: int = 0
    heal_attempts: int = 0
    selected: tuple[SelectedResource, ...] = ()
    finished_at: str = ""
    outcomes: Mapping[ActionKey, Outcome] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    recorded: bool = True

    def with_outcomes(self, outcomes: Mapping[ActionKey, Outcome]) -> Operation:
        """Return the operation with these outcomes added."""
        return replace(self, outcomes={**self.outcomes, **outcomes}) if outcomes else self


@dataclass(frozen=True, slots=True)
class NotNow:
    """No operation, why, and after how many seconds to look again (None: when something changes)."""

    reason: str
    again_in_seconds: float | None = None
    warning: str = ""
