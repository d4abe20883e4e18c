"""The words: immutable values with no behaviour beyond their own consistency."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from enum import StrEnum

import pytest

import moorage.model
from moorage.model import errors, words
from moorage.model.application import Source
from moorage.model.identity import AppKey, ClusterKey, GroupKind, ResourceKey, group_of
from moorage.model.manifest import Manifest, digest, key_of, with_value, without
from moorage.model.operation import Operation, OperationPhase, Phase, SelectedResource

MODULES = [
    importlib.import_module(f"moorage.model.{m.name}") for m in pkgutil.iter_modules(moorage.model.__path__)
]
VALUES = [
    value
    for module in MODULES
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]
ERRORS = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.Error)]


@pytest.mark.parametrize("value", [pytest.param(v, id=v.__name__) for v in VALUES])
def test_values_are_frozen(value):
    """
    A value cannot be changed, has no other fields than it says, and says what it is.
    """
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{value.__name__}(")


@pytest.mark.parametrize(
    "word", [pytest.param(v, id=v.__name__) for m in MODULES for v in vars(m).values() if inspect.isclass(v) and issubclass(v, StrEnum) and v is not StrEnum]
)  # fmt: skip
def test_words_are_told_apart(word):
    """
    The words of an enumeration are different, and none is empty.
    """
    assert len({str(member) for member in word}) == len(word)
    assert all(word)


def test_names_are_told_apart():
    """
    No two labels, annotations or finalizers have one name, and each has its sentence.
    """
    source = inspect.getsource(words)
    names = {name: value for name, value in vars(words).items() if name.isupper()}

    assert len(set(names.values())) == len(names)
    for name in names:
        assert source.partition(f"\n{name}: Final = ")[2].partition("\n")[2].startswith('"""'), name


# Errors.


@pytest.mark.parametrize("error", [pytest.param(e, id=e.__name__) for e in ERRORS])
def test_every_error_has_its_reason(error):
    """
    Each error has a branch, a reason of its own and a sentence.
    """
    assert "reason" in vars(error)
    assert error.__doc__
    branches = (errors.Waiting, errors.Transient, errors.Terminal)
    assert error is errors.Error or sum(issubclass(error, b) for b in branches) == 1


def test_reasons_are_told_apart():
    """
    No two leaves of the error tree say the same reason.
    """
    said = [e.reason for e in ERRORS if "reason" in vars(e)]

    assert len(set(said)) == len(said)


# Keys.


@pytest.mark.parametrize(
    ("key", "text"),
    [
        pytest.param(AppKey("argocd", "shop"), "argocd/shop", id="application"),
        pytest.param(ClusterKey("https://x"), "https://x", id="cluster"),
        pytest.param(GroupKind("apps", "Deployment"), "Deployment.apps", id="kind"),
        pytest.param(GroupKind("", "Pod"), "Pod", id="core kind"),
        pytest.param(ResourceKey("batch", "Job", "shop", "migrate"), "Job/shop/migrate", id="resource"),
        pytest.param(ResourceKey("", "Namespace", "", "shop"), "Namespace/shop", id="cluster-scoped"),
    ],
)
def test_how_keys_print(key, text):
    """
    Keys print as users see them in messages.
    """
    assert str(key) == text


@pytest.mark.parametrize(
    ("api_version", "group"),
    [
        pytest.param("v1", "", id="core"),
        pytest.param("apps/v1", "apps", id="named"),
        pytest.param("", "", id="empty"),
        pytest.param("a/b/c", "a/b", id="too many parts"),
    ],
)
def test_groups(api_version, group):
    """
    The group of an apiVersion is what stands before its last slash.
    """
    assert group_of(api_version) == group


def test_the_key_of_an_object():
    """
    An object is known by group, kind, namespace and name, whatever version it is read in.
    """
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "web"},
    }

    assert key_of(deployment) == key_of({**deployment, "apiVersion": "apps/v2"})
    assert key_of(deployment).group_kind == GroupKind("apps", "Deployment")


