"""
What a person asks for, as the ``operation`` of an Application in Argo CD's shape.

Pure: flags and the Application in, JSON out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from moorage.cli.app.standing import matches, split_resource
from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json


@dataclass(frozen=True, slots=True)
class SyncFlags:
    """The flags of ``moor app sync``; what is empty or None is not said."""

    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    force: bool = False
    replace: bool = False
    server_side: bool | None = None
    out_of_sync_only: bool = False
    strategy: str = ""
    options: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    retry_limit: int | None = None
    retry_duration: str = ""
    retry_factor: int | None = None
    retry_max: str = ""
    retry_refresh: bool = False


def operation(body: Json, flags: SyncFlags, username: str) -> Json:
    """
    Return the operation that asks for a sync of an Application.

    The application's own sync options hold as long as no flag contradicts them.

    Raises:
        InvalidSpec: A resource or info is not written as it must be, or no resource is left.
    """
    sync: Json = {}
    if flags.revision:
        sync["revision"] = flags.revision
    if flags.prune:
        sync["prune"] = True
    if flags.dry_run:
        sync["dryRun"] = True
    if flags.force or flags.strategy:
        sync["syncStrategy"] = {flags.strategy or "hook": {"force": True} if flags.force else {}}
    if options := _options(body, flags):
        sync["syncOptions"] = options
    if flags.resources:
        sync["resources"] = _resources(body, flags.resources)
    asked: Json = {"initiatedBy": {"username": username}, "sync": sync}
    if flags.infos:
        asked["info"] = [_info(text) for text in flags.infos]
    if retry := _retry(body, flags):
        asked["retry"] = retry
    return asked


def _options(body: Json, flags: SyncFlags) -> list[str]:
    said = {
        **({"Replace": "true"} if flags.replace else {}),
        **({"ServerSideApply": str(flags.server_side).lower()} if flags.server_side is not None else {}),
        **({"ApplyOutOfSyncOnly": "true"} if flags.out_of_sync_only else {}),
        **dict(_pair(text) for text in flags.options),
    }
    if not said:
        return []
    own = ((body.get("spec") or {}).get("syncPolicy") or {}).get("syncOptions") or []
    kept = [text for text in own if str(text).partition("=")[0].strip() not in said]
    return [*kept, *(f"{name}={value}" for name, value in said.items())]


def _pair(text: str) -> tuple[str, str]:
    name, sep, value = text.partition("=")
    return name.strip(), value.strip() if sep else "true"


def _resources(body: Json, patterns: Iterable[str]) -> list[Json]:
    patterns = tuple(patterns)
    if not any("*" in p or "?" in p or p.startswith("!") for p in patterns):
        return [_selected(*split_resource(pattern)) for pattern in patterns]
    known = (body.get("status") or {}).get("resources") or []
    wanted = [p for p in patterns if not p.startswith("!")]
    unwanted = [p[1:] for p in patterns if p.startswith("!")]
    found = [
        _selected(r.get("group", ""), r.get("kind", ""), r.get("namespace", ""), r.get("name", ""))
        for r in known
        if (not wanted or any(matches(p, r) for p in wanted)) and not any(matches(p, r) for p in unwanted)
    ]
    if not found:
        raise InvalidSpec(f"--resource {' '.join(patterns)}: matches no resource of the application")
    return found


def _selected(group: str, kind: str, namespace: str, name: str) -> Json:
    parts = {"group": group, "kind": kind, "namespace": namespace, "name": name}
    return {part: value for part, value in parts.items() if value}


def _info(text: str) -> Json:
    name, sep, value = text.partition("=")
    if not sep or not name:
        raise InvalidSpec(f"--info {text!r}: write NAME=VALUE")
    return {"name": name, "value": value}


def _retry(body: Json, flags: SyncFlags) -> Json:
    own = dict(((body.get("spec") or {}).get("syncPolicy") or {}).get("retry") or {})
    return with_retry(
        own,
        limit=flags.retry_limit,
        duration=flags.retry_duration,
        factor=flags.retry_factor,
        most=flags.retry_max,
        refresh=flags.retry_refresh,
    )


def with_retry(
    retry: Json, *, limit: int | None, duration: str, factor: int | None, most: str, refresh: bool
) -> Json:
    """Return a retry policy with what was said changed; what was not said stays."""
    out = dict(retry)
    if limit is not None:
        out["limit"] = limit
    if refresh:
        out["refresh"] = True
    said = {"duration": duration, "factor": factor, "maxDuration": most}
    backoff = {**(out.get("backoff") or {}), **{k: v for k, v in said.items() if v}}
    if backoff:
        out["backoff"] = backoff
    return out


def is_running(body: Json) -> bool:
    """Whether an operation is under way or asked for."""
    phase = ((body.get("status") or {}).get("operationState") or {}).get("phase")
    return bool(body.get("operation")) or phase in ("Running", "Terminating")
