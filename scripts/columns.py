"""
Makes the data of table columns: which columns does an API server show of each built-in kind?

Starts the control plane of tests/controlplane (building it, if need be), asks it
for the table of every built-in kind and writes the definitions, gzipped, the
same bytes on every machine:

    python scripts/columns.py
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.controlplane import ControlPlane  # noqa: E402

from moorage.sandbox import kinds  # noqa: E402

TARGET = ROOT / f"src/moorage/sandbox/data/columns-{kinds.VERSION}.json.gz"
ACCEPT = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


async def main() -> None:
    """Ask for each kind in its preferred version and write what came back."""
    found: dict[str, list[Any]] = {}
    async with ControlPlane(controllers=False) as plane, plane.session() as session:
        for kind in kinds.BUILTIN:
            if not kind.stored:
                continue
            place = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
            async with session.get(f"{place}/{kind.plural}", headers=ACCEPT, raise_for_status=True) as answer:
                table = await answer.json()
            found[f"{kind.group}/{kind.kind}"] = table["columnDefinitions"]
    TARGET.write_bytes(_packed(found))
    print(f"{TARGET.name}: columns of {len(found)} kinds, {TARGET.stat().st_size:,} bytes")


def _packed(content: Any) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(json.dumps(content, separators=(",", ":"), sort_keys=True).encode())
    return buffer.getvalue()


if __name__ == "__main__":
    asyncio.run(main())
