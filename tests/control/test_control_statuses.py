"""A view in Argo CD's shape, and an operation back from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from control_bodies import application

from moorage.control.decode import decode_application
from moorage.control.recorded import decode_operation
from moorage.control.report import patch_of
from moorage.control.statuses import MOST_RESULTS, encode, encode_operation
from moorage.engine.policy import operation_id
from moorage.model.application import Application, SyncOptions
from moorage.model.health import Health, HealthStatus
from moorage.model.identity import ResourceKey
from moorage.model.operation import (
    ActionKey,
    Operation,
    OperationPhase,
    Outcome,
    Phase,
    Result,
    SelectedResource,
    Verb,
)
from moorage.model.states import Change, Comparison, Difference, SyncStatus
from moorage.model.status import AppView, Condition, ConditionType

NOW, LATER = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"
KEY = ResourceKey("apps", "Deployment", "shop", "web")
APP = decode_application(application())


def operation(**changes: Any) -> Operation:
    """Return a running operation of the application."""
    plain = Operation(operation_id(APP, NOW), "abc", NOW, automated=True, prune=True, message="going on")
    return replace(plain, **changes)


def view(**changes: Any) -> AppView:
    """Return the view of one healthy Deployment in sync."""
    difference = Difference(
        KEY, Change.NONE, "v1", health=Health(HealthStatus.HEALTHY), live={"kind": "Deployment"}
    )
    comparison = Comparison(SyncStatus.SYNCED, (difference,), {KEY: difference})
    plain = AppView(SyncStatus.SYNCED, "abc", Health(HealthStatus.HEALTHY), "Directory", comparison)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(operation(), id="automated"),
        pytest.param(operation(automated=False, username="ann", dry_run=True), id="by a person, dry"),
        pytest.param(operation(options=SyncOptions(create_namespace=True, prune_last=True)), id="options"),
        pytest.param(operation(selected=(SelectedResource("apps", "Deployment", "", "web"),)), id="partial"),
        pytest.param(operation(heal_attempts=3, retries=0, skip_hooks=True), id="heal"),
        pytest.param(operation(phase=OperationPhase.SUCCEEDED, finished_at=LATER), id="over"),
        pytest.param(
            operation(
                outcomes={
                    ActionKey(Phase.PRE_SYNC, Verb.HOOK, KEY): Outcome(Result.CREATED, "hook finished", "v1"),
                    ActionKey(Phase.PRE_SYNC, Verb.CLEAR, KEY): Outcome(Result.PRUNED, "deleted", "v1"),
                    ActionKey(Phase.SYNC, Verb.APPLY, KEY): Outcome(Result.FAILED, "refused", "v1"),
                    ActionKey(Phase.SYNC, Verb.PRUNE, KEY): Outcome(
                        Result.SKIPPED, "ignored (no prune)", "v1"
                    ),
                }
            ),
            id="outcomes",
        ),
    ],
)
def test_an_operation_survives_a_restart(kept: Operation) -> None:
    """
    What a later process reads from the status is the operation that was written there.
    """
    status = encode(APP, view(operation=kept), NOW, "argocd")

    read = decode_operation(replace(APP, status=status))

    assert read is not None
    assert _told(read) == _told(kept)
    assert replace(read, source=None, outcomes={}) == replace(kept, outcomes={})


def test_an_unchanged_view_is_no_patch() -> None:
    """
    A status that says what it said before is not written again, whenever that is.
    """
    status = encode(APP, view(), NOW, "argocd")
    app: Application = replace(APP, status=status)

    assert patch_of(app, encode(app, view(), LATER, "argocd"), LATER, drop_request=False) == {}


def test_times_stay_with_what_did_not_change() -> None:
    """
    A condition and a health that go on keep the time they began.
    """
    condition = Condition(ConditionType.SYNC_ERROR, "refused", "SyncFailed")
    first = encode(APP, view(conditions=(condition,)), NOW, "argocd")
    second = encode(replace(APP, status=first), view(conditions=(condition,)), LATER, "argocd")

    assert second["conditions"][0]["lastTransitionTime"] == NOW
    assert second["health"]["lastTransitionTime"] == NOW


def test_a_requested_operation_is_taken_away_with_the_same_patch() -> None:
    """
    Taking over a request and recording it is one write.
    """
    app = replace(APP, operation={"sync": {}})

    patch = patch_of(app, encode(app, view(operation=operation()), NOW, "argocd"), NOW, drop_request=True)

    assert patch["operation"] is None
    assert patch["status"]["operationState"]["phase"] == "Running"
    # Somebody may ask for something else in this moment, which must not be taken away unread.
    assert patch["metadata"]["resourceVersion"] == app.resource_version != ""


def test_history_grows_once_a_success() -> None:
    """
    A succeeded sync is one entry of history, however often it is reported, and dry runs are none.
    """
    over = operation(phase=OperationPhase.SUCCEEDED, finished_at=LATER)
    first = encode(APP, view(operation=over), LATER, "argocd")
    again = encode(replace(APP, status=first), view(operation=over), LATER, "argocd")
    dry = encode(APP, view(operation=replace(over, dry_run=True)), LATER, "argocd")

    assert [entry["revision"] for entry in first["history"]] == ["abc"]
    assert again["history"] == first["history"]
    assert "history" not in dry


def _told(operation: Operation) -> dict[ActionKey, tuple[bool, str, str]]:
    """Return what matters of outcomes: created and configured are both done."""
    return {
        key: (outcome.failed, outcome.message, outcome.version) for key, outcome in operation.outcomes.items()
    }


def test_an_application_of_many_resources_stays_small() -> None:
    """
    With more results than an Application can hold, those of plain applies are left out, and failures never.
    """
    plain = {
        ActionKey(Phase.SYNC, Verb.APPLY, ResourceKey("", "ConfigMap", "web", f"c{n}")): Outcome(
            Result.CREATED
        )
        for n in range(MOST_RESULTS)
    }
    failed = {
        ActionKey(Phase.SYNC, Verb.APPLY, ResourceKey("", "ConfigMap", "web", "bad")): Outcome(
            Result.FAILED, "no"
        )
    }

    full = encode_operation(replace(operation(), outcomes=plain), APP)["syncResult"]["resources"]
    small = encode_operation(replace(operation(), outcomes=plain | failed), APP)["syncResult"]["resources"]

    assert len(full) == MOST_RESULTS
    assert [(r["name"], r["status"]) for r in small] == [("bad", "SyncFailed")]
