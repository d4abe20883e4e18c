"""The plan's promises: what is touched, in which order, and why not."""

from __future__ import annotations

import pytest
from deciding import application, job, key, operation, resource, target
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.order import kind_rank
from moorage.engine.plan import defined_kind, make_plan, plan_deletion_hooks
from moorage.model.application import SyncOptions
from moorage.model.identity import GroupKind
from moorage.model.manifest import Manifest
from moorage.model.operation import Phase, SelectedResource, Verb
from moorage.model.words import OPERATION_ANNOTATION

WIDGETS = resource(
    "widgets.example.org",
    "CustomResourceDefinition",
    "apiextensions.k8s.io/v1",
    "",
    spec={"group": "example.org", "names": {"kind": "Widget"}},
)


def printed(plan):
    """Return a plan as lines: phase, wave, verb and name of each action."""
    return [
        f"{s.phase} {s.wave} {a.verb} {a.resource.kind}/{a.resource.name}"
        for s in (*plan.steps, *plan.on_failure)
        for a in s.actions
    ]


def plan_of(*manifests, hooks=(), tracked=(), approved=False, elsewhere=None, **asked):
    return make_plan(
        target(*manifests, hooks=hooks),
        {m.key: m.body for m in tracked},
        operation(**asked),
        approved=approved,
        elsewhere=elsewhere,
    )


def widget(name="w", **rest):
    return resource(name, "Widget", "example.org/v1", **rest)


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [resource("b", wave=1), resource("a", wave=-1), resource("c")],
            ["Sync -1 apply ConfigMap/a", "Sync 0 apply ConfigMap/c", "Sync 1 apply ConfigMap/b"],
            id="by wave",
        ),
        pytest.param(
            [
                resource("z", "Deployment", "apps/v1"),
                resource("y", "Secret"),
                resource("x", "Unheard", "example.org/v1"),
                resource("a", "Namespace", "v1", ""),
            ],
            [
                "Sync 0 apply Namespace/a",
                "Sync 0 apply Secret/y",
                "Sync 0 apply Deployment/z",
                "Sync 0 apply Unheard/x",
            ],
            id="by kind",
        ),
        pytest.param(
            [resource("b"), resource("a")],
            ["Sync 0 apply ConfigMap/a", "Sync 0 apply ConfigMap/b"],
            id="by name",
        ),
        pytest.param(
            [resource("a", wave=-2), resource("web", "Namespace", "v1", "", wave=5)],
            ["Sync -2 apply Namespace/web", "Sync -2 apply ConfigMap/a"],
            id="a namespace comes before what is in it",
        ),
        pytest.param(
            [resource("a", wave=3), resource("web", "Namespace", "v1", "", wave=1)],
            ["Sync 1 apply Namespace/web", "Sync 3 apply ConfigMap/a"],
            id="an early namespace stays early",
        ),
        pytest.param(
            [
                widget(wave=-1),
                Manifest.of(
                    {
                        **WIDGETS.body,
                        "metadata": {
                            **WIDGETS.body["metadata"],
                            "annotations": {"argocd.argoproj.io/sync-wave": "2"},
                        },
                    }
                ),
            ],
            ["Sync -1 apply CustomResourceDefinition/widgets.example.org", "Sync -1 apply Widget/w"],
            id="a definition comes before its objects",
        ),
    ],
)
def test_order_of_resources(manifests, expected):
    """
    Resources are applied by wave, kind and name, but never before the namespace or kind they need.
    """
    assert expected == printed(plan_of(*manifests))


def test_phases():
    """
    Hooks stand where their phase belongs; those for deletions and failures are not among the steps.
    """
    plan = plan_of(
        resource("web"),
        hooks=[
            job("a", "PostSync"),
            job("b", "PreSync"),
            job("c", "Sync"),
            job("d", "SyncFail"),
            job("e", "PreDelete"),
            job("f", "Skip"),
        ],
    )

    assert printed(plan) == [
        "PreSync 0 clear Job/b",
        "PreSync 0 hook Job/b",
        "Sync 0 apply ConfigMap/web",
        "Sync 0 clear Job/c",
        "Sync 0 hook Job/c",
        "PostSync 0 clear Job/a",
        "PostSync 0 hook Job/a",
        "SyncFail 0 clear Job/d",
        "SyncFail 0 hook Job/d",
    ]
    assert {Phase.SYNC_FAIL} == {s.phase for s in plan.on_failure}


