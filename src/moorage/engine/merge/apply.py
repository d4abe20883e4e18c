"""
Applies a configuration the way the API server does, and keeps the books on who owns what.

`server_side_apply` is the whole of a server-side apply: merge, remove what this
manager no longer sets, find conflicts, rewrite ``managedFields``. `record_update`
does the bookkeeping for every other write. Both are pure; the caller passes the
time, and an apply that changes nothing returns what was there.

Owners that wrote with another version of the kind are taken at their word: their
fields are compared as if they had been written in this one.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from moorage.engine.merge import lastapplied
from moorage.engine.merge.fields import FieldSet, Mismatch
from moorage.engine.merge.managed import Owner, Owners
from moorage.engine.merge.schema import Schema
from moorage.engine.merge.typed import compare, merge, mismatches, remove
from moorage.model.equality import same
from moorage.model.errors import Terminal
from moorage.model.manifest import Json, without

BEFORE_FIRST_APPLY: Final = "before-first-apply"

STRIPPED: Final = FieldSet.of(
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    ),
)
"""Fields nobody owns: the server writes them, or they are the object's name."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that an apply would change and somebody else owns."""

    path: str
    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def owner(self) -> str:
        """The owner as the API server prints it: ``"kubectl" using apps/v1``."""
        return Owner(self.manager, self.operation, self.api_version, self.subresource).printed()


class FieldConflicts(Terminal):
    """
    An apply without force would change fields that others own.

    The message is the API server's; `conflicts` holds the fields one by one.
    """

    reason = "FieldConflicts"

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__(_message(conflicts))
        self.conflicts = conflicts


class NotApplicable(Terminal):
    """A configuration does not fit its schema, such as two ports with the same keys."""

    reason = "NotApplicable"


@dataclass(frozen=True, slots=True)
class Applied:
    """The object after an apply; `changed` says whether anything but the books differs."""

    body: Json
    changed: bool


def server_side_apply(
    live: Json | None,
    config: Json,
    *,
    manager: str,
    schema: Schema,
    force: bool,
    now: str,
    subresource: str = "",
    reset: FieldSet | None = None,
) -> Applied:
    """
    Return the object after `manager` applied `config` to it.

    Args:
        live: The object as it is, or None when it does not exist yet.
        config: What the manager wants; it must not carry ``managedFields``.
        force: Take fields over from other owners instead of raising.
        now: The time written into the books, as RFC 3339.
        subresource: The subresource the request went to, such as ``status``.
        reset: Fields that cannot be written through this endpoint and so are not owned.

    An apply by ``kubectl`` itself takes over what its client-side apply had set.

    Raises:
        FieldConflicts: Others own fields that would change, and `force` is off.
        NotApplicable: The configuration does not fit the schema.
    """
    _check(config, schema)
    request = _Request(manager or "unknown", schema, now, subresource, reset)
    try:
        result = _applied(live, config, request, force=force)
    except FieldConflicts as refused:
        if manager != lastapplied.KUBECTL or live is None:
            raise
        own = set(lastapplied.still_as_applied(live, schema, str(config.get("apiVersion"))).paths())
        foreign = tuple(conflict for conflict in refused.conflicts if conflict.path not in own)
        if foreign:
            raise FieldConflicts(foreign) from None
        result = _applied(live, config, request, force=True)
    if manager != lastapplied.KUBECTL:
        return result
    body = lastapplied.with_last_applied(result.body, config)
    return Applied(body, result.changed or not same(body, result.body))


@dataclass(frozen=True, slots=True)
class _Request:
    """What an apply says besides its configuration."""

    manager: str
    schema: Schema
    now: str
    subresource: str
    reset: FieldSet | None


def _applied(live: Json | None, config: Json, request: _Request, *, force: bool) -> Applied:
    schema, reset = request.schema, request.reset
    current = without(live or {}, ("metadata", "managedFields"))
    owners = Owners.of((live or {}).get("metadata", {}).get("managedFields"))
    api_version = str(config.get("apiVersion") or "")
    if not owners and live:
        first = Owner(BEFORE_FIRST_APPLY, "Update", api_version)
        owners = _recorded({}, current, owners, first, schema, request.now, None)
    me = Owner(request.manager, "Apply", api_version, request.subresource)
    last = owners.fields(me)
    try:
        merged = merge(current, config, schema)
    except Mismatch as problem:
        raise NotApplicable(f"failed to merge config: {problem}") from problem
    mine = FieldSet.from_value(config, schema)
    if reset is not None:
        mine = mine.without(reset)
    claimed = owners.having(me, mine)
    merged = pruned(merged, last, claimed.union(), schema)
    kept = _settled(current, merged, claimed, me, schema, force=force, reset=reset)
    kept = kept.having(me, mine.difference(STRIPPED))
    changed = live is None or not same(current, merged)
    if changed:
        kept = kept.at(me, request.now)
    body = without_nulls(merged, schema)
    return Applied(_with_owners(body, kept), changed)


def record_update(
    before: Json | None,
    after: Json,
    *,
    manager: str,
    schema: Schema,
    now: str,
    api_version: str = "",
    operation: str = "Update",
    subresource: str = "",
    reset: FieldSet | None = None,
) -> list[Json]:
    """
    Return ``managedFields`` after a create, update or patch turned `before` into `after`.

    For a create `before` is None, or the kind's empty object: what that has is not owned
    by whoever creates. An ``after`` that carries an empty list of its own asks to forget all owners,
    as the API server allows.
    """
    was = without(before or {}, ("metadata", "managedFields"))
    becomes = without(after, ("metadata", "managedFields"))
    owners = _owners_of(before, after, subresource)
    if not owners and (was.get("metadata") or {}).get("uid"):
        # Objects nobody keeps books on stay so until somebody applies to them.
        return []
    version = api_version or str(after.get("apiVersion") or "")
    me = Owner(manager or "unknown", operation, version, subresource)
    return _recorded(was, becomes, owners, me, schema, now, reset).capped().to_json()


