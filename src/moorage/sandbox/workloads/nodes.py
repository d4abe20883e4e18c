"""
The one node of the sandbox: always there, always ready.
"""

from __future__ import annotations

from datetime import datetime

from moorage.model.manifest import Json
from moorage.sandbox.kinds import VERSION
from moorage.sandbox.workloads.conditions import condition, put
from moorage.sandbox.workloads.ports import NODES, STORAGE_CLASSES, Cluster

NODE = "sandbox"
NODE_ADDRESS = "10.0.0.1"
STORAGE_CLASS = "standard"
NODE_LABELS = {
    "beta.kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/hostname": NODE,
    "kubernetes.io/os": "linux",
}


def furnish(cluster: Cluster, now: datetime) -> None:
    """Create the node and the default storage class of an empty sandbox."""
    if cluster.get(NODES, "", NODE) is None:
        node = cluster.create(NODES, {"metadata": {"name": NODE, "labels": NODE_LABELS}, "spec": {}})
        if node is not None:
            cluster.replace(node, status=_status(now))
    if cluster.get(STORAGE_CLASSES, "", STORAGE_CLASS) is None:
        mark = {"storageclass.kubernetes.io/is-default-class": "true"}
        cluster.create(
            STORAGE_CLASSES,
            {
                "metadata": {"name": STORAGE_CLASS, "annotations": mark},
                "provisioner": "sandbox.moorage.dev/volumes",
            },
        )


def _status(now: datetime) -> Json:
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "110k", "ephemeral-storage": "1Ti"}
    pressure = [
        condition(name, False, f"KubeletHas{words}", "")
        for name, words in (
            ("MemoryPressure", "SufficientMemory"),
            ("DiskPressure", "NoDiskPressure"),
            ("PIDPressure", "SufficientPID"),
        )
    ]
    return {
        "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}, {"type": "Hostname", "address": NODE}],
        "allocatable": capacity,
        "capacity": capacity,
        "conditions": put(
            (), [*pressure, condition("Ready", True, "KubeletReady", "the sandbox is ready")], now
        ),
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": "",
            "containerRuntimeVersion": "sandbox://1",
            "kernelVersion": "sandbox",
            "kubeProxyVersion": "",
            "kubeletVersion": f"v{VERSION}.0-sandbox",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "Moorage sandbox",
            "systemUUID": "",
        },
    }
