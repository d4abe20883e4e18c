"""The invariants of security that floor 2 keeps, one named test each."""

from __future__ import annotations

from datetime import datetime

import pytest
from deciding import (
    REVISION,
    application,
    at,
    body,
    comparison,
    difference,
    job,
    key,
    live_state,
    marked,
    operation,
    resource,
    rules,
    target,
)

from moorage.engine.compare import compare
from moorage.engine.cron import parse_schedule
from moorage.engine.health import app_health
from moorage.engine.masking import mask_secrets
from moorage.engine.permits import destination_fault, resource_fault, source_fault
from moorage.engine.plan import make_plan
from moorage.engine.policy import decide, retry_delay
from moorage.engine.target import Placement, make_target
from moorage.engine.track import Tracking, owner
from moorage.model.application import Destination, Retry
from moorage.model.errors import DuplicateResource
from moorage.model.identity import AppKey
from moorage.model.manifest import Manifest
from moorage.model.operation import NotNow, Verb
from moorage.model.project import DestinationRule, KindRule, Project
from moorage.model.states import Change, SyncStatus
from moorage.model.words import INSTALLATION_ID_ANNOTATION, INSTANCE_LABEL, TRACKING_ID_ANNOTATION

CANARY = "Y2FuYXJ5LXZhbHVl"
OTHER = "b3RoZXItdmFsdWU="


def secret(name="s", **fields):
    return resource(name, "Secret", **fields)


def compared(wanted, live):
    return compare(target(wanted), live_state(live), rules())


# Masking.


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param(secret(data={"a": CANARY}), body("s", "Secret", data={"a": OTHER}), id="changed"),
        pytest.param(secret(data={"a": CANARY}), body("s", "Secret"), id="added"),
        pytest.param(
            secret(stringData={"a": "canary-value"}), body("s", "Secret", data={"a": OTHER}), id="plain"
        ),
        pytest.param(
            secret(annotations={"copy": f'{{"data":{{"a":"{CANARY}"}}}}'}),
            body("s", "Secret"),
            id="in an annotation",
        ),
        pytest.param(secret(data=CANARY), body("s", "Secret", data={}), id="malformed"),
    ],
)
def test_s14_a_difference_of_a_secret_shows_no_value(wanted, live):
    """
    S14: the fields in which a Secret differs are named, and no value of either side is among them.
    """
    (found,) = compared(wanted, live).differences

    assert found.change is Change.UPDATE
    assert found.fields
    for canary in (CANARY, OTHER, "canary-value"):
        assert canary not in " ".join(found.fields)


def test_s14_changes_of_secrets_stay_visible():
    """
    S14: masking does not hide *that* and *where* a Secret differs.
    """
    (found,) = compared(
        secret(data={"a": CANARY, "b": "eA=="}), body("s", "Secret", data={"a": OTHER, "b": "eA=="})
    ).differences

    assert found.fields == ('.data.a: "++++++++" → "+++++++++"',)


def test_s14_messages_of_an_application_show_no_value():
    """
    S14: the health of an application names its resources and tells nothing of what they hold.
    """
    live = body("s", "Secret", data={"a": CANARY})

    assert CANARY not in str(app_health([difference("s", Change.PRUNE, key=key("s", "Secret"), live=live)]))


def test_s15_masks_follow_what_the_server_stores():
    """
    S15: plain and encoded writing of one value have one mask, so a diff neither hides a change nor invents one.
    """
    one, other = mask_secrets(
        (body("s", "Secret", stringData={"a": "x"}), body("s", "Secret", data={"a": "eA=="}))
    )

    assert one["stringData"] == other["data"]


def test_s6_errors_name_places_and_no_content():
    """
    S6: an error about two manifests says where they stand, and nothing that stands in them.
    """
    placement = Placement(AppKey("argocd", "shop"), "shop", "web", Tracking.ANNOTATION, INSTANCE_LABEL)
    twice = [secret(data={"a": CANARY}), secret(data={"a": OTHER})]

    with pytest.raises(DuplicateResource) as caught:
        make_target(twice, placement, lambda kind: True, revision=REVISION, source_type="Directory")

    assert str(caught.value) == "Secret/web/s: declared twice, in s.yaml and s.yaml; remove one of them"


