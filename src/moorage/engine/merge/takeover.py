"""
Whose fields does an applier take over, and what do the books say afterwards?

A tool that applied an object before owns what it set, and never lets go of it. Unless
its fields are handed over, a field that leaves Git stays for ever. Handed over is what
tools own that apply whole objects: kubectl, Helm and Argo CD, and one the application
names. What others changed since is theirs, whatever a tool remembers of having set it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from moorage.engine.merge.fields import FieldSet
from moorage.engine.merge.managed import LAST_APPLIED
from moorage.model.manifest import Json
from moorage.model.words import CLIENT_SIDE_FIELD_MANAGER, FIELD_MANAGER

HELM: Final = "helm"
KUBECTL: Final = "kubectl"

_UPDATES: Final = frozenset({"Update"})
_BOTH: Final = frozenset({"Apply", "Update"})
# An applier of any other name has been named by a person, who means all of it. Helm 3
# updates and Helm 4 applies.
_DOORS: Final[Mapping[str, frozenset[str]]] = {
    CLIENT_SIDE_FIELD_MANAGER: _UPDATES,
    FIELD_MANAGER: _UPDATES,
    KUBECTL: frozenset({"Apply"}),
}

_MEMORY: Final = tuple(
    ("f:metadata", "f:annotations", f"f:{name}")
    for name in (LAST_APPLIED, "meta.helm.sh/release-name", "meta.helm.sh/release-namespace")
)
_BOOKKEEPING: Final = FieldSet.of(*_MEMORY)
_BOOKKEEPING_OF_HELM: Final = FieldSet.of(
    *_MEMORY, ("f:metadata", "f:labels", "f:app.kubernetes.io/managed-by")
)
"""What a tool writes for itself on top of the manifests: nobody is held to it, and it stays."""


def predecessors(named: str = "") -> tuple[str, ...]:
    """Return the managers whose fields are taken over, with one more that somebody named."""
    known = (CLIENT_SIDE_FIELD_MANAGER, FIELD_MANAGER, HELM, KUBECTL)
    return known if not named or named in known else (*known, named)


def left_by(managed: Sequence[Json], *, predecessors: Sequence[str], applier: str) -> list[Json]:
    """
    Return the entries of ``managedFields`` that are to be handed over to an applier.

    What somebody applied with ``kubectl apply --server-side`` counts until the applier
    has applied the object itself: later it is a person who shares the object on purpose.
    """
    return list(_left(managed, predecessors, applier))


def hand_over(managed: Sequence[Json], *, predecessors: Sequence[str], applier: str) -> list[Json]:
    """
    Return ``managedFields`` with what others have left handed to one applier.

    As an applier of those fields it can remove them later. Fields that were written in
    another version of the kind than the rest are nobody's afterwards: what they are
    called in this one is not known here.
    """
    left = left_by(managed, predecessors=predecessors, applier=applier)
    if not left:
        return list(managed)
    own = next((entry for entry in managed if _is(entry, applier, "Apply")), None)
    heir = own or max(left, key=lambda entry: str(entry.get("time") or ""))
    version = heir.get("apiVersion")
    fields = FieldSet.from_v1(own.get("fieldsV1")) if own else FieldSet()
    for entry in left:
        if entry.get("apiVersion") == version:
            fields = fields.union(_declared(entry))
    joined = {**heir, "manager": applier, "operation": "Apply", "fieldsV1": fields.to_v1()}
    return [
        joined if entry is heir else dict(entry)
        for entry in managed
        if entry is heir or not any(entry is each for each in left)
    ]


def _left(managed: Sequence[Json], predecessors: Sequence[str], applier: str) -> Iterator[Json]:
    applied = any(_is(entry, applier, "Apply") for entry in managed)
    for entry in managed:
        name, operation = entry.get("manager"), entry.get("operation")
        if name not in predecessors or entry.get("subresource") or _is(entry, applier, "Apply"):
            continue
        if operation in _DOORS.get(str(name), _BOTH) and not (name == KUBECTL and applied):
            yield entry


def _declared(entry: Json) -> FieldSet:
    own = _BOOKKEEPING_OF_HELM if entry.get("manager") == HELM else _BOOKKEEPING
    return FieldSet.from_v1(entry.get("fieldsV1")).difference(own)


def _is(entry: Json, manager: str, operation: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )
