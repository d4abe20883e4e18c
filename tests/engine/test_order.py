"""Phase, wave and kind: what people's annotations mean."""

from __future__ import annotations

import pytest
from deciding import body
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.order import (
    DROPPED,
    SKIP,
    hook_delete_policies,
    is_hook,
    kind_rank,
    order_warnings,
    phases_of,
    sort_key,
    wave_of,
)

WAVE, HOOK, POLICY = (f"argocd.argoproj.io/{w}" for w in ("sync-wave", "hook", "hook-delete-policy"))
HELM_HOOK, WEIGHT, HELM_POLICY = (f"helm.sh/{w}" for w in ("hook", "hook-weight", "hook-delete-policy"))


def said(**annotations):
    return body("x", annotations=annotations)


@pytest.mark.parametrize(
    ("annotations", "wave"),
    [
        pytest.param({}, 0, id="nothing said"),
        pytest.param({WAVE: "3"}, 3, id="positive"),
        pytest.param({WAVE: "-5"}, -5, id="negative"),
        pytest.param({WAVE: "+2"}, 2, id="with a sign"),
        pytest.param({WAVE: " 2 "}, 2, id="with spaces"),
        pytest.param({WAVE: 4}, 4, id="as a number"),
        pytest.param({WAVE: "late"}, 0, id="no number"),
        pytest.param({WAVE: "1.5"}, 0, id="a fraction"),
        pytest.param({WAVE: "٣"}, 0, id="digits of another script"),
        pytest.param({WAVE: True}, 0, id="a boolean"),
        pytest.param({WAVE: "9" * 30}, 0, id="too long"),
        pytest.param({WEIGHT: "-1"}, -1, id="weight of a Helm hook"),
        pytest.param({WAVE: "2", WEIGHT: "-1"}, 2, id="wave before weight"),
        pytest.param({WAVE: "x", WEIGHT: "-1"}, -1, id="weight when the wave makes no sense"),
    ],
)
def test_waves(annotations, wave):
    """
    The wave is an integer; what makes no sense counts as absent.
    """
    assert wave == wave_of(said(**annotations))


@pytest.mark.parametrize(
    ("annotations", "phases"),
    [
        pytest.param({}, (), id="a resource"),
        pytest.param({HOOK: "PreSync"}, ("PreSync",), id="one phase"),
        pytest.param({HOOK: "PreSync, PostSync"}, ("PreSync", "PostSync"), id="two phases"),
        pytest.param({HOOK: "Sync,Sync"}, ("Sync",), id="said twice"),
        pytest.param({HOOK: "Skip"}, (SKIP,), id="never"),
        pytest.param({HOOK: "PreDelete,PostDelete"}, ("PreDelete", "PostDelete"), id="deletion"),
        pytest.param({HOOK: "PreSink"}, (SKIP,), id="no phase at all"),
        pytest.param({HOOK: "PreSink,Sync"}, ("Sync",), id="one of two makes sense"),
        pytest.param({HOOK: "presync"}, (SKIP,), id="case counts"),
        pytest.param({HELM_HOOK: "pre-install"}, ("PreSync",), id="before an install"),
        pytest.param({HELM_HOOK: "pre-install,pre-upgrade"}, ("PreSync",), id="install and upgrade are one"),
        pytest.param({HELM_HOOK: "post-upgrade"}, ("PostSync",), id="after an upgrade"),
        pytest.param({HELM_HOOK: "pre-delete"}, ("PreDelete",), id="before a deletion"),
        pytest.param({HELM_HOOK: "post-delete"}, ("PostDelete",), id="after a deletion"),
        pytest.param({HELM_HOOK: "crd-install"}, (), id="an old definition is a resource"),
        pytest.param({HELM_HOOK: "test"}, (DROPPED,), id="a test"),
        pytest.param({HELM_HOOK: "test-success"}, (DROPPED,), id="an old test"),
        pytest.param({HELM_HOOK: "pre-rollback"}, (DROPPED,), id="a rollback"),
        pytest.param({HELM_HOOK: "pre-rollback,pre-upgrade"}, ("PreSync",), id="a rollback and more"),
        pytest.param({HOOK: "Sync", HELM_HOOK: "pre-install"}, ("Sync",), id="Argo CD's word wins"),
        pytest.param({HOOK: "", HELM_HOOK: "pre-install"}, ("PreSync",), id="an empty word says nothing"),
        pytest.param({HOOK: 3}, (SKIP,), id="no text"),
    ],
)
def test_phases(annotations, phases):
    """
    A hook runs at the phases it names, in Argo CD's words or Helm's; a wrong word never makes it a resource.
    """
    assert phases == phases_of(said(**annotations))
    assert bool(phases) is is_hook(said(**annotations))


