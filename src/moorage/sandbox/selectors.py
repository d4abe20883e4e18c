"""
Which objects a list or watch is about: label and field selectors become a test.

A selector is parsed once and asked for every object; an empty one is None, so
that the common case costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import answers, labelselectors

Matches = Callable[[Json], bool]

_SIGN = re.compile(r"^\s*([^\s=!<>]*)\s*(==|=|!=)\s*([^\s]*)\s*$")


def label_selector(text: str) -> Matches | None:
    """Return the test for a label selector, None when it selects all. Raises Failure (400)."""
    if not text.strip():
        return None
    tests = labelselectors.parse(text)

    def matches(body: Json) -> bool:
        labels = (body.get("metadata") or {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


_FIELDS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset(
        {
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
    "secrets": frozenset({"type"}),
    "namespaces": frozenset({"status.phase", "name"}),
    "nodes": frozenset({"spec.unschedulable"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "replicasets": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "jobs": frozenset({"status.successful"}),
    "certificatesigningrequests": frozenset({"spec.signerName"}),
}


def field_selector(text: str, plural: str, custom: Sequence[str] | None = None) -> Matches | None:
    """
    Return the test for a field selector of a resource, None when it selects all.

    Args:
        text: The selector as the query has it.
        plural: The resource.
        custom: Of a custom kind, the fields it lets be selected.

    Raises:
        Failure: The selector cannot be read, or names a field that does not select (400).
    """
    if not text.strip():
        return None
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for part in text.split(","):
        found = _SIGN.match(part)
        if not found:
            raise answers.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        label = found[1]
        if label not in ("metadata.name", "metadata.namespace"):
            _check_field(label, _FIELDS.get(plural) if custom is None else custom)
        tests.append((tuple(label.split(".")), found[3], found[2] != "!="))
    return lambda body: all((_field(body, path) == value) is wanted for path, value, wanted in tests)


def _check_field(label: str, known: Collection[str] | None) -> None:
    if known is None:
        told = f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        raise answers.bad_request(told)
    if label not in known:
        raise answers.bad_request(f"field label not supported: {label}")


def _field(body: Json, path: tuple[str, ...]) -> str:
    value: Any = body
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return "false" if path in (("spec", "unschedulable"), ("spec", "hostNetwork")) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value.get("component") or "")
    return str(value)


def of_shown(test: Matches, shown: Callable[[Json], Json]) -> Matches:
    """Return a test that asks about stored objects as somebody else shows them."""
    return lambda body: test(shown(body))


def both(first: Matches | None, second: Matches | None) -> Matches | None:
    """Return a test that asks both, None when neither asks anything."""
    if first is None:
        return second
    if second is None:
        return first
    return lambda body: first(body) and second(body)
