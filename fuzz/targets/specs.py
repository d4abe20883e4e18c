"""Applications, projects, and the Secrets and ConfigMaps of the installation."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from fuzz.target import Target, json_bytes
from moorage.control.config import fold
from moorage.control.decode import decode_application, decode_project
from moorage.control.recorded import decode_operation
from moorage.control.repositories import webhook_secrets
from moorage.control.statuses import encode
from moorage.engine import permits, windows
from moorage.engine.policy import decide
from moorage.model.application import Application
from moorage.model.errors import Error
from moorage.model.identity import IN_CLUSTER, AppKey, ResourceKey
from moorage.model.operation import Operation
from moorage.model.states import Comparison, SyncStatus
from moorage.model.status import AppView
from moorage.render.options import decode
from moorage.sources.addresses import parse_address
from moorage.sources.credentials import decode_repository_secret, find_repository

_SCHEMES = frozenset({"https", "http", "ssh", "file", "oci"})
_COMPARISON = Comparison(SyncStatus.OUT_OF_SYNC)
_NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def read_application(data: bytes) -> None:
    """Read an Application and how it wants to be rendered."""
    app = decode_application(orjson.loads(data))
    last = decode_operation(app)
    for operation in (last, decide(app, last, _COMPARISON, "b" * 40, _NOW)):
        if isinstance(operation, Operation):
            orjson.dumps(
                encode(app, replace(AppView.unknown(), operation=operation), "2026-01-31T12:00:00Z", "argocd")
            )
    decode(app.source.declared)


def read_project(data: bytes) -> None:
    """Read an AppProject, and ask it about an application, a resource and the time."""
    project = decode_project(orjson.loads(data))
    permits.source_fault(_APP.source.repo_url, project)
    permits.destination_fault(_APP.destination, IN_CLUSTER, project)
    permits.application_fault(AppKey("teams", "web"), project, "argocd")
    for namespaced in (True, False):
        permits.resource_fault(_KEY, project, namespaced=namespaced, server=IN_CLUSTER)
    windows.permission(project.windows, _APP, IN_CLUSTER, _NOW, manual=False)
    windows.permission(project.windows, _APP, IN_CLUSTER, _NOW, manual=True, begun=_NOW)


def read_repository(data: bytes) -> None:
    """Read a repository Secret, and look for the repository of its own address."""
    repository = decode_repository_secret(_texts(orjson.loads(data)), "shop-repository")
    repr(find_repository(repository.url, "shop", [repository], [repository]))
    hash(repository.key)
    parse_address(repository.url, _SCHEMES)


def read_configuration(data: bytes) -> None:
    """Fold projects, Secrets and ConfigMaps of an installation; what is wrong in one is a fault and no failure."""
    body = orjson.loads(data)
    config = fold("argocd", _objects(body, "projects"), _objects(body, "secrets"), _objects(body, "maps"))
    webhook_secrets(config, 1024)
    hash((config.ignore, config.status_fields, config.label_key, config.faults))
    for name in ("default", "shop"):
        try:
            project = config.project(name)
            config.cluster(_APP.destination, project)
        except Error:
            continue


def _texts(value: object) -> dict[str, str | bytes]:
    """Return the data of a Secret as the API server gives it: a text for each key, not all of them UTF-8."""
    texts: dict[str, str | bytes] = {}
    for name, item in value.items() if isinstance(value, dict) else ():
        texts[name] = item if isinstance(item, str) else b"\xff" if item is False else orjson.dumps(item)
    return texts


def _objects(body: object, kind: str) -> list[dict[str, object]]:
    """Return objects as the API server keeps them: their specs are anyone's, their metadata is in order."""
    found: list[dict[str, object]] = []
    items = body.get(kind) if isinstance(body, dict) else None
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        metadata = item.get("metadata") if isinstance(item.get("metadata"), dict) else {}
        labels = {k: str(v) for k, v in _mapping(metadata.get("labels")).items()}
        kept = {"metadata": {"name": str(metadata.get("name")), "namespace": "argocd", "labels": labels}}
        if kind == "projects":
            kept["spec"] = item.get("spec")
        else:
            write = _base64 if kind == "secrets" else _written
            kept["data"] = {k: write(v) for k, v in _mapping(item.get("data")).items()}
        found.append(kept)
    return found


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _written(value: object) -> str:
    """Return a value of a ConfigMap as text; JSON is YAML too."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _base64(value: object) -> str:
    return base64.b64encode(_written(value).encode()).decode()


_SOURCE = {"repoURL": "https://git.example/shop.git", "path": "web", "targetRevision": "main"}
_HELM = {
    **_SOURCE,
    "helm": {
        "valueFiles": ["values.yaml", "$values/prod.yaml"],
        "parameters": [{"name": "image.tag", "value": "1", "forceString": True}],
        "fileParameters": [{"name": "a", "path": "b"}],
        "valuesObject": {"replicas": 2},
        "releaseName": "web",
        "skipCrds": True,
        "apiVersions": ["v1"],
    },
}
_KUSTOMIZE = {
    **_SOURCE,
    "kustomize": {
        "namePrefix": "a-",
        "images": ["nginx=nginx:1"],
        "commonLabels": {"a": "b"},
        "replicas": [{"name": "web", "count": 2}],
        "patches": [{"target": {"kind": "Deployment"}, "patch": "- op: remove"}],
    },
}
_POLICY = {
    "automated": {"prune": True, "selfHeal": True},
    "syncOptions": ["CreateNamespace=true", "ServerSideApply=false"],
    "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
    "managedNamespaceMetadata": {"labels": {"a": "b"}},
}
_IGNORE = [
    {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"], "jqPathExpressions": [".a"]}
]
_OPERATION = {
    "initiatedBy": {"username": "ann"},
    "retry": _POLICY["retry"],
    "sync": {
        "revision": "a" * 40,
        "prune": True,
        "syncStrategy": {"hook": {"force": True}},
        "syncOptions": ["Replace=true"],
        "resources": [{"group": "apps", "kind": "Deployment", "name": "web"}],
    },
}
_STATUS = {
    "operationState": {
        "operation": _OPERATION,
        "phase": "Succeeded",
        "message": "done",
        "startedAt": "2026-01-30T12:00:00Z",
        "finishedAt": "2026-01-30T12:00:01Z",
        "retryCount": 1,
        "syncResult": {
            "revision": "a" * 40,
            "source": _SOURCE,
            "resources": [
                {
                    "kind": "Job",
                    "name": "j",
                    "syncPhase": "PreSync",
                    "hookType": "PreSync",
                    "hookPhase": "Succeeded",
                },
                {
                    "kind": "A",
                    "name": "b",
                    "syncPhase": "Sync",
                    "status": "Synced",
                    "message": "m",
                    "images": ["i"],
                },
            ],
        },
    },
    "history": [{"id": 1, "revision": "a" * 40, "source": _SOURCE}],
    "health": {"status": "Healthy", "lastTransitionTime": "2026-01-30T12:00:01Z"},
    "resources": [{"kind": "A", "name": "b", "status": "Synced"}],
    "summary": {"images": ["i"]},
    "sync": {"status": "Synced", "revision": "a" * 40},
}
_APPLICATIONS = tuple(
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "web",
            "namespace": "argocd",
            "uid": "1",
            "generation": 3,
            "labels": {"a": "b"},
            "annotations": {"argocd.argoproj.io/refresh": "hard"},
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "default",
            "source": source,
            "destination": {"server": IN_CLUSTER, "namespace": "shop"},
            "syncPolicy": _POLICY,
            "ignoreDifferences": _IGNORE,
            "revisionHistoryLimit": 5,
        },
        "operation": operation,
        "status": _STATUS,
    }
    for source, operation in (
        (_HELM, _OPERATION),
        (_KUSTOMIZE, None),
        ({**_SOURCE, "directory": {"recurse": True, "include": "*.yaml", "jsonnet": {}}}, {"sync": {}}),
        (
            {
                "repoURL": "oci://r.example/charts",
                "chart": "web",
                "targetRevision": ">=1.2",
                "tagPrefix": "v",
            },
            None,
        ),
    )
)
_KEY = ResourceKey("apps", "Deployment", "shop", "web")
_PROJECT = {
    "metadata": {"name": "shop", "namespace": "argocd"},
    "spec": {
        "sourceRepos": ["https://git.example/*", "!https://git.example/private", "git@git.example:a/b"],
        "destinations": [
            {"server": "https://*", "namespace": "shop-[a-c]*"},
            {"name": "in-cluster", "namespace": "{shop,web}"},
            {"server": "*", "namespace": "!kube-system"},
        ],
        "sourceNamespaces": ["teams-*"],
        "clusterResourceWhitelist": [{"group": "*", "kind": "Name*", "name": "shop"}],
        "clusterResourceBlacklist": [{"group": "", "kind": "Node"}],
        "namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}],
        "namespaceResourceBlacklist": [{"group": "", "kind": "ResourceQuota"}],
        "syncWindows": [
            {
                "kind": "allow",
                "schedule": "*/15 2-4 29 mar,oct sun",
                "duration": "1h30m",
                "applications": ["*"],
                "namespaces": ["shop"],
                "clusters": ["in-cluster"],
                "manualSync": True,
                "timeZone": "Europe/Berlin",
                "syncOverrun": True,
            },
            {"kind": "deny", "schedule": "@daily", "duration": "30m", "applications": ["w?b"]},
        ],
        "permitOnlyProjectScopedClusters": True,
    },
}
_REPOSITORIES = (
    {
        "type": "git",
        "url": "https://git.example/shop.git",
        "username": "ann",
        "password": "hunter2",
        "project": "shop",
    },
    {
        "url": "git@git.example:ann/shop.git",
        "sshPrivateKey": "hunter2",
        "insecure": "true",
        "proxy": "http://p:1",
    },
    {
        "type": "helm",
        "url": "oci://r.example/charts",
        "enableOCI": "true",
        "tlsClientCertData": "c",
        "name": "r",
    },
    {"url": "https://github.com/a/b", "githubAppID": "1", "githubAppPrivateKey": "hunter2", "noProxy": "x"},
    {"url": "file:///srv/git/shop.git", "forceHttpBasicAuth": "t"},
)


def _secret(kind: str, data: object) -> dict[str, object]:
    return {"metadata": {"name": kind, "labels": {"argocd.argoproj.io/secret-type": kind}}, "data": data}


_CONFIGURATION = {
    "projects": [_PROJECT, {"metadata": {"name": "default"}, "spec": {"sourceRepos": ["*"]}}],
    "secrets": [
        _secret(
            "cluster", {"name": "prod", "server": "https://10.0.0.1", "config": "{}", "namespaces": "a,b"}
        ),
        _secret("repository", _REPOSITORIES[0]),
        _secret("repo-creds", {"url": "https://git.example/", "password": "hunter2"}),
        {
            "metadata": {"name": "argocd-secret"},
            "data": {"webhook.github.secret": "hunter2", "webhook.azuredevops.x": "y"},
        },
    ],
    "maps": [
        {
            "metadata": {"name": "argocd-cm"},
            "data": {
                "application.resourceTrackingMethod": "annotation+label",
                "application.instanceLabelKey": "a/b",
                "resource.compareoptions": {"ignoreResourceStatusField": "crd"},
                "resource.customizations.ignoreDifferences.all": {
                    "jsonPointers": ["/a"],
                    "managedFieldsManagers": ["k"],
                },
                "resource.customizations.ignoreDifferences.apps_Deployment": "jqPathExpressions: ['.a']\n",
                "cluster.inClusterEnabled": "true",
            },
        },
        {"metadata": {"name": "argocd-tls-certs-cm"}, "data": {"git.example": "-----BEGIN"}},
        {
            "metadata": {"name": "argocd-ssh-known-hosts-cm"},
            "data": {"ssh_known_hosts": "git.example ssh-rsa A"},
        },
    ],
}
_APP: Application = decode_application(_APPLICATIONS[0])

TARGETS = (
    Target("application", read_application, json_bytes(*_APPLICATIONS), shape="json"),
    Target("project", read_project, json_bytes(_PROJECT), shape="json"),
    Target("repository-secret", read_repository, json_bytes(*_REPOSITORIES), shape="json"),
    Target("configuration", read_configuration, json_bytes(_CONFIGURATION), shape="json"),
)
