"""
Write which field of which message has which number, for bodies sent as protobuf.

    python scripts/protobuf_fields.py DIR…

Each DIR is an unpacked Go module of Kubernetes (k8s.io/api, apimachinery,
apiextensions-apiserver, kube-aggregator; `go mod download -json` prints where
they are). Only the messages that the built-in kinds reach are kept. A field is
`[number, name, type]`; a type begins with `[]` when repeated, `{}` for a map
with text keys, `<>` when JSON has the fields of the message in its place.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from typing import Any

import orjson

from moorage.sandbox import kinds
from moorage.sandbox.protobuf import message_name

OUT = Path(__file__).parent.parent / "src/moorage/sandbox/data" / f"protobuf-{kinds.VERSION}.json.gz"
MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(r"^\s+(optional|repeated|map<string, *[\w.]+>)\s*([\w.]*)\s+(\w+) = (\d+);", re.M)
SCALARS = {"string", "bytes", "bool", "int32", "int64", "uint32", "uint64", "double", "float"}
EXTRA = (
    "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "k8s.io.api.autoscaling.v1.Scale",
    "k8s.io.api.policy.v1.Eviction",
    "k8s.io.api.authentication.v1.TokenRequest",
)


def main() -> None:
    """Read the modules and write the table."""
    messages: dict[str, list[list[object]]] = {}
    for folder in sys.argv[1:]:
        for file in Path(folder).rglob("generated.proto"):
            messages.update(read(file.read_text()))
    defined = definitions_by_message()
    waiting = [*EXTRA, *(message_name(name) for name in kinds.definition_names().values())]
    kept: dict[str, list[list[object]]] = {}
    while waiting:
        name = waiting.pop()
        if name in kept or name not in messages:
            continue
        waiting += [str(field[2]).removeprefix("[]").removeprefix("{}") for field in messages[name]]
        kept[name] = [as_json(defined.get(name, {}), field, messages) for field in messages[name]]
    with OUT.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, compresslevel=9) as packed:
        packed.write(orjson.dumps(dict(sorted(kept.items()))))
    print(f"{len(kept)} messages, {OUT.stat().st_size} bytes")


def definitions_by_message() -> dict[str, Any]:
    """Return the OpenAPI definitions by the names of their messages."""
    return {message_name(name): definition for name, definition in kinds.definitions().items()}


def as_json(
    definition: dict[str, Any], field: list[object], messages: dict[str, list[list[object]]]
) -> list[object]:
    """Return a field under the name JSON has for it."""
    names = definition.get("properties") or {}
    number, name, kind = field
    if not names or name in names:
        return field
    for other in names:
        if re.sub(r"[^a-z0-9]", "", other.lower()) == str(name).lower():
            return [number, other, kind]
    return [number, name, f"<>{kind}"] if kind in messages else field


def read(text: str) -> dict[str, list[list[object]]]:
    """Return the messages of one file."""
    package = re.search(r"^package ([\w.]+);", text, re.M)
    assert package is not None
    found = {}
    for message in MESSAGE.finditer(text):
        body = re.sub(r"//.*", "", message[2])
        found[f"{package[1]}.{message[1]}"] = [field(package[1], match) for match in FIELD.finditer(body)]
    return found


def field(package: str, match: re.Match[str]) -> list[object]:
    """Return one field with the full name of its type."""
    label, kind, name, number = match[1], match[2], match[3], int(match[4])
    prefix = "[]" if label == "repeated" else ""
    if label.startswith("map"):
        prefix, kind = "{}", label.removeprefix("map<string,").removesuffix(">").strip()
    kind = kind.lstrip(".")
    if kind not in SCALARS and "." not in kind:
        kind = f"{package}.{kind}"
    return [number, name, prefix + kind]


if __name__ == "__main__":
    main()
