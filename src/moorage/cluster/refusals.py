"""
Why a write was refused, in our words: the field, its owner, and what to do about it.

The API server says some things only in prose. Where that is so the words looked
for are in one table here, and what is decided by them is how helpful a message
is, and whether deleting and creating could help.
"""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

import msgspec
import orjson

from moorage.cluster.answers import (
    Answered,
    Cause,
    Conflicted,
    Forbidden,
    NotFound,
    ObjectRefused,
    ServerFault,
    Status,
    printable,
    status_in,
)
from moorage.engine.merge.schema import Schema
from moorage.engine.merge.typed import edge_of
from moorage.model.errors import ApiFailed, Error, ImmutableField, Refused, UnknownKind
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json

_UNCHANGEABLE = re.compile(
    r"immutable|may not (be )?change|can ?not (be )?change|can ?not be (unset|updated)|updates to .* (are|is) forbidden"
)
_TOO_LARGE = re.compile(r"too large|larger than|more than .* bytes")
_OWNER = re.compile(r'conflict with "(?P<manager>[^"]*)"')


class FieldUnchangeable(Answered, ImmutableField):
    """The server refuses to change a field of an existing object."""

    def __init__(self, message: str, key: ResourceKey, path: str) -> None:
        super().__init__(message)
        self.key = key
        self.path = path


class FieldsOwned(Answered, Refused):
    """An apply without force would change fields that others own; `owners` pairs each field with its owner."""

    def __init__(self, message: str, owners: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.owners = owners


class DuplicateListKeys(ObjectRefused):
    """Server-side apply refuses a list in which two elements have one key; other ways of writing take it."""

    duplicate_list_keys = True


class TooLarge(ObjectRefused):
    """The object is larger than the API server takes."""


class NamespaceMissing(ObjectRefused):
    """The namespace of the object does not exist."""


class NamespaceEnding(Answered, ApiFailed):
    """The namespace of the object is being deleted; once it is gone the write can succeed."""


def explained(error: Error, key: ResourceKey, body: Json | None, size: int = 0) -> Error:
    """
    Return the error to raise instead of one that answered a write.

    Args:
        error: What `http` raised.
        key: What was written.
        body: The object or patch as it was sent; values of a Secret are taken out of messages.
        size: How many bytes were sent.
    """
    status = status_in(error)
    if status is None:
        return error
    found = error
    kind = status.details.kind if status.details else ""
    if isinstance(error, NotFound) and kind == "namespaces":
        found = NamespaceMissing(
            f"{key}: namespace {key.namespace} does not exist; create it, or set the sync option CreateNamespace=true"
        )
    elif any(c.reason == "NamespaceTerminating" for c in status.causes):
        found = NamespaceEnding(
            f"{key}: namespace {key.namespace} is being deleted; it is written once that is over"
        )
    elif isinstance(error, NotFound) and not kind:
        found = UnknownKind(f"{key}: the cluster no longer serves the kind {key.group_kind}")
    elif status.code == 413 or (status.code == 500 and _TOO_LARGE.search(status.message)):
        found = TooLarge(
            f"{key}: {size} bytes are more than the API server takes; split the object or keep the content elsewhere"
        )
    elif isinstance(error, Conflicted) and any(c.reason == "FieldManagerConflict" for c in status.causes):
        found = _owned(key, status.causes)
    elif unchangeable := _unchangeable(status):
        found = FieldUnchangeable(
            f"{key}: {unchangeable.field or 'the object'} cannot change once created; "
            "the sync options Force=true or Replace=true delete and create the object instead",
            key,
            unchangeable.field,
        )
    elif isinstance(error, ObjectRefused | ServerFault | Conflicted):
        said = str(error) if isinstance(error, Forbidden) else f"{key}: {error}"
        found = type(error)(masked(said, key, body))
    if isinstance(found, Answered):
        found.status = _masked_status(status, key, body)
    return found


def waiting_for(error: NamespaceEnding, namespace: Json | None) -> NamespaceEnding:
    """Return the error with what the namespace, as it is now, says that its end waits for."""
    conditions = ((namespace or {}).get("status") or {}).get("conditions") or ()
    said = [str(c.get("message") or "") for c in conditions if c.get("status") == "True"]
    told = "; ".join(printable(text) for text in said if text)
    if not told:
        return error
    found = NamespaceEnding(f"{error}. The namespace waits: {told}")
    found.status = error.status
    return found


def _masked_status(status: Status, key: ResourceKey, body: Json | None) -> Status:
    if not body or not _is_secret(key):
        return status
    details = status.details
    if details is not None:
        causes = tuple(
            Cause(c.reason, masked(c.message, key, body), masked(c.field, key, body)) for c in status.causes
        )
        details = msgspec.structs.replace(details, causes=causes)
    return msgspec.structs.replace(status, message=masked(status.message, key, body), details=details)


def _owned(key: ResourceKey, causes: tuple[Cause, ...]) -> FieldsOwned:
    owners = []
    for cause in causes:
        if cause.reason == "FieldManagerConflict":
            owner = _OWNER.search(cause.message)
            owners.append((cause.field.lstrip("."), owner["manager"] if owner else cause.message))
    listed = "; ".join(f"{field} is owned by {owner}" for field, owner in owners)
    return FieldsOwned(f"{key}: {listed}", tuple(owners))


def _unchangeable(status: Status) -> Cause | None:
    if status.code != 422:
        return None
    kinds = ("FieldValueForbidden", "FieldValueInvalid", "FieldValueNotSupported")
    return next((c for c in status.causes if c.reason in kinds and _UNCHANGEABLE.search(c.message)), None)


def masked(message: str, key: ResourceKey, body: Json | None) -> str:
    """Return a message without what a Secret holds, be it plain, in base64, or as JSON writes it."""
    if not body or not _is_secret(key):
        return message
    told: set[str] = set()
    for field in ("data", "stringData"):
        values = body.get(field)
        for value in values.values() if isinstance(values, dict) else ():
            told |= _spellings(value if isinstance(value, str) else orjson.dumps(value).decode())
    for value in sorted(told, key=len, reverse=True):
        message = message.replace(value, "***")
    return message


def _is_secret(key: ResourceKey) -> bool:
    return key.group == "" and key.kind == "Secret"


def _spellings(value: str) -> set[str]:
    forms = {value, base64.b64encode(value.encode()).decode()}
    with contextlib.suppress(ValueError):
        forms.add(base64.b64decode(value, validate=True).decode())
    forms |= {orjson.dumps(form).decode()[1:-1] for form in forms}
    # What is shorter is part of every other word, and no secret.
    return {form for form in forms if len(form) > 2}


def has_duplicate_keys(value: Any, schema: Schema) -> bool:
    """Return whether some list of an object has two elements of one key, by the kind's schema."""
    if isinstance(value, dict):
        return any(has_duplicate_keys(inner, schema.child(name)) for name, inner in value.items())
    if not isinstance(value, list):
        return False
    if schema.list_type in ("map", "set"):
        edges = []
        for item in value:
            try:
                edges.append(edge_of(item, schema))
            except (ValueError, KeyError, TypeError):
                return False
        if len(set(edges)) < len(edges):
            return True
    return any(has_duplicate_keys(item, schema.items) for item in value)
