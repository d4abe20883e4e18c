"""Every knob of the cluster room, as frozen values made once by whoever builds the house."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class KindRule:
    """
    Names kinds by glob: one entry of `resource.exclusions` or `resource.inclusions`.

    An empty list matches everything, as in Argo CD.
    """

    api_groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    def matches(self, group: str, kind: str, server: str) -> bool:
        return _any(self.api_groups, group) and _any(self.kinds, kind) and _any(self.clusters, server)


def _any(globs: Iterable[str], value: str) -> bool:
    globs = tuple(globs)
    return not globs or any(fnmatchcase(value, glob) for glob in globs)


DEFAULT_EXCLUSIONS = (
    KindRule(("", "discovery.k8s.io"), ("Endpoints", "EndpointSlice")),
    KindRule(("", "events.k8s.io"), ("Event",)),
    KindRule(("metrics.k8s.io",), ("*",)),
    KindRule(("coordination.k8s.io",), ("Lease",)),
    KindRule(
        ("authentication.k8s.io", "authorization.k8s.io"),
        ("SelfSubjectReview", "TokenReview", "LocalSubjectAccessReview", "*AccessReview", "*RulesReview"),
    ),
    KindRule(("certificates.k8s.io",), ("CertificateSigningRequest",)),
    KindRule(("cert-manager.io",), ("CertificateRequest",)),
    KindRule(
        ("cilium.io",),
        ("CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"),
    ),
    KindRule(
        ("kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"),
        (
            "PolicyReport",
            "ClusterPolicyReport",
            "EphemeralReport",
            "ClusterEphemeralReport",
            "AdmissionReport",
            "ClusterAdmissionReport",
            "BackgroundScanReport",
            "ClusterBackgroundScanReport",
            "UpdateRequest",
        ),
    ),
)
"""Kinds that change all the time and are never declared: not watched unless the settings say so."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """
    Limits and choices for one cluster's client and watches.

    `exec_programs` lists the programs a cluster Secret may name; it is empty
    unless an operator fills it, because a Secret is a tenant's word.
    """

    requests: int = 32
    lists: int = 8
    page_size: int = 500
    timeout_seconds: float = 60.0
    retries: int = 5
    retry_seconds: float = 0.2
    retry_limit_seconds: float = 10.0
    watch_seconds: tuple[int, int] = (300, 600)
    backoff_seconds: float = 0.2
    backoff_limit_seconds: float = 30.0
    stale_seconds: float = 15.0
    line_limit: int = 64 * 1024 * 1024
    exclusions: tuple[KindRule, ...] = DEFAULT_EXCLUSIONS
    inclusions: tuple[KindRule, ...] = ()
    exec_programs: tuple[str, ...] = ()
    exec_seconds: float = 60.0
    established_seconds: float = 10.0
    user_agent: str = "moorage"

    def watches(self, group: str, kind: str, server: str) -> bool:
        """Return whether a kind is to be watched in a cluster; inclusions, when given, come first."""
        if self.inclusions and not any(rule.matches(group, kind, server) for rule in self.inclusions):
            return False
        return not any(rule.matches(group, kind, server) for rule in self.exclusions)

    def backoff(self, failures: int) -> float:
        """Return how many seconds to wait after so many failures in a row: ever longer, with jitter, to a limit."""
        grown = min(self.backoff_limit_seconds, self.backoff_seconds * 2.0 ** min(failures - 1, 20))
        return grown * random.uniform(0.7, 1.3)  # noqa: S311 jitter, no secret