# Malformed objects.


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"name": "bad", "namespace": "web", "annotations": ["x"]}, id="annotations"),
        pytest.param({"name": "bad", "namespace": "web", "labels": "x"}, id="labels"),
        pytest.param({"name": "bad", "namespace": "web", "managedFields": "x"}, id="managed fields"),
        pytest.param({"name": "bad", "namespace": "web", "ownerReferences": "x"}, id="owners"),
    ],
)
def test_s12_a_malformed_object_stops_only_itself(metadata):
    """
    S12: next to an object whose metadata makes no sense the others are compared as ever.
    """
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "status": {"conditions": 3}}
    wanted = target(Manifest.of(body("bad")), Manifest.of(marked(resource("good"))))

    result = compare(wanted, live_state(bad, marked(resource("good"))), rules())

    assert result.by_key[key("good")].change is Change.NONE


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({"argocd.argoproj.io/sync-wave": "1" * 5000}, id="wave"),
        pytest.param({"argocd.argoproj.io/hook": "," * 5000}, id="hook"),
        pytest.param({"argocd.argoproj.io/sync-options": "=" * 5000}, id="options"),
    ],
)
def test_s12_a_malformed_annotation_stops_no_plan(annotations):
    """
    S12: an annotation that makes no sense does not keep other resources from being planned.
    """
    plan = make_plan(target(resource("bad", annotations=annotations), resource("good")), {}, operation())

    assert key("good") in {a.resource for s in plan.steps for a in s.actions}


# Limits.


def test_s9_schedules_end():
    """
    S9: a schedule that never fires is looked for a bounded time.
    """
    assert parse_schedule("0 0 30 2 *").next(datetime(2026, 1, 1)) is None


def test_s9_delays_are_bounded():
    """
    S9: no retry policy a user writes makes the delay, or finding it, unbounded.
    """
    assert retry_delay(Retry(limit=-1, factor=10**12), 10**9).total_seconds() == 180


# Tracking.


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("shop:/ConfigMap:web/original", id="copied from another name"),
        pytest.param("shop:/ConfigMap:db/copy", id="copied from another namespace"),
        pytest.param("shop:/Secret:web/copy", id="copied from another kind"),
        pytest.param("shop:apps/ConfigMap:web/copy", id="copied from another group"),
        pytest.param(":/ConfigMap:web/copy", id="of nobody"),
        pytest.param("shop", id="only a name"),
        pytest.param("shop:", id="cut off"),
        pytest.param("", id="empty"),
        pytest.param("shop:/ConfigMap:web/copy/x", id="more than an id"),
        pytest.param(3, id="no text"),
    ],
)
def test_s34_a_copied_mark_owns_nothing(mark):
    """
    S34: a mark that does not name the very object it is on makes it nobody's, so nobody prunes it.
    """
    live = body("copy", annotations={TRACKING_ID_ANNOTATION: mark})

    assert owner(live, Tracking.ANNOTATION, INSTANCE_LABEL) is None


@pytest.mark.parametrize("method", list(Tracking))
def test_s34_what_a_controller_made_is_not_pruned(method):
    """
    S34: an object with an owner is its owner's, whatever marks it inherited from a template.
    """
    pod = body("web-x1", "Pod", labels={INSTANCE_LABEL: "shop"})
    pod["metadata"]["annotations"] = {TRACKING_ID_ANNOTATION: "shop:/Pod:web/web-x1"}
    pod["metadata"]["ownerReferences"] = [{"uid": "1", "kind": "ReplicaSet", "name": "web"}]

    assert owner(pod, method, INSTANCE_LABEL) is None


def test_s34_another_installation_is_not_ours():
    """
    S34: where two installations share a cluster, neither takes what the other tracks for its own.
    """
    annotations = {TRACKING_ID_ANNOTATION: "shop:/ConfigMap:web/a", INSTALLATION_ID_ANNOTATION: "theirs"}
    live = body("a", annotations=annotations)

    assert owner(live, Tracking.ANNOTATION, INSTANCE_LABEL, "ours") is None
    assert owner(live, Tracking.ANNOTATION, INSTANCE_LABEL, "theirs") == "shop"


def test_s38_names_and_namespaces_cannot_be_confused():
    """
    S38: applications of one name in two namespaces have different instance names.
    """
    names = {AppKey(namespace, "shop").instance("argocd") for namespace in ("argocd", "a", "b")}

    assert len(names) == 3


# Pruning.


def test_an_unknown_live_state_never_looks_empty():
    """
    Where a watch is not complete nothing is said to be absent, nothing is pruned, and nothing begins.
    """
    gone = live_state(marked(resource("old")), gaps=[key("x", "Widget", "example.org").group_kind])

    result = compare(target(resource("web")), gone, rules())
    decision = decide(application(automated=True, prune=True), None, result, REVISION, at())

    assert result.status is SyncStatus.UNKNOWN
    assert isinstance(decision, NotNow)


