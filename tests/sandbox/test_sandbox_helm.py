"""The real Helm against the sandbox: releases are installed, waited for, changed, rolled back and removed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_kit import Running, running

# Helm runs in a process of its own: its Go runtime must not meet the threads of the tests.
HELM = """
import json, sys
from helm_python import Config, HelmError
steps, namespace = json.load(sys.stdin)
said = []
with Config(kubeconfig_path=sys.argv[1], namespace=namespace) as helm:
    for method, arguments, options in steps:
        try:
            said.append(getattr(helm, method)(*arguments, **options))
        except HelmError as failure:
            said.append({"error": str(failure)})
json.dump(said, sys.stdout)
"""
METADATA = "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '4.5'\n"
VALUES = "replicas: 2\nimage: nginx:1.25\ngreeting: hello\nfate: ''\n"
TEMPLATES = {
    "web.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {sandbox.moorage.dev/fail: {{ .Values.fate | quote }}}
    spec:
      containers: [{name: main, image: {{ .Values.image }}, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""",
    "settings.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  greeting: {{ .Values.greeting }}
  seen: {{ (lookup "v1" "Namespace" "" "kube-public").metadata.name }}
""",
    "boat.yaml": "apiVersion: harbour.example/v1\nkind: Boat\nmetadata: {name: anna}\nspec: {size: 3}\n",
    "prepare.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  ttlSecondsAfterFinished: 0
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}
""",
}
BOATS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.harbour.example}
spec:
  group: harbour.example
  names: {plural: boats, kind: Boat}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("helm")) as made:
        yield made


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chart")
    files = {"Chart.yaml": METADATA, "values.yaml": VALUES, "crds/boats.yaml": BOATS}
    files |= {f"templates/{name}": text for name, text in TEMPLATES.items()}
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    return str(folder)


def helm(cluster: Running, namespace: str, *steps):
    """Do steps (method, arguments, options) one after another and return what each gave."""
    done = subprocess.run(
        [sys.executable, "-c", HELM, cluster.kubeconfig],
        input=json.dumps([steps, namespace]),
        capture_output=True,
        text=True,
        env=cluster.environment,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def step(method, *arguments, **options):
    return method, arguments, options


def waiting(how="watcher", seconds=20):
    """Return the options of a step that waits until everything is ready."""
    return {"wait": how, "timeout": seconds}


@pytest.mark.parametrize("how", ["watcher", "legacy"])
def test_release_lives_its_life(cluster, chart, how):
    """
    install, upgrade, rollback and uninstall each wait until it is so, whichever way Helm waits; hooks run and go.
    """
    namespace = f"life-{how}"
    installed, _, upgraded, listed = helm(
        cluster,
        namespace,
        step("install", chart, "shop", {}, create_namespace=True, **waiting(how)),
        step("status", "shop"),
        step("upgrade", chart, "shop", {"replicas": 3, "greeting": "servus"}, **waiting(how)),
        step("list"),
    )
    after_upgrade = cluster.json("-n", namespace, "get", "deployment", "web")["status"]
    greeting = cluster.json("-n", namespace, "get", "configmap", "settings")["data"]
    _, history = helm(
        cluster, namespace, step("rollback", "shop", version=1, **waiting(how)), step("history", "shop")
    )
    after_rollback = cluster.json("-n", namespace, "get", "deployment", "web")["status"]

    assert (installed["status"], upgraded["status"]) == ("deployed", "deployed")
    assert [each["name"] for each in listed] == ["shop"]
    assert (after_upgrade["readyReplicas"], after_rollback["readyReplicas"]) == (3, 2)
    assert greeting == {"greeting": "servus", "seen": "kube-public"}
    assert [each["status"] for each in history] == ["superseded", "superseded", "deployed"]
    assert "NotFound" in cluster.kubectl("-n", namespace, "get", "job", "prepare", fails=1)
    assert cluster.json("-n", namespace, "get", "pvc", "data")["status"]["phase"] == "Bound"

    _, left = helm(cluster, namespace, step("uninstall", "shop", **waiting(how)), step("list"))

    assert left == []
    gone = cluster.kubectl("-n", namespace, "get", "deployments,services,pods,boats,secrets,pvc")
    assert "No resources found" in gone


def test_release_that_does_not_come_up_fails_and_can_be_mended(cluster, chart):
    """
    A wait for pods that never become ready ends in a failed release; the next upgrade heals it.
    """
    broken, history, mended = helm(
        cluster,
        "broken",
        step("install", chart, "shop", {"fate": "image-pull"}, create_namespace=True, **waiting(seconds=2)),
        step("history", "shop"),
        step("upgrade", chart, "shop", {"fate": ""}, **waiting()),
    )

    assert "web" in broken["error"]
    assert [each["status"] for each in history] == ["failed"]
    assert mended["status"] == "deployed"


def test_server_dry_run_changes_nothing(cluster, chart):
    """
    An install that is only tried leaves no release and no objects.
    """
    cluster.kubectl("create", "namespace", "dry")

    tried, listed = helm(
        cluster, "dry", step("install", chart, "shop", {}, dry_run="server"), step("list", all_states=True)
    )

    assert "seen: kube-public" in tried["manifest"]
    assert listed == []
    assert "No resources found" in cluster.kubectl("-n", "dry", "get", "deployments,secrets")


def test_release_is_kept_over_a_restart(tmp_path: Path, chart):
    """
    Helm finds its release again in a sandbox that was stopped and started.
    """
    state = tmp_path / "state"
    with running(tmp_path, state=state) as before:
        helm(before, "default", step("install", chart, "shop", {}, **waiting()))
    with running(tmp_path, state=state) as after:
        told, upgraded = helm(
            after,
            "default",
            step("status", "shop"),
            step("upgrade", chart, "shop", {"image": "nginx:1.26"}, **waiting()),
        )

    assert (told["status"], upgraded["status"], upgraded["revision"]) == ("deployed", "deployed", 2)
