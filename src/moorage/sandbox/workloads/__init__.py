"""
Simulated controllers: what makes workloads of the sandbox come up, change, fail and heal.

One small file per family. Each says which resources it follows and what one
object should be like now; `driver` calls it, `ports` is all it may ask of the
cluster. `Workloads` starts and stops them together.
"""

from moorage.sandbox.workloads.everything import Workloads
from moorage.sandbox.workloads.logs import logs
from moorage.sandbox.workloads.ports import Clock, Cluster, WallClock
from moorage.sandbox.workloads.storeside import StoreCluster

__all__ = ["Clock", "Cluster", "StoreCluster", "WallClock", "Workloads", "logs"]
