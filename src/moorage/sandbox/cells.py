"""
Which words does ``kubectl get`` show in the cells of one object?

One function a kind, the narrow columns first and the wide ones after them, in
the order of `columns`. A time that is shown as an age is a `Since`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from moorage.model.manifest import Json
from moorage.sandbox.durations import duration

NONE = "<none>"
UNSET = "<unset>"


class Since(NamedTuple):
    """A time to be shown as how long ago it was."""

    stamp: str


def _meta(body: Json) -> Json:
    return body.get("metadata") or {}


def name(body: Json) -> str:
    """Return an object's name."""
    return str(_meta(body).get("name", ""))


def age(body: Json) -> Since:
    """Return the time an object was created."""
    return Since(_meta(body).get("creationTimestamp") or "")


def part(body: Json, field: str) -> Json:
    """Return an object inside an object, empty where there is none."""
    return body.get(field) or {}


def joined(values: Iterable[Any], empty: str = NONE) -> str:
    """Return values separated by commas, `empty` where there are none."""
    return ",".join(str(value) for value in values) or empty


def labels(values: Json | None) -> str:
    """Return labels as ``key=value`` pairs."""
    return joined(f"{key}={value}" for key, value in sorted((values or {}).items()))


def selector(told: Json | None) -> str:
    """Return a label selector in the words of a query."""
    told = told or {}
    parts = [f"{key}={value}" for key, value in sorted((told.get("matchLabels") or {}).items())]
    for rule in told.get("matchExpressions") or ():
        operator, values = rule["operator"], ",".join(sorted(rule.get("values") or ()))
        words = {"Exists": rule["key"], "DoesNotExist": f"!{rule['key']}"}
        parts.append(words.get(operator) or f"{rule['key']} {operator.lower()} ({values})")
    return joined(parts)


def _template(body: Json) -> tuple[str, str]:
    spec = part(part(part(body, "spec"), "template"), "spec")
    containers = spec.get("containers") or ()
    return joined(each["name"] for each in containers), joined(each.get("image", "") for each in containers)


def plain(body: Json) -> list[Any]:
    return [name(body), age(body)]


def created(body: Json) -> list[Any]:
    return [name(body), _meta(body).get("creationTimestamp") or ""]


# --- pods and workloads --------------------------------------------------------------------------


