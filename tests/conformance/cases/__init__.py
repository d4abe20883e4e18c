"""All differential cases, by topic; a case is requests whose answers must agree."""

from __future__ import annotations

from tests.conformance.cases import (
    applying,
    applying_customs,
    applying_lists,
    creating,
    custom,
    deleting,
    discovering,
    listing,
    patching,
    refusing,
    subresources,
    tables,
    telling,
    trying,
    updating,
    watching,
)
from tests.conformance.exchange import Case

TOPICS = (
    creating,
    refusing,
    updating,
    patching,
    applying,
    applying_lists,
    applying_customs,
    custom,
    subresources,
    trying,
    deleting,
    listing,
    watching,
    tables,
    telling,
    discovering,
)

ALL: tuple[Case, ...] = tuple(case for topic in TOPICS for case in topic.CASES)
