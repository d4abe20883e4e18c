"""Who is taken over, from whom nothing is taken, and what the books say afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moorage.engine.merge.managed import LAST_APPLIED
from moorage.engine.merge.schema import deduced
from moorage.engine.merge.takeover import hand_over, predecessors

ME = "argocd-controller"
Json = dict[str, Any]


def entry(manager: str, operation: str, *fields: str, **more: Any) -> Json:
    """Return an owner of fields of ``data``."""
    books = {"f:data": {f"f:{name}": {} for name in fields}} if fields else {}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": books,
        **more,
    }


def live(*entries: Json, last: Json | None = None) -> Json:
    """Return an object with these books, and with a memory of what was applied last."""
    annotations = {LAST_APPLIED: json.dumps(last)} if last else {}
    return {"metadata": {"managedFields": [*entries], "annotations": annotations}}


def owners(*entries: Json, named: str = "") -> dict[str, list[str]]:
    """Return who owns which fields of ``data`` after everything is handed over."""
    after = hand_over(live(*entries), predecessors=predecessors(named), applier=ME)
    return {
        f"{each['manager']} {each['operation']}": [name[2:] for name in each["fieldsV1"].get("f:data", ())]
        for each in after
    }


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param(
            [entry("kubectl-client-side-apply", "Update", "a")], {f"{ME} Apply": ["a"]}, id="kubectl apply"
        ),
        pytest.param([entry(ME, "Update", "a")], {f"{ME} Apply": ["a"]}, id="Argo CD's client-side apply"),
        pytest.param([entry("helm", "Update", "a")], {f"{ME} Apply": ["a"]}, id="Helm 3"),
        pytest.param([entry("helm", "Apply", "a")], {f"{ME} Apply": ["a"]}, id="Helm 4"),
        pytest.param(
            [entry("kubectl", "Apply", "a")], {f"{ME} Apply": ["a"]}, id="kubectl apply --server-side"
        ),
        pytest.param(
            [
                entry("kubectl", "Apply", "a"),
                entry("kubectl-client-side-apply", "Update", "b"),
                entry("helm", "Update", "c"),
                entry("kubectl-edit", "Update", "d"),
            ],
            {f"{ME} Apply": ["a", "b", "c"], "kubectl-edit Update": ["d"]},
            id="all of them",
        ),
        pytest.param(
            [entry(ME, "Apply", "a"), entry("helm", "Apply", "b")],
            {f"{ME} Apply": ["a", "b"]},
            id="applied before, and Helm came later",
        ),
        pytest.param(
            [entry(ME, "Apply", "a"), entry("kubectl", "Apply", "b")],
            {f"{ME} Apply": ["a"], "kubectl Apply": ["b"]},
            id="applied before, and a person shares it",
        ),
        pytest.param(
            [entry("kubectl-client-side-apply", "Update", "a", subresource="scale")],
            {"kubectl-client-side-apply Update": ["a"]},
            id="a subresource",
        ),
        pytest.param(
            [entry("kubectl", "Update", "a"), entry("someone", "Apply", "b")],
            {"kubectl Update": ["a"], "someone Apply": ["b"]},
            id="others",
        ),
    ],
)
def test_what_tools_left_is_handed_over(entries: list[Json], expected: dict[str, list[str]]) -> None:
    """
    Fields of tools that apply whole objects are the applier's afterwards; those of others stay theirs.
    """
    assert owners(*entries) == expected


@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_a_manager_may_be_named(operation: str) -> None:
    """
    A manager that is named is taken over whichever way it wrote, and only when it is named.
    """
    theirs = entry("kustomize-controller", operation, "a")

    assert owners(theirs) == {f"kustomize-controller {operation}": ["a"]}
    assert owners(theirs, named="kustomize-controller") == {f"{ME} Apply": ["a"]}


def test_another_version_is_not_translated() -> None:
    """
    Of entries in several versions the applier's own decides, else the latest; the others' fields are nobody's.
    """
    old = entry("kubectl-client-side-apply", "Update", "a", apiVersion="v1beta1")
    new = entry("helm", "Apply", "b", time="2026-02-02T00:00:00Z")

    assert owners(old, new) == {f"{ME} Apply": ["b"]}
    assert owners(entry(ME, "Apply", "c"), old) == {f"{ME} Apply": ["c"]}


@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_what_helm_notes_for_itself_stays(operation: str) -> None:
    """
    Nobody owns the annotations and the label of a release, nor what was applied last, so that they stay.
    """
    fields: Json = {
        "f:metadata": {
            "f:annotations": {
                "f:own": {},
                "f:meta.helm.sh/release-name": {},
                "f:meta.helm.sh/release-namespace": {},
                f"f:{LAST_APPLIED}": {},
            },
            "f:labels": {".": {}, "f:app.kubernetes.io/managed-by": {}},
        }
    }

    made = live(entry("helm", operation, fieldsV1=fields))
    after = hand_over(made, predecessors=predecessors(), applier=ME)

    assert [each["fieldsV1"] for each in after] == [{"f:metadata": {"f:annotations": {"f:own": {}}}}]


def test_nothing_to_hand_over_changes_nothing() -> None:
    """
    Books without a predecessor, and books that were handed over, are returned as they are.
    """
    books = live(entry(ME, "Apply", "a"), entry("someone", "Update", "b"))
    once = live(*hand_over(live(entry("helm", "Apply", "a")), predecessors=predecessors(), applier=ME))

    for each in (books, once):
        assert (
            hand_over(each, predecessors=predecessors("x"), applier=ME) == each["metadata"]["managedFields"]
        )


@pytest.mark.parametrize("certain", [False, True])
@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", ME])
def test_defaults_of_the_server_stay_where_the_memory_tells_them(manager: str, certain: bool) -> None:
    """
    Of what a client-side apply owns only what it remembers is handed over: the rest are the server's defaults.
    """
    made = live(
        entry(manager, "Update", "declared", "default"),
        last={"apiVersion": "v1", "data": {"declared": "1", "changed by others": "2"}},
    )

    after = hand_over(made, predecessors=predecessors(), applier=ME, schema=deduced(), certain=certain)

    assert [each["fieldsV1"] for each in after] == [{"f:data": {"f:declared": {}}}]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(None, {}, id="nothing is remembered"),
        pytest.param({"apiVersion": "v0", "data": {"a": "1"}}, {}, id="another version is"),
        pytest.param({"apiVersion": "v1", "data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="a part is"),
    ],
)
def test_who_asks_to_be_certain_learns_no_defaults(last: Json | None, expected: Json) -> None:
    """
    What Helm 3 owns may be a default where nothing tells: the write takes it, a prediction does not.
    """
    made = live(entry("helm", "Update", "a", "b"), last=last)

    certain = hand_over(made, predecessors=predecessors(), applier=ME, schema=deduced(), certain=True)
    written = hand_over(made, predecessors=predecessors(), applier=ME, schema=deduced())

    assert [each["fieldsV1"] for each in certain] == [expected]
    assert [each["fieldsV1"] for each in written] == [{"f:data": {"f:a": {}, "f:b": {}}}]
