"""
What a request asks for: a path and a query become a target and its options.

Paths are split by hand, queries parsed once; nothing here looks at objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from moorage.sandbox import answers


class Target(NamedTuple):
    """The resource a path names; absent parts are empty."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(slots=True)
class Request:
    """One request as the sandbox sees it, whether it came over HTTP or from within."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = "sandbox"

    def flag(self, name: str) -> bool:
        """Return whether a boolean query parameter is set, in Go's spelling of true."""
        value = self.query.get(name)
        return value is not None and value.lower() not in ("0", "false", "f")

    def number(self, name: str) -> int | None:
        """Return a whole number of the query, None when absent. Raises Failure (400) when it is none."""
        value = self.query.get(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            raise answers.bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax') from None

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def manager(self) -> str:
        """The field manager of a write: as told, or the first word of the user agent."""
        told = self.query.get("fieldManager")
        if told:
            return told
        return self.headers.get("user-agent", "").partition("/")[0] or "unknown"


def parse_query(text: str) -> dict[str, str]:
    """Return the query's parameters; of one given twice the first counts."""
    return dict(_parameters(text)) if text else {}


@lru_cache(maxsize=256)
def _parameters(text: str) -> dict[str, str]:
    # Clients ask for much with the same query; those that tell a version are soon forgotten.
    query: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(key, value)
    return query


def parse_target(path: str) -> Target | None:
    """Return what a path under ``/api/v1`` or ``/apis/<group>/<version>`` names, None for any other path."""
    parts = path.rstrip("/").split("/")
    if len(parts) > 3 and parts[1] == "api":
        group, version, rest = "", parts[2], parts[3:]
    elif len(parts) > 4 and parts[1] == "apis":
        group, version, rest = parts[2], parts[3], parts[4:]
    else:
        return None
    namespace = ""
    if (
        rest[0] == "namespaces"
        and len(rest) > 2
        and not (not group and len(rest) == 3 and rest[2] in _OF_NAMESPACE)
    ):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 and rest[2] != "proxy":
        return None
    plural, name, sub, *_ = [*rest, "", ""]
    return Target(group, version, plural, namespace, name, sub)


_OF_NAMESPACE = ("status", "finalize")
