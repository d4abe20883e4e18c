"""
What is counted: Prometheus metrics, under Argo CD's names where they mean the same.

One object, built once with a registry of its own and passed to who counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from moorage.model.identity import AppKey
from moorage.model.manifest import Json


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        app = ("namespace", "name", "project", "dest_server", "phase", "dry_run")
        self.syncs = Counter("argocd_app_sync", "Finished sync operations.", app, registry=self.registry)
        self.requests = Counter(
            "argocd_app_k8s_request",
            "Requests to the API server of a cluster.",
            ("server", "verb", "resource_kind", "response_code"),
            registry=self.registry,
        )
        self.passes = Histogram(
            "argocd_app_reconcile",
            "Seconds that one pass for an application took.",
            ("depth",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.faults = Counter(
            "moorage_pass_faults", "Passes that ended early, by reason.", ("reason",), registry=self.registry
        )
        self.webhooks = Counter(
            "argocd_webhook_requests", "Webhooks received, by outcome.", ("outcome",), registry=self.registry
        )
        self.events_dropped = Counter(
            "moorage_events_dropped",
            "Kubernetes Events that were not written because too many waited.",
            registry=self.registry,
        )
        self.loop_blocked = Histogram(
            "moorage_loop_blocked_seconds",
            "How late the event loop came back to a timer.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=self.registry,
        )
        self.queue = Gauge("moorage_queue_length", "Keys that wait for a pass.", registry=self.registry)
        self._of_requests: dict[tuple[str, str, str, int], Counter] = {}

    def request(self, server: str, verb: str, kind: str, code: int) -> None:
        """Count one request to an API server."""
        labels = server, verb, kind, code
        counter = self._of_requests.get(labels)
        if counter is None:
            # Finding it by its labels costs more than counting, and there is one for each request.
            counter = self._of_requests[labels] = self.requests.labels(server, verb, kind, str(code))
        counter.inc()

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class Applications(Collector):
    """Reports ``argocd_app_info`` from the board when asked, so that nothing is kept twice."""

    def __init__(self, entries: Callable[[], Iterable[tuple[AppKey, Json, Json]]]) -> None:
        self._entries = entries

    def collect(self) -> Iterable[Any]:
        """Yield one sample for each application: (key, spec, status) → labels."""
        labels = [
            "namespace",
            "name",
            "project",
            "autosync_enabled",
            "repo",
            "dest_server",
            "dest_namespace",
            "sync_status",
            "health_status",
            "operation",
        ]
        info = GaugeMetricFamily(
            "argocd_app_info", "What applications there are, and how they stand.", labels=labels
        )
        for key, spec, status in self._entries():
            operation = (status.get("operationState") or {}).get("phase") == "Running"
            info.add_metric(
                [
                    key.namespace,
                    key.name,
                    spec["project"],
                    spec["automated"],
                    spec["repo"],
                    spec["server"],
                    spec["namespace"],
                    (status.get("sync") or {}).get("status") or "Unknown",
                    (status.get("health") or {}).get("status") or "Unknown",
                    "sync" if operation else "",
                ],
                1,
            )
        yield info
