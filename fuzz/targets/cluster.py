"""What tells of clusters: kubeconfig files and cluster Secrets; and what clusters tell: lists, watches, failures."""

from __future__ import annotations

import atexit
import base64
import os
import tempfile
from functools import cache
from pathlib import Path

import orjson

from fuzz.target import Target, json_bytes
from moorage.cluster.answers import error_of
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.records import read_object
from moorage.cluster.secret import access_of_secret
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.watch import (
    Empty,
    Gathered,
    LineSplitter,
    Put,
    Removed,
    State,
    StreamingList,
    Watching,
    read_page,
    watch_step,
)

_SETTINGS = ClusterSettings(exec_programs=("aws",))


@cache
def _file(process: int) -> Path:
    folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    atexit.register(folder.cleanup)
    return Path(folder.name) / "config"


def read_config(data: bytes) -> None:
    """Read a kubeconfig file."""
    file = _file(os.getpid())
    file.write_bytes(data)
    repr(
        read_kubeconfig(
            [file], environment={"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": "10.0.0.0/8,*.x"}
        )
    )


def read_secret(data: bytes) -> None:
    """Read a cluster Secret whose values are texts; those that are not are written as JSON."""
    body = orjson.loads(data)
    texts = {k: v if isinstance(v, str) else orjson.dumps(v).decode() for k, v in body.items()}
    repr(access_of_secret(texts, _SETTINGS))


def read_watch(data: bytes) -> None:
    """Read a watch in two pieces, and each object it gives."""
    whole = list(LineSplitter(1_000_000).feed(data + b"\n"))
    splitter, middle = LineSplitter(1_000_000), len(data) // 2
    assert whole == [*splitter.feed(data[:middle]), *splitter.feed(data[middle:] + b"\n")], (
        "cut, it is another"
    )
    state: State = StreamingList() if len(data) % 2 else Watching("1")
    for line in whole:
        state, changes = watch_step(state, line)
        for change in changes:
            if isinstance(change, Gathered | Put | Removed):
                read_object(change.body, "apps", "Deployment", "apps/v1").record.decode()
        if isinstance(state, Empty):
            return


def read_list(data: bytes) -> None:
    """Read one page of a list, and each object in it."""
    for item in read_page(data).items:
        read_object(item, "", "ConfigMap", "v1").record.decode()


def read_failure(data: bytes) -> None:
    """Make one of our errors of an answer that is none."""
    raise error_of((401, 403, 404, 409, 410, 422, 429, 500, 302)[len(data) % 9], data, "GET /api/v1/pods")


