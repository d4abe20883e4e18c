"""
How is a rule of health written down?

Most kinds say how they are in conditions or in one word. Their rules are one
line of text, read when the module is loaded:

    Ready=False → Degraded, Ready=True → Healthy, else Progressing

A clause may name a reason (``Ready=False/Creating``), exclude one
(``Ready=False/!Creating``), or take any status (``Ready=*``). Kinds that need
more are functions. Both must bear objects in which anything may be missing or
of another type than promised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from moorage.model.health import Health, HealthStatus
from moorage.model.manifest import Json

H, S, P = HealthStatus.HEALTHY, HealthStatus.SUSPENDED, HealthStatus.PROGRESSING
M, D, U = HealthStatus.MISSING, HealthStatus.DEGRADED, HealthStatus.UNKNOWN

HEALTHY = Health(H)

Rule = Callable[[Json], Health | None]
Table = dict[tuple[str, str], Rule]


# Reading objects that may be malformed.


def at(body: Any, *path: str) -> Any:
    """Return the value at a path, or None when there is none."""
    for name in path:
        if not isinstance(body, dict):
            return None
        body = body.get(name)
    return body


def fields(body: Any, *path: str) -> Json:
    """Return the object at a path; an empty one when there is none."""
    value = at(body, *path)
    return value if isinstance(value, dict) else {}


def items(body: Any, *path: str) -> list[Json]:
    """Return the objects of the list at a path."""
    value = at(body, *path)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(body: Any, *path: str) -> str:
    """Return the string at a path; an empty one when there is none."""
    value = at(body, *path)
    return value if isinstance(value, str) else ""


def number(body: Any, *path: str) -> float:
    """Return the number at a path; 0 when there is none."""
    value = at(body, *path)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def conditions(body: Json) -> list[Json]:
    """Return the conditions of an object's status."""
    return items(body, "status", "conditions")


def condition(body: Json, type_: str) -> Json | None:
    """Return the first condition of a type, or None."""
    return next((c for c in conditions(body) if c.get("type") == type_), None)


def holds(body: Json, type_: str, status: str = "True") -> bool:
    """Return whether the condition of a type has a status."""
    return (found := condition(body, type_)) is not None and found.get("status") == status


def observed(body: Json) -> bool:
    """Return whether the object's controller has seen its current generation."""
    return number(body, "status", "observedGeneration") >= number(body, "metadata", "generation")


def annotation(body: Json, name: str) -> str:
    """Return an annotation; an empty string when there is none."""
    return text(body, "metadata", "annotations", name)


# Rules that are one line of text.


class _Clause(NamedTuple):
    type: str
    status: str
    reason: str
    then: HealthStatus

    def matches(self, found: Json) -> bool:
        if found.get("type") != self.type or self.status not in ("*", found.get("status")):
            return False
        if self.reason.startswith("!"):
            return found.get("reason") != self.reason[1:]
        return self.reason in ("", found.get("reason"))


def in_order_of_conditions(rule: str) -> Rule:
    """Return a rule that acts on the first *condition* that any clause is about."""
    clauses, otherwise = _clauses(rule)

    def assess(body: Json) -> Health:
        for found in conditions(body):
            for clause in clauses:
                if clause.matches(found):
                    return Health(clause.then, text(found, "message"))
        return otherwise

    return assess


def in_order_of_clauses(rule: str) -> Rule:
    """Return a rule that acts on the first *clause* that any condition satisfies."""
    clauses, otherwise = _clauses(rule)

    def assess(body: Json) -> Health:
        present = conditions(body)
        for clause in clauses:
            for found in present:
                if clause.matches(found):
                    return Health(clause.then, text(found, "message"))
        return otherwise

    return assess


def by_word(place: str, rule: str, message: str = "") -> Rule:
    """
    Return a rule about the word at a place: ``Running → Healthy, Failed → Degraded, else Progressing``.

    `message` is the place of the message; without one the word itself is told.
    """
    path, told = tuple(place.split(".")), tuple(message.split(".")) if message else ()
    words, otherwise = _words(rule)

    def assess(body: Json) -> Health:
        value = at(body, *path)
        word = str(value) if isinstance(value, str | int) else ""
        said = text(body, *told) if told else ""
        return Health(words.get(word, otherwise), said or f"{path[-1]} is {word or 'not set'}")

    return assess


def once_observed(rule: Rule) -> Rule:
    """Return a rule that waits until the controller has seen the object's current generation."""

    def assess(body: Json) -> Health | None:
        if not observed(body):
            return Health(P, "waiting for the controller to see the latest generation")
        return rule(body)

    return assess


def unless_suspended(rule: Rule, *path: str) -> Rule:
    """Return a rule that says Suspended while the flag at `path` is set."""

    def assess(body: Json) -> Health | None:
        return Health(S, f"{path[-1]} is set") if at(body, *path) is True else rule(body)

    return assess


def _clauses(rule: str) -> tuple[tuple[_Clause, ...], Health]:
    clauses = []
    for left, then in _pairs(rule):
        type_, _, expected = left.partition("=")
        status, _, reason = expected.partition("/")
        clauses.append(_Clause(type_, status, reason, then))
    otherwise = HealthStatus(rule.rpartition("else ")[2])
    awaited = next((clause.type for clause in clauses if clause.then is H), "a condition")
    message = f"waiting for {awaited}" if otherwise is P else ""
    return tuple(clauses), Health(otherwise, message)


def _words(rule: str) -> tuple[dict[str, HealthStatus], HealthStatus]:
    words = {word: then for left, then in _pairs(rule) for word in left.split("|")}
    return words, HealthStatus(rule.rpartition("else ")[2])


def _pairs(rule: str) -> list[tuple[str, HealthStatus]]:
    parts = rule.rpartition(", else ")[0].split(", ")
    return [(left, HealthStatus(then)) for left, _, then in (part.partition(" → ") for part in parts)]
