"""
A Kubernetes API in one process: to try, test, drill and preview against.

`Sandbox(SandboxSettings(...))` is all that others need: start it, give its
kubeconfig to kubectl, Helm or Moorage, stop it. Nothing else in the house
imports this room but `testing` and the commands.
"""

from moorage.sandbox.mishaps import Fault
from moorage.sandbox.requests import Request
from moorage.sandbox.server import Sandbox, SandboxSettings

__all__ = ["Fault", "Request", "Sandbox", "SandboxSettings"]
