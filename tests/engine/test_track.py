"""Whose is a resource, and how is that written down?"""

from __future__ import annotations

import pytest
from deciding import body
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.track import Tracking, owner, track, tracking_id
from moorage.model.identity import AppKey
from moorage.model.words import INSTALLATION_ID_ANNOTATION, INSTANCE_LABEL, TRACKING_ID_ANNOTATION

ANNOTATION, LABEL, BOTH = Tracking.ANNOTATION, Tracking.LABEL, Tracking.ANNOTATION_AND_LABEL


def marked(manifest, method=ANNOTATION, instance="shop", installation=""):
    return track(manifest, instance, method, INSTANCE_LABEL, "web", installation)


def owned(live, method=ANNOTATION, installation=""):
    return owner(live, method, INSTANCE_LABEL, installation)


@pytest.mark.parametrize(
    ("manifest", "instance", "expected"),
    [
        pytest.param(body("cm"), "shop", "shop:/ConfigMap:web/cm", id="core group"),
        pytest.param(body("d", "Deployment", "apps/v1"), "shop", "shop:apps/Deployment:web/d", id="group"),
        pytest.param(
            body("n", "Namespace", "v1", ""),
            "shop",
            "shop:/Namespace:web/n",
            id="destination for cluster-scoped",
        ),
        pytest.param(
            body("cm", namespace="db"), "team_shop", "team_shop:/ConfigMap:db/cm", id="app elsewhere"
        ),
        pytest.param(
            body("a:b:c", "ClusterRole", "rbac.authorization.k8s.io/v1", ""),
            "shop",
            "shop:rbac.authorization.k8s.io/ClusterRole:web/a:b:c",
            id="colons in a name",
        ),
    ],
)
def test_tracking_ids(manifest, instance, expected):
    """
    The annotation names the application and the resource, in Argo CD's format.
    """
    live = marked(manifest, instance=instance)

    assert live["metadata"]["annotations"] == {TRACKING_ID_ANNOTATION: expected}
    assert owned(live) == instance


@pytest.mark.parametrize(
    ("method", "annotated", "labelled"),
    [
        pytest.param(ANNOTATION, True, False, id="annotation"),
        pytest.param(LABEL, False, True, id="label"),
        pytest.param(BOTH, True, True, id="both"),
    ],
)
def test_methods(method, annotated, labelled):
    """
    Each method writes its marks, keeps those of others, and finds its own.
    """
    live = marked(body("cm", annotations={"a": "1"}, labels={"b": "2"}), method)
    metadata = live["metadata"]

    assert annotated is (TRACKING_ID_ANNOTATION in metadata["annotations"])
    assert labelled is (metadata["labels"].get(INSTANCE_LABEL) == "shop")
    assert (metadata["annotations"]["a"], metadata["labels"]["b"]) == ("1", "2")
    assert owned(live, method) == "shop"


def test_long_names_fit_into_labels():
    """
    A label is cut to 63 characters, and never ends with a separator.
    """
    live = marked(body("cm"), BOTH, instance="a" * 62 + "-" + "b" * 9)

    assert live["metadata"]["labels"][INSTANCE_LABEL] == "a" * 62
    assert owned(live, BOTH) == "a" * 62 + "-" + "b" * 9


def test_definitions_get_no_marks():
    """
    A definition of a kind is nobody's: several applications may ship it, and none may prune it.
    """
    crd = body("widgets", "CustomResourceDefinition", "apiextensions.k8s.io/v1", "")

    assert marked(crd, BOTH) is crd


def test_labels_alone_do_not_own_with_annotations():
    """
    With annotation+label the label is for people; the annotation decides.
    """
    assert owned(marked(body("cm"), LABEL), BOTH) is None


def test_hooks_without_names_are_marked_by_prefix():
    """
    A hook with generateName is marked with its prefix.
    """
    hook = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "migrate-"}}

    assert marked(hook)["metadata"]["annotations"][TRACKING_ID_ANNOTATION] == "shop:batch/Job:web/migrate-"


@pytest.mark.parametrize(
    ("installation", "seen", "expected"),
    [
        pytest.param("", "", "shop", id="none configured"),
        pytest.param("one", "one", "shop", id="ours"),
        pytest.param("one", "two", None, id="another's"),
        pytest.param("", "two", None, id="nobody's"),
        pytest.param("one", "", "shop", id="configured later"),
    ],
)
def test_installations(installation, seen, expected):
    """
    Where an installation id is configured, only resources with that id are ours.
    """
    assert expected == owned(marked(body("cm"), installation=installation), installation=seen)


@given(
    st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9.:-]{0,20}", fullmatch=True),
)
def test_what_is_marked_is_owned(instance, name):
    """
    The owner of a marked object is the one it was marked for.
    """
    for method in Tracking:
        assert owned(marked(body(name), method, instance), method) == instance


def test_ids_are_told_apart():
    """
    The id of one resource is no other's.
    """
    assert tracking_id("a", "", "K", "n", "x") == "a:/K:n/x"


@pytest.mark.parametrize(
    ("key", "instance"),
    [
        pytest.param(AppKey("argocd", "shop"), "shop", id="at home"),
        pytest.param(AppKey("team-a", "shop"), "team-a_shop", id="elsewhere"),
    ],
)
def test_instance_names(key, instance):
    """
    An application outside the control namespace has its namespace in its instance name.
    """
    assert key.instance("argocd") == instance
    assert AppKey.from_instance(instance, "argocd") == key


def test_installation_marks():
    """
    The installation id is an annotation of its own.
    """
    assert (
        marked(body("cm"), installation="one")["metadata"]["annotations"][INSTALLATION_ID_ANNOTATION] == "one"
    )
