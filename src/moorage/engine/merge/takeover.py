"""
Whose fields does an applier take over, and what do the books say afterwards?

A tool that applied an object before owns what it set, and never lets go of it. Unless
its fields are handed over, a field that leaves Git stays for ever. Handed over is what
tools own that apply whole objects: kubectl, Helm and Argo CD, and one the application
names. What others changed since is theirs, whatever a tool remembers of having set it.

Who creates an object by update owns the server's defaults too. Those were never
declared; the configuration that kubectl and Argo CD remember tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from moorage.engine.merge.fields import FieldSet, Mismatch
from moorage.engine.merge.lastapplied import last_applied
from moorage.engine.merge.managed import LAST_APPLIED
from moorage.engine.merge.schema import Schema
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

_REMEMBERING: Final = (CLIENT_SIDE_FIELD_MANAGER, FIELD_MANAGER)

_NOTES: Final = (
    ("f:metadata", "f:labels"),
    ("f:metadata", "f:annotations"),
    *(
        ("f:metadata", "f:annotations", f"f:{name}")
        for name in (LAST_APPLIED, "meta.helm.sh/release-name", "meta.helm.sh/release-namespace")
    ),
)
_BOOKKEEPING: Final = FieldSet.of(*_NOTES)
"""What a tool writes for itself on top of the manifests: nobody is held to it, and it stays."""
_BOOKKEEPING_OF_HELM: Final = FieldSet.of(
    *_NOTES, ("f:metadata", "f:labels", "f:app.kubernetes.io/managed-by")
)

Declared = Callable[[Json], FieldSet]
"""What of an entry's fields its owner declared, as far as that can be told."""


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


def hand_over(
    live: Json,
    *,
    predecessors: Sequence[str],
    applier: str,
    schema: Schema | None = None,
    certain: bool = False,
) -> list[Json]:
    """
    Return the ``managedFields`` of an object with what others have left handed to one applier.

    As an applier of those fields it can remove them later. Fields that were written in
    another version of the kind than the rest are nobody's afterwards: what they are
    called in this one is not known here.

    Args:
        live: The object; never changed.
        predecessors: The managers to take over.
        applier: Who takes them over.
        schema: How the kind merges, to read what was applied last. Without it the
            defaults of the server are handed over along with the rest: an apply takes
            them away, and the server puts them back.
        certain: Leave out what may be such a default. For those who ask what would go
            and cannot put defaults back.
    """
    managed: list[Json] = (live.get("metadata") or {}).get("managedFields") or []
    left = left_by(managed, predecessors=predecessors, applier=applier)
    if not left:
        return managed
    own = next((entry for entry in managed if _is(entry, applier, "Apply")), None)
    heir = own or max(left, key=lambda entry: str(entry.get("time") or ""))
    declared = _declared_by(live, schema, certain)
    fields = FieldSet.from_v1(own.get("fieldsV1")) if own else FieldSet()
    for entry in left:
        if entry.get("apiVersion") == heir.get("apiVersion"):
            fields = fields.union(declared(entry))
    joined = {**heir, "manager": applier, "operation": "Apply", "fieldsV1": fields.to_v1()}
    return [
        joined if entry is heir else entry
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


def _declared_by(live: Json, schema: Schema | None, certain: bool) -> Declared:
    version, remembered = _remembered(live, schema)

    def declared(entry: Json) -> FieldSet:
        manager = entry.get("manager")
        notes = _BOOKKEEPING_OF_HELM if manager == HELM else _BOOKKEEPING
        fields = FieldSet.from_v1(entry.get("fieldsV1")).difference(notes)
        if entry.get("operation") == "Apply":
            return fields
        # The memory is of those two; of others it tells a part at most.
        if entry.get("apiVersion") == version and (certain or manager in _REMEMBERING):
            return fields.intersection(remembered)
        return FieldSet() if certain else fields

    return declared


def _remembered(live: Json, schema: Schema | None) -> tuple[str | None, FieldSet]:
    """Return what the annotation says was applied last, and in which version; None when it says nothing."""
    last = last_applied(live)
    if not last or schema is None:
        return None, FieldSet()
    try:
        return str(last.get("apiVersion")), FieldSet.from_value(last, schema)
    except Mismatch:
        return None, FieldSet()


def _is(entry: Json, manager: str, operation: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )
