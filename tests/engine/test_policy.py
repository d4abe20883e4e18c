"""Whether to begin, go on, retry or leave alone: tables with fixed times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from deciding import (
    NEWER,
    REVISION,
    application,
    at,
    comparison,
    difference,
    ended,
    operation,
    resource,
    stamp,
)

from moorage.engine.policy import (
    AUTOMATED_RETRY,
    Permission,
    after_failure,
    decide,
    decode_retry,
    format_time,
    is_approved,
    operation_id,
    parse_time,
    retry_begins,
    retry_delay,
    supersedes,
)
from moorage.model.application import Retry, Source, SyncOptions
from moorage.model.operation import (
    ActionKey,
    NotNow,
    Operation,
    OperationPhase,
    Outcome,
    Phase,
    Result,
    SelectedResource,
    Verb,
)
from moorage.model.states import Change, SyncStatus
from moorage.model.words import DELETION_APPROVED_ANNOTATION

FAILED, SUCCEEDED = OperationPhase.FAILED, OperationPhase.SUCCEEDED
DRIFTED = comparison(difference("web"))
GONE = comparison(difference("old", Change.PRUNE), difference("web", Change.NONE))
MOVED = comparison(difference("moved", Change.PRUNE, shared_with="web"))
ALL_GONE = comparison(difference("old", Change.PRUNE))
CLOSED = Permission(False, "closed")
AUTO, HEAL, PRUNE = (
    application(automated=True),
    application(automated=True, heal=True),
    application(automated=True, prune=True),
)


def decided(app=AUTO, current=None, found=DRIFTED, revision=REVISION, seconds=0.0, **windows):
    return decide(app, current, found, revision, at(seconds), **windows)


@pytest.mark.parametrize(
    ("app", "found", "reason"),
    [
        pytest.param(application(), DRIFTED, "automated sync is off", id="not automated"),
        pytest.param(
            application(automated=True, deleted_at=stamp()),
            DRIFTED,
            "the application is being deleted",
            id="being deleted",
        ),
        pytest.param(AUTO, comparison(), "sync status is Synced", id="synced"),
        pytest.param(
            AUTO,
            comparison(difference("web"), status=SyncStatus.UNKNOWN),
            "sync status is Unknown",
            id="unknown",
        ),
        pytest.param(
            AUTO, GONE, "only resources to prune differ, and automated pruning is off", id="only to prune"
        ),
        pytest.param(
            PRUNE,
            MOVED,
            "only resources to prune differ, and other applications declare them",
            id="only what others declare",
        ),
    ],
)
def test_reasons_not_to_begin(app, found, reason):
    """
    Without automation, a difference that counts, and a known state, nothing begins, and the reason is told.
    """
    assert NotNow(reason) == decided(app, found=found)


def test_a_new_revision_begins_an_operation():
    """
    An automated operation is pinned to the revision and prunes as the policy says.
    """
    begun = decided(PRUNE, revision=NEWER, seconds=5)

    assert (NEWER, True, True, stamp(5), False) == (
        begun.revision,
        begun.automated,
        begun.prune,
        begun.started_at,
        begun.recorded,
    )
    assert begun.id == "u-1-0-1772452805"
    assert begun.retry == AUTOMATED_RETRY


def test_an_operation_takes_the_applications_options():
    """
    Options, retry policy and source of the application at its beginning are the operation's.
    """
    app = application(automated=True, options=SyncOptions(replace=True), retry=Retry(limit=2))

    begun = decided(app)

    assert (SyncOptions(replace=True), Retry(limit=2), app.source.declared) == (
        begun.options,
        begun.retry,
        begun.source,
    )


def test_a_closed_window_holds_back():
    """
    Outside its sync windows an application waits and looks again within a minute.
    """
    assert NotNow("closed", 60.0) == decided(automated_window=CLOSED)


@pytest.mark.parametrize(
    ("app", "begins"),
    [
        pytest.param(PRUNE, False, id="everything would go"),
        pytest.param(application(automated=True, prune=True, empty=True), True, id="allowed to be empty"),
    ],
)
def test_emptiness_must_be_allowed(app, begins):
    """
    An automated sync never deletes all resources of an application unless allowEmpty is set.
    """
    move = decided(app, found=ALL_GONE)

    if begins:
        assert move.prune
    else:
        assert "auto-sync will wipe out all resources" in move.warning


@pytest.mark.parametrize(
    ("last", "found", "revision", "begins"),
    [
        pytest.param(None, DRIFTED, REVISION, True, id="never synced"),
        pytest.param(ended(), DRIFTED, NEWER, True, id="a newer revision"),
        pytest.param(ended(FAILED), DRIFTED, NEWER, True, id="a newer revision after a failure"),
        pytest.param(ended(FAILED), DRIFTED, REVISION, False, id="this revision failed"),
        pytest.param(ended(), DRIFTED, REVISION, False, id="drift without self-heal"),
        pytest.param(ended(dry_run=True), DRIFTED, REVISION, True, id="only tried"),
        pytest.param(
            ended(source={"repoURL": "elsewhere"}),
            DRIFTED,
            REVISION,
            True,
            id="another source at one revision",
        ),
        pytest.param(
            ended(source=AUTO.source.declared), DRIFTED, REVISION, False, id="the same source at one revision"
        ),
        pytest.param(
            ended(selected=(SelectedResource("", "ConfigMap", "web", "other"),)),
            DRIFTED,
            REVISION,
            True,
            id="somebody synced something else",
        ),
        pytest.param(
            ended(selected=(SelectedResource("", "ConfigMap", "web", "web"),)),
            DRIFTED,
            REVISION,
            False,
            id="somebody synced this",
        ),
        pytest.param(
            ended(selected=(SelectedResource("", "ConfigMap", "web", "web"),)),
            comparison(difference("web"), difference("other")),
            REVISION,
            True,
            id="somebody synced a part",
        ),
    ],
)
def test_one_attempt_a_revision(last, found, revision, begins):
    """
    A revision is synced automatically once; what was not part of that attempt still is.
    """
    assert begins == (not isinstance(decided(current=last, found=found, revision=revision), NotNow))


def test_a_failed_revision_is_told():
    """
    A revision that failed is not tried again, and a person reads so.
    """
    warning = decided(current=ended(FAILED, message="quota exceeded")).warning

    assert warning == "Failed last sync attempt to aaaaaaa: quota exceeded"


def test_a_source_read_back_is_the_same_source():
    """
    A null in a source, which a status does not keep, does not make each pass sync anew.
    """
    helm = {"helm": {"valuesObject": {"a": None, "b": {"c": None}}}}
    app = application(automated=True, source=Source("https://git.example/x.git", options=helm))
    kept = {**app.source.declared, "helm": {"valuesObject": {"b": {}}}}

    assert NotNow("drift, and self-healing is off") == decided(app, ended(source=kept))


# Self-healing.


def healed(attempts, *names, **rest):
    outcomes = {
        ActionKey(Phase.SYNC, Verb.APPLY, difference(name).key): Outcome(Result.CONFIGURED) for name in names
    }
    return ended(automated=True, heal_attempts=attempts, outcomes=outcomes, **rest)


@pytest.mark.parametrize(
    ("last", "seconds", "expected"),
    [
        pytest.param(ended(), 0, 1, id="at once"),
        pytest.param(healed(1, "web"), 1, 1.0, id="2 s after the first"),
        pytest.param(healed(1, "web"), 2, 2, id="the second"),
        pytest.param(healed(2, "web"), 5, 1.0, id="6 s after the second"),
        pytest.param(healed(2, "web"), 6, 3, id="the third"),
        pytest.param(healed(3, "web"), 0, 18.0, id="18 s after the third"),
        pytest.param(healed(6, "web"), 0, 300.0, id="never more than 300 s"),
        pytest.param(healed(10_000, "web"), 0, 300.0, id="however often"),
        pytest.param(healed(5, "other"), 0, 1, id="something else"),
        pytest.param(healed(4, "web", finished_at=""), 0, 5, id="nobody kept when it ended"),
    ],
)
def test_self_healing_backs_off(last, seconds, expected):
    """
    Drift is healed at once; what drifts again at once is healed after 2, 6, 18 … 300 s.
    """
    move = decided(HEAL, last, seconds=seconds)

    if isinstance(move, NotNow):
        assert expected == move.again_in_seconds
    else:
        assert expected == move.heal_attempts


def test_self_healing_touches_what_drifted():
    """
    Healing syncs only the resources that differ, and prunes only if pruning is automated.
    """
    move = decided(HEAL, ended(), comparison(difference("web"), difference("old", Change.PRUNE)))

    assert (SelectedResource("", "ConfigMap", "web", "web"),) == move.selected


# Going on.


@pytest.mark.parametrize(
    "current",
    [
        pytest.param(operation(), id="running"),
        pytest.param(operation(OperationPhase.TERMINATING), id="terminating"),
    ],
)
def test_a_running_operation_goes_on(current):
    """
    While an operation runs no other begins, whatever is asked for or newer.
    """
    app = application(automated=True, operation={"sync": {}})

    assert current is decided(app, current, revision=NEWER)


def test_a_window_that_closes_holds_a_running_operation():
    """
    A running operation stands still outside its windows, except to be terminated.
    """
    ending = operation(OperationPhase.TERMINATING)

    assert NotNow("closed", 60.0) == decided(current=operation(), running_window=CLOSED)
    assert ending is decided(current=ending, running_window=CLOSED)


WAITING = operation(retries=1, finished_at=stamp(), retry=Retry(limit=3), message="no. Retrying.")


def test_a_retry_waits_its_time():
    """
    Between attempts an operation says when it goes on.
    """
    assert NotNow("no. Retrying.", 2.0) == decided(current=WAITING, seconds=3)


@pytest.mark.parametrize(
    ("refresh", "revision"),
    [pytest.param(False, REVISION, id="pinned"), pytest.param(True, NEWER, id="refreshed")],
)
def test_a_retry_begins_anew(refresh, revision):
    """
    A retry has no outcomes and an id of its own; its revision is pinned unless retry.refresh is set.
    """
    outcomes = {ActionKey(Phase.SYNC, Verb.APPLY, difference("web").key): Outcome(Result.FAILED)}
    current = replace(WAITING, retry=Retry(limit=3, refresh=refresh), outcomes=outcomes)

    again = decided(application(), current, revision=NEWER, seconds=5)

    assert (revision, {}, "", False) == (again.revision, again.outcomes, again.finished_at, again.recorded)
    assert again.id == "u-1-1-1772452800"


@pytest.mark.parametrize(
    ("automated", "selected", "picked"),
    [
        pytest.param(True, ("web",), ("web", "base"), id="healing"),
        pytest.param(False, ("web",), ("web",), id="picked by a person"),
        pytest.param(True, (), (), id="everything"),
    ],
)
def test_a_retry_heals_what_has_come_to_differ(automated, selected, picked):
    """
    A retry of a healing takes up what differs by then, as nothing else would; what a person picked stays so.
    """
    chosen = tuple(SelectedResource(*difference(name).key) for name in selected)
    current = replace(WAITING, automated=automated, selected=chosen)
    found = comparison(difference("base"), difference("web"), difference("old", Change.PRUNE))

    again = decided(HEAL, current, found, seconds=5)

    assert tuple(SelectedResource(*difference(name).key) for name in picked) == again.selected


def test_a_retry_waits_for_its_window():
    """
    A retry that is due does not begin outside the windows.
    """
    assert NotNow("closed", 60.0) == decided(current=WAITING, seconds=9, running_window=CLOSED)


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(AUTO, id="revision"),
        pytest.param(replace(AUTO, source=Source("https://git.example/other.git")), id="source"),
    ],
)
def test_a_fix_supersedes_a_retry(app):
    """
    An automated operation that waits for its retry gives way to a newer revision or source at once.
    """
    revision = NEWER if app is AUTO else REVISION
    current = replace(WAITING, automated=True, source=AUTO.source.declared)

    move = decided(app, current, revision=revision, seconds=1)

    assert (revision, 0) == (move.revision, move.retries)


@pytest.mark.parametrize(
    ("app", "current", "waiting", "expected"),
    [
        pytest.param(AUTO, operation(automated=True), True, True, id="waits"),
        pytest.param(AUTO, operation(automated=True), False, False, id="works"),
        pytest.param(AUTO, operation(), True, False, id="asked for by a person"),
        pytest.param(application(), operation(automated=True), True, False, id="automation turned off"),
        pytest.param(AUTO, operation(automated=True, revision=NEWER), True, False, id="newest already"),
    ],
)
def test_superseding(app, current, waiting, expected):
    """
    A newer revision replaces an automated operation that only waits, and no other.
    """
    assert expected is supersedes(current, app, NEWER, waiting=waiting)


# Retries.


@pytest.mark.parametrize(
    ("retry", "attempt", "seconds"),
    [
        pytest.param(Retry(), 1, 5, id="first"),
        pytest.param(Retry(), 2, 10, id="second"),
        pytest.param(Retry(), 6, 160, id="sixth"),
        pytest.param(Retry(), 7, 180, id="never more than three minutes"),
        pytest.param(Retry(), 10**9, 180, id="however often"),
        pytest.param(Retry(factor=10**9), 70, 180, id="however steep"),
        pytest.param(Retry(factor=1), 50, 5, id="even"),
        pytest.param(Retry(duration=timedelta(0)), 9, 0, id="no wait"),
        pytest.param(Retry(duration=timedelta(minutes=9)), 1, 180, id="longer than the most"),
    ],
)
def test_delay_of_retries(retry, attempt, seconds):
    """
    The delay is the duration times the factor for each attempt before, up to the most.
    """
    assert timedelta(seconds=seconds) == retry_delay(retry, attempt)


@pytest.mark.parametrize(
    ("current", "phase", "retries", "message"),
    [
        pytest.param(operation(), FAILED, 0, "no", id="no retries"),
        pytest.param(
            operation(retry=Retry(limit=1)),
            OperationPhase.RUNNING,
            1,
            "no. Retrying attempt #1 in 5 s.",
            id="first retry",
        ),
        pytest.param(operation(retry=Retry(limit=1), retries=1), FAILED, 1, "no", id="none left"),
        pytest.param(
            operation(retry=Retry(limit=-1), retries=99),
            OperationPhase.RUNNING,
            100,
            "no. Retrying attempt #100 in 180 s.",
            id="for ever",
        ),
        pytest.param(
            operation(OperationPhase.TERMINATING, retry=Retry(limit=-1)), FAILED, 0, "no", id="terminated"
        ),
    ],
)
def test_after_a_failure(current, phase, retries, message):
    """
    A failed attempt is to be retried while attempts are left, and told when.
    """
    after = after_failure(current, "no", stamp(7))

    assert (phase, retries, message, stamp(7)) == (
        after.phase,
        after.retries,
        after.message,
        after.finished_at,
    )


def test_when_a_retry_begins():
    """
    Only a running operation that ended an attempt has a time of its retry.
    """
    assert at(5) == retry_begins(WAITING)
    assert retry_begins(operation()) is None
    assert retry_begins(ended(FAILED)) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param({}, None, id="empty"),
        pytest.param({"limit": 2}, Retry(limit=2), id="limit"),
        pytest.param({"limit": -1, "refresh": True}, Retry(limit=-1, refresh=True), id="for ever, newest"),
        pytest.param(
            {"limit": 1, "backoff": {"duration": "1m30s", "factor": 3, "maxDuration": "1h"}},
            Retry(1, False, timedelta(seconds=90), 3, timedelta(hours=1)),
            id="backoff",
        ),
    ],
)
def test_decoding_a_retry_policy(value, expected):
    """
    A retry policy has Argo CD's defaults: 5 s, doubled each time, up to 3 minutes.
    """
    assert expected == decode_retry(value)


# Asked for.


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, {"revision": REVISION, "prune": False, "automated": False}, id="nothing said"),
        pytest.param({"sync": {"revision": NEWER}}, {"revision": NEWER}, id="a revision"),
        pytest.param(
            {"sync": {"prune": True, "dryRun": True}}, {"prune": True, "dry_run": True}, id="prune, dry run"
        ),
        pytest.param({"sync": {"syncStrategy": {"apply": {}}}}, {"skip_hooks": True}, id="apply"),
        pytest.param(
            {"sync": {"syncStrategy": {"hook": {"force": True}}}},
            {"skip_hooks": False, "force": True, "options": SyncOptions(force=True)},
            id="hook with force",
        ),
        pytest.param(
            {"sync": {"syncOptions": ["Replace=true"]}}, {"options": SyncOptions(replace=True)}, id="options"
        ),
        pytest.param(
            {"sync": {"resources": [{"kind": "ConfigMap", "name": "web"}]}},
            {"selected": (SelectedResource("", "ConfigMap", "", "web"),)},
            id="resources",
        ),
        pytest.param(
            {"initiatedBy": {"username": "ada"}}, {"username": "ada", "automated": False}, id="by whom"
        ),
        pytest.param({"initiatedBy": {"automated": True}}, {"automated": True}, id="by a program"),
        pytest.param({"retry": {"limit": 3}}, {"retry": Retry(limit=3)}, id="retry"),
    ],
)
def test_a_requested_operation(request_, expected):
    """
    An operation that is asked for has what the request says, and else the application's own.
    """
    begun = decided(application(operation=request_), seconds=1)

    assert expected == {name: getattr(begun, name) for name in expected}
    assert not begun.recorded


def test_a_request_is_held_by_windows():
    """
    A request outside the windows waits for them.
    """
    move = decided(application(operation={"sync": {}}), manual_window=CLOSED)

    assert NotNow("closed", 60.0) == move


def test_a_request_needs_no_automation():
    """
    A request is obeyed although nothing differs and automation is off.
    """
    assert not isinstance(decided(application(operation={"sync": {}}), found=comparison()), NotNow)


# Times.


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-03-02T12:00:00Z", id="utc"),
        pytest.param("2026-03-02T13:00:00+01:00", id="offset"),
        pytest.param("2026-03-02T12:00:00.000000Z", id="fraction"),
    ],
)
def test_times(text):
    """
    Times are read in every form of RFC 3339 and written in the one of Kubernetes.
    """
    assert at() == parse_time(text)
    assert format_time(parse_time(text)) == "2026-03-02T12:00:00Z"


def test_ids_are_made_of_what_is_kept():
    """
    The id of an operation follows from application, start and attempt, in every process.
    """
    assert operation_id(application(), stamp(), 2) == "u-1-2-1772452800"


def test_two_operations_never_begin_in_the_same_second():
    """
    The time names an operation and its hooks, so the next one begins at least a second later.
    """
    first = decided(revision=REVISION)
    over = replace(first, phase=OperationPhase.SUCCEEDED, finished_at=first.started_at, recorded=True)

    second = decided(current=over, revision=NEWER)

    assert second.started_at > first.started_at
    assert second.id != first.id


def test_a_new_operation_in_the_place_of_a_retry_begins_in_another_second():
    """
    A commit that comes within the second in which an operation began and failed gets an operation of another name.
    """
    first = decided(revision=REVISION)
    failed = after_failure(replace(first, recorded=True), "the hook failed", first.started_at)
    assert failed.phase is OperationPhase.RUNNING

    second = decided(current=failed, revision=NEWER)

    assert second.revision == NEWER
    assert second.id != first.id


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param("2026-03-02T12:00:00Z", True, id="at that moment"),
        pytest.param("2026-03-02T12:00:01Z", True, id="later"),
        pytest.param("2026-03-02T11:59:59Z", False, id="earlier"),
        pytest.param("2026-03-02T13:30:00+02:00", False, id="earlier, where the clock is ahead"),
        pytest.param("2026-03-02T08:00:00-05:00", True, id="later, where the clock is behind"),
        pytest.param("2026-03-02T12:00:00.5Z", True, id="with a fraction"),
        pytest.param("2026-03-02T12:00:01", False, id="without a zone"),
        pytest.param("2026-03-03", False, id="a day"),
        pytest.param("true", False, id="no time"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_approval_is_a_time(told, expected):
    """
    Deletions are approved by a time at or after they were asked for, and by nothing that merely looks larger.
    """
    app = application(annotations={DELETION_APPROVED_ANNOTATION: told})

    assert expected is is_approved(app, "2026-03-02T12:00:00Z")


def test_nothing_is_approved_when_it_is_not_known_since_when():
    """
    Without a time to compare with nothing counts as approved.
    """
    app = application(annotations={DELETION_APPROVED_ANNOTATION: "2026-03-02T12:00:00Z"})

    assert not is_approved(app, "")


def test_what_is_kept_is_not_healed_for_ever():
    """
    A left-over resource that is kept is told once, at the first sync of a revision, and is no drift after that.
    """
    app = application(automated=True, prune=True, heal=True)
    kept = difference("old", Change.PRUNE, live=resource("old", options="Prune=false").body)
    found = comparison(kept, difference("web", Change.NONE))

    first = decided(app, found=found)
    again = decided(app, ended(), found=found, seconds=60)

    assert isinstance(first, Operation)
    assert NotNow("what differs is left over and kept (Prune=false)") == again


def test_parameters_of_another_type_are_another_source():
    """
    At the same revision a parameter that was 1 and is true asks for a sync of its own.
    """
    source = replace(application().source, options={"helm": {"valuesObject": {"on": True}}})
    last = replace(ended(), source={**source.declared, "helm": {"valuesObject": {"on": 1}}})
    app = application(automated=True, source=source)

    assert isinstance(decided(app, last), Operation)
