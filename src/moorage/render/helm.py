"""
What does Helm make of a chart?

Runs in a worker: the chart is laid out in the job's scratch folder with its
dependencies in place, the values are put together in Helm's order, and the
real Helm renders it, without cluster, network or name lookups. A chart is
loaded afresh for each rendering, because Helm changes a loaded one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from helm_python import _native
from helm_python.errors import HelmError

from moorage.formats import semver, yaml
from moorage.model.errors import InvalidManifest, InvalidSpec, LimitExceeded, PathNotFound, RenderFailed
from moorage.model.manifest import Json
from moorage.render import archives, chart, layout, schemas, strvals
from moorage.render.documents import encode
from moorage.render.job import Answer, Job
from moorage.render.options import HelmOptions
from moorage.render.paths import follow, join

_MESSAGE = 2_000
_RELEASE = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_LONGEST_RELEASE = 53
_TESTS = frozenset({"test", "test-success", "test-failure"})
# A template whose loop leaves no newline behind the separator, which Helm accepts.
_GLUED = re.compile(r"^---[ \t]*(?=[A-Za-z{\"'])", re.MULTILINE)
_CALL = ": error calling include: "
_HOOK = "helm.sh/hook"


def render(job: Job) -> Answer:
    """Return the manifests of a chart: custom resource definitions first, then its templates by name."""
    assert job.helm is not None
    options = job.helm
    folder = _lay_out(job)
    declared = chart.declaration(_named(job, "Chart.yaml"), (folder / "Chart.yaml").read_bytes())
    kube_version = (options.kube_version or job.kube_version).strip()
    _check_kube_version(declared, kube_version, _named(job, "Chart.yaml"))
    rendered = _run(job, folder, values(job), kube_version)
    return Answer(encode(_documents(job, rendered), options.namespace or job.namespace, job.limits))


def values(job: Job) -> Json:
    """Return the values the options give, later ones over earlier ones; the chart's own are added by Helm."""
    assert job.helm is not None
    options = job.helm
    merged: Json = {}
    for name, content in _value_files(job, options):
        merged = _joined(merged, _mapping(content, name))
    if options.values:
        merged = _joined(
            merged, _mapping(chart.substitute(options.values, job.environment), "spec.source.helm.values")
        )
    for index, (name, path) in enumerate(options.file_parameters):
        where = f"spec.source.helm.fileParameters[{index}]"
        strvals.put(merged, name, _text(job, path, where), where)
    for index, parameter in enumerate(options.parameters):
        where = f"spec.source.helm.parameters[{index}]"
        value = chart.substitute(parameter.value, job.environment)
        strvals.assign(merged, parameter.name, value, where, as_text=parameter.force_string)
    return merged


def _value_files(job: Job, options: HelmOptions) -> Iterator[tuple[str, bytes]]:
    trees = {"": job.files, **job.refs}
    found: list[tuple[str, str, bool]] = []
    for index, file in enumerate(options.value_files):
        where = f"spec.source.helm.valueFiles[{index}]"
        located = chart.locate(job.path, chart.substitute(file, job.environment), job.refs, where)
        files = trees[located.ref]
        names = [name for name in chart.matches(located, files) if follow(name, files) is not None]
        if not names and not options.ignore_missing_value_files:
            raise PathNotFound(
                f"{where}: {located.path} is not in the repository; set ignoreMissingValueFiles to go on without it"
            )
        found.extend((located.ref, name, located.is_glob) for name in names)
    # A file named outright keeps that place, whatever globs also match it.
    outright = {(ref, name) for ref, name, globbed in found if not globbed}
    for ref, name, globbed in found:
        if globbed and (ref, name) in outright:
            continue
        real = follow(name, trees[ref])
        assert real is not None
        yield name, trees[ref][real].content


def _text(job: Job, path: str, where: str) -> str:
    located = chart.locate(job.path, chart.substitute(path, job.environment), job.refs, f"{where}.path")
    files = job.refs[located.ref] if located.ref else job.files
    real = follow(located.path, files)
    if real is None:
        raise PathNotFound(f"{where}.path: {located.path} is not in the repository")
    try:
        return files[real].content.decode()
    except UnicodeDecodeError:
        raise InvalidManifest(f"{where}.path: {located.path} is not UTF-8 text") from None


def _mapping(content: str | bytes, name: str) -> Json:
    body = yaml.load(content, origin=name, strict=False)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise InvalidManifest(f"{name}:1: values must be a map")
    return body


