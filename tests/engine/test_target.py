"""Rendered manifests become the target state of an application."""

from __future__ import annotations

import pytest
from deciding import REVISION, SHOP, body, job, key, resource
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.target import Placement, make_target, namespace_manifest, unserved_kinds
from moorage.engine.track import Tracking
from moorage.model.errors import DuplicateResource
from moorage.model.identity import GroupKind
from moorage.model.manifest import Manifest
from moorage.model.words import INSTANCE_LABEL, TRACKING_ID_ANNOTATION

PLACEMENT = Placement(SHOP, "shop", "web", Tracking.ANNOTATION, INSTANCE_LABEL)
SCOPES = {
    GroupKind("", "ConfigMap"): True,
    GroupKind("batch", "Job"): True,
    GroupKind("", "Namespace"): False,
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): False,
}


def made(*manifests, **rest):
    return make_target(manifests, PLACEMENT, SCOPES.get, revision=REVISION, source_type="Directory", **rest)


def definition(scope):
    return Manifest.of(
        body(
            "widgets.example.org",
            "CustomResourceDefinition",
            "apiextensions.k8s.io/v1",
            "",
            spec={"group": "example.org", "names": {"kind": "Widget"}, "scope": scope},
        )
    )


def widget(namespace=""):
    return resource("w", "Widget", "example.org/v1", namespace)


@pytest.mark.parametrize(
    ("manifests", "namespace"),
    [
        pytest.param([resource("a", namespace="")], "web", id="the destination's"),
        pytest.param([resource("a", namespace="db")], "db", id="its own"),
        pytest.param([resource("a", "Namespace", "v1", "web")], "", id="none for cluster-scoped"),
        pytest.param([widget(), definition("Cluster")], "", id="a cluster-scoped kind it defines itself"),
        pytest.param([widget(), definition("Namespaced")], "web", id="a namespaced kind it defines itself"),
        pytest.param([widget()], "web", id="a kind nobody knows"),
    ],
)
def test_namespaces(manifests, namespace):
    """
    A namespaced object without namespace goes to the destination's; a cluster-scoped one has none.
    """
    (found,) = [m for m in made(*manifests).manifests if m.key.name in "aw"]

    assert namespace == found.key.namespace == found.body["metadata"].get("namespace", "")


def test_everything_is_marked():
    """
    Resources and hooks carry the application's mark; the manifests that came in are as they were.
    """
    target = made(resource("a", namespace=""), job("b"))

    assert [m.annotations[TRACKING_ID_ANNOTATION] for m in (*target.manifests, *target.hooks)] == [
        "shop:/ConfigMap:web/a",
        "shop:batch/Job:web/b",
    ]


def test_hooks_are_no_resources():
    """
    Hooks stand apart, since they are run and not compared.
    """
    target = made(resource("a"), job("b"), job("c", "Skip"))

    assert [m.key.name for m in target.manifests] == ["a"]
    assert [m.key.name for m in target.hooks] == ["b", "c"]


@pytest.mark.parametrize(
    "twice",
    [
        pytest.param([resource("a"), resource("a")], id="twice"),
        pytest.param([resource("a", namespace=""), resource("a")], id="with and without namespace"),
        pytest.param([job("a"), job("a")], id="hooks of one phase"),
        pytest.param([job("a", "PreSync,Sync"), job("a", "Sync")], id="hooks that share a phase"),
        pytest.param([job("a"), resource("a", "Job", "batch/v1")], id="hook and resource"),
    ],
)
def test_two_objects_of_one_name(twice):
    """
    Two manifests of the same object are refused, and both places are named.
    """
    with pytest.raises(DuplicateResource, match=r"a: declared twice, in a.yaml and a.yaml; remove one"):
        made(*twice)


@pytest.mark.parametrize(
    "apart",
    [
        pytest.param([job("a", "PreSync"), job("a", "PostSync")], id="hooks of different phases"),
        pytest.param([job("a", "Skip"), resource("a", "Job", "batch/v1")], id="one that is never applied"),
        pytest.param([resource("a"), resource("a", namespace="db")], id="different namespaces"),
        pytest.param([resource("a"), resource("a", "Job", "batch/v1")], id="different kinds"),
    ],
)
def test_one_name_may_stand_twice(apart):
    """
    What never meets in a cluster may have one name.
    """
    assert len(made(*apart).manifests) + len(made(*apart).hooks) == 2


def test_hooks_of_one_prefix_may_be_several():
    """
    Hooks with generateName are different objects, however many share a prefix.
    """
    nameless = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "m-", "annotations": {"argocd.argoproj.io/hook": "Sync"}},
    }

    assert len(made(Manifest.of(nameless), Manifest.of({**nameless, "spec": {}})).hooks) == 2


@pytest.mark.parametrize(
    ("annotations", "warning"),
    [
        pytest.param(
            {"argocd.argoproj.io/sync-options": "Prun=false"},
            "ConfigMap/web/a: option 'Prun=false' is not known",
            id="option",
        ),
        pytest.param(
            {"argocd.argoproj.io/sync-wave": "late"},
            "ConfigMap/web/a: annotation argocd.argoproj.io/sync-wave: 'late' is not an integer; it is ignored",
            id="wave",
        ),
    ],
)
def test_words_nobody_knows_are_told(annotations, warning):
    """
    Options and annotations that make no sense are warnings, after those of the renderer.
    """
    target = made(resource("a", annotations=annotations), warnings=["from rendering"])

    assert target.warnings == ("from rendering", warning)


def test_what_it_carries():
    """
    The target state has application, revision, source type and fingerprint.
    """
    target = made(resource("a"), fingerprint="f")

    assert (
        target.app,
        target.revision,
        target.source_type,
        target.fingerprint,
    ) == (SHOP, REVISION, "Directory", "f")


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        pytest.param([resource("a")], (), id="served"),
        pytest.param([widget()], (GroupKind("example.org", "Widget"),), id="not served"),
        pytest.param([widget(), definition("Namespaced")], (), id="defined along with it"),
        pytest.param(
            [resource("h", "Gadget", "example.org/v1", hook="PreSync")],
            (GroupKind("example.org", "Gadget"),),
            id="a hook's kind",
        ),
    ],
)
def test_kinds_that_are_not_served(manifests, expected):
    """
    Kinds that neither the cluster serves nor the target defines are named.
    """
    assert expected == unserved_kinds(made(*manifests), SCOPES.get)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param(None, {}, id="nothing"),
        pytest.param({"labels": {"a": "1"}}, {"labels": {"a": "1"}}, id="labels"),
        pytest.param({"annotations": {}, "finalizers": ["x"]}, {}, id="nothing else"),
    ],
)
def test_the_namespace_to_create(metadata, expected):
    """
    The namespace that is created has the managed labels and annotations, and no mark.
    """
    made_one = namespace_manifest("web", metadata)

    assert made_one.key == key("web", "Namespace", namespace="")
    assert made_one.body["metadata"] == {"name": "web", **expected}


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.randoms(use_true_random=False))
def test_the_order_of_manifests_never_matters(names, chance):
    """
    Shuffled manifests make the same target state.
    """
    manifests = [resource(n) for n in names] + [job(f"h{n}") for n in names]
    before = made(*manifests)
    chance.shuffle(manifests)

    assert before == made(*manifests)
