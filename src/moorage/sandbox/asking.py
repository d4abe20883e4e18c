"""
What does a request ask for beside its object, and may it?

Options of writes, deletions, lists and watches are checked as a real API server
checks them, all faults in one refusal.
"""

from __future__ import annotations

from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import answers, bodies, faults
from moorage.sandbox.answers import Cause
from moorage.sandbox.patches import APPLY_CBOR, APPLY_PATCH
from moorage.sandbox.requests import Request
from moorage.sandbox.writes import Options

_GROUP = "meta.k8s.io"
_KINDS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
_TOLD = ("", "Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan", "nil")
_MATCHES = ("Exact", "NotOlderThan", "")
_LONGEST_MANAGER = 128


def write_options(request: Request) -> Options:
    """Return how a write is to be done. Raises Failure (422)."""
    causes: list[Cause] = []
    if request.method == "PATCH":
        causes += _patch_faults(request)
    manager = request.query.get("fieldManager", "")
    if len(manager.encode()) > _LONGEST_MANAGER:
        told = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        causes.append(Cause("FieldValueTooLong", told, "fieldManager"))
    dry = request.query.get("dryRun", "")
    causes += _dry_run_faults([dry] if dry else [])
    told = request.query.get("fieldValidation", "")
    if request.method != "DELETE" and told not in _TOLD:
        causes.append(faults.unsupported("fieldValidation", told, _TOLD))
    if causes:
        raise answers.invalid(_GROUP, _KINDS.get(request.method, "CreateOptions"), "", causes)
    return Options(
        manager=request.manager,
        dry_run=bool(dry),
        validation=told or "Warn",
        force=request.flag("force"),
        patch=request.method == "PATCH",
    )


def _patch_faults(request: Request) -> list[Cause]:
    if request.content_type not in (APPLY_PATCH, APPLY_CBOR):
        told = "may not be specified for non-apply patch"
        return [faults.forbidden("force", told)] if request.query.get("force") else []
    if not request.query.get("fieldManager"):
        return [faults.required("fieldManager", "is required for apply patch")]
    return []


def _dry_run_faults(words: list[str]) -> list[Cause]:
    right = all(word == "All" for word in words)
    return [] if right else [faults.unsupported("dryRun", words, ("All",))]


def delete_wishes(request: Request) -> Json:
    """
    Return how an object is to go: the options in the body, or where there is none those of the query.

    Raises:
        Failure: They cannot be read (400), or contradict each other (422).
    """
    wishes = _from_body(request) if request.body.strip() else _from_query(request)
    policy = wishes.get("propagationPolicy")
    causes: list[Cause] = []
    if policy is not None and wishes.get("orphanDependents") is not None:
        told = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(faults.invalid("propagationPolicy", policy, told))
    if policy is not None and policy not in _POLICIES:
        causes.append(faults.unsupported("propagationPolicy", policy, _POLICIES))
    causes += _dry_run_faults(wishes.get("dryRun") or [])
    if causes:
        raise answers.invalid(_GROUP, "DeleteOptions", "", causes)
    return wishes


def _from_body(request: Request) -> Json:
    wishes = bodies.decode(request.body, request.content_type, "DeleteOptions")
    kind = wishes.get("kind") or "DeleteOptions"
    if kind != "DeleteOptions":
        version = wishes.get("apiVersion") or "v1"
        raise answers.bad_request(
            f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
        )
    return wishes


def _from_query(request: Request) -> Json:
    wishes: Json = {}
    for name in ("propagationPolicy", "orphanDependents", "gracePeriodSeconds", "dryRun"):
        told: Any = request.query.get(name)
        if told is None:
            continue
        if name == "gracePeriodSeconds":
            wishes[name] = request.number(name)
        elif name == "dryRun":
            wishes[name] = [told] if told else []
        else:
            wishes[name] = told == "true" if name == "orphanDependents" else told
    return wishes


def check_list(request: Request) -> None:
    """Raise Failure (400, 422) when the options of a list cannot be."""
    told, match = request.query.get("resourceVersion", ""), request.query.get("resourceVersionMatch", "")
    causes: list[Cause] = []
    if match:
        if not told:
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            causes.append(faults.forbidden("resourceVersionMatch", why))
        if request.query.get("continue"):
            why = "resourceVersionMatch is forbidden when continue is provided"
            causes.append(faults.forbidden("resourceVersionMatch", why))
        if match not in _MATCHES:
            causes.append(faults.unsupported("resourceVersionMatch", match, _MATCHES))
        elif match == "Exact" and told == "0":
            why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            causes.append(faults.forbidden("resourceVersionMatch", why))
    if request.query.get("sendInitialEvents"):
        causes.append(faults.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if causes:
        raise answers.invalid(_GROUP, "ListOptions", "", causes)
    request.number("limit")
    if told and not told.isdigit():
        raise answers.bad_request(f"invalid resource version: {version_fault(told)}")


def version_fault(told: str) -> str:
    """Return what is wrong with a version that is no number."""
    return f'resourceVersion: Invalid value: "{told}": strconv.ParseUint: parsing "{told}": invalid syntax'


def check_watch(request: Request) -> None:
    """Raise Failure (422, 500) when the options of a watch cannot be."""
    told, match = request.query.get("resourceVersion", ""), request.query.get("resourceVersionMatch", "")
    initial = request.query.get("sendInitialEvents", "")
    causes: list[Cause] = []
    if initial:
        if match != "NotOlderThan":
            why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            causes.append(faults.forbidden("resourceVersionMatch", why))
    elif match:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(faults.forbidden("resourceVersionMatch", why))
    if initial and match and match != "NotOlderThan":
        causes.append(faults.unsupported("resourceVersionMatch", match, ("NotOlderThan",)))
    if causes:
        raise answers.invalid(_GROUP, "ListOptions", "", causes)
    if told and not told.isdigit():
        raise answers.Failure(500, "", version_fault(told))
