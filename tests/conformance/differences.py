"""
What does the sandbox do otherwise on purpose, and why?

The one table of that: docs/reference/sandbox-differences.md says the same, and the
tests hold both to what is observed. An entry that no longer differs must go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.conformance.agreement import Disagreement


@dataclass(frozen=True, slots=True)
class Difference:
    """A reason to differ: patterns for the cases' ids and the places in answers, and why."""

    name: str
    cases: str
    places: str
    why: str
    sometimes: bool = False
    """Seen only when two writes fall into different seconds, so a run may do without it."""


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "messages that print a whole value of the server's",
        r"immutable: (job template|claim size down|pod containers)",
        r"body\.message|body\.details\.causes\[0\]\.message",
        "They are Go's internal types, or a difference of two; status, reason and field are the same.",
    ),
    Difference(
        "owner of `replicas` after scaling to 0",
        r"scale: merge patch",
        r"body\.metadata\.managedFields.*",
        "The server's Scale leaves out 0, and with it the field's owner is forgotten; the sandbox keeps the owner.",
    ),
    Difference(
        "generation of a NetworkPolicy that is given an empty list",
        r"drawn: \d+: NetworkPolicy|apply to lists: empty lists of a network policy",
        r"body\.metadata\.generation",
        "The server counts an empty list in place of none as a change, although it stores none.",
    ),
)


def explained(each: Disagreement) -> Difference | None:
    """Return the entry that allows a disagreement, or None."""
    for entry in DIFFERENCES:
        if re.fullmatch(entry.cases, each.case) and re.fullmatch(entry.places, each.place):
            return entry
    return None
