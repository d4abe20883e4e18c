"""The sandbox's promise, case by case: it answers as a real API server does."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from tests.conformance.agreement import Disagreement
from tests.conformance.cases import ALL
from tests.conformance.differences import DIFFERENCES, explained
from tests.conformance.exchange import Case, Server
from tests.conformance.servers import compare

DOCS = Path(__file__).resolve().parents[2] / "docs/reference/sandbox-differences.md"

Found = dict[str, list[Disagreement]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def found(real: Server, sandbox: Server, prefix: str) -> Found:
    """Return where the two servers differ, after all cases have been played on both."""
    return await compare(real, sandbox, list(ALL), prefix)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
async def test_answers_agree(case: Case, found: Found) -> None:
    """
    Both servers give the same answers to the same requests, but for the table of differences.
    """
    unexplained = [each for each in found[case.id] if explained(each) is None]

    assert not unexplained, "\n" + "\n".join(map(str, unexplained))


async def test_table_of_differences_is_what_is_observed(found: Found) -> None:
    """
    Every entry of the table of differences still stands for a difference.
    """
    observed = {explained(each) for several in found.values() for each in several}

    assert [entry.name for entry in DIFFERENCES if entry not in observed] == []


def test_table_of_differences_is_in_the_docs() -> None:
    """
    Users read the same differences, with the same reasons, as the tests allow.
    """
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")][2:]

    assert [f"| {entry.name} | {entry.why} |" for entry in DIFFERENCES] == rows


def test_there_are_enough_cases() -> None:
    """
    At least 400 cases are played, none of them twice.
    """
    assert len({case.id for case in ALL}) == len(ALL) >= 400