def _joined(lower: Json, upper: Json) -> Json:
    joined = dict(lower)
    for name, value in upper.items():
        below = joined.get(name)
        joined[name] = _joined(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return joined


def _lay_out(job: Job) -> Path:
    assert job.helm is not None
    root = Path(job.scratch, "tree")
    layout.write(job.files, root)
    for name, archive in job.charts.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive)
    folder = root / job.path
    _place_dependencies(root, job.path)
    archives.unpack_all(folder)
    if job.helm.skip_schema_validation:
        schemas.remove(folder)
    else:
        schemas.check(folder)
    return folder


def _place_dependencies(root: Path, path: str) -> None:
    # Charts elsewhere in the repository are copied where Helm expects them,
    # innermost first. The circles were refused before the job was made.
    file = root / path / "Chart.yaml"
    body = chart.declaration(
        f"{path}/Chart.yaml" if path else "Chart.yaml", file.read_bytes() if file.exists() else None
    )
    for dependency in body.get("dependencies") or []:
        repository = dependency.get("repository") or ""
        target = root / path / "charts" / dependency["name"]
        if not repository.startswith("file://") or target.exists():
            continue
        source = join(path, repository.removeprefix("file://"), "dependency")
        if (root / source / "Chart.yaml").exists():
            _place_dependencies(root, source)
            shutil.copytree(root / source, target, ignore=partial(_itself, target))


def _itself(target: Path, folder: str, names: list[str]) -> list[str]:
    return [name for name in names if target.is_relative_to(Path(folder, name))]


def _check_kube_version(declared: Json, kube_version: str, name: str) -> None:
    constraint = declared.get("kubeVersion")
    version = semver.parse(kube_version)
    if not constraint or version is None:
        return
    try:
        fits = semver.satisfies(version, str(constraint))
    except ValueError:
        raise InvalidManifest(
            f"{name}: kubeVersion is not a version constraint; write it like >=1.25.0-0"
        ) from None
    if not fits:
        raise RenderFailed(
            f"{name}: the chart needs Kubernetes {constraint}, the destination has {kube_version}; use another chart version"
        )


def _run(job: Job, folder: Path, given: Json, kube_version: str) -> dict[str, str]:
    assert job.helm is not None
    options = job.helm
    release = chart.substitute(options.release_name, job.environment) or job.app
    if not _RELEASE.fullmatch(release) or len(release) > _LONGEST_RELEASE:
        raise InvalidSpec(
            f"spec.source.helm.releaseName: {release[:80]} is not a release name (at most {_LONGEST_RELEASE} lower-case "
            "letters, digits and dashes); set another"
        )
    wanted: Json = {
        "name": release,
        "namespace": options.namespace or job.namespace or "default",
        "enable_dns": False,
        "api_versions": list(options.api_versions or job.api_versions),
    }
    if kube_version:
        wanted["kube_version"] = kube_version
    try:
        handle = _native.call_handle("helm_chart_load", str(folder))
        try:
            crds = [] if options.skip_crds else orjson.loads(_native.call_string("helm_chart_crds", handle))
            text = _native.call_string(
                "helm_render", handle, orjson.dumps(given).decode(), orjson.dumps(wanted).decode()
            )
        finally:
            _native.call_status("helm_chart_free", handle)
    except HelmError as error:
        raise _failure(str(error), job) from None
    if len(text) > job.limits.output * 2:
        raise LimitExceeded(f"more than {job.limits.output} bytes were rendered; split the application")
    definitions = {f"{crd['filename']}": crd["data"] for crd in crds}
    return {**definitions, **dict(sorted(orjson.loads(text).items()))}


def _documents(job: Job, rendered: dict[str, str]) -> Iterator[tuple[yaml.Document, str]]:
    assert job.helm is not None
    for name, text in rendered.items():
        if name.endswith("NOTES.txt") or not text.strip():
            continue
        text = _GLUED.sub("---\n", text)
        for document in yaml.iterate(text, origin=f"{name} (rendered)", strict=False):
            if job.helm.skip_tests and _is_test(document.value):
                continue
            if document.value is not None:
                yield document, name


def _is_test(value: Any) -> bool:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    hooks = notes.get(_HOOK) if isinstance(notes, dict) else None
    return isinstance(hooks, str) and any(hook.strip() in _TESTS for hook in hooks.split(","))


def _failure(said: str, job: Job) -> RenderFailed:
    text = said.replace(str(Path(job.scratch, "tree")) + "/", "").replace(job.scratch, "")
    text = " ".join(line.strip() for line in text.splitlines() if line.strip())
    # A template that includes itself repeats the same step a thousand times.
    text = _CALL.join(dict.fromkeys(text.split(_CALL)))
    return RenderFailed(f"{job.path or '.'}: Helm: {text[:_MESSAGE]}")


def _named(job: Job, name: str) -> str:
    return f"{job.path}/{name}" if job.path else name