def test_a_hook_may_run_at_several_phases():
    """
    A hook with several phases is an action in each of them.
    """
    assert printed(plan_of(hooks=[job("a", "PreSync,PostSync", policy="HookFailed")])) == [
        "PreSync 0 hook Job/a",
        "PostSync 0 hook Job/a",
    ]


@pytest.mark.parametrize(
    ("policy", "policies", "clears"),
    [
        pytest.param("", {"BeforeHookCreation"}, True, id="nothing said"),
        pytest.param("HookSucceeded", {"HookSucceeded"}, False, id="after success"),
        pytest.param("HookFailed, BeforeHookCreation", {"HookFailed", "BeforeHookCreation"}, True, id="two"),
        pytest.param("Sometimes", {"BeforeHookCreation"}, True, id="not a policy"),
    ],
)
def test_delete_policies(policy, policies, clears):
    """
    A hook keeps its delete policies; before its creation the old one is deleted only if they say so.
    """
    (step,) = plan_of(hooks=[job("a", policy=policy)]).steps

    assert {frozenset(policies)} == {a.delete_policies for a in step.actions}
    assert clears == (Verb.CLEAR in [a.verb for a in step.actions])


def nameless(phase="PreSync", **spec):
    hook = job("x", phase)
    metadata = {**hook.body["metadata"], "generateName": "migrate-"}
    del metadata["name"]
    return Manifest.of({**hook.body, "metadata": metadata, "spec": spec})


def names(plan):
    return [a.resource.name for s in plan.steps for a in s.actions]


def test_a_generated_name_is_made_of_the_operation():
    """
    A hook with generateName gets its name from revision, phase and start: the same in every process.
    """
    assert names(plan_of(hooks=[nameless()])) == ["migrate-aaaaaaa-presync-1772452800"]


def test_a_retry_makes_other_names():
    """
    The hooks of a retry do not meet those of the attempt before.
    """
    assert names(plan_of(hooks=[nameless()], id="u-1-2-1772452800", retries=2)) == [
        "migrate-aaaaaaa-presync-1772452800-r2"
    ]


def test_hooks_of_one_prefix_get_different_names():
    """
    Two hooks that would be given one name are told apart, whatever order they came in.
    """
    one, two = nameless(a=1), nameless(a=2)

    first, second = plan_of(hooks=[one, two]), plan_of(hooks=[two, one])

    assert first == second
    assert len(set(names(first))) == 2


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.PRE_DELETE, ["PreDelete 0 clear Job/first", "PreDelete 0 hook Job/first"]),
        (
            Phase.POST_DELETE,
            [
                "PostDelete -1 clear Job/second",
                "PostDelete -1 hook Job/second",
                "PostDelete 3 clear Job/third",
                "PostDelete 3 hook Job/third",
            ],
        ),
    ],
)
def test_hooks_of_a_deletion_stand_in_a_plan_of_their_own(phase, expected):
    """
    A deletion runs the hooks of one of its phases in the order of their waves; a sync runs none of them.
    """
    hooks = (
        job("third", "PostDelete", wave=3),
        job("second", "PostDelete", wave=-1),
        job("first", "PreDelete"),
        job("never", "PostSync"),
    )

    plan = plan_deletion_hooks(target(resource("a"), hooks=hooks), operation(), phase)

    assert printed(plan) == expected
    assert printed(plan_of(resource("a"), hooks=hooks[:3])) == ["Sync 0 apply ConfigMap/a"]


def test_hooks_carry_the_operation():
    """
    Each hook is marked with the operation that makes it, so that none runs twice in one.
    """
    (step,) = plan_of(hooks=[job("a", policy="HookFailed")]).steps

    assert step.actions[0].manifest.annotations[OPERATION_ANNOTATION] == "u-1-0-1772452800"


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"skip_hooks": True}, id="apply only"),
        pytest.param({"selected": (SelectedResource("", "ConfigMap", "", "web"),)}, id="some resources"),
    ],
)
def test_hooks_are_left_out(asked):
    """
    An operation of the apply strategy, or of some resources only, runs no hooks.
    """
    assert printed(plan_of(resource("web"), hooks=[job("a")], **asked)) == ["Sync 0 apply ConfigMap/web"]


def test_only_what_was_picked():
    """
    A partial sync touches the picked resources alone, also when it prunes.
    """
    plan = plan_of(
        resource("a"),
        resource("b"),
        tracked=[resource("old"), resource("older")],
        prune=True,
        selected=(
            SelectedResource("", "ConfigMap", "", "b"),
            SelectedResource("", "ConfigMap", "web", "old"),
        ),
    )

    assert printed(plan) == ["Sync 0 apply ConfigMap/b", "Sync 0 prune ConfigMap/old"]


