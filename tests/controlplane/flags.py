"""Which flags make a cluster of etcd, an API server and a controller manager: small, local, and quick to start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NO_RATE_LIMITS = (
    "--enable-priority-and-fairness=false",
    "--max-requests-inflight=0",
    "--max-mutating-requests-inflight=0",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts of one plane listen."""

    etcd: int
    peer: int
    apiserver: int
    manager: int


def etcd(folder: Path, ports: Ports) -> list[str]:
    """Return etcd's flags; what it stores is in the folder."""
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.peer}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=error",
    ]


def apiserver(folder: Path, ports: Ports) -> list[str]:
    """Return the API server's flags; its certificates, keys and tokens are in the folder."""
    return [
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports.apiserver}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={folder / 'tls.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'sa.pub'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--allow-privileged",
        # Pods would wait for their account's token, which no node will mount.
        "--disable-admission-plugins=ServiceAccount",
        "--profiling=false",
    ]


def manager(folder: Path, ports: Ports) -> list[str]:
    """Return the controller manager's flags; its kubeconfig is in the folder."""
    return [
        f"--kubeconfig={folder / 'manager.kubeconfig'}",
        "--controllers=*,-bootstrapsigner,-tokencleaner,-nodeipam,-nodelifecycle",
        f"--service-account-private-key-file={folder / 'sa.key'}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.manager}",
        "--authorization-always-allow-paths=/healthz",
        f"--cert-dir={folder / 'manager'}",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
