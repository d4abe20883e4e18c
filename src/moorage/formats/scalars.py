"""
What value does a plain YAML scalar stand for, to Kubernetes?

The rules are those of the YAML library kubectl and the API server use, which
is older than YAML 1.2: an unquoted ``y`` or ``off`` is a boolean, ``0644`` is
octal, and dates stay text. The reader asks here; nothing else should.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_TRUE = "y Y yes Yes YES true True TRUE on On ON"
_FALSE = "n N no No NO false False FALSE off Off OFF"
_BOOLEANS: dict[str, bool] = {**dict.fromkeys(_TRUE.split(), True), **dict.fromkeys(_FALSE.split(), False)}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NUMERIC_START = frozenset("+-.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_RADIX = {"0x": 16, "0b": 2, "0o": 8}
_MAX_UINT64 = 0xFFFFFFFFFFFFFFFF
_MIN_INT64 = -(1 << 63)
_EXACT = 1 << 53


class NotJson(ValueError):
    """A scalar is a number that JSON cannot hold: infinity or not-a-number."""


def resolve(text: str) -> Scalar:
    """
    Return the value of a plain (unquoted) scalar.

    Raises:
        NotJson: the scalar is ``.inf`` or ``.nan``.
    """
    if text in _NULLS:
        return None
    if text[0] not in _NUMERIC_START:
        return _BOOLEANS.get(text, text)
    if text.lstrip("+-").lower() in (".inf", ".nan"):
        raise NotJson
    plain = text.replace("_", "")
    whole = _integer(plain)
    if whole is not None:
        return whole
    if _FLOAT.fullmatch(plain):
        return _float(plain, text)
    return text


def key_text(value: Scalar) -> str:
    """Return the JSON key a resolved map key becomes: ``n:`` is the key ``"false"``."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _integer(plain: str) -> int | float | None:
    negative = plain[:1] == "-"
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    if not digits.isascii():
        return None
    radix = _RADIX.get(digits[:2].lower())
    try:
        if radix:
            number = int(digits, radix)
            signed = -number if negative else number
            return signed if _MIN_INT64 <= signed <= _MAX_UINT64 else None
        if not digits.isdigit():
            return None
        # A leading zero means octal, unless a digit says otherwise: 0889 is 889.
        octal = len(digits) > 1 and digits[0] == "0" and not ("8" in digits or "9" in digits)
        number = int(digits, 8 if octal else 10)
        signed = -number if negative else number
        return float(signed) if signed > _MAX_UINT64 or signed < _MIN_INT64 else signed
    except (ValueError, OverflowError):
        return None


def _float(plain: str, text: str) -> Scalar:
    number = float(plain)
    if number in (float("inf"), float("-inf")):
        return text
    return int(number) if number.is_integer() and abs(number) < _EXACT else number
