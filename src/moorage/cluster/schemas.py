"""
The OpenAPI definitions of a cluster's kinds, fetched per group version when first asked for.

Clusters of one version serve the same documents. Each document has a hash in
its address, so a `Shelf` shared by all sessions keeps one copy of each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from moorage.cluster.answers import NotFound, ObjectRefused
from moorage.cluster.http import Api
from moorage.model.errors import ApiFailed
from moorage.model.manifest import Json

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keeps what was made of each document, by the document's hash; forgets the longest unused."""

    def __init__(self, make: Callable[[Json], T], size: int = 256) -> None:
        self._make = make
        self._size = size
        self._kept: OrderedDict[str, T] = OrderedDict()

    def get(self, digest: str) -> T | None:
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
        return found

    def add(self, digest: str, definitions: Json) -> T:
        made = self._make(definitions)
        if digest:
            self._kept[digest] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


class SchemaSource(Generic[T]):
    """
    The schemas of one cluster, by group version.

    `changed` makes it look at the index again; documents whose hash is the
    same are not fetched again.
    """

    def __init__(self, api: Api, shelf: Shelf[T]) -> None:
        self._api = api
        self._shelf = shelf
        self._index: dict[str, str] | None = None
        self._made: dict[str, tuple[str, T]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def changed(self) -> None:
        """Note that definitions of the cluster changed."""
        self._index = None

    async def of(self, group: str, version: str) -> T | None:
        """Return the schemas of a group version; nothing when the server publishes none."""
        name = f"apis/{group}/{version}" if group else f"api/{version}"
        async with self._locks.setdefault(name, asyncio.Lock()):
            address = (await self._addresses()).get(name)
            if address is None:
                return None
            made = self._made.get(name)
            if made is not None and made[0] == address:
                return made[1]
            found = self._shelf.get(_digest(name, address))
            if found is None:
                try:
                    found = await self._fetch(name, address)
                except ObjectRefused as error:
                    if error.status.code != 404 and not 300 <= error.status.code < 400:
                        raise
                    # The document changed since the index was read, and its old hash leads to the new one,
                    # or it went with the last definition of its group.
                    self._index = None
                    raise ApiFailed(
                        f"{name}: its schemas are changing just now; they are read again"
                    ) from None
            self._made[name] = (address, found)
            return found

    async def _addresses(self) -> dict[str, str]:
        if self._index is None:
            try:
                answer = await self._api.get("/openapi/v3")
            except NotFound:
                answer = {}
            self._index = {
                name: item["serverRelativeURL"] for name, item in (answer.get("paths") or {}).items()
            }
        return self._index

    async def _fetch(self, name: str, address: str) -> T:
        document = await self._api.get(address)
        definitions = (document.get("components") or {}).get("schemas") or {}
        return self._shelf.add(_digest(name, address), definitions)


def _digest(name: str, address: str) -> str:
    found = parse_qs(urlsplit(address).query).get("hash", [""])[0]
    return f"{name}#{found}" if found else ""
