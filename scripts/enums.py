"""
Makes the data of words to choose from: which values does an API server publish for a field?

Starts the control plane of tests/controlplane (building it, if need be), reads
its OpenAPI v3 documents and writes what they say beyond the definitions of
`schemas.py`: lists of values, and the descriptions that explain them. Gzipped,
the same bytes on every machine:

    python scripts/enums.py
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.controlplane import ControlPlane  # noqa: E402

from moorage.sandbox import kinds  # noqa: E402

TARGET = ROOT / f"src/moorage/sandbox/data/enums-{kinds.VERSION}.json.gz"
INNER = ("items", "additionalProperties")


async def main() -> None:
    """Read every document and write the fields that have values to choose from."""
    found: dict[str, dict[str, Any]] = {}
    async with ControlPlane(controllers=False) as plane, plane.session() as session:
        for path in await _read(session, "/openapi/v3", "paths"):
            if not path.startswith(("api/", "apis/")):
                continue
            for name, schema in (await _read(session, f"/openapi/v3/{path}", "components"))[
                "schemas"
            ].items():
                if name in kinds.definitions() and (fields := dict(_chosen(schema))):
                    found[name] = fields
    TARGET.write_bytes(_packed(found))
    count = sum(map(len, found.values()))
    print(f"{TARGET.name}: {count} fields of {len(found)} definitions, {TARGET.stat().st_size:,} bytes")


async def _read(session: Any, path: str, part: str) -> Any:
    async with session.get(path, raise_for_status=True) as answer:
        return (await answer.json(content_type=None)).get(part) or {"schemas": {}}


def _chosen(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field, told in schema.get("properties", {}).items():
        if "enum" in told:
            yield field, {name: told[name] for name in ("enum", "description") if name in told}
        for inner in INNER:
            below = told.get(inner)
            if isinstance(below, dict) and "enum" in below:
                yield field, {inner: {"enum": below["enum"]}, "description": told.get("description", "")}


def _packed(content: Any) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(json.dumps(content, separators=(",", ":"), sort_keys=True).encode())
    return buffer.getvalue()


if __name__ == "__main__":
    asyncio.run(main())
