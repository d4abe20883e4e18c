"""What webhooks and policies ask to see."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from moorage.cluster import watch
from moorage.cluster.admission import MUTATING_POLICIES, MUTATING_WEBHOOKS, Admission


def webhooks(name: str, groups: list[str], resources: list[str]) -> msgspec.Raw:
    rule = {"apiGroups": groups, "apiVersions": ["*"], "operations": ["CREATE"], "resources": resources}
    return _raw({"metadata": {"name": name}, "webhooks": [{"name": "a", "rules": [rule]}]})


def policy(name: str, groups: list[str], resources: list[str]) -> msgspec.Raw:
    rule = {"apiGroups": groups, "apiVersions": ["v1"], "operations": ["*"], "resources": resources}
    return _raw({"metadata": {"name": name}, "spec": {"matchConstraints": {"resourceRules": [rule]}}})


def _raw(body: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("groups", "resources", "covered"),
    [
        (["apps"], ["deployments"], True),
        (["apps", ""], ["pods", "deployments/status"], True),
        (["*"], ["*"], True),
        (["*"], ["*/*"], True),
        (["apps"], ["statefulsets"], False),
        ([""], ["deployments"], False),
        ([], [], False),
    ],
)
@pytest.mark.parametrize("of", ["webhooks", "policy"])
def test_a_rule_covers_what_it_names(of: str, groups: list[str], resources: list[str], covered: bool) -> None:
    """
    Rules of webhooks and policies name groups and resources, or all of them.
    """
    admission = Admission()
    kind, body = (
        (MUTATING_WEBHOOKS, webhooks("a", groups, resources))
        if of == "webhooks"
        else (MUTATING_POLICIES, policy("a", groups, resources))
    )

    admission.saw(kind, watch.Put(body))

    assert admission.covers("apps", "deployments") is covered


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param([watch.Removed(webhooks("a", ["*"], ["*"]))], id="deleted"),
        pytest.param([watch.Began(), watch.Completed("9")], id="absent from a new list"),
        pytest.param([watch.Put(webhooks("a", [], []))], id="changed"),
    ],
)
def test_what_is_gone_covers_nothing(gone: list[watch.Change]) -> None:
    """
    A configuration that was deleted, changed, or is not in a new list, changes no objects any more.
    """
    admission = Admission()
    admission.saw(MUTATING_WEBHOOKS, watch.Put(webhooks("a", ["*"], ["*"])))
    before = admission.version

    for change in gone:
        admission.saw(MUTATING_WEBHOOKS, change)

    assert not admission.covers("apps", "deployments")
    assert admission.version > before


def test_an_unfinished_list_takes_nothing_away() -> None:
    """
    What was known of one kind stays until a new list is whole, and the other kind is none of its business.
    """
    admission = Admission()
    admission.saw(MUTATING_WEBHOOKS, watch.Put(webhooks("a", ["apps"], ["*"])))
    admission.saw(MUTATING_POLICIES, watch.Put(policy("a", ["batch"], ["jobs"])))

    admission.saw(MUTATING_WEBHOOKS, watch.Began())
    assert admission.covers("apps", "deployments")
    admission.saw(MUTATING_WEBHOOKS, watch.Completed("9"))

    assert not admission.covers("apps", "deployments")
    assert admission.covers("batch", "jobs")


def test_the_same_again_is_no_news() -> None:
    """
    A configuration seen again as it was leaves what the server answered valid.
    """
    admission = Admission()
    admission.saw(MUTATING_WEBHOOKS, watch.Put(webhooks("a", ["apps"], ["*"])))
    before = admission.version

    admission.saw(MUTATING_WEBHOOKS, watch.Put(webhooks("a", ["apps"], ["*"])))

    assert admission.version == before


def test_an_unreadable_configuration_may_change_everything() -> None:
    """
    Of a configuration in a shape nobody knows, the server is asked about every kind.
    """
    admission = Admission()

    admission.saw(MUTATING_WEBHOOKS, watch.Put(_raw({"metadata": {"name": "a"}, "webhooks": "all"})))

    assert admission.covers("apps", "deployments")
