"""
Custom resources become the values of the model, checked once.

Accepts everything Argo CD's resources may hold. What cannot be raises
`InvalidSpec` naming the field and the remedy; what means nothing to Moorage
becomes a warning on the application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.control.shapes import OPERATION, fitting, misfit
from moorage.engine.duration import parse_duration
from moorage.engine.options import sync_options
from moorage.engine.policy import decode_retry
from moorage.model.application import Application, Automated, Destination, Source
from moorage.model.errors import InvalidSpec
from moorage.model.identity import IN_CLUSTER, AppKey
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json
from moorage.model.project import DestinationRule, KindRule, Project, SyncWindow

SOURCE_FIELDS = frozenset(
    [
        "repoURL",
        "path",
        "targetRevision",
        "tagPrefix",
        "chart",
        "ref",
        "name",
        "helm",
        "kustomize",
        "directory",
        "plugin",
    ]
)


def decode_application(body: Json) -> Application:
    """
    Return the application a custom resource describes.

    Raises:
        InvalidSpec: A field is missing, has the wrong shape or asks for
            something that cannot be; the message names it.
    """
    metadata = mapping(body.get("metadata"), "metadata")
    spec = mapping(body.get("spec"), "spec")
    policy = mapping(spec.get("syncPolicy"), "spec.syncPolicy")
    options = sync_options(strings(policy.get("syncOptions"), "spec.syncPolicy.syncOptions"))
    source, warnings = _source(spec)
    warnings += [f"spec.syncPolicy.syncOptions: {word!r} is not known" for word in options.unknown]
    return Application(
        key=AppKey(text(metadata.get("namespace"), "metadata.namespace"), _name(metadata)),
        uid=text(metadata.get("uid"), "metadata.uid"),
        resource_version=text(metadata.get("resourceVersion"), "metadata.resourceVersion"),
        generation=_whole(metadata.get("generation"), "metadata.generation", 0),
        project=text(spec.get("project"), "spec.project") or "default",
        source=source,
        destination=_destination(mapping(spec.get("destination"), "spec.destination")),
        automated=_automated(policy.get("automated")),
        options=options,
        retry=_retry(policy.get("retry")),
        ignore=tuple(
            _ignore(mapping(r, f"spec.ignoreDifferences[{i}]"), f"spec.ignoreDifferences[{i}]")
            for i, r in enumerate(items(spec.get("ignoreDifferences"), "spec.ignoreDifferences"))
        ),
        namespace_metadata=_namespace_metadata(policy.get("managedNamespaceMetadata")),
        history_limit=_whole(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit", 10),
        labels=texts(metadata.get("labels"), "metadata.labels"),
        annotations=texts(metadata.get("annotations"), "metadata.annotations"),
        finalizers=tuple(strings(metadata.get("finalizers"), "metadata.finalizers")),
        deleted_at=text(metadata.get("deletionTimestamp"), "metadata.deletionTimestamp"),
        operation=_operation(body.get("operation")),
        status=fitting(dict(mapping(body.get("status"), "status"))),
        warnings=tuple(warnings),
    )


def _source(spec: Mapping[str, Any]) -> tuple[Source, list[str]]:
    several = items(spec.get("sources"), "spec.sources")
    if spec.get("sourceHydrator"):
        raise InvalidSpec("spec.sourceHydrator: hydrated sources are not supported yet; use spec.source")
    if len(several) > 1:
        raise InvalidSpec(
            "spec.sources: more than one source is not supported yet; use one spec.source per application"
        )
    where = "spec.sources[0]" if several else "spec.source"
    value = mapping(several[0] if several else spec.get("source"), where)
    if not value.get("repoURL"):
        raise InvalidSpec(f"{where}.repoURL: missing; name the repository to sync from")
    chart, path = text(value.get("chart"), f"{where}.chart"), text(value.get("path"), f"{where}.path")
    if value.get("ref") and not (path or chart):
        raise InvalidSpec(f"{where}.ref: a source that is only a reference needs another source beside it")
    warnings = [
        f"{where}.{name}: field is not known and ignored" for name in sorted(set(value) - SOURCE_FIELDS)
    ]
    options = {name: value[name] for name in ("helm", "kustomize", "directory", "plugin") if value.get(name)}
    return (
        Source(
            repo_url=text(value["repoURL"], f"{where}.repoURL"),
            path=path or ".",
            target_revision=text(value.get("targetRevision"), f"{where}.targetRevision") or "HEAD",
            chart=chart,
            tag_prefix=text(value.get("tagPrefix"), f"{where}.tagPrefix"),
            options=options,
        ),
        warnings,
    )


def _destination(value: Mapping[str, Any]) -> Destination:
    server = text(value.get("server"), "spec.destination.server")
    name = text(value.get("name"), "spec.destination.name")
    if server and name:
        raise InvalidSpec("spec.destination: server and name are both set; keep one of them")
    if not server and not name:
        raise InvalidSpec(
            f"spec.destination.server: missing; use {IN_CLUSTER} for the cluster Moorage runs on"
        )
    return Destination(server.rstrip("/"), name, text(value.get("namespace"), "spec.destination.namespace"))


def _automated(value: Any) -> Automated | None:
    if value is None:
        return None
    policy = mapping(value, "spec.syncPolicy.automated")
    if policy.get("enabled") is False:
        return None
    return Automated(bool(policy.get("prune")), bool(policy.get("selfHeal")), bool(policy.get("allowEmpty")))


def _retry(value: Any) -> Any:
    try:
        return decode_retry(mapping(value, "spec.syncPolicy.retry"))
    except ValueError as error:
        raise InvalidSpec(f"spec.syncPolicy.retry: {error}") from error


def _name(metadata: Mapping[str, Any]) -> str:
    name = text(metadata.get("name"), "metadata.name")
    if not name:
        raise InvalidSpec("metadata.name: missing; give it a name")
    return name


def _whole(value: Any, where: str, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidSpec(f"{where}: must be a number, zero or more")
    return value


def _namespace_metadata(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    where = "spec.syncPolicy.managedNamespaceMetadata"
    found = dict(mapping(value, where))
    for part in ("labels", "annotations"):
        texts(found.get(part), f"{where}.{part}")
    return found


def _operation(value: Any) -> dict[str, Any] | None:
    if fault := misfit(value, OPERATION, "operation"):
        raise InvalidSpec(f"{fault}; remove the operation and ask again")
    return value  # type: ignore[no-any-return]


def _ignore(value: Mapping[str, Any], where: str) -> IgnoreRule:
    if not value.get("kind"):
        raise InvalidSpec(f"{where}.kind: missing; name the kind the rule is for")
    return IgnoreRule(
        group=text(value.get("group"), f"{where}.group"),
        kind=text(value["kind"], f"{where}.kind"),
        name=text(value.get("name"), f"{where}.name"),
        namespace=text(value.get("namespace"), f"{where}.namespace"),
        json_pointers=tuple(strings(value.get("jsonPointers"), f"{where}.jsonPointers")),
        jq_paths=tuple(strings(value.get("jqPathExpressions"), f"{where}.jqPathExpressions")),
        managers=tuple(strings(value.get("managedFieldsManagers"), f"{where}.managedFieldsManagers")),
    )


def decode_project(body: Json) -> Project:
    """Return the project an AppProject describes. Raises InvalidSpec naming the field."""
    metadata = mapping(body.get("metadata"), "metadata")
    spec = mapping(body.get("spec"), "spec")
    kinds = "namespaceResourceWhitelist"
    return Project(
        name=_name(metadata),
        source_repos=tuple(strings(spec.get("sourceRepos"), "spec.sourceRepos")),
        destinations=tuple(
            DestinationRule(
                str(d.get("server") or ""), str(d.get("name") or ""), str(d.get("namespace") or "")
            )
            for d in _mappings(spec, "destinations")
        ),
        source_namespaces=tuple(strings(spec.get("sourceNamespaces"), "spec.sourceNamespaces")),
        cluster_kinds_allowed=_kinds(spec, "clusterResourceWhitelist"),
        cluster_kinds_denied=_kinds(spec, "clusterResourceBlacklist"),
        namespace_kinds_allowed=_kinds(spec, kinds) if spec.get(kinds) is not None else None,
        namespace_kinds_denied=_kinds(spec, "namespaceResourceBlacklist"),
        windows=tuple(
            _window(w, f"spec.syncWindows[{i}]") for i, w in enumerate(_mappings(spec, "syncWindows"))
        ),
        only_project_clusters=bool(spec.get("permitOnlyProjectScopedClusters")),
    )


def _kinds(spec: Mapping[str, Any], name: str) -> tuple[KindRule, ...]:
    return tuple(
        KindRule(str(r.get("group") or ""), str(r.get("kind") or ""), str(r.get("name") or ""))
        for r in _mappings(spec, name)
    )


def _window(value: Mapping[str, Any], where: str) -> SyncWindow:
    if value.get("kind") not in ("allow", "deny"):
        raise InvalidSpec(f"{where}.kind: must be allow or deny")
    try:
        duration = parse_duration(text(value.get("duration"), f"{where}.duration"))
    except ValueError as error:
        raise InvalidSpec(f"{where}.duration: {error}") from error
    return SyncWindow(
        kind=value["kind"],
        schedule=text(value.get("schedule"), f"{where}.schedule"),
        duration=duration,
        applications=tuple(strings(value.get("applications"), f"{where}.applications")),
        namespaces=tuple(strings(value.get("namespaces"), f"{where}.namespaces")),
        clusters=tuple(strings(value.get("clusters"), f"{where}.clusters")),
        manual_sync=bool(value.get("manualSync")),
        time_zone=text(value.get("timeZone"), f"{where}.timeZone") or "UTC",
        and_operator=bool(value.get("andOperator")),
        sync_overrun=bool(value.get("syncOverrun")),
    )


def _mappings(spec: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [mapping(v, f"spec.{name}[{i}]") for i, v in enumerate(items(spec.get(name), f"spec.{name}"))]


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return an object, empty for null. Raises InvalidSpec naming the field."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidSpec(f"{where}: must be an object, is {_kind(value)}")
    return value


def items(value: Any, where: str) -> Sequence[Any]:
    """Return a list, empty for null. Raises InvalidSpec naming the field."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidSpec(f"{where}: must be a list, is {_kind(value)}")
    return value


def strings(value: Any, where: str) -> list[str]:
    """Return a list of texts, empty for null. Raises InvalidSpec naming the field."""
    return [text(v, f"{where}[{i}]") for i, v in enumerate(items(value, where))]


def texts(value: Any, where: str) -> dict[str, str]:
    """Return a map of texts, empty for null. Raises InvalidSpec naming the field."""
    return {name: text(item, f"{where}.{name}") for name, item in mapping(value, where).items()}


def text(value: Any, where: str) -> str:
    """Return a text, empty for null. Raises InvalidSpec naming the field."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidSpec(f"{where}: must be a text, is {_kind(value)} (put quotes around it)")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    words: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
    return words.get(type(value), type(value).__name__)
