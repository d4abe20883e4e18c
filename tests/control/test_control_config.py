"""The users' configuration as one value; what is wrong stops only what uses it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from moorage.control.config import fold
from moorage.engine.track import Tracking
from moorage.model.application import Destination
from moorage.model.errors import InvalidSpec
from moorage.model.identity import IN_CLUSTER
from moorage.model.project import Project


def secret(name: str, kind: str = "", /, **data: str) -> dict[str, Any]:
    """Return a Secret with a secret-type label."""
    labels = {"argocd.argoproj.io/secret-type": kind} if kind else {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name, "labels": labels}, "data": encoded}


def settings(**data: str) -> dict[str, Any]:
    """Return argocd-cm."""
    return {
        "metadata": {"name": "argocd-cm"},
        "data": {key.replace("__", "."): value for key, value in data.items()},
    }


PROJECT = Project("default", ("*",), ())


def test_nothing_configured_is_the_own_cluster_alone() -> None:
    """
    Without any object there is the own cluster, annotation tracking and no repository.
    """
    config = fold("argocd", (), (), ())

    assert set(config.clusters) == {IN_CLUSTER}
    assert config.tracking is Tracking.ANNOTATION
    assert config.repositories == ()


def test_a_cluster_secret_is_a_destination_by_server_and_name() -> None:
    """
    A cluster of a Secret is found by its address and by its name.
    """
    config = fold("argocd", (), [secret("c", "cluster", server="https://far:6443/", name="far")], ())

    assert config.cluster(Destination("https://far:6443", "", ""), PROJECT).name == "far"
    assert config.cluster(Destination("", "far", ""), PROJECT).server == "https://far:6443"


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        pytest.param(Destination("https://nowhere", "", ""), "there is no cluster", id="no such server"),
        pytest.param(Destination("", "nobody", ""), "there is no cluster", id="no such name"),
        pytest.param(Destination("", "twin", ""), "2 clusters are called", id="two of one name"),
        pytest.param(Destination("https://own", "", ""), "belongs to project other", id="of another project"),
    ],
)
def test_a_destination_that_means_no_cluster_is_refused(destination: Destination, words: str) -> None:
    """
    The message says what is wrong with the destination.
    """
    secrets = [
        secret("a", "cluster", server="https://a", name="twin"),
        secret("b", "cluster", server="https://b", name="twin"),
        secret("o", "cluster", server="https://own", name="own", project="other"),
    ]

    with pytest.raises(InvalidSpec, match=words):
        fold("argocd", (), secrets, ()).cluster(destination, PROJECT)


def test_a_wrong_setting_is_told_and_the_rest_counts() -> None:
    """
    An unusable setting becomes a fault that names it; the default stands in its place.
    """
    config = fold(
        "argocd", (), (), [settings(application__resourceTrackingMethod="magic", installationID="x")]
    )

    assert config.tracking is Tracking.ANNOTATION
    assert config.installation_id == "x"
    assert any("magic" in fault for fault in config.faults)


def test_a_broken_project_is_kept_as_its_fault() -> None:
    """
    An application of a project that cannot be read is told what is wrong with the project.
    """
    body = {"metadata": {"name": "p"}, "spec": {"destinations": "all"}}

    with pytest.raises(InvalidSpec, match=r"project p: .*spec.destinations"):
        fold("argocd", [body], (), ()).project("p")


def test_secrets_do_not_print() -> None:
    """
    S14: a configuration that is logged or raised gives no credential away.
    """
    secrets = [
        secret("r", "repository", url="https://git.example.com/a.git", password="canary-1"),
        secret("argocd-secret", **{"webhook.github.secret": "canary-2"}),
        secret("c", "cluster", server="https://far", config='{"bearerToken":"canary-3"}'),
    ]

    assert "canary" not in repr(fold("argocd", (), secrets, ()))