def test_an_empty_target_does_not_wipe_out():
    """
    A revision that renders nothing does not delete an application's resources unless allowEmpty is set.
    """
    result = compare(target(), live_state(marked(resource("a")), marked(resource("b"))), rules())

    decision = decide(application(automated=True, prune=True), None, result, REVISION, at())

    assert isinstance(decision, NotNow)
    assert "wipe out" in decision.warning


def test_nothing_of_others_is_pruned():
    """
    Only what is tracked is pruned, whatever else lives in the namespace.
    """
    live = live_state(marked(resource("ours")), marked(resource("theirs"), "other"), body("nobodys"))
    old = {k: live.objects[k] for k in live.tracked}

    plan = make_plan(target(), old, operation(prune=True))

    assert [a.resource for s in plan.steps for a in s.actions if a.verb is Verb.PRUNE] == [key("ours")]


def test_definitions_are_never_pruned():
    """
    A definition of a kind carries no mark, so no application deletes it and all its objects.
    """
    crd = resource("widgets", "CustomResourceDefinition", "apiextensions.k8s.io/v1", "")

    assert owner(marked(crd), Tracking.ANNOTATION, INSTANCE_LABEL) is None


def test_hooks_are_never_pruned():
    """
    What a hook left behind is deleted by its policy, not because it left Git.
    """
    result = compare(target(), live_state(marked(job("migrate"))), rules())

    assert result.differences == ()


# Permits.


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://git.example/evil/repo", id="plain"),
        pytest.param("https://x@git.example/evil/repo", id="user"),
        pytest.param("https://git.example:443/evil/repo", id="port"),
        pytest.param("https://git.example/good/../evil/repo", id="dots"),
        pytest.param("https://git.example/%65vil/repo", id="encoded"),
        pytest.param("https://GIT.example//evil/repo.git/", id="case, slashes and suffix"),
        pytest.param("https://git.example./evil/repo", id="dot of the root"),
    ],
)
def test_s41_a_denial_has_no_way_around(url):
    """
    S41: a denied repository is denied however its address is written.
    """
    project = Project("p", source_repos=("https://git.example/**", "!https://git.example/evil/*"))

    assert source_fault(url, project)


def test_s41_wildcards_stay_in_one_segment():
    """
    S41: a star in a repository's address does not reach into other groups.
    """
    project = Project("p", source_repos=("https://git.example/team-a/*",))

    assert source_fault("https://git.example/team-a/x/../../team-b/y", project)
    assert source_fault("https://git.example/team-a/sub/x", project)


def test_s41_deny_wins():
    """
    S41: what a project denies it denies, whatever else allows it, in any order.
    """
    allow, deny = DestinationRule("*", "*", "*"), DestinationRule("*", "", "!kube-system")
    where = Destination("https://x", "", "kube-system")

    for order in ((allow, deny), (deny, allow)):
        assert destination_fault(where, "https://x", Project("p", destinations=order))


def test_s37_every_resource_is_held_to_the_project():
    """
    S37: a manifest with a namespace of its own is held to the destinations of the project as well.
    """
    project = Project("p", destinations=(DestinationRule("*", "", "web"),))

    fault = resource_fault(key("a", namespace="kube-system"), project, namespaced=True, server="https://x")

    assert "namespace 'kube-system' is not permitted" in fault


def test_s42_cluster_scoped_kinds_need_a_word():
    """
    S42: a project that says nothing about cluster-scoped kinds allows none.
    """
    role = key("admin", "ClusterRoleBinding", "rbac.authorization.k8s.io", "")
    every = Project("p", cluster_kinds_allowed=(KindRule("*", "*"),))

    assert resource_fault(role, Project("p"), namespaced=False, server="https://x")
    assert not resource_fault(role, every, namespaced=False, server="https://x")


def test_s50_comparisons_share_and_change_nothing():
    """
    S50: values are shared between passes, so two comparisons of the same inputs are equal and leave them alone.
    """
    wanted, live = target(secret(data={"a": CANARY})), live_state(body("s", "Secret", data={"a": OTHER}))

    assert compare(wanted, live, rules()) == compare(wanted, live, rules())
    assert live.objects[key("s", "Secret")]["data"] == {"a": OTHER}
    assert comparison().differences == ()
