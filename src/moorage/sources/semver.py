"""
Which of these tags or chart versions is the highest that a constraint allows?

The grammar is the one Helm and Argo CD users write (``^1.2``, ``~1.4.0``,
``>=1.2 <2 || 3.x``, ``1.2 - 1.4``): pre-releases count only where the
constraint names one, and a leading ``v`` and missing parts are forgiven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import total_ordering
from typing import NamedTuple

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(?:-({_LABELS}))?(?:\+({_LABELS}))?"
)
_PART = r"(?:0|[1-9]\d{0,17}|[xX*])"
_OPERATOR = r"(?:!=|=>|>=|=<|<=|~>|~|\^|=|>|<)?"
_TERM = re.compile(
    rf"\s*({_OPERATOR})\s*v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-({_LABELS}))?(?:\+{_LABELS})?\s*(?:,|(?=\s)|$)"
)
_RANGE = re.compile(r"(?:^|(?<=[\s,]))(v?[0-9xX*][^\s,|]*)\s+-\s+(v?[0-9xX*][^\s,|]*)")
_LONGEST = 256


@total_ordering
class Version:
    """A semantic version, ordered by precedence; build metadata does not count."""

    __slots__ = ("core", "pre", "text")

    def __init__(self, core: tuple[int, int, int], pre: tuple[str, ...], text: str) -> None:
        self.core = core
        self.pre = pre
        self.text = text

    @property
    def _rank(self) -> tuple[object, ...]:
        labels = tuple((0, int(label), "") if label.isdigit() else (1, 0, label) for label in self.pre)
        return self.core, not self.pre, labels

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._rank == other._rank

    def __lt__(self, other: Version) -> bool:
        return self._rank < other._rank

    def __hash__(self) -> int:
        return hash(self._rank)

    def __repr__(self) -> str:
        return f"Version({self.text})"


class _Wanted(NamedTuple):
    major: int
    minor: int
    patch: int
    known: int
    pre: tuple[str, ...]

    @property
    def floor(self) -> Version:
        return Version((self.major, self.minor, self.patch), self.pre, "")


Test = Callable[[Version], bool]


class Constraint:
    """A parsed constraint: alternatives, each a list of tests that must all hold."""

    def __init__(self, alternatives: tuple[tuple[Test, ...], ...]) -> None:
        self._alternatives = alternatives

    def allows(self, version: Version) -> bool:
        """Return whether one of the alternatives holds for a version."""
        return any(all(test(version) for test in tests) for tests in self._alternatives)


def parse_version(text: str) -> Version | None:
    """Return the version a text means, or None when it means none."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    pre = tuple(match[4].split(".")) if match[4] else ()
    return Version((int(match[1]), int(match[2] or 0), int(match[3] or 0)), pre, text)


def parse_constraint(text: str) -> Constraint | None:
    """Return the constraint a text means, or None when it is not one."""
    if not text.strip() or len(text) > _LONGEST:
        return None
    alternatives = []
    for part in text.split("||"):
        tests = _parse_terms(_RANGE.sub(r">=\1 <=\2", part))
        if tests is None:
            return None
        alternatives.append(tests)
    return Constraint(tuple(alternatives))


def highest(constraint: Constraint, names: Iterable[str], prefix: str = "") -> str | None:
    """Return the name with the highest version the constraint allows, after taking a prefix off."""
    best: tuple[Version, str] | None = None
    for name in names:
        version = parse_version(name[len(prefix) :]) if name.startswith(prefix) else None
        if version is None or not constraint.allows(version):
            continue
        if best is None or (version, name) > best:
            best = version, name
    return best[1] if best else None


def _parse_terms(text: str) -> tuple[Test, ...] | None:
    tests = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or match.end() == at:
            return None
        tests.append(_make_test(match[1], _wanted(match)))
        at = match.end()
    return tuple(tests) or None


def _wanted(match: re.Match[str]) -> _Wanted:
    numbers: list[int] = []
    for part in (match[2], match[3], match[4]):
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    known = len(numbers)
    numbers += [0] * (3 - known)
    pre = tuple(match[5].split(".")) if match[5] and known == 3 else ()
    return _Wanted(numbers[0], numbers[1], numbers[2], known, pre)


def _make_test(operator: str, wanted: _Wanted) -> Test:
    floor = wanted.floor
    if operator == "!=":
        matches = _between(floor, _next(wanted, wanted.known)) if wanted.known < 3 else (lambda v: v == floor)
        return _unless_pre(wanted, lambda version: not matches(version))
    if operator in ("", "=") and wanted.known == 3:
        return lambda version: version == floor
    if operator == ">":
        above = _next(wanted, wanted.known) if wanted.known < 3 else None
        if wanted.known == 0:
            return lambda version: False
        return _unless_pre(wanted, lambda version: version >= above if above else version > floor)
    if operator == "<":
        return _unless_pre(wanted, lambda version: version < floor)
    if operator in (">=", "=>"):
        return _unless_pre(wanted, lambda version: version >= floor)
    if operator in ("<=", "=<"):
        below = _next(wanted, wanted.known) if wanted.known < 3 else None
        if wanted.known == 0:
            return _unless_pre(wanted, lambda version: True)
        return _unless_pre(wanted, lambda version: version < below if below else version <= floor)
    return _unless_pre(wanted, _between(floor, _next(wanted, _kept_parts(operator, wanted))))


def _kept_parts(operator: str, wanted: _Wanted) -> int:
    """Return how many leading numbers must stay as they are."""
    if operator == "^":
        if wanted.known == 0:
            return 0
        if wanted.major or wanted.known == 1:
            return 1
        return 2 if wanted.minor or wanted.known == 2 else 3
    return min(wanted.known, 2) if operator in ("~", "~>") else wanted.known


def _next(wanted: _Wanted, kept: int) -> Version | None:
    if kept == 0:
        return None
    numbers = [wanted.major, wanted.minor, wanted.patch]
    raised = [*numbers[: kept - 1], numbers[kept - 1] + 1, 0, 0][:3]
    # The lowest pre-release of the bound is still above everything allowed.
    return Version((raised[0], raised[1], raised[2]), ("0",), "")


def _between(floor: Version, end: Version | None) -> Test:
    return lambda version: version >= floor and (end is None or version < end)


def _unless_pre(wanted: _Wanted, test: Test) -> Test:
    if wanted.pre:
        return test
    return lambda version: not version.pre and test(version)
