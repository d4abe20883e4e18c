"""
Which objects a list or watch is about: label and field selectors become a test.

A selector is parsed once and asked for every object; an empty one is None, so
that the common case costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import answers

Matches = Callable[[Json], bool]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_SIGN = re.compile(r"^\s*([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s=!<>()]+)\s*$")
_COMMAS = re.compile(r",(?![^(]*\))")


def label_selector(text: str) -> Matches | None:
    """Return the test for a label selector, None when it selects all. Raises Failure (400)."""
    if not text.strip():
        return None
    tests = [_requirement(part) for part in _COMMAS.split(text) if part.strip()]

    def matches(body: Json) -> bool:
        labels = (body.get("metadata") or {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _requirement(text: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET.match(text):
        key, operator, values = found[1], found[2], {v.strip() for v in found[3].split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _SIGN.match(text):
        return _comparison(found[1], found[2], found[3])
    if found := _EXISTS.match(text):
        absent, key = bool(found[1]), found[2]
        return lambda labels: (key not in labels) is absent
    raise answers.bad_request(
        f"unable to parse requirement: found '{text}', expected: in, notin, =, ==, !=, gt, lt"
    )


def _comparison(key: str, sign: str, value: str) -> Callable[[dict[str, str]], bool]:
    if sign in ("=", "=="):
        return lambda labels: labels.get(key) == value
    if sign == "!=":
        return lambda labels: labels.get(key) != value
    more = sign == ">"

    def compare(labels: dict[str, str]) -> bool:
        try:
            held, bound = int(labels[key]), int(value)
        except (KeyError, ValueError):
            return False
        return held > bound if more else held < bound

    return compare


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


def field_selector(text: str, plural: str) -> Matches | None:
    """Return the test for a field selector of a resource, None when it selects all. Raises Failure (400)."""
    if not text.strip():
        return None
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for part in text.split(","):
        found = _SIGN.match(part)
        if not found or found[2] in "<>":
            raise answers.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        label = found[1]
        if label not in ("metadata.name", "metadata.namespace") and label not in _FIELDS.get(plural, ()):
            raise answers.bad_request(f"field label not supported: {label}")
        tests.append((tuple(label.split(".")), found[3], found[2] != "!="))
    return lambda body: all((_field(body, path) == value) is wanted for path, value, wanted in tests)


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


def both(first: Matches | None, second: Matches | None) -> Matches | None:
    """Return a test that asks both, None when neither asks anything."""
    if first is None:
        return second
    if second is None:
        return first
    return lambda body: first(body) and second(body)
