"""Bodies of Applications and projects for the tests of this room."""

from __future__ import annotations

from typing import Any

SERVER = "https://kubernetes.default.svc"


def application(
    *, status: Any = None, operation: Any = None, annotations: Any = None, uid: str = "u-1", **spec: Any
) -> dict[str, Any]:
    """Return an Application's body; `spec` is laid over a usual one."""
    usual: dict[str, Any] = {
        "project": "default",
        "source": {"repoURL": "https://git.example.com/shop.git", "path": "shop", "targetRevision": "main"},
        "destination": {"server": SERVER, "namespace": "shop"},
    }
    body: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "shop",
            "namespace": "argocd",
            "uid": uid,
            "resourceVersion": "7",
            "annotations": annotations or {},
        },
        "spec": {**usual, **spec},
    }
    if status is not None:
        body["status"] = status
    if operation is not None:
        body["operation"] = operation
    return body
