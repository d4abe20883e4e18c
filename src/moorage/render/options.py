"""
How does an Application ask for its files to be rendered?

The blocks ``directory``, ``kustomize`` and ``helm`` of a source, checked once
and turned into values that compare, hash into a cache key and travel to a
worker process. A field nobody knows becomes a warning; a field of the wrong
type is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """``source.directory``: plain YAML and JSON files."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""
    disable_extension_filter: bool = False

    source_type = "Directory"


@dataclass(frozen=True, slots=True)
class Patch:
    """One entry of ``kustomize.patches``; `target` and `options` are JSON text."""

    path: str = ""
    patch: str = ""
    target: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True)
class KustomizeOptions:
    """``source.kustomize``: edits of the top kustomization before it is built."""

    name_prefix: str = ""
    name_suffix: str = ""
    images: tuple[str, ...] = ()
    common_labels: Pairs = ()
    common_annotations: Pairs = ()
    force_common_labels: bool = False
    force_common_annotations: bool = False
    common_annotations_envsubst: bool = False
    label_without_selector: bool = False
    label_include_templates: bool = False
    namespace: str = ""
    replicas: Pairs = ()
    patches: tuple[Patch, ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    version: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()

    source_type = "Kustomize"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of ``helm.parameters``: ``--set``, or ``--set-string`` when forced."""

    name: str
    value: str = ""
    force_string: bool = False


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """``source.helm``: values and switches of ``helm template``. `values` holds valuesObject as JSON when given."""

    value_files: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    file_parameters: Pairs = ()
    release_name: str = ""
    values: str = ""
    version: str = ""
    pass_credentials: bool = False
    ignore_missing_value_files: bool = False
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()

    source_type = "Helm"


Options = DirectoryOptions | KustomizeOptions | HelmOptions


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a source asks for: `options` is None when its type must be detected from its files."""

    options: Options | None
    warnings: tuple[str, ...] = ()


def decode(source: Json) -> Decoded:
    """
    Return the rendering options of one source of an Application.

    Args:
        source: ``spec.source`` as JSON.

    Raises:
        InvalidSpec: for several blocks at once, a block that is not supported
            or a field of the wrong type; the field is named.
    """
    blocks = [name for name in ("helm", "kustomize", "directory", "plugin") if source.get(name) is not None]
    if len(blocks) > 1:
        raise InvalidSpec(f"spec.source: {' and '.join(blocks)} are both given; keep one of them")
    if blocks == ["plugin"]:
        raise InvalidSpec(
            "spec.source.plugin: config management plug-ins are not supported yet; use Helm or Kustomize"
        )
    if not blocks:
        return Decoded(HelmOptions() if source.get("chart") else None)
    if source.get("chart") and blocks != ["helm"]:
        raise InvalidSpec(f"spec.source.{blocks[0]}: a chart takes a helm block only; remove it")
    fields = _Fields(f"spec.source.{blocks[0]}", source[blocks[0]])
    decoders: dict[str, Callable[[_Fields], Options]] = {
        "helm": _helm,
        "kustomize": _kustomize,
        "directory": _directory,
    }
    options = decoders[blocks[0]](fields)
    return Decoded(options, fields.unknown())


@dataclass(slots=True)
class _Fields:
    """Takes typed fields out of one JSON object and remembers which were asked for."""

    where: str
    body: Any
    asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not isinstance(self.body, dict):
            raise InvalidSpec(f"{self.where}: must be an object")

    def _take(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        self.asked.add(name)
        value = self.body.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidSpec(f"{self.where}.{name}: must be {words}")
        return value

    def text(self, name: str) -> str:
        return self._take(name, str, "a string") or ""

    def flag(self, name: str) -> bool:
        return bool(self._take(name, bool, "true or false"))

    def texts(self, name: str) -> tuple[str, ...]:
        items = self._take(name, list, "a list of strings") or []
        if not all(isinstance(item, str) for item in items):
            raise InvalidSpec(f"{self.where}.{name}: must be a list of strings")
        return tuple(items)

    def pairs(self, name: str) -> Pairs:
        items = self._take(name, dict, "a map of strings") or {}
        if not all(isinstance(value, str) for value in items.values()):
            raise InvalidSpec(f"{self.where}.{name}: must be a map of strings; quote the values")
        return tuple(sorted(items.items()))

    def any(self, name: str) -> Any:
        self.asked.add(name)
        return self.body.get(name)

    def objects(self, name: str) -> list[_Fields]:
        items = self._take(name, list, "a list of objects") or []
        return [_Fields(f"{self.where}.{name}[{index}]", item) for index, item in enumerate(items)]

    def unknown(self) -> tuple[str, ...]:
        return tuple(
            f"{self.where}.{name}: unknown field, ignored" for name in sorted(set(self.body) - self.asked)
        )


def _directory(fields: _Fields) -> DirectoryOptions:
    jsonnet = fields.any("jsonnet")
    if isinstance(jsonnet, dict) and any(jsonnet.values()):
        raise InvalidSpec(f"{fields.where}.jsonnet: Jsonnet is not supported yet; remove it")
    return DirectoryOptions(
        recurse=fields.flag("recurse"),
        include=fields.text("include"),
        exclude=fields.text("exclude"),
        disable_extension_filter=fields.flag("disableExtensionFilter"),
    )


def _kustomize(fields: _Fields) -> KustomizeOptions:
    return KustomizeOptions(
        name_prefix=fields.text("namePrefix"),
        name_suffix=fields.text("nameSuffix"),
        images=fields.texts("images"),
        common_labels=fields.pairs("commonLabels"),
        common_annotations=fields.pairs("commonAnnotations"),
        force_common_labels=fields.flag("forceCommonLabels"),
        force_common_annotations=fields.flag("forceCommonAnnotations"),
        common_annotations_envsubst=fields.flag("commonAnnotationsEnvsubst"),
        label_without_selector=fields.flag("labelWithoutSelector"),
        label_include_templates=fields.flag("labelIncludeTemplates"),
        namespace=fields.text("namespace"),
        replicas=tuple(_replica(entry) for entry in fields.objects("replicas")),
        patches=tuple(_patch(entry) for entry in fields.objects("patches")),
        components=fields.texts("components"),
        ignore_missing_components=fields.flag("ignoreMissingComponents"),
        version=fields.text("version"),
        kube_version=fields.text("kubeVersion"),
        api_versions=fields.texts("apiVersions"),
    )


def _replica(entry: _Fields) -> tuple[str, str]:
    count = entry.any("count")
    if isinstance(count, bool) or not str(count).isdecimal():
        raise InvalidSpec(f"{entry.where}.count: must be a whole number")
    return entry.text("name"), str(count)


def _patch(entry: _Fields) -> Patch:
    target, options = entry.any("target"), entry.any("options")
    for name, value in (("target", target), ("options", options)):
        if value is not None and not isinstance(value, dict):
            raise InvalidSpec(f"{entry.where}.{name}: must be an object")
    return Patch(entry.text("path"), entry.text("patch"), _json(target), _json(options))


def _helm(fields: _Fields) -> HelmOptions:
    version, values_object = fields.text("version"), fields.any("valuesObject")
    if version not in ("", "v3"):
        raise InvalidSpec(f"{fields.where}.version: only v3 is known; remove the field")
    if values_object is not None and not isinstance(values_object, dict):
        raise InvalidSpec(f"{fields.where}.valuesObject: must be an object")
    values = fields.text("values")
    return HelmOptions(
        value_files=fields.texts("valueFiles"),
        parameters=tuple(
            Parameter(entry.text("name"), entry.text("value"), entry.flag("forceString"))
            for entry in fields.objects("parameters")
        ),
        file_parameters=tuple((e.text("name"), e.text("path")) for e in fields.objects("fileParameters")),
        release_name=fields.text("releaseName"),
        values=_json(values_object) if values_object is not None else values,
        version=version,
        pass_credentials=fields.flag("passCredentials"),
        ignore_missing_value_files=fields.flag("ignoreMissingValueFiles"),
        skip_crds=fields.flag("skipCrds"),
        skip_tests=fields.flag("skipTests"),
        skip_schema_validation=fields.flag("skipSchemaValidation"),
        namespace=fields.text("namespace"),
        kube_version=fields.text("kubeVersion"),
        api_versions=fields.texts("apiVersions"),
    )


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if value is not None else ""