def pruned(merged: Json, last: FieldSet, claimed: FieldSet, schema: Schema) -> Json:
    """
    Return `merged` without what its applier set last time and nobody claims now.

    Args:
        last: What the applier set the last time.
        claimed: What all owners claim now, the applier included.
    """
    if not last.difference(claimed):
        return merged
    last = last.with_named(schema)
    whole = FieldSet.from_value(merged, schema).with_named(schema)
    rest = FieldSet.from_value(remove(merged, last.tree, schema), schema).with_named(schema)
    gone = whole.difference(rest.union(claimed.with_named(schema)))
    rest = FieldSet.from_value(remove(merged, gone.tree, schema), schema).with_named(schema)
    gone = whole.difference(rest).intersection(last)
    result: Json = remove(merged, gone.tree, schema) if gone else merged
    return result


def without_nulls(body: Json, schema: Schema) -> Json:
    """Return an object as the API server stores it; most hold no null, and are not searched for one by hand."""
    try:
        if b"null" not in orjson.dumps(body):
            return body
    except TypeError:
        pass
    dropped: Json = nulls_dropped(body, schema)
    return dropped


def nulls_dropped(value: Any, schema: Schema) -> Any:
    """Return `value` as the API server stores it: nulls go, except in nullable and free-form fields."""
    if isinstance(value, dict) and not schema.takes_scalar:
        return _nulls_dropped_from_map(value, schema)
    if isinstance(value, list) and not schema.takes_scalar:
        items = schema.items
        stored = [nulls_dropped(item, items) for item in value]
        return value if all(map(operator.is_, value, stored)) else stored
    return value


def _nulls_dropped_from_map(value: Json, schema: Schema) -> Json:
    stored: Json = {}
    changed = False
    for name, inner in value.items():
        child = schema.child(name)
        if inner is not None:
            stored[name] = kept = nulls_dropped(inner, child)
            changed = changed or kept is not inner
        elif child.nullable or (child.takes_scalar and child.takes_map):
            stored[name] = None
        else:
            changed = True
            if child.type == "string" and not schema.declares(name):
                # A null in a map of strings is read as the empty string.
                stored[name] = ""
    return stored if changed else value


def _check(config: Json, schema: Schema) -> None:
    metadata = config.get("metadata") or {}
    if metadata.get("managedFields") is not None:
        raise NotApplicable("metadata.managedFields must be nil")
    problems = list(mismatches(config, schema))
    if not problems:
        return
    group_version, kind = config.get("apiVersion", ""), config.get("kind", "")
    name = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    shown = group_version if "/" in group_version else f"/{group_version}"
    text = problems[0] if len(problems) == 1 else "\n  ".join(["errors:", *problems])
    raise NotApplicable(f"failed to create typed patch object ({name}; {shown}, Kind={kind}): {text}")


def _settled(
    current: Json,
    merged: Json,
    owners: Owners,
    me: Owner,
    schema: Schema,
    *,
    force: bool,
    reset: FieldSet | None,
) -> Owners:
    changes = compare(current, merged, schema)
    taken = FieldSet(changes.modified).union(FieldSet(changes.added))
    removed = FieldSet(changes.removed)
    if reset is not None:
        taken, removed = taken.without(reset), removed.without(reset)
    if not force and (conflicts := tuple(_conflicts(owners, me, taken))):
        raise FieldConflicts(conflicts)
    return owners.losing(taken, removed, keeping=me)


def _conflicts(owners: Owners, me: Owner, taken: FieldSet) -> list[Conflict]:
    return [
        Conflict(path, owner.manager, owner.operation, owner.api_version, owner.subresource)
        for owner in owners
        if owner.identity != me.identity
        for path in owners.fields(owner).intersection(taken).paths()
    ]


def _recorded(
    was: Json,
    becomes: Json,
    owners: Owners,
    me: Owner,
    schema: Schema,
    now: str,
    reset: FieldSet | None,
) -> Owners:
    changes = compare(was, becomes, schema)
    taken = FieldSet(changes.modified).union(FieldSet(changes.added))
    removed = FieldSet(changes.removed)
    if reset is not None:
        taken, removed = taken.without(reset), removed.without(reset)
    held = owners.fields(me)
    result = owners.losing(taken, removed, keeping=None)
    fresh = taken.difference(STRIPPED)
    if not fresh:
        return result
    return result.having(me, fresh.union(held.difference(taken).difference(removed))).at(me, now)


def _owners_of(before: Json | None, after: Json, subresource: str) -> Owners:
    held = Owners.of(((before or {}).get("metadata") or {}).get("managedFields"))
    if subresource:
        return held
    given = (after.get("metadata") or {}).get("managedFields")
    if given is not None and (not given or given == [{}]):
        return Owners()
    return Owners.of(given) or held


def _with_owners(body: Json, owners: Owners) -> Json:
    entries = owners.to_json()
    if not entries:
        return without(body, ("metadata", "managedFields"))
    return {**body, "metadata": {**(body.get("metadata") or {}), "managedFields": entries}}


def _message(conflicts: tuple[Conflict, ...]) -> str:
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: conflict with {conflicts[0].owner}: {conflicts[0].path}"
    lines: list[str] = []
    seen: dict[str, list[str]] = {}
    for conflict in conflicts:
        seen.setdefault(conflict.owner, []).append(conflict.path)
    for owner in sorted(seen):
        lines.append(f"conflicts with {owner}:")
        lines.extend(f"- {path}" for path in seen[owner])
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
