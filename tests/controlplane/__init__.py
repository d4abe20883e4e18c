"""A real Kubernetes control plane for tests: built from Go modules, started and broken on demand."""

from tests.controlplane.kit import ControlPlane, ControlPlaneMissing, build
from tests.controlplane.podlet import Podlet

__all__ = ["ControlPlane", "ControlPlaneMissing", "Podlet", "build"]
