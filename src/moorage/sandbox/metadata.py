"""
The rules every object's metadata follows, whatever its kind.

Who may set which field of `metadata`, what a deletion leaves behind, and when
two bodies are the same object in the same state.
"""

from __future__ import annotations

import re

from moorage.model.equality import same
from moorage.model.manifest import Json
from moorage.sandbox import answers
from moorage.sandbox.answers import Cause
from moorage.sandbox.resources import Resource

_OWN = (
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PATH_NAMED = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})
_LABEL_NAMED = frozenset({"namespaces"})
# Groups whose objects, as those of custom kinds, may have finalizers of any name.
_LENIENT = ("apiextensions.k8s.io", "apiregistration.k8s.io")
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def for_creation(body: Json, *, uid: str, now: str, generation: bool) -> None:
    """Set the fields of metadata that are the server's at creation, in place."""
    meta = body["metadata"]
    # A kind that does not count generations keeps the one it was sent with.
    sent = meta.get("generation")
    for name in _OWN:
        meta.pop(name, None)
    if sent and not generation:
        meta["generation"] = sent
    meta["uid"] = uid
    meta["creationTimestamp"] = now
    if generation:
        meta["generation"] = 1
    _tidy(meta)


def for_update(
    resource: Resource, before: Json, body: Json, subresource: str, *, applied: bool = False
) -> Json:
    """
    Return `body` with the fields an update may not change taken from `before`.

    An apply says itself who owns what; other bodies without owners keep those there were.
    """
    held = before["metadata"]
    meta = dict(body.get("metadata") or {})
    for name in _OWN:
        if name in held:
            meta[name] = held[name]
        else:
            meta.pop(name, None)
    meta["name"] = held["name"]
    if "namespace" in held:
        meta["namespace"] = held["namespace"]
    if "managedFields" not in meta and "managedFields" in held and not applied:
        meta["managedFields"] = held["managedFields"]
    _tidy(meta)
    if subresource == "status":
        kept = {name: value for name, value in held.items() if name != "managedFields"}
        if "managedFields" in meta:
            kept["managedFields"] = meta["managedFields"]
        return {**_with_status(before, body.get("status")), "metadata": kept}
    changed = {**body, "metadata": meta}
    if resource.plural == "namespaces" and not resource.group and subresource != "finalize":
        changed["spec"] = before.get("spec") or {}
    if "status" in resource.subresources and subresource != "finalize":
        changed = _with_status(changed, before.get("status"))
    return changed


def _with_status(body: Json, status: Json | None) -> Json:
    rest = {key: value for key, value in body.items() if key != "status"}
    return rest if status is None else {**rest, "status": status}


def _tidy(meta: Json) -> None:
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        if name in meta and not meta[name]:
            del meta[name]


def same_but_times(before: Json, body: Json) -> bool:
    """Return whether nothing changed but the times in managedFields."""
    if same(before, body):
        return True
    held, meta = before["metadata"], body["metadata"]
    if before.keys() != body.keys() or held.keys() != meta.keys():
        return False
    if not all(same(before[key], body[key]) for key in body if key != "metadata"):
        return False
    if any(held[key] != meta[key] for key in meta if key != "managedFields"):
        return False
    return _timeless(held) == _timeless(meta)


def _timeless(meta: Json) -> list[Json]:
    return [{k: v for k, v in entry.items() if k != "time"} for entry in meta.get("managedFields") or ()]


def may_go(body: Json) -> bool:
    """Return whether a marked object has nothing left that holds it."""
    meta = body["metadata"]
    return bool(meta.get("deletionTimestamp")) and not meta.get("finalizers") and not held_by_spec(body)


def held_by_spec(body: Json) -> bool:
    """Return whether a namespace still has the finalizer of its spec."""
    return (
        body["kind"] == "Namespace"
        and body["apiVersion"] == "v1"
        and bool((body.get("spec") or {}).get("finalizers"))
    )


def finalizers_for_deletion(body: Json, wishes: Json) -> list[str]:
    """Return the finalizers an object has once its deletion is asked for with a propagation policy."""
    held = list(body["metadata"].get("finalizers") or ())
    policy = wishes.get("propagationPolicy")
    if wishes.get("orphanDependents") is not None and not policy:
        policy = "Orphan" if wishes["orphanDependents"] else "Background"
    if policy not in ("Orphan", "Foreground", "Background"):
        return held
    kept = [name for name in held if name not in ("orphan", "foregroundDeletion")]
    if policy == "Orphan":
        return [*kept, "orphan"]
    if policy == "Foreground":
        return [*kept, "foregroundDeletion"]
    return kept


def check_preconditions(resource: Resource, name: str, meta: Json, wanted: Json) -> None:
    """Raise Failure (409) when the object is not the one the client means."""
    for field, text, then in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        if wanted.get(field) and wanted[field] != meta[field]:
            why = (
                f"the {text} in the precondition ({wanted[field]}) does not match the {text} in record "
                f"({meta[field]}). The object might have been {then}"
            )
            raise answers.conflict(resource.group, resource.kind, name, why)


