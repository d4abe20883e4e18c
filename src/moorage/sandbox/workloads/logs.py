"""
What would a pod of the sandbox have written, if it ran anything?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.pods import FAIL


def logs(pod: Json, container: str = "") -> str:
    """Return the pretended output of one container, the first when none is named."""
    containers = [*pod["spec"].get("containers", ()), *pod["spec"].get("initContainers", ())]
    chosen = next(
        (each for each in containers if each["name"] == container), containers[0] if containers else {}
    )
    meta, status = pod["metadata"], pod.get("status") or {}
    lines = [
        f"The sandbox runs no containers; this is what {chosen.get('name', '')} of {meta['name']} would be.",
        f"image: {chosen.get('image', '')}",
    ]
    if command := [*chosen.get("command", ()), *chosen.get("args", ())]:
        lines.append(f"command: {' '.join(command)}")
    if started := status.get("startTime"):
        lines.append(f"{started} started")
    fate = (meta.get("annotations") or {}).get(FAIL)
    match status.get("phase"):
        case "Running" if fate == "crash-loop":
            lines.append(f"fatal: the annotation {FAIL} says {fate}")
        case "Running" if fate == "never-ready":
            lines.append("waiting to become ready")
        case "Running":
            lines.append("ready")
        case "Succeeded":
            lines.append("done")
        case "Failed":
            lines.append(f"fatal: the annotation {FAIL} says {fate}")
    return "\n".join(lines) + "\n"
