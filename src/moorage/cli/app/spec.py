"""
Flags that describe an application, and the specification they make.

One table: each row is a flag of ``create`` and ``set`` and what it does to the
specification. Pure: a specification and flags in, another specification out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from moorage.cli.app.requests import with_retry
from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json, with_value, without

Change = Callable[[Json, Any], Json]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: how it is written, what it does to a specification, and how click reads it."""

    name: str
    change: Change
    help: str
    read: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameter(self) -> str:
        """The name of the value among the arguments of a command."""
        return "spec_" + self.name.split("/")[0].removeprefix("--").replace("-", "_")


def _at(*path: str) -> Change:
    return lambda spec, value: with_value(spec, path, value)


def _listed(*path: str) -> Change:
    return lambda spec, values: with_value(spec, path, list(values))


def _pairs(*path: str) -> Change:
    def change(spec: Json, values: tuple[str, ...]) -> Json:
        for name, value in map(_pair, values):
            spec = with_value(spec, (*path, name), value)
        return spec

    return change


def _pair(text: str) -> tuple[str, str]:
    name, sep, value = text.partition("=")
    if not sep or not name:
        raise InvalidSpec(f"{text!r}: write NAME=VALUE")
    return name, value


def _instead(removed: str, *path: str) -> Change:
    return lambda spec, value: with_value(without(spec, (*path[:-1], removed)), path, value)


def _by_name(key: str, name_field: str, value_field: str, extra: Mapping[str, Any] | None = None) -> Change:
    """Set items of a list in ``spec.source`` that are known by name; others stay."""
    tool, _, listed = key.partition(".")

    def change(spec: Json, values: tuple[str, ...]) -> Json:
        items = list(((spec.get("source") or {}).get(tool) or {}).get(listed) or [])
        for name, value in map(_pair, values):
            item = {name_field: name, value_field: value, **(extra or {})}
            at = next((i for i, known in enumerate(items) if known.get(name_field) == name), len(items))
            items[at : at + 1] = [item]
        return with_value(spec, ("source", tool, listed), items)

    return change


def _replicas(spec: Json, values: tuple[str, ...]) -> Json:
    items = []
    for name, count in map(_pair, values):
        if not count.isdecimal():
            raise InvalidSpec(f"--kustomize-replica {name}={count}: the count must be a number")
        items.append({"name": name, "count": int(count)})
    return with_value(spec, ("source", "kustomize", "replicas"), items)


def _images(spec: Json, values: tuple[str, ...]) -> Json:
    known = list(((spec.get("source") or {}).get("kustomize") or {}).get("images") or [])

    def name_of(image: str) -> str:
        return image.partition("=")[0].partition("@")[0].rpartition(":")[0] or image.partition("=")[0]

    for image in values:
        known = [other for other in known if name_of(other) != name_of(image)]
        known.append(image)
    return with_value(spec, ("source", "kustomize", "images"), known)


def _sync_policy(spec: Json, value: str) -> Json:
    policy = dict(spec.get("syncPolicy") or {})
    if value in ("none", "manual"):
        policy.pop("automated", None)
    else:
        policy["automated"] = {k: v for k, v in (policy.get("automated") or {}).items() if k != "enabled"}
    return {**spec, "syncPolicy": policy} if policy else without(spec, ("syncPolicy",))


def _automated(name: str) -> Change:
    def change(spec: Json, value: bool) -> Json:
        if (spec.get("syncPolicy") or {}).get("automated") is None:
            raise InvalidSpec("--auto-prune, --self-heal and --allow-empty need --sync-policy automated")
        return with_value(spec, ("syncPolicy", "automated", name), value)

    return change


def _sync_options(spec: Json, values: tuple[str, ...]) -> Json:
    """Set options by their word; one that begins with ``!`` is taken away."""
    options = [str(o) for o in (spec.get("syncPolicy") or {}).get("syncOptions") or []]
    for text in values:
        word = text.removeprefix("!").partition("=")[0]
        options = [option for option in options if option.partition("=")[0] != word]
        if not text.startswith("!"):
            options.append(text)
    return with_value(spec, ("syncPolicy", "syncOptions"), options)


def _retry(name: str) -> Change:
    def change(spec: Json, value: Any) -> Json:
        said: dict[str, Any] = {"limit": None, "duration": "", "factor": None, "most": "", "refresh": False}
        retry = with_retry((spec.get("syncPolicy") or {}).get("retry") or {}, **{**said, name: value})
        return with_value(spec, ("syncPolicy", "retry"), retry)

    return change


def _values_file(spec: Json, file: str) -> Json:
    if not Path(file).is_file():
        raise InvalidSpec(f"--values-literal-file {file}: no such file")
    return with_value(spec, ("source", "helm", "values"), Path(file).read_text())


_MANY: Mapping[str, Any] = {"multiple": True}
_SWITCH: Mapping[str, Any] = {"is_flag": True, "default": None}
_NUMBER: Mapping[str, Any] = {"type": int, "default": None}
_POLICIES = click.Choice(["none", "manual", "auto", "automatic", "automated"])

