"""
Which objects may others change on their way into the cluster?

Mutating webhooks and admission policies act on what the API server has merged,
so nobody outside can predict what they make of it. Here stands which kinds they
ask to see; for those the server itself is asked how an apply would end.

Their selectors and conditions are not read: a kind that is named too many costs
a question, one too few would show a difference that no sync can remove.
"""

from __future__ import annotations

import msgspec

from moorage.cluster import watch
from moorage.model.identity import GroupKind

MUTATING_WEBHOOKS = GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
MUTATING_POLICIES = GroupKind("admissionregistration.k8s.io", "MutatingAdmissionPolicy")
MUTATING = (MUTATING_WEBHOOKS, MUTATING_POLICIES)


class _Rule(msgspec.Struct, frozen=True):
    apiGroups: tuple[str, ...] = ()  # noqa: N815 the API's names
    resources: tuple[str, ...] = ()

    def covers(self, group: str, plural: str) -> bool:
        return not {"*", group}.isdisjoint(self.apiGroups) and any(
            resource.partition("/")[0] in ("*", plural) for resource in self.resources
        )


class _Webhook(msgspec.Struct):
    rules: tuple[_Rule, ...] | None = None


class _Constraints(msgspec.Struct):
    resourceRules: tuple[_Rule, ...] | None = None  # noqa: N815


class _PolicySpec(msgspec.Struct):
    matchConstraints: _Constraints | None = None  # noqa: N815


class _Metadata(msgspec.Struct):
    name: str


class _Configuration(msgspec.Struct):
    """A configuration of webhooks or a policy: each has its own of the two fields."""

    metadata: _Metadata
    webhooks: tuple[_Webhook, ...] | None = None
    spec: _PolicySpec | None = None

    @property
    def rules(self) -> frozenset[_Rule]:
        found = [rule for webhook in self.webhooks or () for rule in webhook.rules or ()]
        if self.spec is not None and self.spec.matchConstraints is not None:
            found += self.spec.matchConstraints.resourceRules or ()
        return frozenset(found)


_decoder = msgspec.json.Decoder(_Configuration)
_EVERYTHING = frozenset({_Rule(("*",), ("*",))})


class Admission:
    """
    What the cluster's mutating webhooks and policies ask to see.

    `version` grows with every change of it: what was learned from the server
    before may be otherwise by now.
    """

    def __init__(self) -> None:
        self.version = 0
        self._rules: dict[tuple[GroupKind, str], frozenset[_Rule]] = {}
        self._listed: dict[GroupKind, set[str]] = {}

    def saw(self, kind: GroupKind, change: watch.Change) -> None:
        """Note what one change of the watch of `kind` says."""
        match change:
            case watch.Began():
                self._listed[kind] = set()
            case watch.Gathered(body):
                self._listed.setdefault(kind, set()).add(self._put(kind, body))
            case watch.Completed():
                listed = self._listed.pop(kind, set())
                for gone in [key for key in self._rules if key[0] == kind and key[1] not in listed]:
                    self._drop(*gone)
            case watch.Put(body):
                self._put(kind, body)
            case watch.Removed(body):
                self._drop(kind, _read(body)[0])

    def covers(self, group: str, plural: str) -> bool:
        """Whether something may change objects of a resource."""
        return any(rule.covers(group, plural) for rules in self._rules.values() for rule in rules)

    def _put(self, kind: GroupKind, body: msgspec.Raw) -> str:
        name, rules = _read(body)
        if self._rules.get((kind, name)) != rules:
            self._rules[kind, name] = rules
            self.version += 1
        return name

    def _drop(self, kind: GroupKind, name: str) -> None:
        if self._rules.pop((kind, name), None) is not None:
            self.version += 1


def _read(body: msgspec.Raw) -> tuple[str, frozenset[_Rule]]:
    """Return the name and rules of a configuration; one of an unknown shape may change everything."""
    try:
        found = _decoder.decode(body)
    except msgspec.DecodeError:
        return "", _EVERYTHING
    return found.metadata.name, found.rules
