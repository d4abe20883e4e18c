"""
One object of a cluster, as small as it can be kept.

A record always has what identifies an object and ties it to others; it has the
object's JSON only when somebody needs it. Nothing is decoded before it is read.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import orjson

from moorage.model.errors import ApiFailed
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json

_LONGEST_COUNT = 20


class Record(msgspec.Struct, gc=False, weakref=False):
    """
    What is known of one object.

    `owners` are the uids of its owners; `instance` is what tracking metadata
    says, empty when it is tracked by nobody. `body` is its JSON, or nothing
    when only the identity was kept.
    """

    key: ResourceKey
    uid: str
    resource_version: str
    generation: int
    api_version: str
    owners: tuple[str, ...]
    instance: str
    body: bytes | None

    def decode(self) -> Json:
        """Return the object. Only for records that kept their body. Raises ApiFailed when it is not JSON."""
        assert self.body is not None
        try:
            body: Json = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            # Found only now: what nobody reads is skipped unread.
            raise ApiFailed(f"{self.key}: the API server gave something that is not JSON") from error
        if "kind" in body and "apiVersion" in body:
            return body
        # Objects in a list answer do not say what they are.
        return {"apiVersion": self.api_version, "kind": self.key.kind, **body}


class _Owner(msgspec.Struct, gc=False):
    uid: str = ""
    kind: str = ""
    name: str = ""
    apiVersion: str = ""  # noqa: N815 the API's name
    controller: bool | None = None


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815
    generation: int = 0
    ownerReferences: list[_Owner] | None = None  # noqa: N815
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata
    apiVersion: str = ""  # noqa: N815


_decoder = msgspec.json.Decoder(_Object)


class _Version(msgspec.Struct):
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815 the API's name


class _Versioned(msgspec.Struct):
    metadata: _Version


_versions = msgspec.json.Decoder(_Versioned)


def version_of(raw: bytes | msgspec.Raw) -> tuple[str, str]:
    """
    Return uid and resource version of an object in JSON, of which nothing else is decoded.

    Raises ApiFailed when it is no object.
    """
    try:
        metadata = _versions.decode(raw).metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiFailed("the API server gave something that is not an object") from error
    return metadata.uid, metadata.resourceVersion


class Read(msgspec.Struct):
    """An object as read from the wire: its record with the body still on it, and its tracking metadata."""

    record: Record
    tracking: Json | None


def read_object(raw: bytes | msgspec.Raw, group: str, kind: str, api_version: str) -> Read:
    """
    Return the record of an object in JSON, the body kept, the instance not yet found.

    `tracking` has only what says who an object belongs to: apiVersion, kind and
    the metadata without managedFields. Raises ApiFailed when it is no object.
    """
    found = _decoded(raw)
    metadata = found.metadata
    owners = metadata.ownerReferences or ()
    record = Record(
        ResourceKey(group, kind, sys.intern(metadata.namespace), metadata.name),
        metadata.uid,
        metadata.resourceVersion,
        metadata.generation,
        sys.intern(found.apiVersion) if found.apiVersion else api_version,
        tuple(sys.intern(owner.uid) for owner in owners),
        "",
        bytes(raw),
    )
    if not metadata.annotations and not metadata.labels:
        return Read(record, None)
    seen: dict[str, Any] = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "annotations": metadata.annotations or {},
        "labels": metadata.labels or {},
        "ownerReferences": [
            {"uid": o.uid, "kind": o.kind, "name": o.name, "apiVersion": o.apiVersion} for o in owners
        ],
    }
    return Read(record, {"apiVersion": record.api_version, "kind": kind, "metadata": seen})


def _decoded(raw: bytes | msgspec.Raw) -> _Object:
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _salvaged(raw)


def _salvaged(raw: bytes | msgspec.Raw) -> _Object:
    """Return what identifies an object whose metadata is not all as it should be; the rest of it is left out."""
    try:
        body = orjson.loads(memoryview(raw))
        metadata = body["metadata"]
        found = _Metadata(
            name=_text(metadata, "name"),
            namespace=_text(metadata, "namespace"),
            uid=_text(metadata, "uid"),
            resourceVersion=_text(metadata, "resourceVersion"),
            ownerReferences=[
                _Owner(_text(owner, "uid"), _text(owner, "kind"), _text(owner, "name"))
                for owner in _dicts(metadata.get("ownerReferences"))
            ],
            annotations=_texts(metadata.get("annotations")),
            labels=_texts(metadata.get("labels")),
        )
        return _Object(found, str(body.get("apiVersion") or ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ApiFailed("the API server gave something that is not an object") from error


def _text(body: Json, name: str) -> str:
    return str(body.get(name) or "")


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> dict[str, str]:
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def went_back(version: str, known: str) -> bool:
    """Return whether a version is earlier than one known before, as after a backup was restored."""
    now, before = counted(version), counted(known)
    return now is not None and before is not None and now < before


def at_least(version: str, wanted: str) -> bool:
    """Return whether a resource version is the wanted one or a later one; false when they cannot be compared."""
    if version == wanted or not wanted:
        return True
    now, least = counted(version), counted(wanted)
    return now is not None and least is not None and now >= least


def counted(version: str) -> int | None:
    """Return a resource version as etcd counts, or nothing where it is something else: only equality counts then."""
    plain = version.isascii() and version.isdigit() and len(version) <= _LONGEST_COUNT
    return int(version) if plain else None
