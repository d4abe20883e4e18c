"""
What does Kustomize make of a folder?

Runs in a worker: the files are laid out in the job's scratch folder, the
options of the Application are written into the top kustomization, and the
real Kustomize builds it without network, environment or plug-ins. Its output
is cut off while it flows.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import orjson

from moorage.formats import yaml
from moorage.model.errors import InvalidManifest, InvalidSpec, LimitExceeded, RenderFailed
from moorage.model.manifest import Json
from moorage.render import layout
from moorage.render.detect import KUSTOMIZATIONS
from moorage.render.documents import encode
from moorage.render.job import Answer, Job
from moorage.render.options import KustomizeOptions
from moorage.render.tools import kustomize_command

_MESSAGE = 2_000
_CHUNK = 1 << 16


def render(job: Job) -> Answer:
    """Return the manifests of a kustomization."""
    assert job.kustomize is not None
    root = Path(job.scratch, "tree")
    layout.write(job.files, root)
    folder = root / job.path
    _edit(folder, job)
    text, warnings = _build(folder, job)
    name = f"{job.path}/kustomization.yaml" if job.path else "kustomization.yaml"
    documents = ((document, name) for document in yaml.iterate(text, origin=f"{name} (built)"))
    return Answer(encode(documents, job.namespace, job.limits), warnings)


def _edit(folder: Path, job: Job) -> None:
    assert job.kustomize is not None
    if job.kustomize == KustomizeOptions():
        return
    file = next(folder / name for name in KUSTOMIZATIONS if (folder / name).exists())
    body = yaml.load(file.read_bytes(), origin=file.name) or {}
    edited = edit(body, job.kustomize, dict(job.environment), lambda path: (folder / path).exists())
    file.chmod(0o600)
    file.write_bytes(orjson.dumps(edited))


def edit(body: Json, options: KustomizeOptions, environment: dict[str, str], exists: Any) -> Json:
    """
    Return a kustomization with the options of an Application written into it.

    Args:
        body: The kustomization as it is in Git.
        options: What the Application asks for.
        environment: The build variables.
        exists: Whether a path relative to the kustomization is there.
    """
    edited = dict(body)
    texts = {
        "namePrefix": options.name_prefix,
        "nameSuffix": options.name_suffix,
        "namespace": options.namespace,
    }
    edited.update({field: text for field, text in texts.items() if text})
    if options.images:
        edited["images"] = _images(edited.get("images") or [], options.images)
    if options.replicas:
        wanted = {name: int(count) for name, count in options.replicas}
        kept = [entry for entry in edited.get("replicas") or [] if entry.get("name") not in wanted]
        edited["replicas"] = [*kept, *({"name": name, "count": count} for name, count in wanted.items())]
    _add_labels(edited, options)
    if options.common_annotations:
        given = dict(options.common_annotations)
        if options.common_annotations_envsubst:
            given = {name: substitute(text, environment) for name, text in given.items()}
        edited["commonAnnotations"] = _joined(
            edited.get("commonAnnotations"), given, options.force_common_annotations, "commonAnnotations"
        )
    if options.components:
        found = [path for path in options.components if not options.ignore_missing_components or exists(path)]
        known = edited.get("components") or []
        edited["components"] = [*known, *(path for path in found if path not in known)]
    if options.patches:
        edited["patches"] = [*(edited.get("patches") or []), *map(_patch, options.patches)]
    return edited


def substitute(text: str, environment: dict[str, str]) -> str:
    """Return text with ``$NAME`` and ``${NAME}`` of the build variables replaced; other dollars stay."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})", value, text)


def _add_labels(edited: Json, options: KustomizeOptions) -> None:
    if not options.common_labels:
        return
    labels = dict(options.common_labels)
    if options.label_without_selector:
        entry: Json = {"pairs": labels, "includeSelectors": False}
        if options.label_include_templates:
            entry["includeTemplates"] = True
        existing = edited.get("labels") or []
        taken = {name for other in existing for name in other.get("pairs") or {}}
        if (clash := taken & set(labels)) and not options.force_common_labels:
            raise InvalidSpec(_clash("labels", min(clash), "forceCommonLabels"))
        for other in existing:
            other["pairs"] = {k: v for k, v in (other.get("pairs") or {}).items() if k not in labels}
        edited["labels"] = [*existing, entry]
        return
    edited["commonLabels"] = _joined(
        edited.get("commonLabels"), labels, options.force_common_labels, "commonLabels"
    )


