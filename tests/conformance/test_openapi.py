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


def _chosen(schemas: Any) -> dict[str, Any]:
    """Return, by definition and field, the values to choose from and the words that explain them."""
    return {
        f"{name}.{field}": (told.get("enum"), told.get("description"), told.get("items", {}).get("enum"))
        for name, schema in schemas.items()
        for field, told in schema.get("properties", {}).items()
        if "enum" in json.dumps(told)
    }


@pytest.mark.parametrize("path", PATHS)
async def test_openapi_has_the_same_values_to_choose_from(path: str, real: Server, sandbox: Server) -> None:
    """
    A field that takes only some words publishes them, and its description explains them, for ``kubectl explain``.
    """
    request = Request("GET", f"/openapi/v3/{path}", until=200)
    wanted = _chosen((await real.ask(request)).body["components"]["schemas"])

    found = _chosen((await sandbox.ask(request)).body["components"]["schemas"])

    assert wanted
    assert {place: told for place, told in wanted.items() if found.get(place) != told} == {}


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
