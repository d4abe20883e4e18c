"""
Which pairs of live object and target state are predictions tried on?

A seed makes a story: how an object came to be (applied, created, changed by
others) and what is applied next. Stories with one seed are always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.conformance.cases.words import GROUP

Json = Any
MANAGER = "moorage"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Story:
    """
    How a live object came to be, and what is applied to it.

    `writes` are (manager, body, how), with how one of create, apply and merge.
    `place` is the path of its collection where that does not follow from its kind.
    """

    plural: str
    group: str
    version: str
    kind: str
    writes: tuple[tuple[str, Json, str], ...]
    target: Json
    place: str = ""


def story(seed: int, *, client_side: bool = False) -> Story:
    """Return the story of a seed."""
    rng = Random(seed)
    plural, group, version, kind, make = KINDS[seed % len(KINDS)]
    name = f"p{'c' if client_side else 's'}{seed}"

    def body() -> Json:
        api_version = f"{group}/{version}" if group else version
        made = make(rng)
        meta = {"name": name} | _labels(rng) | made.pop("metadata", {})
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, **made}

    return told_of(rng, body, (plural, group, version, kind), client_side=client_side)


def told_of(
    rng: Random,
    body: Callable[[], Json],
    kind: tuple[str, str, str, str],
    *,
    client_side: bool = False,
    place: str = "",
) -> Story:
    """
    Return a story about an object of a kind.

    Args:
        rng: Decides who writes, and how often.
        body: Makes the next state that somebody wants, of one name always.
        kind: Plural, group, version and kind.
        client_side: Whether the object comes to be by `kubectl apply`.
        place: The path of the collection, with ``{ns}`` in it, where it does not follow from the kind.
    """
    first = body()
    if client_side:
        sent = ("kubectl-client-side-apply", _remembering(first), "create")
        return Story(*kind, (sent,), body(), place)
    writes = [(rng.choice((MANAGER, MANAGER, "other")), first, rng.choice(("apply", "apply", "create")))]
    if rng.random() < 0.5:
        writes.append(("other", body(), "force"))
    if rng.random() < 0.5:
        change = {"metadata": {"annotations": {"edited": str(rng.random())}} | _labels(rng)}
        writes.append(("editor", change, "merge"))
    if rng.random() < 0.3:
        writes.append((MANAGER, body(), "force"))
    return Story(*kind, tuple(writes), body(), place)


def _remembering(body: Json) -> Json:
    annotations = body["metadata"].get("annotations") or {}
    meta = body["metadata"] | {"annotations": annotations | {LAST_APPLIED: json.dumps(body)}}
    return body | {"metadata": meta}


def _some(rng: Random, items: list[Json], least: int = 0) -> list[Json]:
    return rng.sample(items, rng.randint(least, len(items)))


def _maybe(rng: Random, **fields: Json) -> Json:
    return {name: value for name, value in fields.items() if rng.random() < 0.5}


def _words(rng: Random) -> Json:
    return {key: rng.choice(("1", "2", "")) for key in _some(rng, ["a", "b", "c", "d"])}


def _labels(rng: Random) -> Json:
    return _maybe(rng, labels=_words(rng))


def _container(rng: Random, name: str) -> Json:
    ports = [
        {"containerPort": 80, "protocol": "TCP"},
        {"containerPort": 80, "protocol": "UDP"},
        {"containerPort": 81, "name": "x", "protocol": "TCP"},
    ]
    env = [{"name": key, "value": rng.choice("xyz")} for key in _some(rng, ["A", "B", "C"])]
    limits = rng.choice(({"cpu": "1"}, {"cpu": "500m", "memory": "1Gi"}, {}))
    return {
        "name": name,
        "image": rng.choice(("a:1", "b:2")),
        **_maybe(
            rng,
            env=env,
            ports=_some(rng, ports),
            args=_some(rng, ["x", "y", "z"]),
            resources={"limits": limits},
            volumeMounts=[{"name": "v", "mountPath": path} for path in _some(rng, ["/m", "/n"])],
            imagePullPolicy="IfNotPresent",
        ),
    }


def _template(rng: Random) -> Json:
    volumes = [
        {"name": "v", "emptyDir": {}},
        *_some(rng, [{"name": "w", "emptyDir": {}}, {"name": "u", "emptyDir": {"medium": "Memory"}}]),
    ]
    rng.shuffle(volumes)
    spec = {
        "containers": [_container(rng, name) for name in _some(rng, ["one", "two", "three"], 1)],
        "volumes": volumes,
        **_maybe(
            rng,
            nodeSelector=_words(rng),
            tolerations=[{"key": "k", "operator": "Exists"}],
            serviceAccountName="robot",
            terminationGracePeriodSeconds=rng.choice((5, 10)),
            imagePullSecrets=_some(rng, [{"name": "s"}, {"name": "t"}]),
        ),
    }
    return {"metadata": {"labels": {"app": "x"} | _words(rng)}, "spec": spec}


def _workload(rng: Random) -> Json:
    selector = {"matchLabels": {"app": "x"}}
    return {
        "spec": {"replicas": 0, "selector": selector, "template": _template(rng)}
        | _maybe(rng, minReadySeconds=rng.choice((1, 2)))
    }


def _deployment(rng: Random) -> Json:
    made = _workload(rng)
    made["spec"] |= {"paused": True} | _maybe(
        rng, revisionHistoryLimit=rng.choice((1, 2)), progressDeadlineSeconds=99
    )
    return made


def _stateful_set(rng: Random) -> Json:
    made = _workload(rng)
    made["spec"]["serviceName"] = "x"
    return made


def _service(rng: Random) -> Json:
    ports = [
        {"name": name, "port": number, "protocol": protocol, "targetPort": rng.choice((80, "http"))}
        for name, number, protocol in (("a", 80, "TCP"), ("b", 80, "UDP"), ("c", 443, "TCP"))
    ]
    return {
        "spec": {"clusterIP": "None", "ports": _some(rng, ports, 1)}
        | _maybe(rng, selector=_words(rng), publishNotReadyAddresses=True)
    }


def _ingress(rng: Random) -> Json:
    def path(word: str) -> Json:
        backend = {"service": {"name": rng.choice("ab"), "port": {"number": 80}}}
        return {"path": word, "pathType": "Prefix", "backend": backend}

    rules = [
        {
            "host": f"{host}.example.com",
            "http": {"paths": [path(word) for word in _some(rng, ["/", "/x"], 1)]},
        }
        for host in _some(rng, ["a", "b", "c"], 1)
    ]
    return {
        "spec": {"rules": rules}
        | _maybe(rng, ingressClassName="k", tls=[{"hosts": ["a.example.com"], "secretName": "s"}])
    }


def _config_map(rng: Random) -> Json:
    return _maybe(rng, data=_words(rng), binaryData={"bin": "AAE="})


def _secret(rng: Random) -> Json:
    return {"type": "Opaque"} | _maybe(
        rng,
        data={key: rng.choice(("YQ==", "Yg==")) for key in _some(rng, ["a", "b"])},
        stringData=_words(rng),
    )


def _role(rng: Random) -> Json:
    rules = [
        {"apiGroups": [""], "resources": [kind], "verbs": _some(rng, ["get", "list"], 1)}
        for kind in _some(rng, ["pods", "secrets"])
    ]
    return {"rules": rules}


def _widget(rng: Random) -> Json:
    keyed = [
        {"name": name, "protocol": rng.choice(("TCP", "UDP"))}
        | _maybe(rng, port=rng.choice((1, 2)), tags=_some(rng, ["t", "u"]))
        for name in _some(rng, ["a", "b", "c"])
    ]
    twice = [
        {"name": name, "port": port, "protocol": "TCP"}
        for name, port in _some(rng, [("a", 1), ("b", 2), ("c", 3)])
    ]
    return {
        "spec": {
            "size": rng.choice((1, 2)),
            "replicas": 1,
            "colour": rng.choice(("red", "blue")),
            "inner": {"a": "1", "b": "2"},
            "nothingDefault": "x",
        }
        | _maybe(
            rng,
            keyed=keyed,
            keyedTwice=twice,
            set=_some(rng, ["a", "b", "c"]),
            list=_some(rng, ["a", "b", "c"]),
            atomicList=_some(rng, ["a", "b"]),
            atomicMap=_words(rng),
            numbers={key: rng.randint(0, 2) for key in _some(rng, ["x", "y"])},
            free={"deep": {"list": _some(rng, [1, 2, {"z": 1}])} | _words(rng)},
            partlyFree={"known": _maybe(rng, a="1"), "more": _words(rng)},
            either=rng.choice((1, "1")),
            weight=rng.choice((1, 1.5)),
        )
    }


KINDS: tuple[tuple[str, str, str, str, Callable[[Random], Json]], ...] = (
    ("deployments", "apps", "v1", "Deployment", _deployment),
    ("services", "", "v1", "Service", _service),
    ("configmaps", "", "v1", "ConfigMap", _config_map),
    ("secrets", "", "v1", "Secret", _secret),
    ("ingresses", "networking.k8s.io", "v1", "Ingress", _ingress),
    ("statefulsets", "apps", "v1", "StatefulSet", _stateful_set),
    ("roles", "rbac.authorization.k8s.io", "v1", "Role", _role),
    ("widgets", GROUP, "v1", "Widget", _widget),
)
