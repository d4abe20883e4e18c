"""Which schemas does a cluster publish, while they change?"""

from __future__ import annotations

import pytest

from moorage.cluster.answers import error_of
from moorage.cluster.schemas import SchemaSource, Shelf
from moorage.model.errors import ApiFailed

GROUP = "apis/example.com/v1"


class Changing:
    """An API server whose document has another hash than its index said at first."""

    def __init__(self) -> None:
        self.current = "old"

    async def get(self, path: str) -> dict[str, object]:
        if path == "/openapi/v3":
            return {"paths": {GROUP: {"serverRelativeURL": f"/openapi/v3/{GROUP}?hash={self.current}"}}}
        if not path.endswith(self.current):
            raise error_of(301, b"<a href=...>Moved Permanently</a>", f"GET {path}")
        return {"components": {"schemas": {"Thing": {"type": "object"}}}}


async def test_a_document_that_changed_is_read_at_its_new_address():
    """
    A hash that is out of date is a passing fault, never a refusal; the next look reads the index anew.
    """
    api = Changing()
    published = SchemaSource(api, Shelf(dict))
    await published._addresses()
    api.current = "new"

    with pytest.raises(ApiFailed, match="read again"):
        await published.of("example.com", "v1")
    assert await published.of("example.com", "v1") == {"Thing": {"type": "object"}}


async def test_a_document_that_went_is_read_no_more():
    """
    A group whose last definition was deleted after the index was read publishes nothing from the next look on.
    """

    class Going(Changing):
        async def get(self, path: str) -> dict[str, object]:
            if self.current == "gone":
                if path == "/openapi/v3":
                    return {"paths": {}}
                raise error_of(404, b"404 page not found", f"GET {path}")
            return await super().get(path)

    api = Going()
    published = SchemaSource(api, Shelf(dict))
    await published._addresses()
    api.current = "gone"

    with pytest.raises(ApiFailed, match="read again"):
        await published.of("example.com", "v1")
    assert await published.of("example.com", "v1") is None
