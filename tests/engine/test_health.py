"""Health: golden cases of every family, and what holds for all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from deciding import body, comparison, difference, key, resource
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.health import FAMILIES, RULES, app_health, assess, rule_for
from moorage.formats import yaml
from moorage.model.health import Health, HealthStatus, worst
from moorage.model.identity import group_of
from moorage.model.manifest import Manifest
from moorage.model.states import Change

FOLDER = Path(__file__).parents[1] / "cases" / "health"
_CASE = re.compile(r"^# case: (.+)\n([\s\S]+?)^# health: (.+)$", re.MULTILINE)
CASES = [
    pytest.param(text, expected, id=f"{path.stem}: {name}")
    for path in sorted(FOLDER.glob("*.case"))
    for name, text, expected in _CASE.findall(path.read_text())
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_case(text, expected):
    """
    The object of each case has the health, and the message, that stands below it.
    """
    health = assess(yaml.load(text))

    assert expected == ("none" if health is None else str(health))


def test_the_cases_are_read_whole():
    """
    Every case in the folder is run, and there are many.
    """
    written = sum(path.read_text().count("# case: ") for path in FOLDER.glob("*.case"))

    assert written == len(CASES) >= 150


# Whatever comes in.

_KINDS = st.sampled_from(
    [
        *sorted(RULES),
        ("s3.aws.upbound.io", "Bucket"),
        ("x.crossplane.io", "Any"),
        ("a.cnrm.cloud.google.com", "ConfigConnector"),
        ("s3.services.k8s.aws", "Bucket"),
        ("operator.victoriametrics.com", "VMAgent"),
        ("microgateway.airlock.com", "LimitsPolicy"),
        ("core.humio.com", "HumioView"),
    ]
)
_VERSIONS = st.sampled_from(["v1", "v2", "v1beta1"])
_WORDS = st.sampled_from(["True", "False", "Unknown", "Ready", "Available", "Running", "Failed", "", "3"])
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats(allow_nan=False) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "conditions",
                    "type",
                    "status",
                    "reason",
                    "message",
                    "phase",
                    "state",
                    "replicas",
                    "observedGeneration",
                    "loadBalancer",
                    "ingress",
                    "containerStatuses",
                    "waiting",
                    "parents",
                    "listeners",
                    "statuses",
                    "racks",
                    "health",
                    "ancestors",
                    "updateStrategy",
                    "partition",
                    "rollingUpdate",
                    "strategy",
                    "active",
                    "nodeSets",
                    "executorState",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(_KINDS, _VERSIONS, _ANY, _ANY, _ANY)
def test_nothing_malformed_stops_the_others(kind, version, metadata, spec, status):
    """
    Whatever an object holds, assessing it gives a health or none, and never an error.
    """
    group, name = kind
    api = f"{group}/{version}" if group else version
    given_metadata = {"name": "x", **metadata} if isinstance(metadata, dict) else metadata

    health = assess(
        {"apiVersion": api, "kind": name, "metadata": given_metadata, "spec": spec, "status": status}
    )

    assert health is None or isinstance(health, Health)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({}, id="empty"),
        pytest.param({"apiVersion": 3, "kind": None}, id="no kind"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "status": []}, id="status is a list"),
        pytest.param(
            {"apiVersion": "x.crossplane.io/v1", "kind": "X", "status": {"conditions": [{"type": []}]}},
            id="a type that is a list",
        ),
    ],
)
def test_broken_objects(broken):
    """
    An object too malformed for its rule has an unknown health at worst.
    """
    assert assess(broken) in (None, Health(HealthStatus.UNKNOWN)) or "malformed" in assess(broken).message


def test_a_kind_has_one_rule():
    """
    No two families claim the same kind.
    """
    assert len(RULES) == sum(len(family.TABLE) for family in FAMILIES)


@pytest.mark.parametrize(
    ("api", "kind", "known"),
    [
        pytest.param("apps/v1", "Deployment", True, id="by kind"),
        pytest.param("iam.aws.upbound.io/v1beta1", "Role", True, id="by group"),
        pytest.param("iam.aws.crossplane.io/v1", "Role", True, id="by kind before group"),
        pytest.param("v1", "ConfigMap", False, id="none"),
        pytest.param("apps.example/v1", "Deployment", False, id="same kind elsewhere"),
    ],
)
def test_finding_a_rule(api, kind, known):
    """
    A rule is found by group and kind, else by the pattern of a group, else there is none.
    """
    assert known is (rule_for(group_of(api), kind) is not None)


# Applications.


def compared(name, status=None, message="", *, there=True, **fields):
    health = None if status is None else Health(status, message)
    live = body(name) if there else None
    return difference(name, Change.NONE, health=health, live=live, target=resource(name), **fields)


H, P, D, S, M, U = (
    HealthStatus.HEALTHY,
    HealthStatus.PROGRESSING,
    HealthStatus.DEGRADED,
    HealthStatus.SUSPENDED,
    HealthStatus.MISSING,
    HealthStatus.UNKNOWN,
)


def child(status):
    return compared("child", status, key=key("child", "Application", "argoproj.io"))


def ignored(name):
    annotations = {"argocd.argoproj.io/ignore-healthcheck": "true"}
    return difference(name, health=Health(D), live=body(name, annotations=annotations), target=resource(name))


def hook(name):
    return difference(
        name, health=Health(D), live=body(name, annotations={"argocd.argoproj.io/hook": "Sync"})
    )


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        pytest.param([], "Healthy", id="nothing"),
        pytest.param([compared("a", H), compared("b")], "Healthy", id="healthy, and without health"),
        pytest.param(
            [compared("a", D, "bad"), compared("b", P)],
            "Degraded: Caused by ConfigMap/web/a: bad",
            id="the worst",
        ),
        pytest.param(
            [compared("a", S), compared("b", H)], "Suspended: Caused by ConfigMap/web/a", id="suspended"
        ),
        pytest.param(
            [compared(n, D, n) for n in "edcba"],
            "Degraded: Caused by ConfigMap/web/a: a, ConfigMap/web/b: b, ConfigMap/web/c: c and 2 more",
            id="three causes",
        ),
        pytest.param(
            [compared("a", there=False)], "Missing: Caused by ConfigMap/web/a", id="nothing is there"
        ),
        pytest.param([compared("a", there=False), compared("b", H)], "Healthy", id="something is there"),
        pytest.param([ignored("a"), compared("b", H)], "Healthy", id="left out"),
        pytest.param([hook("a"), compared("b", H)], "Healthy", id="a hook"),
        pytest.param([child(M), compared("b", H)], "Healthy", id="a missing application"),
        pytest.param([child(U), compared("b", H)], "Healthy", id="an unknown application"),
        pytest.param([child(D)], "Degraded: Caused by Application/web/child", id="a degraded application"),
    ],
)
def test_health_of_an_application(differences, expected):
    """
    An application is as healthy as the worst of its resources that count, and names up to three causes.
    """
    assert expected == str(app_health(comparison(*differences).differences))


def test_an_application_does_not_count_itself():
    """
    An application that manages its own object does not wait for its own health.
    """
    own = key("shop", "Application", "argoproj.io", "argocd")

    assert Health(H) == app_health([compared("shop", D, key=own), compared("a", H)], own)


def test_worst_first():
    """
    Healthy is better than Suspended, Progressing, Missing, Degraded and Unknown, in that order.
    """
    assert sorted(HealthStatus, key=lambda s: s.rank) == [H, S, P, M, D, U]
    assert U is worst([P, U, H])
    assert H is worst([])


def test_of_live_manifests_only_the_json_counts():
    """
    The health of an object depends on its JSON alone, not on where it came from.
    """
    pod = body("p", "Pod", status={"phase": "Succeeded"})

    assert assess(pod) == assess(Manifest.of(pod, "somewhere").body)
