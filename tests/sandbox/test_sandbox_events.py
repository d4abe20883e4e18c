"""Events of simulated workloads: what happened, to what, and how often."""

from __future__ import annotations

import pytest
from test_sandbox_workloads import World, selecting, template

from moorage.sandbox.workloads import chronicle
from moorage.sandbox.workloads.pods import FAIL
from moorage.sandbox.workloads.ports import DEPLOYMENTS, EVENTS, PODS


@pytest.fixture
async def world():
    async with World() as made:
        yield made


def told_events(world):
    """Return the events of the namespace: type, reason, kind of the object, count."""
    return {
        (each["type"], each["reason"], each["involvedObject"]["kind"]): each["count"]
        for each in world.all(EVENTS)
    }


async def test_events_tell_how_a_deployment_came_up(world):
    """
    Scaling, creation, scheduling and start each leave an event on the object a person would describe.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)

    assert told_events(world) == {
        ("Normal", "ScalingReplicaSet", "Deployment"): 1,
        ("Normal", "SuccessfulCreate", "ReplicaSet"): 1,
        ("Normal", "Scheduled", "Pod"): 1,
        ("Normal", "Started", "Pod"): 1,
    }


async def test_events_warn_of_failures_and_count(world):
    """
    What fails leaves warnings with the reason; the same once more counts up.
    """
    world.make(PODS, "lone", template()["spec"], annotations={FAIL: "image-pull"})
    await world.passes(2)
    first = told_events(world)
    for fate in ("", "image-pull"):
        pod = world.get(PODS, "lone")
        world.cluster.replace(pod, metadata={**pod["metadata"], "annotations": {FAIL: fate}})
        await world.passes(2)

    assert first["Warning", "Failed", "Pod"] == 1
    assert told_events(world)["Warning", "Failed", "Pod"] == 2
    messages = [each["message"] for each in world.all(EVENTS) if each["reason"] == "Failed"]
    assert messages == ['Failed to pull image "nginx:1": the sandbox was told to fail']


async def test_events_are_bounded(world):
    """
    However much happens, the newest events alone are kept.
    """
    for number in range(chronicle.LIMIT // 2 + 5):
        world.make(PODS, f"p{number}", template()["spec"])
    await world.passes(2)
    events = world.all(EVENTS)

    assert len(events) == chronicle.LIMIT
    assert "p0" not in {each["involvedObject"]["name"] for each in events if each["reason"] == "Scheduled"}
