"""
When does a workload want to be looked at: when its spec changes, and when something it owns does.
"""

from __future__ import annotations

from collections.abc import Callable

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import Cluster, Event, Key, Ref
from moorage.sandbox.workloads.templates import controller_of

Look = Callable[[Key], None]


def look_with_owned(cluster: Cluster, driver: Driver, ref: Ref, kind: str, owned: Ref, look: Look) -> None:
    """
    Have workloads looked at soon after they or what they own changed.

    Args:
        cluster: Where they are.
        driver: Calls `look`, not before what happens now is over.
        ref: The workloads; a change of anything but their spec is no reason.
        kind: What owner references call them.
        owned: What they own; that it is created is no reason, they did that.
        look: Takes the key of a workload.
    """

    def told(event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            driver.soon(look, key)

    def owned_told(event: Event, key: Key, body: Json, before: Json | None) -> None:
        owner = controller_of(body)
        if owner and owner["kind"] == kind and event != "ADDED":
            driver.soon(look, Key(ref, key.namespace, owner["name"]))

    cluster.follow(ref, told)
    cluster.follow(owned, owned_told)