_DATA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()
_KUBECONFIG = f"""apiVersion: v1
kind: Config
current-context: main
contexts:
- name: main
  context: {{cluster: prod, user: ann, namespace: shop}}
clusters:
- name: prod
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority-data: {_DATA}
    tls-server-name: kube
    proxy-url: http://proxy.example:3128
users:
- name: ann
  user:
    client-certificate-data: {_DATA}
    client-key-data: {_DATA}
    token: hunter2
    as: bob
    as-groups: [a, b]
    as-user-extra: {{scopes: [x]}}
""".encode()
_WITH_PLUGIN = b"""current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "https://a.example", insecure-skip-tls-verify: true,
  extensions: [{name: client.authentication.k8s.io/exec, extension: {a: 1}}]}}]
users:
- name: a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: aws
      args: [eks, get-token]
      env: [{name: AWS_PROFILE, value: prod}]
      interactiveMode: Never
      provideClusterInfo: true
"""
_KUBECONFIG_WORDS = (
    *(
        b": ",
        b"\n",
        b"- ",
        b"\n  ",
        b"\n    ",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"&a ",
        b"*a",
        b"<<: ",
        b"~",
        b"1",
        b"yes",
    ),
    *(
        b"!!bool x",
        b"!!int ",
        b"!!float ''",
        b"!!timestamp x",
        b"!!binary x",
        b"!!set {a}",
        b"!!omap [a]",
        b"2001-01-01",
    ),
    *(
        b"server",
        b"https://",
        b"http://[",
        b"@",
        b"?x",
        b"#x",
        b"cluster",
        b"user",
        b"exec:",
        b"token:",
        b"contexts:",
    ),
    *(
        b"client-key-data: ",
        b"as-user-extra: ",
        b"extensions: ",
        b"env: ",
        b"auth-provider: ",
        b"--- ",
        b"\x00",
        b"'",
    ),
)
_TLS = {"insecure": False, "serverName": "kube", "caData": _DATA, "certData": _DATA, "keyData": _DATA}
_SECRETS = (
    {
        "name": "prod",
        "server": "https://10.0.0.1",
        "config": {"bearerToken": "hunter2", "tlsClientConfig": _TLS},
    },
    {
        "server": "https://a.example/k8s",
        "namespaces": "a, b",
        "config": {"username": "ann", "password": "hunter2"},
    },
    {
        "server": "https://a.example",
        "config": {"awsAuthConfig": {"clusterName": "c", "roleARN": "r", "profile": "p"}},
    },
    {
        "server": "https://a.example",
        "clusterResources": "true",
        "config": {
            "execProviderConfig": {
                "command": "aws",
                "args": ["eks"],
                "env": {"AWS_REGION": "x"},
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "installHint": "install it",
            },
            "proxyUrl": "http://proxy.example",
        },
    },
)
_METADATA = {
    "name": "web",
    "namespace": "shop",
    "uid": "8d1f",
    "resourceVersion": "42",
    "generation": 2,
    "labels": {"a": "b"},
    "annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
    "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "b", "uid": "c", "controller": True}],
}
_OBJECT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _METADATA, "spec": {"replicas": 1}}
_END = {
    "kind": "X",
    "metadata": {"resourceVersion": "43", "annotations": {"k8s.io/initial-events-end": "true"}},
}
_LINES = json_bytes(
    {"type": "ADDED", "object": _OBJECT},
    {"type": "BOOKMARK", "object": _END},
    {"type": "MODIFIED", "object": _OBJECT},
    {"type": "DELETED", "object": {"metadata": {"name": "x", "resourceVersion": "44"}}},
    {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}},
    {"type": "ERROR", "object": {"kind": "Status", "code": 500}},
)
_JSON_WORDS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\n",
        b"null",
        b"true",
        b"1",
        b"-1",
        b"1e400",
        b'""',
        b"{}",
        b"[]",
    ),
    *(
        b'"type":"ADDED"',
        b'"object":',
        b'"metadata":',
        b'"annotations":',
        b'"code":',
        b"\xff",
        b"\\ud800",
        b'"name":',
    ),
)
_PAGES = json_bytes(
    {"kind": "List", "metadata": {"resourceVersion": "42", "continue": "t"}, "items": [_OBJECT, _END]},
    {"metadata": {"resourceVersion": "42"}, "items": None},
)
_STATUS = json_bytes(
    {
        "kind": "Status",
        "code": 422,
        "reason": "Invalid",
        "message": "Deployment is invalid",
        "details": {
            "name": "web",
            "causes": [{"reason": "x", "message": "y", "field": "z"}],
            "retryAfterSeconds": 1,
        },
    }
)

TARGETS = (
    Target("kubeconfig", read_config, (_KUBECONFIG, _WITH_PLUGIN), _KUBECONFIG_WORDS),
    Target("cluster-secret", read_secret, json_bytes(*_SECRETS), shape="json"),
    Target("watch", read_watch, (b"\n".join(_LINES), *_LINES), _JSON_WORDS),
    Target("list", read_list, _PAGES, _JSON_WORDS),
    Target(
        "status",
        read_failure,
        (*_STATUS, b"upstream connect error", b"<html>"),
        _JSON_WORDS,
        always_refuses=True,
    ),
)