def pod(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    held = status.get("containerStatuses") or []
    restarts = sum(each.get("restartCount", 0) for each in held)
    gates = spec.get("readinessGates") or []
    return [
        name(body),
        f"{sum(bool(each.get('ready')) for each in held)}/{len(spec.get('containers') or ())}",
        _pod_status(body),
        str(restarts),
        age(body),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"0/{len(gates)}" if gates else NONE,
    ]


def _pod_status(body: Json) -> str:
    status = part(body, "status")
    if _meta(body).get("deletionTimestamp"):
        return "Terminating"
    reason = status.get("reason") or status.get("phase") or "Unknown"
    starting = status.get("initContainerStatuses") or []
    for index, each in enumerate(starting):
        state = each.get("state") or {}
        if "waiting" in state and state["waiting"].get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{state['waiting']['reason']}"
        if "terminated" not in state:
            return f"Init:{index}/{len(starting)}"
    for each in reversed(status.get("containerStatuses") or []):
        state = each.get("state") or {}
        told = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        reason = told or reason
    return str(reason)


def deployment(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    return [
        name(body),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def replica_set(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    told = spec.get("selector") or {}
    shown = selector(told) if body.get("kind") == "ReplicaSet" else labels(told)
    return [
        name(body),
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(body),
        *_template(body),
        shown,
    ]


def stateful_set(body: Json) -> list[Any]:
    ready = f"{part(body, 'status').get('readyReplicas', 0)}/{part(body, 'spec').get('replicas', 1)}"
    return [name(body), ready, age(body), *_template(body)]


def daemon_set(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    node_selector = part(part(spec, "template"), "spec").get("nodeSelector")
    return [
        name(body),
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        labels(node_selector),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def controller_revision(body: Json) -> list[Any]:
    owner = next((each for each in _meta(body).get("ownerReferences") or () if each.get("controller")), None)
    controller = NONE
    if owner:
        group = owner["apiVersion"].rpartition("/")[0]
        controller = f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return [name(body), controller, body.get("revision", 0), age(body)]


def job(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    succeeded = status.get("succeeded", 0)
    wanted = spec.get("completions")
    done = f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1 of {spec.get('parallelism', 1)}"
    return [
        name(body),
        _job_state(body),
        done,
        _job_duration(status),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def _job_state(body: Json) -> str:
    held = {c["type"]: c["status"] for c in part(body, "status").get("conditions") or ()}
    for word in ("Complete", "Failed"):
        if held.get(word) == "True":
            return word
    if _meta(body).get("deletionTimestamp"):
        return "Terminating"
    for word, shown in (
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if held.get(word) == "True":
            return shown
    return "Running"


def _job_duration(status: Json) -> Any:
    start = status.get("startTime")
    if not start:
        return ""
    end = status.get("completionTime")
    if not end:
        return Since(start)
    return duration(int((_moment(end) - _moment(start)).total_seconds()))


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def cron_job(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    inner = part(part(spec, "jobTemplate"), "spec")
    last = status.get("lastScheduleTime")
    return [
        name(body),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(bool(spec.get("suspend"))),
        len(status.get("active") or ()),
        Since(last) if last else NONE,
        age(body),
        *_template({"spec": inner}),
        selector(inner.get("selector")),
    ]


def autoscaler(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    target = spec.get("scaleTargetRef") or {}
    return [
        name(body),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        joined(_metric(each) for each in spec.get("metrics") or ()).replace(",", ", "),
        str(spec.get("minReplicas", UNSET)),
        str(spec.get("maxReplicas", "")),
        status.get("currentReplicas", 0),
        age(body),
    ]


def _metric(metric: Json) -> str:
    inner = metric.get("resource") or metric.get("containerResource") or {}
    wanted = inner.get("target") or {}
    if "averageUtilization" in wanted:
        return f"{inner.get('name', '')}: <unknown>/{wanted['averageUtilization']}%"
    return f"<unknown>/{wanted.get('averageValue', wanted.get('value', '<auto>'))}"


def budget(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    return [
        name(body),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        status.get("disruptionsAllowed", 0),
        age(body),
    ]


# --- networking ----------------------------------------------------------------------------------


def service(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    ports = [
        f"{p['port']}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p.get('protocol', 'TCP')}"
        for p in spec.get("ports") or ()
    ]
    return [
        name(body),
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external(spec, status),
        joined(ports),
        age(body),
        labels(spec.get("selector")),
    ]


def _external(spec: Json, status: Json) -> str:
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        given = _balanced(status)
        return joined([*given, *addresses], "<pending>")
    return joined(addresses)


def _balanced(status: Json) -> list[str]:
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    return [each.get("ip") or each.get("hostname", "") for each in ingress]


def ingress(body: Json) -> list[Any]:
    spec = part(body, "spec")
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name(body),
        spec.get("ingressClassName") or NONE,
        joined(hosts, "*"),
        joined(_balanced(part(body, "status")), ""),
        "80, 443" if spec.get("tls") else "80",
        age(body),
    ]


def ingress_class(body: Json) -> list[Any]:
    spec = part(body, "spec")
    parameters = spec.get("parameters") or {}
    group = parameters.get("apiGroup")
    shown = (
        f"{parameters.get('kind')}{'.' + group if group else ''}/{parameters.get('name')}"
        if parameters
        else NONE
    )
    marked = (_meta(body).get("annotations") or {}).get("ingressclass.kubernetes.io/is-default-class")
    named = f"{name(body)} (default)" if marked == "true" else name(body)
    return [named, spec.get("controller", ""), shown, age(body)]


def network_policy(body: Json) -> list[Any]:
    return [name(body), selector(part(body, "spec").get("podSelector")), age(body)]


def endpoints(body: Json) -> list[Any]:
    found: list[str] = []
    for subset in body.get("subsets") or ():
        for port in subset.get("ports") or [{}]:
            suffix = f":{port['port']}" if port.get("port") else ""
            found += [f"{address['ip']}{suffix}" for address in subset.get("addresses") or ()]
    return [name(body), _several(found), age(body)]


def _several(values: list[str]) -> str:
    shown = ",".join(values[:3])
    return f"{shown} + {len(values) - 3} more..." if len(values) > 3 else shown or NONE


def endpoint_slice(body: Json) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in body.get("ports") or ()]
    addresses = [address for each in body.get("endpoints") or () for address in each.get("addresses") or ()]
    return [
        name(body),
        body.get("addressType", ""),
        _several(ports) if ports else UNSET,
        _several(addresses),
        age(body),
    ]


# --- configuration, storage, cluster -------------------------------------------------------------


def config_map(body: Json) -> list[Any]:
    return [name(body), len(body.get("data") or ()) + len(body.get("binaryData") or ()), age(body)]


def secret(body: Json) -> list[Any]:
    return [name(body), body.get("type", "Opaque"), len(body.get("data") or ()), age(body)]


def service_account(body: Json) -> list[Any]:
    return [name(body), age(body)]


def namespace(body: Json) -> list[Any]:
    return [name(body), part(body, "status").get("phase", ""), age(body)]


def node(body: Json) -> list[Any]:
    status = part(body, "status")
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    word = "Ready" if ready else "NotReady"
    if part(body, "spec").get("unschedulable"):
        word += ",SchedulingDisabled"
    mark = "node-role.kubernetes.io/"
    roles = sorted(
        label.removeprefix(mark) for label in _meta(body).get("labels") or () if label.startswith(mark)
    )
    told = status.get("nodeInfo") or {}
    addresses = {each["type"]: each["address"] for each in status.get("addresses") or ()}
    return [
        name(body),
        word,
        joined(roles),
        age(body),
        told.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        told.get("osImage") or "<unknown>",
        told.get("kernelVersion") or "<unknown>",
        told.get("containerRuntimeVersion") or "<unknown>",
    ]


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: Iterable[str] | None) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in modes or ())


def volume(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    claim = spec.get("claimRef") or {}
    return [
        name(body),
        (spec.get("capacity") or {}).get("storage", ""),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if _meta(body).get("deletionTimestamp") else status.get("phase", ""),
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        age(body),
        spec.get("volumeMode") or UNSET,
    ]


def claim(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    bound = bool(spec.get("volumeName"))
    return [
        name(body),
        "Terminating" if _meta(body).get("deletionTimestamp") else status.get("phase", ""),
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        age(body),
        spec.get("volumeMode") or UNSET,
    ]


def event(body: Json) -> list[Any]:
    about, source = body.get("involvedObject") or {}, body.get("source") or {}
    first = body.get("firstTimestamp") or body.get("eventTime") or ""
    last = (body.get("series") or {}).get("lastObservedTime") or body.get("lastTimestamp") or first
    reporter = [source.get("component") or body.get("reportingComponent"), source.get("host")]
    return [
        Since(last),
        body.get("type", ""),
        body.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in reporter if part),
        str(body.get("message", "")).strip(),
        Since(first),
        body.get("count") or (body.get("series") or {}).get("count") or 1,
        name(body),
    ]


def quota(body: Json) -> list[Any]:
    status = part(body, "status")
    hard, used = status.get("hard") or {}, status.get("used") or {}
    shown = [f"{each}: {used.get(each, '0')}/{value}" for each, value in sorted(hard.items())]
    limits = [text for text in shown if text.startswith("limits.")]
    return [name(body), ", ".join(t for t in shown if t not in limits), ", ".join(limits), age(body)]


def role_binding(body: Json) -> list[Any]:
    role = body.get("roleRef") or {}
    subjects = body.get("subjects") or ()
    named = {kind: [s["name"] for s in subjects if s.get("kind") == kind] for kind in ("User", "Group")}
    accounts = [
        f"{s.get('namespace', '')}/{s['name']}" for s in subjects if s.get("kind") == "ServiceAccount"
    ]
    return [
        name(body),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age(body),
        ", ".join(named["User"]),
        ", ".join(named["Group"]),
        ", ".join(accounts),
    ]


def storage_class(body: Json) -> list[Any]:
    annotations = _meta(body).get("annotations") or {}
    main = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        f"{name(body)} (default)" if main else name(body),
        body.get("provisioner", ""),
        body.get("reclaimPolicy", "Delete"),
        body.get("volumeBindingMode") or UNSET,
        bool(body.get("allowVolumeExpansion")),
        age(body),
    ]


def priority_class(body: Json) -> list[Any]:
    return [
        name(body),
        body.get("value", 0),
        bool(body.get("globalDefault")),
        age(body),
        body.get("preemptionPolicy", ""),
    ]


def lease(body: Json) -> list[Any]:
    return [name(body), part(body, "spec").get("holderIdentity", ""), age(body)]


def api_service(body: Json) -> list[Any]:
    backend = part(body, "spec").get("service")
    available = next(
        (c for c in part(body, "status").get("conditions") or () if c["type"] == "Available"), None
    )
    shown = "Unknown"
    if available:
        shown = available["status"]
        if shown != "True" and available.get("reason"):
            shown = f"{shown} ({available['reason']})"
    return [
        name(body),
        f"{backend['namespace']}/{backend['name']}" if backend else "Local",
        shown,
        age(body),
    ]


def webhooks(body: Json) -> list[Any]:
    return [name(body), len(body.get("webhooks") or ()), age(body)]


def signing_request(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    words = [c["type"] for c in status.get("conditions") or ()] or ["Pending"]
    if status.get("certificate"):
        words.append("Issued")
    seconds = spec.get("expirationSeconds")
    return [
        name(body),
        age(body),
        spec.get("signerName", ""),
        spec.get("username", ""),
        duration(int(seconds)) if seconds else NONE,
        ",".join(words),
    ]
