"""
The merge engine as the sandbox uses it: refusals become `Failure`, books are put into the body.
"""

from __future__ import annotations

from moorage.engine.merge.apply import FieldConflicts, NotApplicable, record_update, server_side_apply
from moorage.engine.merge.fields import FieldSet
from moorage.engine.merge.schema import Schema
from moorage.model.manifest import Json
from moorage.sandbox import answers

_STATUS = FieldSet.of(("f:status",))
_SPEC = FieldSet.of(("f:spec",))


def _reset(subresource: str, *, status: bool) -> FieldSet | None:
    # Fields an endpoint cannot write are not owned through it.
    if subresource == "status":
        return _SPEC
    return _STATUS if status else None


def applied(
    live: Json | None,
    config: Json,
    *,
    manager: str,
    schema: Schema,
    force: bool,
    now: str,
    subresource: str,
    status: bool,
) -> Json:
    """Return the object after a server-side apply. Raises Failure (400, 409, 500)."""
    if (config.get("metadata") or {}).get("managedFields"):
        raise answers.bad_request("metadata.managedFields must be nil")
    try:
        return server_side_apply(
            live,
            config,
            manager=manager,
            schema=schema,
            force=force,
            now=now,
            subresource=subresource,
            reset=_reset(subresource, status=status),
        ).body
    except FieldConflicts as refused:
        causes = [
            answers.Cause("FieldManagerConflict", f"conflict with {each.owner}", each.path)
            for each in refused.conflicts
        ]
        raise answers.Failure(409, "Conflict", str(refused), {"causes": causes}) from None
    except NotApplicable as refused:
        raise answers.Failure(500, "", str(refused)) from None


def recorded(
    before: Json | None,
    body: Json,
    *,
    manager: str,
    schema: Schema,
    now: str,
    api_version: str,
    subresource: str,
    status: bool,
) -> Json:
    """Return `body` with `managedFields` telling what this write changed."""
    entries = record_update(
        before,
        body,
        manager=manager,
        schema=schema,
        now=now,
        api_version=api_version,
        subresource=subresource,
        reset=_reset(subresource, status=status),
    )
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    if entries:
        meta["managedFields"] = entries
    return {**body, "metadata": meta}
