"""
What CustomResourceDefinitions and APIServices say about which kinds come and go.

The session watches both kinds and keeps here what it should find, or no longer
find, when it asks for the server's kinds again.
"""

from __future__ import annotations

import msgspec

from moorage.cluster import watch
from moorage.cluster.discovery import Kinds
from moorage.model.identity import GroupKind

CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
API_SERVICE = GroupKind("apiregistration.k8s.io", "APIService")


class _Names(msgspec.Struct):
    kind: str


class _Version(msgspec.Struct):
    name: str
    served: bool = True


class _Spec(msgspec.Struct):
    group: str
    names: _Names
    versions: list[_Version]


class _Condition(msgspec.Struct):
    type: str
    status: str


class _StatusPart(msgspec.Struct):
    conditions: list[_Condition] | None = None


class _Definition(msgspec.Struct):
    spec: _Spec
    status: _StatusPart | None = None


_decoder = msgspec.json.Decoder(_Definition)


class Definitions:
    """The kinds that definitions promise (with their versions) or have withdrawn."""

    def __init__(self) -> None:
        self._promised: dict[GroupKind, frozenset[str]] = {}
        self._withdrawn: set[GroupKind] = set()

    def saw(self, change: watch.Change) -> None:
        """Note what one change of the definitions' watch says."""
        match change:
            case watch.Put(body) | watch.Gathered(body):
                found = _read(body)
                if found and _is_established(found):
                    key = GroupKind(found.spec.group, found.spec.names.kind)
                    self._promised[key] = frozenset(v.name for v in found.spec.versions if v.served)
                    self._withdrawn.discard(key)
            case watch.Removed(body):
                if found := _read(body):
                    key = GroupKind(found.spec.group, found.spec.names.kind)
                    self._promised.pop(key, None)
                    self._withdrawn.add(key)
            case _:
                pass

    def are_met(self, kinds: Kinds) -> bool:
        """Return whether a table of kinds has all that is promised and nothing that was withdrawn."""
        for key, versions in self._promised.items():
            entry = kinds.entries.get(key)
            if entry is None or not versions <= set(entry.versions):
                return False
        return not any(key in kinds.entries for key in self._withdrawn)

    def settle(self) -> None:
        """Stop expecting anything; the server had time enough."""
        self._promised.clear()
        self._withdrawn.clear()


def _read(body: bytes | msgspec.Raw) -> _Definition | None:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return None


def _is_established(found: _Definition) -> bool:
    conditions = (found.status and found.status.conditions) or []
    return any(c.type == "Established" and c.status == "True" for c in conditions)
