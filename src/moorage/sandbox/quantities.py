"""
How does the API server write a quantity back: ``0.5`` as ``500m``, ``1024Mi`` as ``1Gi``?

The canonical form has no fraction and the largest suffix of the family it was
written in (decimal, binary or exponent). Small or broken binary amounts become
decimal ones, as in Kubernetes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_QUANTITY = re.compile(
    r"([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?\d+))?", re.ASCII
)
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_FINEST = 9  # digits after the point that are kept: nano


class NotAQuantity(ValueError):
    """The text is not a quantity; the message is the API server's."""

    def __init__(self) -> None:
        super().__init__(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """Return the canonical form of a quantity. Raises NotAQuantity."""
    nanos, family = _parse(text)
    if nanos == 0:
        return "0"
    sign = "-" if nanos < 0 else ""
    size = abs(nanos)
    whole, rest = divmod(size, 10**_FINEST)
    if family == "binary" and whole >= 1024 and not rest:
        return sign + _binary(whole)
    power = -_FINEST
    while size % 1000 == 0 and power < 18:
        size //= 1000
        power += 3
    if family == "exponent":
        return f"{sign}{size}" + (f"e{power}" if power else "")
    return f"{sign}{size}{_SUFFIX[power]}"


def amount(text: str) -> float:
    """Return the quantity as a number. Raises NotAQuantity."""
    return float(_parse(text)[0]) / float(10**_FINEST)


def _parse(text: str) -> tuple[int, str]:
    found = _QUANTITY.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise NotAQuantity
    sign, whole, fraction, binary, decimal, exponent = found.groups()
    fraction = fraction or ""
    digits = int((whole or "") + fraction)
    scale = 10 ** len(fraction)
    if binary:
        digits *= 1024 ** _BINARY.index(binary)
        power = 0
    else:
        power = int(exponent) if exponent else _DECIMAL[decimal or ""]
    if abs(power) > 30:
        raise NotAQuantity
    numerator = digits * 10 ** (_FINEST + power) if power >= -_FINEST else digits
    scale *= 1 if power >= -_FINEST else 10 ** (-_FINEST - power)
    nanos = -(-numerator // scale)  # rounded up: nothing asked for is ever taken away
    family = "binary" if binary else "exponent" if exponent else "decimal"
    return (-nanos if sign == "-" else nanos), family


def _binary(whole: int) -> str:
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole //= 1024
        power += 1
    return f"{whole}{_BINARY[power]}"