def faults(resource: Resource, body: Json, before: Json | None) -> list[Cause]:
    """Return what is wrong with names, labels, annotations and finalizers."""
    meta = body["metadata"]
    causes: list[Cause] = []
    if before is None:
        causes += _name_faults(resource.group, resource.plural, meta["name"])
    labels = meta.get("labels")
    if labels and (before is None or labels != before["metadata"].get("labels")):
        causes += _label_faults(labels)
    annotations = meta.get("annotations")
    for key in annotations or ():
        if told := key_fault(key.lower()):
            causes.append(
                Cause("FieldValueInvalid", f'Invalid value: "{key}": {told}', "metadata.annotations")
            )
    if annotations and sum(len(k) + len(v) for k, v in annotations.items() if isinstance(v, str)) > 262_144:
        causes.append(
            Cause("FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations")
        )
    causes += _owner_faults(meta.get("ownerReferences") or [])
    causes += _finalizer_faults(
        meta.get("finalizers") or [], custom=resource.custom or resource.group in _LENIENT
    )
    if before is not None and before["metadata"].get("deletionTimestamp"):
        new = sorted(set(meta.get("finalizers") or ()) - set(before["metadata"].get("finalizers") or ()))
        if new:
            named = ", ".join(f'"{name}"' for name in new)
            told = f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{named}}}"
            causes.append(Cause("FieldValueForbidden", told, "metadata.finalizers"))
    return causes


SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def _name_faults(group: str, plural: str, name: str) -> list[Cause]:
    if group == "rbac.authorization.k8s.io" or plural in _PATH_NAMED:
        wrong = next((text for text in ("/", "%") if text in name), "")
        told = f"may not contain '{wrong}'" if wrong or name in (".", "..") else ""
    elif not group and plural in _LABEL_NAMED:
        told = "" if _DNS_LABEL.fullmatch(name) else LABEL_RULE
        told = told if len(name) <= 63 else "must be no more than 63 characters"
    else:
        told = "" if _DNS_SUBDOMAIN.fullmatch(name) else SUBDOMAIN_RULE
        told = told if len(name) <= 253 else "must be no more than 253 characters"
    return [Cause("FieldValueInvalid", f'Invalid value: "{name}": {told}', "metadata.name")] if told else []


def key_fault(key: str) -> str:
    """Return what is wrong with the key of a label or annotation, in the server's words; empty when nothing is."""
    return "; ".join(qualified_name_faults(key))


def qualified_name_faults(name: str) -> list[str]:
    """Return what is wrong with a name that may have a domain in front, in the server's words."""
    prefix, sep, bare = name.rpartition("/")
    if sep and not prefix:
        return ["prefix part must be non-empty"]
    if sep and not _DNS_SUBDOMAIN.fullmatch(prefix):
        return [f"prefix part {SUBDOMAIN_RULE}"]
    if not bare:
        return ["name part must be non-empty", _KEY_RULE]
    if len(bare) > 63:
        return ["name part must be no more than 63 bytes"]
    return [] if _QUALIFIED.fullmatch(bare) else [_KEY_RULE]


def value_fault(value: str) -> str:
    """Return what is wrong with the value of a label, in the server's words; empty when nothing is."""
    if len(value) > 63:
        return "must be no more than 63 bytes"
    return "" if not value or _QUALIFIED.fullmatch(value) else _VALUE_RULE


def _label_faults(labels: dict[str, str]) -> list[Cause]:
    causes = []
    for key, value in labels.items():
        for text, told in ((key, key_fault(key)), (value, value_fault(value))):
            if told:
                causes.append(
                    Cause("FieldValueInvalid", f'Invalid value: "{text}": {told}', "metadata.labels")
                )
    return causes


def _finalizer_faults(finalizers: list[str], *, custom: bool) -> list[Cause]:
    causes = []
    for index, name in enumerate(finalizers):
        if told := key_fault(name):
            causes.append(
                Cause("FieldValueInvalid", f'Invalid value: "{name}": {told}', "metadata.finalizers")
            )
        if "/" not in name and name not in _STANDARD_FINALIZERS and not custom:
            told = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(
                Cause(
                    "FieldValueInvalid", f'Invalid value: "{name}": {told}', f"metadata.finalizers[{index}]"
                )
            )
    return causes


def _owner_faults(owners: list[Json]) -> list[Cause]:
    causes = []
    for index, owner in enumerate(owners):
        path = f"metadata.ownerReferences[{index}]"
        if not owner.get("apiVersion"):
            told = 'Invalid value: "": version must not be empty'
            causes.append(Cause("FieldValueInvalid", told, f"{path}.apiVersion"))
        causes += [
            Cause("FieldValueRequired", "Required value: must not be empty", f"{path}.{name}")
            for name in ("kind", "name", "uid")
            if not owner.get(name)
        ]
    return causes
