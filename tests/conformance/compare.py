"""
Where does the sandbox differ from a real API server, most frequent causes first?

    python -m tests.conformance.compare [words of a case's id] > disagreements.md
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import defaultdict

from tests.conformance.agreement import Disagreement
from tests.conformance.cases import ALL
from tests.conformance.differences import explained
from tests.conformance.servers import compare, real_server, sandbox_server

_WORDS = re.compile(r"\d+|\"[^\"]*\"")


def cause(each: Disagreement) -> str:
    """Return what disagreements of one origin have in common: the place, without names and numbers."""
    place = re.sub(r"\[\d+\]", "[]", each.place)
    if each.place == "status":
        return f"status {each.real}, sandbox {each.sandbox}"
    if each.place.endswith("message"):
        return f"{place}: {_WORDS.sub('…', str(each.real))[-70:]}"
    return place


def report(found: list[Disagreement], cases: int) -> str:
    """Return all disagreements as Markdown, grouped by cause."""
    groups: dict[str, list[Disagreement]] = defaultdict(list)
    first: set[tuple[str, int]] = set()
    for each in sorted(found, key=lambda one: (one.case, one.request, one.place != "status")):
        # Only the first answer that differs tells of a cause; the rest follows from it.
        if each.place != "status" and (each.case, -1) in first:
            continue
        first.add((each.case, -1 if each.place == "status" else each.request))
        groups[cause(each)].append(each)
    differing = len({each.case for each in found})
    lines = [f"# {differing} of {cases} cases differ", ""]
    for name, members in sorted(groups.items(), key=lambda item: -len(item[1])):
        lines += [f"## {len(members)} × {name}", "", *(f"- {each}" for each in members), ""]
    return "\n".join(lines)


async def main(words: str) -> None:
    cases = [case for case in ALL if words in case.id]
    async with real_server() as real, sandbox_server() as sandbox:
        found = await compare(real, sandbox, cases, "c")
    unexplained = [each for several in found.values() for each in several if explained(each) is None]
    sys.stdout.write(report(unexplained, len(cases)) + "\n")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:])))
