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


DIFFERENCES: tuple[Difference, ...] = ()


def explained(each: Disagreement) -> Difference | None:
    """Return the entry that allows a disagreement, or None."""
    for entry in DIFFERENCES:
        if re.fullmatch(entry.cases, each.case) and re.fullmatch(entry.places, each.place):
            return entry
    return None
