"""How do Flux's sources, releases and image automations do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    Rule,
    Table,
    condition,
    conditions,
    holds,
    text,
    unless_suspended,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _when_all(*succeeded: tuple[str, ...]) -> Rule:
    """Return a rule: Healthy when each group has a condition that is True, Progressing while reconciling."""

    def assess(body: Json) -> Health:
        if not conditions(body):
            return Health(P, "waiting for the first conditions")
        ready = text(condition(body, "Ready"), "message")
        if holds(body, "Ready", "Unknown") and holds(body, "Reconciling"):
            return Health(P, ready)
        if all(any(holds(body, type_) for type_ in group) for group in succeeded):
            return Health(HEALTHY.status, ready)
        return Health(D, ready)

    return unless_suspended(assess, "spec", "suspend")


def _helm_repository(body: Json) -> Health | None:
    if text(body, "spec", "type") == "oci":
        return Health(HEALTHY.status, "a repository of type oci needs no fetching")
    return _SOURCE(body)


def _image(*working: str) -> Rule:
    """Return a rule: Progressing while not ready and reconciling for one of the reasons."""

    def assess(body: Json) -> Health:
        if not conditions(body):
            return Health(P, "waiting for the first conditions")
        ready, reconciling = condition(body, "Ready"), condition(body, "Reconciling")
        message = text(ready, "message")
        busy = text(reconciling, "status") == "True" and text(reconciling, "reason") in working
        if text(ready, "status") == "False" and busy:
            return Health(P, message)
        return Health(HEALTHY.status if text(ready, "status") == "True" else D, message)

    return unless_suspended(assess, "spec", "suspend")


def _receiver(body: Json) -> Health:
    if not conditions(body):
        return Health(P, "waiting for the first conditions")
    message = text(condition(body, "Ready"), "message")
    return Health(HEALTHY.status if holds(body, "Ready") else D, message)


_SOURCE = _when_all(("Ready",), ("ArtifactInStorage",))
_READY = _when_all(("Ready",))
_SOURCES = "source.toolkit.fluxcd.io"
_IMAGES = "image.toolkit.fluxcd.io"

TABLE: Table = {
    **{(_SOURCES, kind): _SOURCE for kind in ("Bucket", "GitRepository", "HelmChart", "OCIRepository")},
    (_SOURCES, "HelmRepository"): _helm_repository,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): _READY,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): _when_all(("Ready",), ("Released", "TestSuccess")),
    (_IMAGES, "ImageUpdateAutomation"): _READY,
    (_IMAGES, "ImagePolicy"): _image("NewGeneration", "AccessingRepository", "ApplyingPolicy"),
    (_IMAGES, "ImageRepository"): _image("NewGeneration", "Scanning"),
    ("notification.toolkit.fluxcd.io", "Receiver"): unless_suspended(_receiver, "spec", "suspend"),
}
