"""
Does a version satisfy a constraint, as Helm and Argo CD understand both?

Versions may have a leading ``v`` and leave out minor and patch. A constraint
is alternatives (``||``) of comparisons that must all hold: ``>=1.2 <2``,
``^1.2``, ``~1.2.3``, ``1.x``, ``1.2 - 1.4``. A pre-release satisfies only a
comparison that names one itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import total_ordering

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(?:-({_LABELS}))?(?:\+({_LABELS}))?"
)
_PART = r"(?:0|[1-9]\d{0,17}|[xX*])"
_OPERATOR = r"(?:!=|=>|>=|=<|<=|~>|~|\^|=|>|<)?"
_TERM = re.compile(
    rf"\s*({_OPERATOR})\s*v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?"
    rf"(?:-({_LABELS}))?(?:\+{_LABELS})?\s*(?:,|(?=\s)|(?<=\s)|$)"
)
_RANGE = re.compile(r"(?:^|(?<=[\s,]))(v?[0-9xX*][^\s,|]*)\s+-\s+(v?[0-9xX*][^\s,|]*)")
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


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint once understood: alternatives, each a list of bounds that must all hold."""

    alternatives: tuple[tuple[_Bound, ...], ...]

    def allows(self, version: Version) -> bool:
        """Return whether one of the alternatives holds for a version."""
        return any(all(bound.holds(version) for bound in bounds) for bounds in self.alternatives)


def parse(text: str) -> Version | None:
    """Return the version a text is, or None."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    pre = tuple(match[4].split(".")) if match[4] else ()
    return Version(int(match[1]), int(match[2] or 0), int(match[3] or 0), pre)


def parse_constraint(text: str) -> Constraint | None:
    """Return the constraint a text means, or None; a version is one too: equal to itself."""
    if not text.strip() or len(text) > _LONGEST:
        return None
    alternatives = [_terms(_RANGE.sub(r">=\1 <=\2", part).strip()) for part in text.split("||")]
    if not all(alternatives):
        return None
    return Constraint(tuple(alternatives))


def is_constraint(text: str) -> bool:
    """Return whether a text is a constraint and not one exact version."""
    return parse(text) is None and parse_constraint(text) is not None


def satisfies(version: Version, constraint: str) -> bool:
    """
    Return whether a version satisfies a constraint; the empty one allows every release.

    Raises:
        ValueError: the constraint cannot be understood.
    """
    understood = parse_constraint(constraint.strip() or "*")
    if understood is None:
        raise ValueError("not a version constraint")
    return understood.allows(version)


def highest(constraint: Constraint, names: Iterable[str], prefix: str = "") -> str | None:
    """Return the name with the highest version the constraint allows, after taking a prefix off."""
    best: tuple[Version, str] | None = None
    for name in names:
        version = parse(name[len(prefix) :]) if name.startswith(prefix) else None
        if version is not None and constraint.allows(version) and (best is None or (version, name) > best):
            best = version, name
    return best[1] if best else None


@dataclass(frozen=True, slots=True)
class _Bound:
    """Versions from `low` on and below `high`; `outside` turns that round, `pre` lets pre-releases in."""

    low: Version | None
    high: Version | None
    pre: bool
    outside: bool = False
    low_open: bool = False
    high_closed: bool = False

    def holds(self, version: Version) -> bool:
        if version.pre and not self.pre:
            return False
        above = self.low is None or (version > self.low if self.low_open else version >= self.low)
        below = self.high is None or (version <= self.high if self.high_closed else version < self.high)
        return (above and below) is not self.outside


def _terms(text: str) -> tuple[_Bound, ...]:
    bounds: list[_Bound] = []
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            return ()
        bounds.append(_bound(match))
        at = match.end()
    return tuple(bounds)


def _bound(match: re.Match[str]) -> _Bound:
    operator = match[1] or "="
    numbers: list[int] = []
    for part in (match[2], match[3], match[4]):
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    pre = tuple(match[5].split(".")) if match[5] else ()
    if not numbers:
        return _Bound(None, None, pre=bool(pre), outside=operator in ("!=", "<", ">"))
    low = replace(_padded(numbers), pre=pre)
    exact = len(numbers) == 3
    # What the numbers leave open: 1.2 stands for everything below 1.3.
    after = low if exact else _next(numbers, len(numbers))
    match operator:
        case ">":
            return _Bound(after, None, bool(pre), low_open=exact)
        case ">=" | "=>":
            return _Bound(low, None, bool(pre))
        case "<":
            return _Bound(None, low, bool(pre))
        case "<=" | "=<":
            return _Bound(None, after, bool(pre), high_closed=exact)
        case "^":
            first = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
            return _Bound(low, _next(numbers, first + 1), bool(pre))
        case "~" | "~>":
            return _Bound(low, _next(numbers, min(2, len(numbers))), bool(pre))
    return _Bound(low, after, bool(pre), outside=operator == "!=", high_closed=exact)


def _next(numbers: list[int], kept: int) -> Version:
    head = numbers[:kept]
    head[-1] += 1
    # The lowest pre-release of the next version is above everything allowed.
    return replace(_padded(head), pre=("0",))


def _padded(numbers: list[int]) -> Version:
    major, minor, patch = [*numbers, 0, 0][:3]
    return Version(major, minor, patch)
