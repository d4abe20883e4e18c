"""
Do two answers agree, once all that may differ is taken out?

What may differ: uids, times, versions, addresses and random names a server gives
out, and what controllers did between two requests. Everything else must agree:
status code, media type, reason, message, body, and who owns which field.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.conformance.exchange import Answer, Case

# Managers of controllers, which may have written before the next request came.
CONTROLLERS = ("kube-controller-manager", "kube-apiserver", "moorage-sandbox", "sandbox", "podlet")
# Kinds whose status a controller writes at a time of its choosing.
MOVING = {
    "CertificateSigningRequest", "CronJob", "CustomResourceDefinition", "DaemonSet", "Deployment",
    "HorizontalPodAutoscaler", "Ingress", "Job", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "Pod",
    "PodDisruptionBudget", "ReplicaSet", "ReplicationController", "ResourceQuota", "Scale", "StatefulSet",
}  # fmt: skip
# Fields whose value the server chooses or counts.
GIVEN = {
    "uid": None,
    "resourceVersion": None,
    "creationTimestamp": None,
    "selfLink": None,
    "deletionTimestamp": "<set>",
    "continue": "<set>",
    "clusterIP": "<given>",
    "clusterIPs": "<given>",
    "nodePort": "<given>",
    "healthCheckNodePort": "<given>",
    "serverAddress": "<given>",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Versions in refusals, and objects quoted whole: in these the order of fields is the server's.
_VERSION = re.compile(
    r"(?<=esourceVersion in the precondition )\(\d+\)|(?<=esourceVersion in record )\(\d+\)|(?<=too old resource version: \d )\(\d+\)"
)
_QUOTED = re.compile(r'(?<=patch: Invalid value: )"\{.*\}"|(?<=^Invalid value: )"\{.*\}"')
_AGE = re.compile(r"^(<invalid>|(\d+[dhms])+)$")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One place in one answer of a case at which two servers differ."""

    case: str
    request: int
    sent: str
    place: str
    real: Any
    sandbox: Any

    def __str__(self) -> str:
        where = f"{self.case} · request {self.request} ({self.sent}) · {self.place}"
        return f"{where}\n    real:    {_short(self.real)}\n    sandbox: {_short(self.sandbox)}"


def disagreements(case: Case, real: list[Answer], sandbox: list[Answer]) -> list[Disagreement]:
    """Return where the answers to a case differ, at most the first few places of each answer."""
    found: list[Disagreement] = []
    for number, (request, ours, theirs) in enumerate(zip(case.requests, sandbox, real, strict=True)):
        # The status code first: what else differs follows from it.
        differing = sorted(_compare(plain(theirs), plain(ours), ""), key=lambda each: each[0] != "status")
        found += [Disagreement(case.id, number, str(request), *each) for each in differing[:12]]
    return found


def plain(answer: Answer) -> dict[str, Any]:
    """Return an answer without what may differ."""
    body = (
        [_plain_event(each) for each in answer.body] if isinstance(answer.body, list) else _plain(answer.body)
    )
    return {"status": answer.status, "type": answer.content_type, "body": body}


def _plain_event(event: Any) -> Any:
    if event.get("type") == "BOOKMARK":
        marks = event["object"].get("metadata", {}).get("annotations")
        return {"type": "BOOKMARK", "kind": event["object"].get("kind"), "annotations": marks}
    return _plain(event)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain_object(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return _QUOTED.sub(
            "<object>", _VERSION.sub("<version>", _TIME.sub("<time>", _UID.sub("<uid>", value)))
        )
    return value


def _plain_object(value: dict[str, Any]) -> dict[str, Any]:
    kept = dict(value)
    if kept.get("kind") in MOVING:
        kept.pop("status", None)
        if kept["kind"] == "Pod" and isinstance(kept.get("spec"), dict):
            kept["spec"] = {name: value for name, value in kept["spec"].items() if name != "nodeName"}
    meta = kept.get("metadata")
    if isinstance(meta, dict):
        kept["metadata"] = _plain_metadata(meta)
    if isinstance(kept.get("cells"), list):
        kept["cells"] = [
            "<age>" if isinstance(each, str) and _AGE.match(each) else _plain(each) for each in kept["cells"]
        ]
    if kept.get("kind") == "Status" and isinstance(kept.get("details"), dict):
        kept["details"] = {key: item for key, item in kept["details"].items() if key != "uid"}
        _sort_causes(kept)
    if kept.get("kind") == "APIResourceList" and "." in kept["groupVersion"]:
        # The server lists custom kinds in any order.
        kept["resources"] = sorted(kept["resources"], key=lambda each: each["name"])
    return {
        _UID.sub("<uid>", key): _given(key, item) if key in GIVEN else _plain(item)
        for key, item in kept.items()
        if _stays(key, item)
    }


def _sort_causes(status: dict[str, Any]) -> None:
    # Properties of custom kinds are checked in any order.
    causes = status["details"].get("causes") or ()
    # Conflicts of several managers come in any order.
    if causes and all(each.get("reason") == "FieldManagerConflict" for each in causes):
        status["details"]["causes"] = sorted(causes, key=lambda each: (each["field"], each["message"]))
        return
    if len(causes) < 2 or not str(status["details"].get("group", "")).endswith("moorage.dev"):
        return
    status["details"]["causes"] = sorted(causes, key=lambda each: (each.get("field", ""), each["message"]))
    status["message"] = status["message"].partition(" is invalid: ")[0]


def _plain_metadata(meta: dict[str, Any]) -> dict[str, Any]:
    kept = dict(meta)
    if kept.get("generateName") and kept.get("name"):
        kept["name"] = kept["generateName"] + "<random>"
    if isinstance(kept.get("annotations"), dict):
        kept["annotations"] = {
            k: v for k, v in kept["annotations"].items() if k != "deployment.kubernetes.io/revision"
        }
        if not kept["annotations"]:
            del kept["annotations"]
    if isinstance(kept.get("managedFields"), list):
        entries = [
            {key: item for key, item in entry.items() if key != "time"}
            for entry in kept["managedFields"]
            if entry.get("manager") not in CONTROLLERS
        ]
        kept["managedFields"] = sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))
    return kept


def _given(key: str, value: Any) -> Any:
    # A schema or a list of fields may use the same words; "None" is a word of the user's.
    if isinstance(value, dict) or value in ("", "None", ["None"], 0):
        return value
    return GIVEN[key]


def _stays(key: str, value: Any) -> bool:
    return not (key in GIVEN and GIVEN[key] is None and not isinstance(value, dict))


def _compare(real: Any, ours: Any, place: str) -> list[tuple[str, Any, Any]]:
    if isinstance(real, dict) and isinstance(ours, dict):
        keys = sorted(real.keys() | ours.keys())
        missing = "<absent>"
        return [
            each
            for key in keys
            for each in _compare(real.get(key, missing), ours.get(key, missing), f"{place}.{key}".lstrip("."))
        ]
    if isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        return [
            each
            for index, (one, other) in enumerate(zip(real, ours, strict=True))
            for each in _compare(one, other, f"{place}[{index}]")
        ]
    same = real == ours and isinstance(real, bool) == isinstance(ours, bool)
    return [] if same else [(place, real, ours)]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 600 else text[:600] + " …"
