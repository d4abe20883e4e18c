"""
Performs one write and says what became of it.

The writer knows how the API server is asked; why and when is the caller's. A
refusal comes out as one of our errors, named after what is wrong with the
object. Every write goes through `Api` and is one request, but for the steps
named in the method: reading first, migrating ownership, deleting and creating.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from moorage.cluster.answers import Answer, NotFound, ObjectRefused
from moorage.cluster.definitions import CRD
from moorage.cluster.discovery import KindEntry, Kinds
from moorage.cluster.http import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, Api
from moorage.cluster.records import version_of
from moorage.cluster.refusals import (
    DuplicateListKeys,
    NamespaceEnding,
    TooLarge,
    explained,
    has_duplicate_keys,
    waiting_for,
)
from moorage.cluster.threeway import BUILT_IN_GROUPS, remembering, three_way
from moorage.engine.merge.lastapplied import last_applied
from moorage.engine.merge.schema import Schema, Schemas
from moorage.engine.merge.takeover import hand_over, left_by, predecessors
from moorage.model.equality import same
from moorage.model.errors import ApiConflict, ApiFailed, Error, ImmutableField
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, key_of
from moorage.model.words import FIELD_MANAGER

_PROPAGATION = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}
_GONE_SECONDS = 60.0
_ATTEMPTS = 3
_SMALL_BYTES = 4096
_NOT_IN_YAML = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")
"""U+007F to U+009F, U+FFFE and U+FFFF in UTF-8."""


@dataclass(frozen=True, slots=True)
class Written:
    """
    What a write came to.

    `verb` is ``created``, ``configured``, ``unchanged`` or ``pruned``; `answer`
    is the object in JSON as the server has it now, empty after a deletion.
    """

    answer: bytes
    verb: str
    uid: str = ""
    resource_version: str = ""

    @property
    def body(self) -> Json:
        """The object, decoded each time it is asked for."""
        found: Json = orjson.loads(self.answer) if self.answer else {}
        return found


SchemasOf = Callable[[str, str], Awaitable["Schemas | None"]]
Established = Callable[[GroupKind, str], Awaitable[bool]]


class Writer:
    """All the ways to change one cluster."""

    def __init__(
        self, api: Api, kinds: Callable[[], Kinds], schemas: SchemasOf, established: Established
    ) -> None:
        self._api = api
        self._kinds = kinds
        self._schemas = schemas
        self._established = established

    async def server_side_apply(
        self,
        body: Json,
        *,
        live: Json | None = None,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        migrate: bool = False,
        migrate_from: str = "",
        force_recreate: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """
        Apply an object by field ownership. Fields that the server does not know are refused by it in any case.

        Args:
            body: The object as declared; a Kubernetes list is not one.
            live: What is known to be there. Tells *unchanged* from
                *configured*, and what to migrate; it costs nothing to leave out.
            manager: The field manager.
            force: Take fields over from other managers.
            migrate: Take over, before the apply, what kubectl, Helm and Argo CD left behind.
            migrate_from: One more manager to migrate from.
            force_recreate: Delete and create when a field cannot be changed.
            dry_run: Ask for the outcome only.
        """
        key, entry = self._place(body)
        if migrate and live is not None and not dry_run:
            live = await self._migrate(key, entry, live, manager, migrate_from)
        query = {
            "fieldManager": manager,
            "force": "true" if force else "false",
            # The typed merge refuses unknown fields; all that validation adds is to read the body again, for keys
            # given twice, of which ours has none. (k8s.io/apiserver, endpoints/handlers/patch.go, applyPatcher)
            "fieldValidation": "Ignore",
        }
        path = entry.path(key.namespace, key.name, _version(body))
        try:
            answer = await self._send("PATCH", path, key, body, query, dry_run, content_type=APPLY_PATCH)
        except ImmutableField:
            if not force_recreate or dry_run:
                raise
            await self._remove(key, path)
            answer = await self._send("PATCH", path, key, body, query, dry_run, content_type=APPLY_PATCH)
        except TooLarge:
            raise
        except ObjectRefused as error:
            if error.status.code == 500 and await self._has_duplicates(body):
                raise DuplicateListKeys(str(error)) from error
            raise
        return await self._done(key, answer, live, dry_run)

    async def client_side_apply(
        self,
        body: Json,
        *,
        live: Json | None = None,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        validate: bool = True,
        dry_run: bool = False,
    ) -> Written:
        """
        Apply an object by comparing it with what was applied last: read, then create or patch.

        `force` deletes and creates when a field cannot be changed.
        """
        key, entry = self._place(body)
        path = entry.path(key.namespace, key.name, _version(body))
        declared = remembering(body)
        query = {"fieldManager": manager, "fieldValidation": "Strict" if validate else "Ignore"}
        for attempt in range(1, _ATTEMPTS + 1):
            live = live or await self._read(path)
            try:
                if live is None:
                    return await self.create(declared, manager=manager, validate=validate, dry_run=dry_run)
                return await self._patch_three_way(key, path, declared, live, query, dry_run)
            except NotFound:
                live = None
            except ApiConflict:
                if attempt == _ATTEMPTS:
                    raise
                live = None
            except ImmutableField:
                if not force or dry_run:
                    raise
                await self._remove(key, path)
                live = None
        raise ApiFailed(f"{key}: it kept changing while being applied")

    async def create(
        self,
        body: Json,
        *,
        manager: str = FIELD_MANAGER,
        validate: bool = True,
        dry_run: bool = False,
    ) -> Written:
        """Create an object. Raises Conflicted when it exists already."""
        key, entry = self._place(body)
        query = {"fieldManager": manager, "fieldValidation": "Strict" if validate else "Ignore"}
        path = entry.path(key.namespace, version=_version(body))
        return await self._done(key, await self._send("POST", path, key, body, query, dry_run), None, dry_run)

    async def replace(
        self,
        body: Json,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        validate: bool = True,
        dry_run: bool = False,
    ) -> Written:
        """Put an object in the place of what is there, or create it. `force` deletes what is there first."""
        key, entry = self._place(body)
        path = entry.path(key.namespace, key.name, _version(body))
        live = await self._read(path)
        if live is not None and force and not dry_run:
            await self._remove(key, path)
            live = None
        if live is None:
            return await self.create(body, manager=manager, validate=validate, dry_run=dry_run)
        metadata = {**body["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
        query = {"fieldManager": manager, "fieldValidation": "Strict" if validate else "Ignore"}
        sent = {**body, "metadata": metadata}
        return await self._done(key, await self._send("PUT", path, key, sent, query, dry_run), live, dry_run)

    async def delete(
        self,
        key: ResourceKey,
        *,
        propagation: str = "foreground",
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> Written:
        """
        Ask for an object's deletion; one that is gone already counts as deleted.

        Args:
            key: What to delete.
            propagation: ``foreground``, ``background`` or ``orphan``.
            uid: Delete only this very object.
            resource_version: Delete only if it is still as it was then. Raises
                Conflicted when it is not.
        """
        path = self._kinds().path(self._kinds().scoped(key))
        preconditions = {
            name: value for name, value in (("uid", uid), ("resourceVersion", resource_version)) if value
        }
        options: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": _PROPAGATION[propagation.lower()],
        }
        if preconditions:
            options["preconditions"] = preconditions
        if dry_run:
            # The server does not look at the query of a deletion that has a body.
            options["dryRun"] = ["All"]
        try:
            await self._api.request("DELETE", path, body=options, kind=key.kind)
        except NotFound:
            return Written(b"", "pruned")
        except Error as error:
            raise explained(error, key, None) from error
        return Written(b"", "pruned")

    async def patch(
        self,
        key: ResourceKey,
        change: Json | Sequence[Any],
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        version: str = "",
        manager: str = FIELD_MANAGER,
        dry_run: bool = False,
    ) -> Json:
        """Send a patch as it is and return the object; for callers that know what they do."""
        entry = self._kinds().need(key.group, key.kind, version)
        path = entry.path(key.namespace, key.name, version, subresource)
        answer = await self._send(
            "PATCH", path, key, change, {"fieldManager": manager}, dry_run, content_type=content_type
        )
        found: Json = answer.json()
        return found

    # --- inside

    def _place(self, body: Json) -> tuple[ResourceKey, KindEntry]:
        key = key_of(body)
        entry = self._kinds().need(key.group, key.kind, _version(body))
        return (key if entry.namespaced else key._replace(namespace="")), entry

    async def _send(
        self,
        method: str,
        path: str,
        key: ResourceKey,
        body: Json | Sequence[Any],
        query: Mapping[str, str],
        dry_run: bool,
        *,
        content_type: str = "application/json",
    ) -> Answer:
        payload = _as_yaml(body) if content_type == APPLY_PATCH else orjson.dumps(body)
        if dry_run:
            query = {**query, "dryRun": "All"}
        try:
            return await self._api.request(
                method, path, query=query, body=payload, content_type=content_type, kind=key.kind
            )
        except Error as error:
            found = explained(error, key, body if isinstance(body, dict) else None, len(payload))
            if found is error:
                raise
            if isinstance(found, NamespaceEnding):
                found = waiting_for(found, await self._namespace(key.namespace))
            raise found from error

    async def _namespace(self, name: str) -> Json | None:
        """Return a namespace to explain a refusal by; nothing when it cannot be had."""
        try:
            return await self._read(self._kinds().path(ResourceKey("", "Namespace", "", name)))
        except Error:
            return None

    async def _done(self, key: ResourceKey, answer: Answer, live: Json | None, dry_run: bool) -> Written:
        written = _written(answer.body, "created" if answer.status == 201 else "configured")
        if answer.status != 201 and live is not None:
            same_now = _equal(live, written.body) if dry_run else _is_version(live, written)
            written = replace(written, verb="unchanged") if same_now else written
        if key.group_kind == CRD and not dry_run and written.verb != "unchanged":
            await self._await_kind(written.body)
        return written

    async def _await_kind(self, definition: Json) -> None:
        spec = definition["spec"]
        served = [v["name"] for v in spec.get("versions") or [] if v.get("served")]
        await self._established(GroupKind(spec["group"], spec["names"]["kind"]), served[0] if served else "")

    async def _read(self, path: str) -> Json | None:
        try:
            found: Json = await self._api.get(path)
        except NotFound:
            return None
        return found

    async def _migrate(
        self, key: ResourceKey, entry: KindEntry, live: Json, manager: str, migrate_from: str
    ) -> Json:
        former, managed = predecessors(migrate_from), live["metadata"].get("managedFields") or []
        if not left_by(managed, predecessors=former, applier=manager):
            return live
        # Only the memory of a client-side apply is read by it.
        schema = await self._schema(live) if last_applied(live) else None
        migrated = hand_over(live, predecessors=former, applier=manager, schema=schema)
        # Replacing the version makes the server refuse when the object has changed since.
        operations = [
            {"op": "replace", "path": "/metadata/managedFields", "value": migrated},
            {
                "op": "replace",
                "path": "/metadata/resourceVersion",
                "value": live["metadata"]["resourceVersion"],
            },
        ]
        path = entry.path(key.namespace, key.name)
        answer = await self._send("PATCH", path, key, operations, {}, False, content_type=JSON_PATCH)
        found: Json = answer.json()
        return found

    async def _patch_three_way(
        self, key: ResourceKey, path: str, declared: Json, live: Json, query: Mapping[str, str], dry_run: bool
    ) -> Written:
        schema = await self._schema(declared) if key.group in BUILT_IN_GROUPS else None
        change, content_type = three_way(declared, live, schema)
        if not change:
            return _written(orjson.dumps(live), "unchanged")
        answer = await self._send("PATCH", path, key, change, query, dry_run, content_type=content_type)
        return await self._done(key, answer, live, dry_run)

    async def _schema(self, body: Json) -> Schema | None:
        key = key_of(body)
        schemas = await self._schemas(key.group, _version(body))
        return schemas.of(key.group, _version(body), key.kind) if schemas else None

    async def _has_duplicates(self, body: Json) -> bool:
        try:
            schema = await self._schema(body)
        except Error:
            return False
        return schema is not None and has_duplicate_keys(body, schema)

    async def _remove(self, key: ResourceKey, path: str) -> None:
        """Delete an object and return when it, though perhaps not its name, is gone."""
        live = await self._read(path)
        if live is None:
            return
        uid = str(live["metadata"].get("uid") or "")
        await self.delete(key, propagation="background", uid=uid)
        delay = 0.02
        try:
            async with asyncio.timeout(_GONE_SECONDS):
                while (now := await self._read(path)) is not None and now["metadata"].get("uid") == uid:
                    await asyncio.sleep(delay)
                    delay = min(1.0, delay * 2)
        except TimeoutError:
            raise ApiFailed(
                f"{key}: it is still there {_GONE_SECONDS:g} s after its deletion; look at its finalizers"
            ) from None


def _as_yaml(body: Json | Sequence[Any]) -> bytes:
    """
    Return the JSON of an apply patch in the form that the server, which reads it as YAML, reads aright and quickly.

    Some control characters that JSON allows are no YAML (1.2, 5.1), and a next line (U+0085) is a line
    break to Go's reader, so they are escaped. Up to 1,024 characters on one line could be the key of a mapping
    (7.4.2), so a reader holds back the parts of a small object until its line ends: on many lines it costs a
    quarter less time and half the memory.
    """
    text = orjson.dumps(body)
    if len(text) <= _SMALL_BYTES:
        text = orjson.dumps(body, option=orjson.OPT_INDENT_2)
    if text.isascii() and b"\x7f" not in text:
        return text
    return _NOT_IN_YAML.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), text)


def _version(body: Json) -> str:
    return str(body["apiVersion"]).rpartition("/")[2]


def _written(answer: bytes, verb: str) -> Written:
    """Return what a write came to. Raises ApiFailed when the answer is no object in JSON."""
    return Written(answer, verb, *version_of(answer))


def _is_version(live: Json, written: Written) -> bool:
    metadata = live["metadata"]
    return bool(
        metadata.get("uid") == written.uid and metadata.get("resourceVersion") == written.resource_version
    )


def _equal(live: Json, body: Json) -> bool:
    """Return whether two objects are alike but for what the server keeps count of; a dry run gives no new version."""
    return same(_plain(live), _plain(body))


def _plain(body: Json) -> Json:
    kept = {
        k: v
        for k, v in body["metadata"].items()
        if k not in ("managedFields", "generation", "resourceVersion")
    }
    return {**body, "metadata": kept}
