"""What ``kubectl get`` shows of built-in kinds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moorage.sandbox import kinds
from moorage.sandbox.columns import columns_for
from moorage.sandbox.defaults import default
from moorage.sandbox.durations import duration

NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
METADATA = {"name": "web", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"}


def shown(api_version, kind, **parts):
    body = {"apiVersion": api_version, "kind": kind, "metadata": METADATA, **parts}
    columns = columns_for(api_version.rpartition("/")[0], kind)
    return {
        each["name"]: cell for each, cell in zip(columns.definitions, columns.cells(body, NOW), strict=True)
    }


POD = {"containers": [{"name": "c", "image": "nginx"}], "nodeName": "sandbox"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            shown(
                "v1",
                "Pod",
                spec=POD,
                status={"phase": "Running", "containerStatuses": [{"ready": True, "state": {}}]},
            ),
            {"Ready": "1/1", "Status": "Running", "Restarts": "0", "Age": "5m", "Node": "sandbox"},
        ),
        (
            shown(
                "v1",
                "Pod",
                spec=POD,
                status={
                    "phase": "Running",
                    "containerStatuses": [
                        {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
                    ],
                },
            ),
            {"Ready": "0/1", "Status": "CrashLoopBackOff", "Restarts": "3"},
        ),
        (
            shown(
                "apps/v1",
                "Deployment",
                spec={"replicas": 3},
                status={"readyReplicas": 2, "updatedReplicas": 3},
            ),
            {"Ready": "2/3", "Up-to-date": 3, "Available": 0},
        ),
        (
            shown(
                "v1",
                "Service",
                spec={
                    "type": "LoadBalancer",
                    "clusterIP": "10.0.0.1",
                    "ports": [{"port": 80, "nodePort": 30001}],
                },
            ),
            {"External-IP": "<pending>", "Port(s)": "80:30001/TCP", "Selector": "<none>"},
        ),
        (shown("v1", "ConfigMap", data={"a": "b"}), {"Data": 1, "Age": "5m"}),
        (
            shown(
                "batch/v1",
                "Job",
                spec={"completions": 1},
                status={
                    "succeeded": 1,
                    "startTime": "2026-01-01T00:00:00Z",
                    "completionTime": "2026-01-01T00:00:07Z",
                    "conditions": [{"type": "Complete", "status": "True"}],
                },
            ),
            {"Status": "Complete", "Completions": "1/1", "Duration": "7s"},
        ),
        (
            shown(
                "networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": "a"}, {"host": "b"}], "tls": [{}]}
            ),
            {"Hosts": "a,b", "Ports": "80, 443", "Address": ""},
        ),
        (shown("example.org/v1", "Other"), {"Name": "web", "Age": "5m"}),
    ],
)
def test_cells(cells, expected):
    """
    The cells say what people know from a real cluster.
    """
    assert expected == {name: cells[name] for name in expected}


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds.BUILTIN if kind.stored], ids=lambda kind: f"{kind.kind}.{kind.group}"
)
def test_every_kind_can_be_shown_when_hardly_anything_is_there(kind):
    """
    An object with nothing but its defaults has a cell for each column, so a list never fails.
    """
    body = default({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": METADATA})
    columns = columns_for(kind.group, kind.kind)
    # A real server shows the age of an address too, without a column for it.
    shown = columns.cells(body, NOW)[:2] if kind.kind == "IPAddress" else columns.cells(body, NOW)

    assert len(columns.definitions) == len(shown)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10800, "3h"),
        (11100, "3h5m"),
        (172800, "2d"),
        (90000000, "2y311d"),
    ],
)
def test_durations(seconds, text):
    """
    Ages have two units at most, the finer one dropped as it stops mattering.
    """
    assert text == duration(seconds)
