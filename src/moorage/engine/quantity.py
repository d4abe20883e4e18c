"""
What amount does a Kubernetes quantity say, and how is it written canonically?

``1500m``, ``1.5`` and ``15e-1`` are the same amount. Everything is counted in
whole billionths, as the API server does: smaller fractions round up, away from
zero, so that asking for a little never becomes asking for nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

_NANO = 10**9
_LARGEST_BINARY = (2**63 - 1) * _NANO
_LONGEST = 64
_LARGEST_EXPONENT = 100

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BINARY_SUFFIXES = {power: suffix for suffix, power in _BINARY.items()} | {0: ""}
_WRITTEN = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:([eE])([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)


class Form(StrEnum):
    """How a quantity was written, and so how it is written back."""

    DECIMAL = "DecimalSI"
    BINARY = "BinarySI"
    EXPONENT = "DecimalExponent"


class Quantity(NamedTuple):
    """An amount in whole billionths, and the form in which it was written."""

    nanos: int
    form: Form = Form.DECIMAL

    def __str__(self) -> str:
        if self.nanos == 0:
            return "0"
        if self.form is Form.BINARY and abs(self.nanos) >= 1024 * _NANO and self.nanos % _NANO == 0:
            return _in_binary(self.nanos // _NANO)
        number, exponent = _in_thousands(self.nanos)
        if self.form is Form.EXPONENT or exponent not in _DECIMAL_SUFFIXES:
            return f"{number}e{exponent}" if exponent else str(number)
        return f"{number}{_DECIMAL_SUFFIXES[exponent]}"


def parse_quantity(text: str | int | float) -> Quantity:
    """Return the amount that `text` says. Raises ValueError when it is not a quantity."""
    text = str(text)
    match = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{text[:_LONGEST]!r} is not a quantity")
    sign, whole, fraction, letter, power, suffix = match.groups()
    digits = whole + (fraction or "")
    if not digits:
        raise ValueError(f"{text!r} is not a quantity")
    exponent = (int(power) if letter else _DECIMAL.get(suffix or "", 0)) - len(fraction or "")
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"{text!r} is too large or too small for a quantity")
    amount = int(digits)
    form = Form.EXPONENT if letter else Form.DECIMAL
    if suffix in _BINARY:
        form = Form.BINARY
        amount *= 1024 ** _BINARY[suffix]
    nanos = _scaled(amount, exponent + 9)
    if form is Form.BINARY:
        nanos = min(nanos, _LARGEST_BINARY)
    return Quantity(-nanos if sign == "-" else nanos, form)


def canonical(text: str | int | float) -> str:
    """Return a quantity as the API server writes it. Raises ValueError when it is not one."""
    return str(parse_quantity(text))


def same_amount(one: str | int | float, other: str | int | float) -> bool:
    """Return whether two quantities say the same amount, however they are written."""
    return parse_quantity(one).nanos == parse_quantity(other).nanos


@lru_cache(maxsize=4096)
def shortest(text: str | int | float) -> str:
    """Return the shortest way to write the amount: the same for all ways to write it."""
    nanos = parse_quantity(text).nanos
    decimal, binary = str(Quantity(nanos)), str(Quantity(nanos, Form.BINARY))
    return binary if len(binary) < len(decimal) else decimal


def _scaled(amount: int, exponent: int) -> int:
    """Return `amount` times ten to the `exponent`, rounded up to a whole number."""
    if exponent >= 0:
        return amount * _ten_to(exponent)
    return -(-amount // _ten_to(-exponent))


def _in_binary(units: int) -> str:
    power = 0
    while power < 6 and units % 1024 == 0:
        units //= 1024
        power += 1
    return f"{units}{_BINARY_SUFFIXES[power]}"


def _in_thousands(nanos: int) -> tuple[int, int]:
    exponent = -9
    while nanos % 1000 == 0:
        nanos //= 1000
        exponent += 3
    return nanos, exponent


def _ten_to(exponent: int) -> int:
    return int(10**exponent)
