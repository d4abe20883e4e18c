"""The programs of `make check` find what they are there to find, and the Makefile stays a table of contents."""

from __future__ import annotations

import re

import pytest
from repository_files import ROOT, tool

shape, words, traces = tool("shape"), tool("words"), tool("traces")


def test_a_function_is_measured_without_its_docstring():
    """
    A docstring does not make a function long, and what is inside a function is counted on its own.
    """
    source = 'def outer():\n    """One.\n\n    Two.\n    """\n    def inner():\n        return 1\n    return inner\n'

    assert shape.functions_of(source, "f") == [(2, "f::outer"), (2, "f::outer.inner")]


def test_lengths_are_told_by_share():
    """
    Median and 90th percentile are lengths that occur; nothing has none.
    """
    lengths = [10, 1, 2, 3, 4, 5, 6, 7, 8, 9]

    assert (
        shape.percentile(lengths, 0.5),
        shape.percentile(lengths, 0.9),
        shape.percentile([], 0.5),
    ) == (5, 9, 0)


def test_only_what_passes_a_cap_is_a_fault():
    """
    A cap is a length that is allowed.
    """
    pieces = [shape.Piece(600, "long"), shape.Piece(601, "too long")]

    assert shape.over(pieces, 600) == [(601, "too long")]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("src/moorage/utils.py", "", "'utils' in the name of a module", id="module"),
        pytest.param(
            "src/a.py", "class PodManager: ...", "'Manager' in the class name PodManager", id="class"
        ),
        pytest.param("src/base_thing.py", "", "'base' in the name of a module", id="part of a name"),
        pytest.param("docs/a.md", "The actual state is", "'actual state': say 'live state'", id="synonym"),
        pytest.param("src/a.py", '"""The reconcile loop."""', "'reconcile loop': say 'pass'", id="docstring"),
    ],
)
def test_words_that_are_not_used_are_found(path, text, expected):
    """
    Names that hide work and words that have a better one are found, with the place and the word to use.
    """
    (fault,) = words.faults_of(path, text)

    assert expected in fault


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("FIELD_MANAGER = 1", id="a constant"),
        pytest.param('"""The field manager."""', id="a docstring"),
        pytest.param("class Database: ...", id="a longer word"),
    ],
)
def test_words_that_are_meant_stay(text):
    """
    A field manager is one, and a word within a longer one is none.
    """
    assert words.faults_of("src/a.py", text) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("cd /home/someone/moorage", id="home"),
        pytest.param("see /work/shared/x", id="work folder"),
        pytest.param("pip install --index-url https://pkgs.example.com/x", id="index option"),
        pytest.param("https://mirror.example.com/root/simple/ ", id="index address"),
        pytest.param("export GOPROXY=https://go.example.com", id="proxy"),
    ],
)
def test_traces_of_a_machine_are_found(text):
    """
    Paths and registries of one machine are found, with the line.
    """
    assert "docs/a.md:1:" in traces.faults_of("docs/a.md", text)[0]


@pytest.mark.parametrize(
    "text",
    ["$HOME/.kube/config", "https://git.example.com/shop.git", "spec.template/work/x", "~/.cache/moorage"],
)
def test_what_is_no_trace_stays(text):
    """
    Addresses of examples and relative paths are no traces.
    """
    assert traces.faults_of("docs/a.md", text) == []


def test_targets_are_one_line_each():
    """
    A target of the Makefile is one line; what it does stands in a program.
    """
    lines = (ROOT / "Makefile").read_text().splitlines()
    kinds = re.compile(r"#|$|[A-Z_]+ \??:?= |\.PHONY:|[\w$()/.]+ *:[^=]*; @")

    assert [line for line in lines if not kinds.match(line)] == []


def test_targets_call_programs_that_are_there():
    """
    A program that a target names exists, and may be run.
    """
    named = set(re.findall(r"scripts/\w+", (ROOT / "Makefile").read_text()))

    assert sorted(name for name in named if not (ROOT / name).stat().st_mode & 0o100) == []