FLAGS: tuple[Flag, ...] = (
    Flag("--project", _at("project"), "The project it belongs to."),
    Flag("--repo", _at("source", "repoURL"), "The repository: its URL."),
    Flag("--path", _at("source", "path"), "The path in the repository."),
    Flag("--revision", _at("source", "targetRevision"), "A branch, tag, commit or version constraint."),
    Flag("--helm-chart", _at("source", "chart"), "The chart, when the repository is a chart repository."),
    Flag("--dest-server", _instead("name", "destination", "server"), "The cluster it goes to: its address."),
    Flag("--dest-name", _instead("server", "destination", "name"), "The cluster it goes to: its name."),
    Flag("--dest-namespace", _at("destination", "namespace"), "The namespace it goes to."),
    Flag("--sync-policy", _sync_policy, "Whether it syncs by itself.", {"type": _POLICIES, "default": None}),
    Flag("--auto-prune/--no-auto-prune", _automated("prune"), "Prune when it syncs by itself.", _SWITCH),
    Flag("--self-heal/--no-self-heal", _automated("selfHeal"), "Sync when the cluster drifts.", _SWITCH),
    Flag(
        "--allow-empty/--no-allow-empty", _automated("allowEmpty"), "Let a sync remove everything.", _SWITCH
    ),
    Flag("--sync-option", _sync_options, "WORD=VALUE; !WORD takes it away.", _MANY),
    Flag("--sync-retry-limit", _retry("limit"), "How often a failed sync is tried again.", _NUMBER),
    Flag("--sync-retry-backoff-duration", _retry("duration"), "The first delay, as 5s."),
    Flag("--sync-retry-backoff-factor", _retry("factor"), "Each delay times this.", _NUMBER),
    Flag("--sync-retry-backoff-max-duration", _retry("most"), "The longest delay, as 3m."),
    Flag("--sync-retry-refresh", _retry("refresh"), "Try again with the latest revision.", _SWITCH),
    Flag("--revision-history-limit", _at("revisionHistoryLimit"), "How many deployments are kept.", _NUMBER),
    Flag("--release-name", _at("source", "helm", "releaseName"), "Helm: the release."),
    Flag("--values", _listed("source", "helm", "valueFiles"), "Helm: a file of values.", _MANY),
    Flag("--values-literal-file", _values_file, "Helm: a local file whose content becomes the values."),
    Flag("--helm-set", _by_name("helm.parameters", "name", "value"), "Helm: NAME=VALUE.", _MANY),
    Flag(
        "--helm-set-string",
        _by_name("helm.parameters", "name", "value", {"forceString": True}),
        "Helm: NAME=VALUE, as text.",
        _MANY,
    ),
    Flag("--helm-set-file", _by_name("helm.fileParameters", "name", "path"), "Helm: NAME=FILE.", _MANY),
    Flag("--helm-skip-crds", _at("source", "helm", "skipCrds"), "Helm: leave the chart's CRDs out.", _SWITCH),
    Flag("--helm-skip-tests", _at("source", "helm", "skipTests"), "Helm: leave tests out.", _SWITCH),
    Flag(
        "--helm-skip-schema-validation",
        _at("source", "helm", "skipSchemaValidation"),
        "Helm: do not check the values.",
        _SWITCH,
    ),
    Flag(
        "--helm-pass-credentials", _at("source", "helm", "passCredentials"), "Helm: to all domains.", _SWITCH
    ),
    Flag("--nameprefix", _at("source", "kustomize", "namePrefix"), "Kustomize: before each name."),
    Flag("--namesuffix", _at("source", "kustomize", "nameSuffix"), "Kustomize: after each name."),
    Flag("--kustomize-namespace", _at("source", "kustomize", "namespace"), "Kustomize: the namespace."),
    Flag("--kustomize-image", _images, "Kustomize: NAME=IMAGE or NAME:TAG.", _MANY),
    Flag("--kustomize-replica", _replicas, "Kustomize: NAME=COUNT.", _MANY),
    Flag(
        "--kustomize-common-label",
        _pairs("source", "kustomize", "commonLabels"),
        "Kustomize: NAME=VALUE.",
        _MANY,
    ),
    Flag(
        "--kustomize-common-annotation",
        _pairs("source", "kustomize", "commonAnnotations"),
        "Kustomize: NAME=VALUE.",
        _MANY,
    ),
    Flag(
        "--directory-recurse/--no-directory-recurse",
        _at("source", "directory", "recurse"),
        "Directory: read folders below too.",
        _SWITCH,
    ),
    Flag("--directory-include", _at("source", "directory", "include"), "Directory: only files that match."),
    Flag("--directory-exclude", _at("source", "directory", "exclude"), "Directory: not files that match."),
)


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all flags of the table."""
    for flag in reversed(FLAGS):
        read = dict(flag.read) or {"default": None}
        command = click.option(flag.name, flag.parameter, help=flag.help, **read)(command)
    return command


def take_flags(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the flags of the table from the arguments of a command and return those that were given."""
    taken = {flag.parameter: values.pop(flag.parameter) for flag in FLAGS}
    return {name: value for name, value in taken.items() if value is not None and value != ()}


def with_flags(spec: Json, given: Mapping[str, Any]) -> Json:
    """Return a specification with the given flags applied, in the order of the table."""
    for flag in FLAGS:
        if flag.parameter in given:
            spec = flag.change(spec, given[flag.parameter])
    return spec