# Pruning.


def test_pruning_runs_backwards():
    """
    What left Git is deleted after everything is applied, in reverse order of waves and kinds.
    """
    plan = plan_of(
        resource("web"),
        hooks=[job("smoke", "PostSync", policy="HookFailed")],
        tracked=[
            resource("first", wave=-1),
            resource("last", wave=5),
            resource("web", "Deployment", "apps/v1", wave=5),
            resource("web", "Namespace", "v1", ""),
        ],
        prune=True,
    )

    assert printed(plan) == [
        "Sync 0 apply ConfigMap/web",
        "Sync 5 prune Deployment/web",
        "Sync 5 prune ConfigMap/last",
        "Sync 0 prune Namespace/web",
        "Sync -1 prune ConfigMap/first",
        "PostSync 0 hook Job/smoke",
    ]


@pytest.mark.parametrize(
    ("options", "asked", "approved", "reason", "waits"),
    [
        pytest.param("", {"prune": True}, False, "", False, id="pruned"),
        pytest.param("", {}, False, "ignored (requires pruning)", False, id="not asked to prune"),
        pytest.param("Prune=false", {"prune": True}, False, "ignored (no prune)", False, id="kept"),
        pytest.param("Prune=confirm", {"prune": True}, False, "", True, id="to confirm"),
        pytest.param("Prune=confirm", {"prune": True}, True, "", False, id="confirmed"),
        pytest.param(
            "Prune=confirm", {}, True, "ignored (requires pruning)", False, id="confirmed, not asked"
        ),
        pytest.param("Prune=confirm", {"prune": True, "dry_run": True}, False, "", False, id="to try"),
        pytest.param(
            "",
            {"prune": True, "options": SyncOptions(prune="false")},
            False,
            "ignored (no prune)",
            False,
            id="kept by the application",
        ),
        pytest.param(
            "Prune=true",
            {"prune": True, "options": SyncOptions(prune="false")},
            False,
            "",
            False,
            id="the resource says otherwise",
        ),
    ],
)
def test_what_may_be_pruned(options, asked, approved, reason, waits):
    """
    A tracked resource that left Git is deleted only when the operation prunes and nobody keeps it.
    """
    (step,) = plan_of(tracked=[resource("old", options=options)], approved=approved, **asked).steps

    assert [(Verb.PRUNE, reason, waits)] == [(a.verb, a.skip_reason, a.awaits_approval) for a in step.actions]


@pytest.mark.parametrize(
    ("options", "asked", "reason"),
    [
        pytest.param("", {"prune": True}, "ignored (declared by application web)", id="left to the other"),
        pytest.param("Prune=false", {"prune": True}, "ignored (no prune)", id="kept anyway"),
        pytest.param(
            "Prune=confirm", {"prune": True}, "ignored (declared by application web)", id="nobody is asked"
        ),
    ],
)
def test_what_another_application_declares_is_never_pruned(options, asked, reason):
    """
    A tracked resource that another application declares is left to that one, and the plan says so.
    """
    old = [resource("moved", options=options), resource("old")]

    (step,) = plan_of(tracked=old, elsewhere={key("moved"): "web"}, **{"prune": True, **asked}).steps

    reasons = {a.resource.name: (a.skip_reason, a.awaits_approval) for a in step.actions}
    assert {"moved": (reason, False), "old": ("", False)} == reasons


def test_helm_keeps_what_it_is_told_to_keep():
    """
    A resource with the annotation ``helm.sh/resource-policy: keep`` is not pruned.
    """
    kept = resource("data", annotations={"helm.sh/resource-policy": "keep"})

    (step,) = plan_of(tracked=[kept], prune=True).steps

    assert step.actions[0].skip_reason == "ignored (no prune)"


@pytest.mark.parametrize(
    "tracked",
    [
        pytest.param(resource("web"), id="still targeted"),
        pytest.param(job("a"), id="still a hook"),
        pytest.param(job("old"), id="a hook of old"),
    ],
)
def test_never_pruned(tracked):
    """
    What is targeted, and hooks of whatever age, are never pruned.
    """
    plan = plan_of(resource("web"), hooks=[job("a")], tracked=[tracked], prune=True)

    assert Verb.PRUNE not in {a.verb for s in plan.steps for a in s.actions}


# Options.


