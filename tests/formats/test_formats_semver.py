"""Which versions satisfy which constraints."""

from __future__ import annotations

import pytest

from moorage.formats import semver


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (">=1.2.3", ["1.2.3", "2.0.0", "v1.10.0"], ["1.2.2", "1.3.0-rc.1"]),
        (">= 1.25.0-0", ["1.25.0", "1.27.3-gke.100", "1.25.0-alpha"], ["1.24.9"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("<2", ["1.9.9"], ["2.0.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0"]),
        ("~1", ["1.9.0"], ["2.0.0"]),
        ("1.2.x", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("1", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-beta"]),
        ("1.2 - 1.4", ["1.2.0", "1.4.9"], ["1.5.0", "1.1.9"]),
        (">=1 <2 || >=3, <4", ["1.5.0", "3.5.0"], ["2.5.0", "4.0.0"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        ("1.2.3", ["1.2.3", "1.2.3+build"], ["1.2.4"]),
        (">=1.25-0", ["1.25.0", "1.26.0-gke.1"], ["1.24.9"]),
        ("^1.2.3-0", ["1.2.3-rc.1", "1.9.0-rc.1"], ["2.0.0-alpha", "2.0.0"]),
        ("~v1.4.x", ["v1.4.7"], ["v1.5.0"]),
        ("=>1.0, =<1.1", ["1.1.9"], ["1.2.0"]),
        ("!=1.2.x", ["1.3.0"], ["1.2.9"]),
        ("", ["1.0.0"], ["1.0.0-beta"]),
    ],
)
def test_constraints(constraint, inside, outside):
    """
    A version satisfies a constraint as in Helm; pre-releases only where one is named.
    """
    verdicts = {text: semver.satisfies(semver.parse(text), constraint) for text in [*inside, *outside]}

    assert {**dict.fromkeys(inside, True), **dict.fromkeys(outside, False)} == verdicts


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4", "latest", ">=", "1..2", "01.2.3-", "main", "9" * 300])
def test_other_text_is_no_version(text):
    """
    Text that is not a version is not taken for one.
    """
    assert semver.parse(text) is None


def test_versions_are_ordered():
    """
    Versions sort by precedence, pre-releases before their release, numbers as numbers.
    """
    expected = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0",
        "1.2.0",
        "1.10.0",
    ]

    shuffled = expected[3:] + expected[:3]

    assert expected == sorted(shuffled, key=semver.parse)


@pytest.mark.parametrize(
    "text", ["main", "1.2.3", "v1", "", ">=", "1.2.3.4", ">=1.2<2", "release-1", "9" * 300, "^"]
)
def test_other_text_is_no_constraint(text):
    """
    A branch name, a full version or a broken comparison is not taken for a constraint.
    """
    assert not semver.is_constraint(text)


@pytest.mark.parametrize(
    ("constraint", "prefix", "expected"),
    [
        ("1.*", "", "v1.10.0"),
        ("2.*", "", None),
        (">=1.0-0", "", "1.11.0-rc.1"),
        ("1.*", "web-", "web-v1.3.0"),
        ("1.*", "api-", None),
    ],
)
def test_highest_is_by_version_not_by_text(constraint, prefix, expected):
    """
    The highest allowed version wins, numbers compared as numbers, among names with the prefix alone.
    """
    names = ["main", "1.9.0", "v1.10.0", "1.11.0-rc.1", "web-1.2.0", "web-v1.3.0", "api-old"]

    assert expected == semver.highest(semver.parse_constraint(constraint), names, prefix)
