"""The sandbox's OpenAPI v3 says of merging what the real API server's says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conformance.exchange import Request, Server

PATHS = (
    "api/v1",
    "apis/apps/v1",
    "apis/batch/v1",
    "apis/networking.k8s.io/v1",
    "apis/conformance.moorage.dev/v1",
)


def _extensions(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("x-kubernetes-"):
                yield f"{place}.{key}", json.dumps(item, sort_keys=True)
            else:
                yield from _extensions(item, f"{place}.{key}")


@pytest.mark.parametrize("path", PATHS)
async def test_openapi_has_the_same_extensions(path: str, real: Server, sandbox: Server) -> None:
    """
    List types, map keys, patch strategies and kinds stand at the same places of the schemas.
    """
    request = Request("GET", f"/openapi/v3/{path}", until=200)
    wanted = dict(_extensions((await real.ask(request)).body["components"]["schemas"]))

    found = dict(_extensions((await sandbox.ask(request)).body["components"]["schemas"]))

    assert wanted
    assert {place: value for place, value in wanted.items() if found.get(place) != value} == {}