def _joined(existing: Json | None, given: dict[str, str], force: bool, field: str) -> Json:
    existing = existing or {}
    clash = [name for name in given if name in existing and existing[name] != given[name]]
    if clash and not force:
        raise InvalidSpec(_clash(field, min(clash), f"forceC{field[1:]}"))
    return {**existing, **given}


def _clash(field: str, name: str, force: str) -> str:
    return (
        f"spec.source.kustomize.commonLabels or commonAnnotations: {name} is already in {field} of the "
        f"kustomization; set {force} to overwrite it"
    )


def _images(existing: list[Json], given: tuple[str, ...]) -> list[Json]:
    images = {entry.get("name", ""): entry for entry in existing}
    for text in given:
        image = parse_image(text)
        images[image["name"]] = {**images.get(image["name"], {}), **image}
        if "digest" in image:
            images[image["name"]].pop("newTag", None)
        elif "newTag" in image:
            images[image["name"]].pop("digest", None)
    return list(images.values())


def parse_image(text: str) -> dict[str, str]:
    """Return the images entry that ``old=new:tag@digest``, ``old:tag`` or ``new@digest`` stands for."""
    old, separator, new = text.partition("=")
    reference = new if separator else old
    reference, _, digest = reference.partition("@")
    # A colon before the last slash belongs to a port.
    head, slash, last = reference.rpartition("/")
    last, _, tag = last.partition(":")
    name = head + slash + last
    image = {"name": old if separator else name}
    if separator and name != old:
        image["newName"] = name
    if digest:
        image["digest"] = digest
    if tag and not digest:
        image["newTag"] = tag
    if not image["name"] or len(image) == 1:
        raise InvalidSpec(
            f"spec.source.kustomize.images: write {text[:80]} as name=new:tag, name:tag or name@digest"
        )
    return image


def _patch(patch: Any) -> Json:
    entry: Json = {}
    if patch.path:
        entry["path"] = patch.path
    if patch.patch:
        entry["patch"] = patch.patch
    if patch.target:
        entry["target"] = orjson.loads(patch.target)
    if patch.options:
        entry["options"] = orjson.loads(patch.options)
    return entry


def _build(folder: Path, job: Job) -> tuple[bytes, tuple[str, ...]]:
    errors = Path(job.scratch, "errors")
    with errors.open("wb") as sink:
        process = subprocess.Popen(
            [*kustomize_command(), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            cwd=folder,
            env={"PATH": "/nonexistent", "HOME": job.scratch, "TMPDIR": job.scratch, "GOMAXPROCS": "2"},
        )
    try:
        text = _read(process, job.limits.output)
        code = process.wait()
    finally:
        process.kill()
        process.wait()
    with errors.open("rb") as source:
        said = source.read(_CHUNK).decode(errors="replace")
    if code != 0:
        raise _failure(code, said, job)
    lines = [line.removeprefix("# Warning: ") for line in said.splitlines() if line.startswith("# Warning")]
    return text, tuple(f"kustomize: {line}" for line in lines)


def _read(process: subprocess.Popen[bytes], limit: int) -> bytes:
    assert process.stdout is not None
    chunks: list[bytes] = []
    size = 0
    with process.stdout as stdout:
        while chunk := os.read(stdout.fileno(), _CHUNK):
            size += len(chunk)
            if size > limit:
                raise LimitExceeded(f"more than {limit} bytes were rendered; split the application")
            chunks.append(chunk)
    return b"".join(chunks)


def _failure(code: int, said: str, job: Job) -> RenderFailed:
    if code < 0 or "fatal error:" in said[:200]:
        return LimitExceeded("Kustomize ran out of its memory or processor time; split the kustomization")
    where = job.path or "."
    text = said.replace(str(Path(job.scratch, "tree")) + "/", "").replace(str(Path(job.scratch, "tree")), ".")
    text = text.replace(job.scratch, "").removeprefix("error: ").strip()
    if not text:
        return RenderFailed(f"{where}: Kustomize failed (exit {code})")
    if "mapping key" in text and "already defined" in text:
        return InvalidManifest(f"{where}: {text[:_MESSAGE]}")
    return RenderFailed(f"{where}: Kustomize: {text[:_MESSAGE]}")