@pytest.mark.parametrize("broken", [{}, {"apiVersion": "v1"}, {"apiVersion": "v1", "kind": "Pod"}])
def test_objects_without_a_key(broken):
    """
    An object that lacks a naming field has no key.
    """
    with pytest.raises(KeyError):
        key_of(broken)


# Manifests.

BODY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}


def test_manifests():
    """
    A manifest has key, version, labels and annotations of its body, also when there are none.
    """
    manifest = Manifest.of(
        {**BODY, "metadata": {"name": "a", "labels": {"l": "1"}, "annotations": None}}, "a.yaml:3"
    )

    assert (manifest.api_version, manifest.labels, manifest.annotations, manifest.origin) == (
        "v1",
        {"l": "1"},
        {},
        "a.yaml:3",
    )


def test_digests_ignore_the_order_of_fields():
    """
    Equal JSON has one digest, in whatever order its fields came.
    """
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})
    assert Manifest.of(BODY).digest == digest(BODY)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(("data", "x"), {"x": 2}, id="there"),
        pytest.param(("data", "y"), {"x": "1", "y": 2}, id="not there"),
        pytest.param(("data", "x", "z"), {"x": {"z": 2}}, id="below a value"),
    ],
)
def test_copies_with_a_value(path, expected):
    """
    A value is set in a copy, and what is not on the path is shared.
    """
    copy = with_value(BODY, path, 2)

    assert copy["data"] == expected
    assert BODY["data"] == {"x": "1"}
    assert copy["metadata"] is BODY["metadata"]


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        pytest.param(("data", "x"), True, id="there"),
        pytest.param(("data", "y"), False, id="not there"),
        pytest.param(("data", "x", "z"), False, id="below a value"),
        pytest.param(("spec", "x"), False, id="no container"),
    ],
)
def test_copies_without_a_value(path, gone):
    """
    A value is left out of a copy; where there is none the object comes back as it is.
    """
    copy = without(BODY, path)

    assert gone is (copy is not BODY)
    assert copy["data"] == ({} if gone else {"x": "1"})


# Operations and sources.


def test_phases_in_order():
    """
    Phases run in the order in which they are listed, and some phases of operations are the end.
    """
    assert sorted(Phase, key=lambda p: p.rank) == [
        Phase.PRE_SYNC,
        Phase.SYNC,
        Phase.POST_SYNC,
        Phase.SYNC_FAIL,
        Phase.PRE_DELETE,
        Phase.POST_DELETE,
    ]
    assert {p for p in OperationPhase if p.finished} == {"Succeeded", "Failed", "Error"}


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        pytest.param(SelectedResource("", "ConfigMap", "web", "a"), True, id="exactly"),
        pytest.param(SelectedResource("", "ConfigMap", "", "a"), True, id="any namespace"),
        pytest.param(SelectedResource("", "ConfigMap", "db", "a"), False, id="another namespace"),
        pytest.param(SelectedResource("apps", "ConfigMap", "web", "a"), False, id="another group"),
        pytest.param(SelectedResource("", "Secret", "web", "a"), False, id="another kind"),
        pytest.param(SelectedResource("", "ConfigMap", "web", "b"), False, id="another name"),
    ],
)
def test_picked_resources(selected, expected):
    """
    A picked resource matches by group, kind and name, and by namespace when it says one.
    """
    assert expected is selected.matches(ResourceKey("", "ConfigMap", "web", "a"))


def test_outcomes_are_added_to_a_copy():
    """
    Adding outcomes gives another operation; adding none gives the same.
    """
    before = Operation("1", "a", "t")

    assert before.with_outcomes({}) is before
    assert before.outcomes == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(Source("u"), {"repoURL": "u", "path": ".", "targetRevision": "HEAD"}, id="path"),
        pytest.param(
            Source("u", chart="c", target_revision="1"),
            {"repoURL": "u", "chart": "c", "targetRevision": "1"},
            id="chart",
        ),
        pytest.param(
            Source("u", "p", "", options={"helm": {}}),
            {"repoURL": "u", "path": "p", "helm": {}},
            id="options",
        ),
    ],
)
def test_sources_as_declared(source, expected):
    """
    A source is given back as the specification of an application has it.
    """
    assert source.declared == expected