@pytest.mark.parametrize(
    ("annotations", "policies"),
    [
        pytest.param({}, (), id="nothing said"),
        pytest.param({HOOK: "Sync", POLICY: "HookSucceeded"}, ("HookSucceeded",), id="one"),
        pytest.param(
            {HOOK: "Sync", POLICY: "HookFailed,BeforeHookCreation"},
            ("HookFailed", "BeforeHookCreation"),
            id="two",
        ),
        pytest.param({HOOK: "Sync", POLICY: "Never"}, (), id="no policy"),
        pytest.param(
            {HELM_HOOK: "test", HELM_POLICY: "hook-succeeded,hook-failed,before-hook-creation"},
            ("HookSucceeded", "HookFailed", "BeforeHookCreation"),
            id="Helm's words",
        ),
        pytest.param({HOOK: "Sync", HELM_POLICY: "hook-failed"}, (), id="not Helm's on a hook of Argo CD"),
        pytest.param(
            {HELM_HOOK: "pre-install", POLICY: "HookFailed", HELM_POLICY: "hook-succeeded"},
            ("HookFailed",),
            id="Argo CD's before Helm's",
        ),
    ],
)
def test_delete_policies(annotations, policies):
    """
    A hook is deleted when its policies say so, in Argo CD's words or Helm's.
    """
    assert policies == hook_delete_policies(said(**annotations))


def test_kinds_in_order():
    """
    What others need comes first: namespaces, then accounts, configuration, definitions, workloads, the rest.
    """
    kinds = [
        "Widget",
        "APIService",
        "Ingress",
        "Job",
        "Deployment",
        "Service",
        "RoleBinding",
        "ClusterRole",
        "CustomResourceDefinition",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Namespace",
    ]

    assert sorted(kinds, key=lambda kind: kind_rank("", kind)) == kinds[::-1]


def test_the_sort_key_is_total():
    """
    Objects that differ in name, kind, group or namespace have different places.
    """
    same = [
        body("a"),
        body("b"),
        body("a", namespace="db"),
        body("a", "Widget", "x.org/v1"),
        body("a", "Widget", "y.org/v1"),
        body("a", annotations={WAVE: "1"}),
    ]

    assert len({sort_key(manifest) for manifest in same}) == len(same)
    assert sort_key(body("a"), 1) > sort_key(body("z", annotations={WAVE: "99"}), 0)


@pytest.mark.parametrize(
    ("annotations", "warnings"),
    [
        pytest.param({WAVE: "1", HOOK: "Sync", POLICY: "HookFailed"}, (), id="all is well"),
        pytest.param({WAVE: "late"}, (f"{WAVE}: 'late' is not an integer; it is ignored",), id="wave"),
        pytest.param({HOOK: "Sync,Sink"}, (f"{HOOK}: 'Sink' is not a phase; it is ignored",), id="phase"),
        pytest.param({HELM_HOOK: "pre-instal"}, (f"{HELM_HOOK}: 'pre-instal' is not a Helm hook; it is ignored",), id="Helm hook"),
        pytest.param({POLICY: "Never"}, (f"{POLICY}: 'Never' is not a delete policy; it is ignored",), id="policy"),
        pytest.param({HELM_POLICY: "never"}, (f"{HELM_POLICY}: 'never' is not a delete policy; it is ignored",), id="Helm policy"),
        pytest.param({HELM_POLICY: "hook-succeeded, before-hook-creation"}, (), id="Helm's policies are known"),
    ],
)  # fmt: skip
def test_words_that_make_no_sense_are_told(annotations, warnings):
    """
    A word that is ignored is named, so that a spelling error is seen.
    """
    assert warnings == order_warnings(said(**annotations))


_ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.lists(st.text(max_size=3), max_size=2)
)


@given(
    st.dictionaries(st.sampled_from([WAVE, HOOK, POLICY, HELM_HOOK, WEIGHT, HELM_POLICY]), _ANY)
    | st.lists(st.text(max_size=3))
    | st.text(max_size=3)
)
def test_no_annotation_stops_a_sync(annotations):
    """
    Whatever stands in the annotations, phase, wave and policies are found, and never an error.
    """
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "annotations": annotations},
    }

    assert isinstance(wave_of(manifest), int)
    assert isinstance(phases_of(manifest), tuple)
    assert isinstance(hook_delete_policies(manifest), tuple)
    assert isinstance(order_warnings(manifest), tuple)
