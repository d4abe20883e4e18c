"""How do virtual machines, machines of clusters and storage clusters do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    S,
    Table,
    U,
    at,
    by_word,
    condition,
    conditions,
    holds,
    number,
    once_observed,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _virtual_machine(body: Json) -> Health:
    told = text(body, "status", "printableStatus")
    if holds(body, "Paused"):
        return Health(S, told)
    if holds(body, "Ready"):
        return Health(H, told)
    if condition(body, "Ready") is not None:
        return Health(P if at(body, "status", "created") is True else S, told)
    return Health(P, told or "waiting for a first status")


def _virtual_machine_instance(body: Json) -> Health:
    phase = text(body, "status", "phase")
    words = {"Failed": D, "Pending": P, "Scheduling": P, "Scheduled": P, "Succeeded": S, "Unknown": U}
    if phase in words:
        return Health(words[phase], f"phase is {phase}")
    if holds(body, "Paused"):
        return Health(S, text(condition(body, "Paused"), "message"))
    ready = condition(body, "Ready")
    if ready is None:
        return Health(P, "waiting for a first status")
    return HEALTHY if ready.get("status") == "True" else Health(D, text(ready, "message"))


def _machine_deployment(body: Json) -> Health:
    if at(body, "spec", "paused") is True:
        return Health(S, "the MachineDeployment is paused")
    phase = text(body, "status", "phase")
    words = {"Running": H, "Failed": D}
    return Health(words.get(phase, P), f"phase is {phase or 'not set'}")


def _machine_health_check(body: Json) -> Health:
    expected = at(body, "status", "expectedMachines")
    if expected is None:
        return Health(P, "waiting for a first status")
    current = number(body, "status", "currentHealthy")
    if current == expected:
        return HEALTHY
    return Health(D, f"{current} of {expected} machines are healthy")


def _managed_control_plane(body: Json) -> Health:
    if failure := text(body, "status", "failureMessage"):
        return Health(D, failure)
    if holds(body, "EKSControlPlaneUpdating"):
        return Health(P, text(condition(body, "EKSControlPlaneUpdating"), "message"))
    if holds(body, "Ready"):
        return HEALTHY
    for c in conditions(body):
        if c.get("status") == "False" and c.get("severity") == "Error":
            return Health(D, text(c, "message"))
    return Health(P, "waiting for Ready")


def _ceph_cluster(body: Json) -> Health:
    health, state = text(body, "status", "ceph", "health"), text(body, "status", "state")
    told = f"health is {health or 'not set'}, state is {state or 'not set'}"
    if health in ("HEALTH_ERR", "HEALTH_WARN") or (health and state == "Error"):
        return Health(D, told)
    if health == "HEALTH_OK" and state in ("Created", "Connected"):
        return HEALTHY
    return Health(P, told)


def _cassandra(body: Json) -> Health:
    racks = at(body, "status", "racks")
    if not isinstance(racks, dict) or not racks:
        return Health(P, "waiting for a first status")
    for name, rack in racks.items():
        if number(rack, "members") != number(rack, "readyMembers"):
            return Health(P, f"rack {name} is not ready")
    return HEALTHY


TABLE: Table = {
    ("kubevirt.io", "VirtualMachine"): _virtual_machine,
    ("kubevirt.io", "VirtualMachineInstance"): _virtual_machine_instance,
    ("cluster.x-k8s.io", "MachineDeployment"): _machine_deployment,
    ("cluster.x-k8s.io", "MachineHealthCheck"): _machine_health_check,
    ("controlplane.cluster.x-k8s.io", "AWSManagedControlPlane"): once_observed(_managed_control_plane),
    ("ceph.rook.io", "CephCluster"): _ceph_cluster,
    ("cassandra.rook.io", "Cluster"): _cassandra,
    ("trident.netapp.io", "TridentOrchestrator"): by_word(
        "status.status", "Installed → Healthy, Failed|Error → Degraded, else Progressing", "status.message"
    ),
}
