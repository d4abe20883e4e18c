"""
Does a version satisfy a constraint, as Helm and Argo CD understand both?

Versions may have a leading ``v`` and leave out minor and patch. A constraint
is alternatives (``||``) of comparisons that must all hold: ``>=1.2 <2``,
``^1.2``, ``~1.2.3``, ``1.x``, ``1.2 - 1.4``. A pre-release satisfies only a
constraint that names one itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import total_ordering

_VERSION = re.compile(
    r"v?(0|[1-9]\d{0,18})(?:\.(0|[1-9]\d{0,18}))?(?:\.(0|[1-9]\d{0,18}))?"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?"
)
_OPERATORS = "=|==|!=|>|>=|=>|<|<=|=<|~|~>|\\^"
_TERM = re.compile(
    rf"({_OPERATORS})?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)
_RANGE = re.compile(r"\s+-\s+")
_LONGEST = 256


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; build metadata does not count when comparing."""

    major: int
    minor: int = 0
    patch: int = 0
    pre: tuple[str, ...] = ()

    def __lt__(self, other: Version) -> bool:
        return self._rank < other._rank

    @property
    def _rank(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        parts = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in self.pre)
        return self.major, self.minor, self.patch, not self.pre, parts


def parse(text: str) -> Version | None:
    """Return the version a text is, or None."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    pre = tuple(match[4].split(".")) if match[4] else ()
    return Version(int(match[1]), int(match[2] or 0), int(match[3] or 0), pre)


def satisfies(version: Version, constraint: str) -> bool:
    """
    Return whether a version satisfies a constraint.

    Raises:
        ValueError: the constraint cannot be understood.
    """
    return any(all(test(version) for test in terms) for terms in _alternatives(constraint))


def is_constraint(text: str) -> bool:
    """Return whether a text is a constraint and not one exact version."""
    if parse(text) is not None:
        return False
    try:
        _alternatives(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Bound:
    """Versions from `low` on and below `high`; `outside` turns that round, `pre` lets pre-releases in."""

    low: Version | None
    high: Version | None
    pre: bool
    outside: bool = False
    low_open: bool = False
    high_closed: bool = False

    def __call__(self, version: Version) -> bool:
        if version.pre and not self.pre:
            return False
        above = self.low is None or (version > self.low if self.low_open else version >= self.low)
        below = self.high is None or (version <= self.high if self.high_closed else version < self.high)
        return (above and below) is not self.outside


def _alternatives(constraint: str) -> list[list[_Bound]]:
    if len(constraint) > _LONGEST:
        raise ValueError("the constraint is too long")
    return [_terms(part.strip()) for part in constraint.split("||")]


def _terms(text: str) -> list[_Bound]:
    ends = _RANGE.split(text)
    if len(ends) == 2 and "," not in text:
        text = f">={ends[0]} <={ends[1]}"
    bounds: list[_Bound] = []
    position = 0
    text = text or "*"
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or not match[0].strip():
            raise ValueError("not a version constraint")
        bounds.append(_bound(match))
        position = match.end()
        position += len(text[position:]) - len(text[position:].lstrip(" ,\t"))
    return bounds


def _bound(match: re.Match[str]) -> _Bound:
    operator = match[1] or "="
    numbers: list[int] = []
    for part in (match[2], match[3], match[4]):
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    pre = tuple(match[5][1:].split(".")) if match[5] else ()
    if not numbers:
        return _Bound(None, None, pre=bool(pre))
    low = replace(_padded(numbers), pre=pre)
    # What the numbers leave open: 1.2 stands for everything below 1.3.
    after = low if len(numbers) == 3 else _next(numbers, len(numbers))
    match operator:
        case ">":
            return _Bound(after, None, bool(pre), low_open=len(numbers) == 3)
        case ">=" | "=>":
            return _Bound(low, None, bool(pre))
        case "<":
            return _Bound(None, low, bool(pre))
        case "<=" | "=<":
            return _Bound(None, after, bool(pre), high_closed=len(numbers) == 3)
        case "^":
            first = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
            return _Bound(low, _next(numbers, first + 1), bool(pre))
        case "~" | "~>":
            return _Bound(low, _next(numbers, min(2, len(numbers))), bool(pre))
    exact = len(numbers) == 3
    return _Bound(low, after, bool(pre), outside=operator == "!=", high_closed=exact)


def _next(numbers: list[int], kept: int) -> Version:
    head = numbers[:kept]
    head[-1] += 1
    return _padded(head)


def _padded(numbers: list[int]) -> Version:
    major, minor, patch = [*numbers, 0, 0][:3]
    return Version(major, minor, patch)