def test_a_resource_has_the_last_word():
    """
    Options of a resource win over those of its application, where it says something.
    """
    (step,) = plan_of(
        resource("a", options="Replace=false,Validate=false"),
        resource("b"),
        options=SyncOptions(replace=True, force=True),
    ).steps

    assert [
        SyncOptions(replace=False, force=True, validate=False),
        SyncOptions(replace=True, force=True),
    ] == [a.options for a in step.actions]


def test_the_kind_a_definition_defines():
    """
    A definition's kind is read from its specification; a broken one defines none.
    """
    assert GroupKind("example.org", "Widget") == defined_kind(WIDGETS.body)
    assert GroupKind("", "") == defined_kind({"kind": "CustomResourceDefinition"})


# Properties.

_KINDS = st.sampled_from(
    [("ConfigMap", "v1"), ("Secret", "v1"), ("Deployment", "apps/v1"), ("Job", "batch/v1"), ("W", "e.org/v1")]
)
_WAVES = st.sampled_from([None, -3, -1, 0, 1, 7])
_NAMES = st.sampled_from(list("abcdef"))
_HOOK = st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync"])


@st.composite
def _resources(draw, size=12):
    found = {}
    for _ in range(draw(st.integers(0, size))):
        kind, api = draw(_KINDS)
        made = resource(draw(_NAMES), kind, api, wave=draw(_WAVES))
        found[made.key] = made
    return list(found.values())


@st.composite
def _inputs(draw):
    manifests = draw(_resources())
    taken = {m.key for m in manifests}
    hooks = {}
    for name in draw(st.lists(_NAMES, max_size=4)):
        made = job(f"hook-{name}", draw(_HOOK), wave=draw(_WAVES))
        hooks[made.key] = made
    old = [m for m in draw(_resources(6)) if m.key not in taken]
    return manifests, list(hooks.values()), old


@given(_inputs(), st.randoms(use_true_random=False))
def test_plans_are_permutation_proof(inputs, chance):
    """
    The order in which manifests, hooks and tracked resources come in never matters.
    """
    manifests, hooks, old = inputs
    expected = plan_of(*manifests, hooks=hooks, tracked=old, prune=True)
    for things in (manifests, hooks, old):
        chance.shuffle(things)

    assert expected == plan_of(*manifests, hooks=hooks, tracked=old, prune=True)


@given(_inputs())
def test_every_action_exactly_once(inputs):
    """
    Each resource is applied once, each hook run once a phase, each old resource pruned once.
    """
    manifests, hooks, old = inputs
    plan = plan_of(*manifests, hooks=hooks, tracked=old, prune=True)
    keys = [a.key for s in (*plan.steps, *plan.on_failure) for a in s.actions]
    by_verb = {verb: sorted(k.resource for k in keys if k.verb is verb) for verb in Verb}

    assert len(keys) == len(set(keys))
    assert sorted(m.key for m in manifests) == by_verb[Verb.APPLY]
    assert sorted(m.key for m in old) == by_verb[Verb.PRUNE]
    assert (
        sorted(h.key for h in hooks for _ in h.annotations["argocd.argoproj.io/hook"].split(","))
        == by_verb[Verb.HOOK]
    )


@given(_inputs())
def test_phases_and_waves_never_decrease(inputs):
    """
    Phases come in their order, waves within a phase never decrease, and kinds within a step neither.
    """
    manifests, hooks, old = inputs
    plan = plan_of(*manifests, hooks=hooks, tracked=old, prune=True)
    forwards = [s for s in plan.steps if s.actions[0].verb is not Verb.PRUNE]
    backwards = [s for s in plan.steps if s.actions[0].verb is Verb.PRUNE]

    assert [(s.phase.rank, s.wave) for s in forwards] == sorted((s.phase.rank, s.wave) for s in forwards)
    assert [s.wave for s in backwards] == sorted((s.wave for s in backwards), reverse=True)
    assert [s.phase.rank for s in plan.steps] == sorted(s.phase.rank for s in plan.steps)
    for step in forwards:
        ranks = [kind_rank(a.resource.group, a.resource.kind) for a in step.actions]
        assert ranks == sorted(ranks)


def test_the_plan_ignores_the_application():
    """
    Only the operation's own options count, not what the application says by now.
    """
    assert application().options == SyncOptions()
    assert plan_of(resource("web"), options=SyncOptions(replace=True)).steps[0].actions[0].options.replace


def test_keys_of_actions_name_the_phase():
    """
    An action is named by phase, verb and resource, which is how its outcome is found again.
    """
    (step,) = plan_of(resource("web")).steps

    assert (Phase.SYNC, Verb.APPLY, key("web")) == step.actions[0].key
