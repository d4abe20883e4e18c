"""Golden cases: files in, manifests out, each in one file of tests/cases/render."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rendering import request, tree

from moorage.formats import yaml

CASES = sorted(Path(__file__).parents[1].joinpath("cases", "render").glob("*.case"))
_MARK = re.compile(r"^# (flags|file|source|output)(?::[ ]?(.*))?$", re.MULTILINE)


def parts(text: str) -> tuple[dict[str, str], dict[str, str], str]:
    """Return a case's flags, its files and the output it expects."""
    flags: dict[str, str] = {}
    files: dict[str, str] = {}
    output = ""
    marks = list(_MARK.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        content = text[mark.end() + 1 : following.start() if following else len(text)]
        if mark[1] == "flags":
            flags = dict(flag.split("=", 1) for flag in mark[2].split())
        elif mark[1] == "source":
            flags["source"] = content
        elif mark[1] == "file":
            files[mark[2]] = content
        else:
            output = content
    return flags, files, output


@pytest.mark.parametrize("case", [pytest.param(case, id=case.stem) for case in CASES])
def test_case(render, case):
    """
    The files of a case render to exactly its output, by the renderer it names.
    """
    flags, files, output = parts(case.read_text())
    source = yaml.load(flags.get("source", "")) or {}

    result = render(request(flags.get("path", "."), **source), tree(files))

    assert output == yaml.dump_all(m.body for m in result.manifests)
    assert flags.get("renderer", "directory") == result.source_type.lower()


def test_there_are_cases():
    """
    The folder of cases is found.
    """
    assert CASES
