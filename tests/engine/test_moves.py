"""The sync state machine's promises, one test each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deciding import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    body,
    job,
    key,
    operation,
    performed,
    resource,
    target,
)
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.moves import HOOK_DONE, Seen, finished_hooks, next_move
from moorage.engine.plan import make_plan
from moorage.model.health import Health, HealthStatus
from moorage.model.operation import Finished, Outcome, Perform, Phase, Plan, Result, Verb, Wait

WAVES = make_plan(target(resource("db"), resource("web", wave=1)), {}, operation())
DATABASE, WEB = WAVES.steps
ALONE = make_plan(target(resource("web")), {}, operation())


def seen(*steps, health=HEALTHY, unsettled=()):
    """Return what is known when all resources of some steps are there with one health."""
    keys = {a.resource for s in steps for a in s.actions}
    return Seen(frozenset(keys), dict.fromkeys(keys, health), frozenset(unsettled))


@pytest.mark.parametrize(
    ("done", "live", "expected"),
    [
        pytest.param({}, Seen(), Perform(DATABASE.actions), id="nothing done"),
        pytest.param(
            performed(DATABASE),
            seen(DATABASE, health=PROGRESSING),
            Wait((key("db"),), "waiting for healthy state of ConfigMap/db"),
            id="first wave settling",
        ),
        pytest.param(
            performed(DATABASE),
            seen(DATABASE, unsettled=[key("db")]),
            Wait((key("db"),), "waiting for healthy state of ConfigMap/db"),
            id="own write not seen yet",
        ),
        pytest.param(
            performed(DATABASE),
            seen(DATABASE, health=Health(HealthStatus.SUSPENDED)),
            Wait((key("db"),), "waiting for healthy state of ConfigMap/db"),
            id="suspended is waited for",
        ),
        pytest.param(
            performed(DATABASE),
            seen(DATABASE, health=Health(HealthStatus.UNKNOWN)),
            Wait((key("db"),), "waiting for healthy state of ConfigMap/db"),
            id="an unknown resource is waited for",
        ),
        pytest.param(performed(DATABASE), seen(DATABASE), Perform(WEB.actions), id="first wave healthy"),
        pytest.param(
            performed(DATABASE),
            seen(DATABASE, health=None),
            Perform(WEB.actions),
            id="no health is good health",
        ),
        pytest.param(
            performed(WAVES),
            seen(DATABASE, WEB, health=HEALTHY),
            Finished(True, "successfully synced (all tasks run)"),
            id="all healthy",
        ),
    ],
)
def test_waves_run_in_order(done, live, expected):
    """
    A wave starts once the wave before it is applied and healthy, never sooner.
    """
    assert expected == next_move(WAVES, done, live)


@pytest.mark.parametrize(
    ("live", "message"),
    [
        pytest.param(
            seen(DATABASE, health=DEGRADED), "ConfigMap/web/db is Degraded: it broke", id="degraded"
        ),
        pytest.param(Seen(), "ConfigMap/web/db is missing, it might have been deleted", id="vanished"),
    ],
)
def test_a_wave_that_does_not_settle_fails(live, message):
    """
    A resource that is degraded or vanishes while its wave settles fails the operation.
    """
    assert Finished(False, message) == next_move(WAVES, performed(DATABASE), live)


def test_a_failed_step_ends_the_sync():
    """
    After a failed action no later wave is returned, even if all is healthy.
    """
    done = performed(DATABASE, Result.FAILED, message="quota exceeded")

    move = next_move(WAVES, done, seen(DATABASE, WEB))

    assert Finished(False, "ConfigMap/web/db: quota exceeded") == move


def test_a_failure_names_its_resource_once():
    """
    A refusal that begins with the resource it is about is not told with it twice.
    """
    done = performed(DATABASE, Result.FAILED, message="ConfigMap/web/db: no such namespace")

    assert next_move(WAVES, done, Seen()).message == "ConfigMap/web/db: no such namespace"


def test_further_failures_are_counted():
    """
    The message names one failure and says how many more there are.
    """
    plan = make_plan(target(resource("a"), resource("b"), resource("c")), {}, operation())

    move = next_move(plan, performed(plan, Result.FAILED, message="no"), Seen())

    assert Finished(False, "ConfigMap/web/a: no (and 2 more)") == move


def test_the_last_wave_is_not_waited_for():
    """
    The operation ends when the last wave is applied; its health is the application's business.
    """
    move = next_move(WAVES, performed(WAVES), Seen(frozenset({key("db")}), {key("db"): HEALTHY}))

    assert Finished(True, "successfully synced (all tasks run)") == move


def test_an_empty_plan_succeeds():
    """
    A plan without steps is finished at once.
    """
    assert Finished(True, "successfully synced (no more tasks)") == next_move(Plan(()), {}, Seen())


HOOKED = make_plan(target(resource("web"), hooks=[job("migrate")]), {}, operation())
MIGRATE = key("migrate", "Job", "batch")


def test_a_hook_is_cleared_before_it_is_made():
    """
    The hook of an earlier operation is deleted, and gone, before the new one is created.
    """
    cleared = performed(HOOKED.steps[0], verbs=[Verb.CLEAR], result=Result.PRUNED)
    there = Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY})

    moves = [
        next_move(HOOKED, {}, there),
        next_move(HOOKED, cleared, there),
        next_move(HOOKED, cleared, Seen()),
    ]

    assert [a.verb for a in moves[0].actions] == [Verb.CLEAR]
    assert Wait((MIGRATE,), "waiting for deletion of batch/Job/migrate") == moves[1]
    assert [a.verb for a in moves[2].actions] == [Verb.HOOK]


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        pytest.param(
            PROGRESSING, Wait((MIGRATE,), "waiting for completion of hook batch/Job/migrate"), id="runs"
        ),
        pytest.param(HEALTHY, Perform(HOOKED.steps[1].actions), id="succeeded"),
        pytest.param(None, Perform(HOOKED.steps[1].actions), id="has no health"),
        pytest.param(DEGRADED, Finished(False, "Job/web/migrate is Degraded: it broke"), id="failed"),
        pytest.param(
            Health(HealthStatus.UNKNOWN, "?"), Finished(False, "Job/web/migrate is Unknown: ?"), id="unknown"
        ),
        pytest.param(
            Health(HealthStatus.SUSPENDED),
            Wait((MIGRATE,), "waiting for completion of hook batch/Job/migrate"),
            id="suspended",
        ),
    ],
)
def test_a_hook_holds_what_comes_after(health, expected):
    """
    Resources are applied once the PreSync hook succeeded; when it fails, they are not.
    """
    done = performed(HOOKED.steps[0])

    assert expected == next_move(HOOKED, done, Seen(frozenset({MIGRATE}), {MIGRATE: health}))


def test_a_hook_that_was_seen_to_succeed_may_be_gone():
    """
    Success is recorded when it is seen, so a hook deleted by its time to live stays a success.
    """
    done = performed(HOOKED.steps[0])
    news = finished_hooks(HOOKED, done, Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY}))

    move = next_move(HOOKED, {**done, **news}, Seen())

    assert [outcome.message for outcome in news.values()] == [HOOK_DONE]
    assert Perform(HOOKED.steps[1].actions) == move


@pytest.mark.parametrize(
    ("done", "live"),
    [
        pytest.param({}, Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY}), id="not made by this operation"),
        pytest.param(
            performed(HOOKED.steps[0]),
            Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY}, frozenset({MIGRATE})),
            id="own write not seen",
        ),
        pytest.param(performed(HOOKED.steps[0]), Seen(), id="not there"),
        pytest.param(
            performed(HOOKED.steps[0]), Seen(frozenset({MIGRATE}), {MIGRATE: PROGRESSING}), id="runs"
        ),
        pytest.param(
            performed(HOOKED.steps[0], Result.FAILED),
            Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY}),
            id="failed",
        ),
    ],
)
def test_no_success_is_recorded_for(done, live):
    """
    A hook counts as succeeded only when this operation made it and its success was seen.
    """
    assert finished_hooks(HOOKED, done, live) == {}


def test_a_success_is_recorded_once():
    """
    A hook already recorded as succeeded makes no news.
    """
    live = Seen(frozenset({MIGRATE}), {MIGRATE: HEALTHY})
    done = performed(HOOKED.steps[0])

    assert finished_hooks(HOOKED, {**done, **finished_hooks(HOOKED, done, live)}, live) == {}


def test_a_sync_hook_keeps_the_last_wave_open():
    """
    A hook in the last step is waited for, since nobody else looks after it.
    """
    plan = make_plan(target(hooks=[job("smoke", "PostSync")]), {}, operation())
    smoke = key("smoke", "Job", "batch")

    assert isinstance(next_move(plan, performed(plan), Seen(frozenset({smoke}), {smoke: PROGRESSING})), Wait)


FAILING = make_plan(
    target(
        resource("web"),
        hooks=[job("tell", "SyncFail", policy="HookSucceeded"), job("migrate", policy="HookFailed")],
    ),
    {},
    operation(),
)
TELL = key("tell", "Job", "batch")


def test_sync_fail_hooks_run_after_a_failure():
    """
    A failure runs the SyncFail hooks, and then ends the operation with the first failure's message.
    """
    failed = performed(FAILING.steps[0], Result.FAILED, message="denied")
    first = next_move(FAILING, failed, Seen())
    told = {**failed, **{a.key: Outcome(Result.CREATED) for a in FAILING.on_failure[0].actions}}
    second = next_move(FAILING, told, Seen(frozenset({TELL}), {TELL: PROGRESSING}))
    third = next_move(FAILING, told, Seen(frozenset({TELL}), {TELL: HEALTHY}))

    assert {Phase.SYNC_FAIL} == {a.phase for a in first.actions}
    assert isinstance(second, Wait)
    assert Finished(False, "Job/web/migrate: denied", (MIGRATE, TELL)) == third


def test_a_failing_sync_fail_hook_is_told_too():
    """
    When a SyncFail hook fails as well, the message has both.
    """
    failed = performed(FAILING.steps[0], Result.FAILED, message="denied")
    told = {**failed, **{a.key: Outcome(Result.FAILED, "no") for a in FAILING.on_failure[0].actions}}

    move = next_move(FAILING, told, Seen())

    assert move.message == "Job/web/migrate: denied; SyncFail hook: Job/web/tell: no"


def test_sync_fail_hooks_stay_unused_while_all_goes_well():
    """
    A successful operation never returns an action of a SyncFail hook.
    """
    assert isinstance(next_move(FAILING, performed(FAILING), seen(*FAILING.steps)), Finished)


def test_hooks_to_delete_after_success_are_named():
    """
    The end of an operation names the hooks whose policy asks for their deletion, and no others.
    """
    plan = make_plan(
        target(hooks=[job("a", policy="HookSucceeded"), job("b", policy="HookFailed"), job("c")]),
        {},
        operation(),
    )

    assert (key("a", "Job", "batch"),) == next_move(plan, performed(plan), seen(*plan.steps)).cleanup


OLD = {key("old"): body("old")}


def pruning(*, prune=True, approved=False, options="", hooks=()):
    tracked = {key("old"): resource("old", options=options).body}
    return make_plan(target(resource("web"), hooks=hooks), tracked, operation(prune=prune), approved=approved)


def test_pruning_does_not_wait_for_health():
    """
    What left Git is deleted although what is applied is not healthy, as in one wave.
    """
    plan = pruning()

    move = next_move(plan, performed(plan.steps[0]), seen(plan.steps[0], health=PROGRESSING))

    assert [a.verb for a in move.actions] == [Verb.PRUNE]


def test_nothing_is_pruned_while_somebody_may_declare_it():
    """
    While it is not known whether another application declares a resource, only it waits, and the wait says why.
    """
    plan = pruning(hooks=[job("smoke", "PostSync")])
    undecided = replace(seen(plan.steps[0]), undecided="web is being read")
    done = performed(plan.steps[0])

    assert Perform(plan.steps[0].actions) == next_move(plan, {}, undecided)
    assert Wait((key("old"),), "waiting to delete ConfigMap/old: web is being read") == next_move(
        plan, done, undecided
    )
    assert [a.verb for a in next_move(plan, done, seen(plan.steps[0])).actions] == [Verb.PRUNE]


def test_what_is_skipped_waits_for_nobody():
    """
    A resource that is left to another application is passed by while others are still being read.
    """
    plan = make_plan(target(), OLD, operation(prune=True), elsewhere={key("old"): "web"})

    assert isinstance(next_move(plan, {}, Seen(undecided="shop is being read")), Perform)


def test_pruning_last_waits_for_health():
    """
    With PruneLast the deletion waits until everything applied is healthy.
    """
    plan = pruning(options="PruneLast=true")

    assert isinstance(
        next_move(plan, performed(plan.steps[0]), seen(plan.steps[0], health=PROGRESSING)), Wait
    )


def test_skipped_pruning_waits_for_nothing():
    """
    A resource that only may not be pruned does not keep the operation open.
    """
    plan = pruning(prune=False, options="PruneLast=true")
    live = seen(*plan.steps, health=PROGRESSING)
    done = {**performed(plan.steps[0]), **performed(plan.steps[1], Result.SKIPPED)}

    assert isinstance(next_move(plan, performed(plan.steps[0]), live), Perform)
    assert isinstance(next_move(plan, done, live), Finished)


def test_a_pruned_resource_must_be_gone():
    """
    An operation ends when the pruned resources are gone, not when their deletion is accepted.
    """
    plan = pruning()
    done = performed(plan)

    assert Wait((key("old"),), "waiting for deletion of ConfigMap/old") == next_move(
        plan, done, seen(*plan.steps)
    )
    assert isinstance(next_move(plan, done, seen(plan.steps[0])), Finished)


def test_hooks_after_the_sync_wait_for_pruning():
    """
    PostSync hooks run when everything pruned is gone.
    """
    plan = pruning(hooks=[job("smoke", "PostSync")])
    done = {**performed(plan.steps[0]), **performed(plan.steps[1])}

    assert isinstance(next_move(plan, done, seen(*plan.steps[:2])), Wait)
    assert isinstance(next_move(plan, done, seen(plan.steps[0])), Perform)


def test_a_deletion_to_confirm_holds_the_operation():
    """
    With Prune=confirm the operation waits for a person, and says what the person is to do.
    """
    plan = pruning(options="Prune=confirm")
    done = performed(plan.steps[0])

    move = next_move(plan, done, seen(*plan.steps))
    approved = next_move(pruning(options="Prune=confirm", approved=True), done, seen(*plan.steps))

    assert (key("old"),) == move.resources
    assert "argocd.argoproj.io/deletion-approved" in move.message
    assert [a.verb for a in approved.actions] == [Verb.PRUNE]


def test_a_failed_deletion_ends_the_sync():
    """
    When pruning is refused the operation fails, and nothing after it runs.
    """
    plan = pruning(hooks=[job("smoke", "PostSync")])
    done = {**performed(plan.steps[0]), **performed(plan.steps[1], Result.FAILED, message="forbidden")}

    assert Finished(False, "ConfigMap/web/old: forbidden") == next_move(plan, done, seen(*plan.steps))


# A random walk.

_HEALTHS = st.sampled_from([None, HEALTHY, PROGRESSING, DEGRADED, Health(HealthStatus.UNKNOWN)])
_NAMES = [f"r{i}" for i in range(6)]
_RESOURCES = st.builds(
    resource, st.sampled_from(_NAMES), wave=st.sampled_from([None, -1, 0, 2]), options=st.just("")
)
_HOOKS = st.builds(
    job,
    st.sampled_from(["h1", "h2", "h3"]),
    st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync"]),
    policy=st.sampled_from(["", "HookSucceeded", "HookFailed,HookSucceeded"]),
    wave=st.sampled_from([None, 1]),
)


def _unique(manifests):
    return list({m.key: m for m in manifests}.values())


@st.composite
def plans(draw):
    """Plans of a few waves and hooks, and something to prune."""
    manifests = _unique(draw(st.lists(_RESOURCES, max_size=6)))
    hooks = _unique(draw(st.lists(_HOOKS, max_size=3)))
    old = {m.key: m.body for m in draw(st.lists(_RESOURCES, max_size=4))}
    asked = operation(prune=draw(st.booleans()))
    return make_plan(target(*manifests, hooks=hooks), old, asked, approved=True)


@given(plans(), st.data())
def test_a_walk_always_ends_and_repeats_nothing(plan, data):
    """
    Whatever the outcomes and the health, an operation ends, and no action is performed twice.
    """
    done, present, health = {}, set(), {}
    for step in plan.steps:
        present |= {a.resource for a in step.actions if a.verb is Verb.PRUNE}
    for _ in range(200):
        move = next_move(plan, done, Seen(frozenset(present), dict(health)))
        if isinstance(move, Finished):
            break
        if isinstance(move, Wait):
            assert move.resources
            for waited in move.resources:
                if waited in health:
                    health[waited] = data.draw(st.sampled_from([HEALTHY, DEGRADED, None]))
                else:
                    present.discard(waited)
            continue
        assert move.actions
        for action in move.actions:
            assert action.key not in done
            bad = data.draw(st.integers(0, 9)) == 0
            done[action.key] = Outcome(Result.FAILED if bad else Result.CONFIGURED)
            if action.verb in (Verb.APPLY, Verb.HOOK):
                present.add(action.resource)
                health[action.resource] = data.draw(_HEALTHS)
            elif action.verb is Verb.CLEAR:
                present.discard(action.resource)
                health.pop(action.resource, None)
    else:
        raise AssertionError("the walk did not end")
    if move.succeeded:
        assert {a.key for s in plan.steps for a in s.actions} == set(done)
