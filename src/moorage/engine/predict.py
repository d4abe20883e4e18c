"""
Says what a live object would become if its target state were applied now.

The comparison shows the difference between an object and its prediction, so that
fields nobody declares, defaults of the API server and values other controllers own
never count as a difference. Only the body is predicted: ``managedFields`` and the
other bookkeeping of the server stay as they are.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from moorage.engine.merge.apply import nulls_dropped, pruned
from moorage.engine.merge.fields import FieldSet, Mismatch, Node, edge_of
from moorage.engine.merge.jsonmerge import merge_patch, three_way_merge
from moorage.engine.merge.lastapplied import last_applied
from moorage.engine.merge.managed import Owner, Owners
from moorage.engine.merge.schema import Schema, deduced
from moorage.engine.merge.strategic import strategic_merge, three_way_strategic
from moorage.engine.merge.takeover import hand_over, left_by
from moorage.engine.merge.typed import merge
from moorage.model.manifest import Json


def predict_apply(
    live: Json | None,
    target: Json,
    *,
    manager: str,
    schema: Schema,
    migrate_from: Sequence[str] = (),
) -> Json:
    """
    Return `live` as it would be after a forced server-side apply of `target`.

    Args:
        live: The object as it is, or None when it does not exist.
        target: What would be applied; never changed.
        manager: The field manager that would apply.
        schema: How the kind merges.
        migrate_from: Managers whose fields this one would take over first.

    Raises:
        Mismatch: A keyed list of `target` holds an element twice or without its keys.
    """
    # The server folds `stringData` of a Secret into `data` after it has merged by owners.
    target = _without_nulls(target, schema)
    if live is None:
        return _encoded(target)
    body = {**live, "metadata": _unmanaged(live)}
    merged: Json = merge(body, target, schema)
    entries = (live.get("metadata") or {}).get("managedFields")
    if entries:
        merged = _without_dropped(merged, target, live, manager, schema, migrate_from)
        merged["metadata"] = {**merged["metadata"], "managedFields": entries}
    return _with_allocated(_encoded(merged), live)


def predict_client_side(live: Json | None, target: Json, schema: Schema | None) -> Json:
    """
    Return `live` as it would be after a client-side apply of `target`.

    What the last-applied annotation set and `target` does not set any more goes;
    without the annotation nothing is removed. Kinds without a schema merge as JSON.
    """
    target = _encoded(_without_nulls(target, schema or deduced()))
    if live is None:
        return target
    original = last_applied(live)
    if schema is None:
        result: Json = merge_patch(live, three_way_merge(original, target, live))
        return result
    merged = strategic_merge(live, three_way_strategic(original, target, live, schema), schema)
    return _with_allocated(merged, live)


def _unmanaged(live: Json) -> Json:
    return {name: value for name, value in (live.get("metadata") or {}).items() if name != "managedFields"}


_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")


def _with_allocated(merged: Json, live: Json) -> Json:
    """Return a Service with what the server gave out before and does not take back when nobody asks for it."""
    if merged.get("kind") != "Service" or merged.get("apiVersion") != "v1":
        return merged
    held, spec = live.get("spec") or {}, merged.get("spec") or {}
    if "ExternalName" in (held.get("type"), spec.get("type")):
        return merged
    kept = {name: held[name] for name in _ALLOCATED if held.get(name) and not spec.get(name)}
    if _has_node_ports(held) and _has_node_ports(spec):
        kept["ports"] = _with_node_ports(spec.get("ports") or [], held.get("ports") or [])
    spec = {**spec, **kept}
    if spec.get("sessionAffinity") in (None, "None"):
        spec.pop("sessionAffinityConfig", None)
    if not _is_probed(spec) and spec.get("healthCheckNodePort") == held.get("healthCheckNodePort"):
        spec.pop("healthCheckNodePort", None)
    return merged if spec == merged.get("spec") else {**merged, "spec": spec}


def _is_probed(spec: Json) -> bool:
    # Only then a load balancer asks each node whether it has a pod of the Service.
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _has_node_ports(spec: Json) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (
        kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def _with_node_ports(ports: list[Json], held: list[Json]) -> list[Json]:
    # The server goes by name, whatever else of the port has changed.
    used = {port.get("nodePort") for port in ports} & {port.get("nodePort") for port in held}
    known = {port.get("name"): port.get("nodePort") for port in held}
    return [
        {**port, "nodePort": number}
        if not port.get("nodePort") and (number := known.get(port.get("name"))) and number not in used
        else port
        for port in ports
    ]


def _without_nulls(target: Json, schema: Schema) -> Json:
    if b"null" in orjson.dumps(target):
        target = nulls_dropped(target, schema)
    return target


def _encoded(secret: Json) -> Json:
    if secret.get("kind") != "Secret" or secret.get("apiVersion") != "v1" or "stringData" not in secret:
        return secret
    plain = secret.get("stringData") or {}
    encoded = {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}
    body = {name: value for name, value in secret.items() if name != "stringData"}
    if encoded or "data" in body:
        body["data"] = {**(body.get("data") or {}), **encoded}
    return body


def _without_dropped(
    merged: Json,
    target: Json,
    live: Json,
    manager: str,
    schema: Schema,
    migrate_from: Sequence[str],
) -> Json:
    entries: list[Json] = live["metadata"]["managedFields"]
    left = left_by(entries, predecessors=migrate_from, applier=manager)
    mine = [*left, *(entry for entry in entries if _applies(entry, manager))]
    if not mine or all(_sets_all(entry.get("fieldsV1") or {}, target, schema) for entry in mine):
        return merged
    if left:
        entries = hand_over(live, predecessors=migrate_from, applier=manager, schema=schema, certain=True)
    owners = Owners.of(entries)
    me = Owner(manager, "Apply", str(target.get("apiVersion") or ""))
    claimed = owners.having(me, FieldSet.from_value(target, schema)).union()
    return pruned(merged, owners.fields(me), claimed, schema)


def _applies(entry: Json, manager: str) -> bool:
    return (
        entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")
    )


def _sets_all(fields: Node, value: Any, schema: Schema) -> bool:
    # Whether a value sets everything that a tree of fields names. This is the usual
    # case and saves building the field sets of whole objects.
    if isinstance(value, dict):
        for edge, inner in fields.items():
            if edge == ".":
                continue
            name = edge[2:]
            if name not in value or edge[:2] != "f:":
                return False
            if inner and not _sets_all(inner, value[name], schema.child(name)):
                return False
        return True
    if isinstance(value, list) and not schema.atomic_list:
        return _holds_all(fields, value, schema)
    return False


def _holds_all(fields: Node, values: list[Any], schema: Schema) -> bool:
    try:
        index = {edge_of(value, schema): value for value in values}
    except Mismatch:
        return False
    for edge, inner in fields.items():
        if edge == ".":
            continue
        if edge not in index:
            return False
        if inner.keys() - {"."} and not _sets_all(inner, index[edge], schema.items):
            return False
    return True
