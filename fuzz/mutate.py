"""
How does an input become another one? Fast, and the same for the same seed.

Changes to bytes know nothing but the target's words. Changes to JSON values
keep the text valid, so that what is behind the JSON parser is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import orjson

from fuzz.target import Target, starts

_ODD_BYTES = (
    *(bytes([n]) for n in (0, 9, 10, 13, 27, 32, 34, 39, 42, 47, 92, 127, 128, 192, 255)),
    *(text.encode() for text in ("é", "٣", "²", "\u202e")),
    *(b"\xed\xa0\x80", b"-1", b"9" * 30),
)
_ODD_TEXTS = (
    *("", " ", "x", "\x00", "\n", "²", "é\u202e", "../..", "-", "9" * 30, "a" * 300, "true", "null"),
    *(
        "https://[",
        "https://[::1",
        "http://a:99999",
        "1e9h",
        "* * * * *",
        "%",
        "$x",
        "//",
        "*",
        "=",
        "[!",
        "{a,",
    ),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, -(2**63), 0.5, 1e308, [], {}, [None], [[]], {"": None}),
    *_ODD_TEXTS,
    *([1, "x"], ["x", ""], {"x": 1}, {"x": {"y": "z"}}, [{"name": 1}], {"name": []}),
)
_RARELY = 2_000


def make(target: Target, random: Random) -> bytes:
    """Return the next input of a target."""
    chance = random.random()
    seeds = starts(target)
    seed = seeds[int(chance * 7919) % len(seeds)]
    if target.shape == "json" and not (target.words and chance > 0.93):
        made = _changed_json(seed, random)
    elif target.words and chance < 0.25:
        made = b"".join(random.choices(target.words, k=1 + int(random.random() * 14)))
    else:
        made = _changed_bytes(seed, target, random)
    return target.finish(made) if target.finish else made


def _changed_bytes(data: bytes, target: Target, random: Random) -> bytes:
    for _ in range(1 + int(random.random() ** 3 * 8)):
        data = _EDITS[int(random.random() * len(_EDITS))](data, target, random)
    if random.random() * _RARELY < 1:
        data = _swollen(data, target, random)
    return data[: target.longest]


def _place(data: bytes, random: Random) -> tuple[int, int]:
    begin = int(random.random() * (len(data) + 1))
    return begin, begin + int(random.random() ** 2 * min(64, len(data) - begin + 1))


def _flip(data: bytes, target: Target, random: Random) -> bytes:
    begin, _ = _place(data, random)
    if begin >= len(data):
        return data
    return data[:begin] + bytes([data[begin] ^ (1 << int(random.random() * 8))]) + data[begin + 1 :]


def _odd(data: bytes, target: Target, random: Random) -> bytes:
    begin, end = _place(data, random)
    return data[:begin] + _ODD_BYTES[int(random.random() * len(_ODD_BYTES))] + data[end:]


def _put_word(data: bytes, target: Target, random: Random) -> bytes:
    if not target.words:
        return _odd(data, target, random)
    begin, end = _place(data, random)
    word = target.words[int(random.random() * len(target.words))]
    return data[:begin] + word + data[begin if random.random() < 0.5 else end :]


def _drop(data: bytes, target: Target, random: Random) -> bytes:
    begin, end = _place(data, random)
    return data[:begin] + data[end:]


def _repeat(data: bytes, target: Target, random: Random) -> bytes:
    begin, end = _place(data, random)
    return data[:end] + data[begin:end] * (1 + int(random.random() ** 4 * 40)) + data[end:]


def _splice(data: bytes, target: Target, random: Random) -> bytes:
    seeds = starts(target)
    other = seeds[int(random.random() * len(seeds))]
    begin, end = _place(other, random)
    at, until = _place(data, random)
    return data[:at] + other[begin:end] + data[until:]


def _cut(data: bytes, target: Target, random: Random) -> bytes:
    return data[: int(random.random() * (len(data) + 1))] if random.random() < 0.2 else data


_Edit = Callable[[bytes, Target, Random], bytes]
_EDITS: tuple[_Edit, ...] = (_flip, _odd, _put_word, _put_word, _drop, _repeat, _splice, _cut)


def _swollen(data: bytes, target: Target, random: Random) -> bytes:
    """Return data in which one piece is there as often as there is room: what is slow in its length shows."""
    begin, _ = _place(data, random)
    piece = data[begin : begin + 1 + int(random.random() ** 3 * 12)] or b" "
    return data[:begin] + piece * (target.longest // len(piece)) + data[begin:]


@cache
def _places(seed: bytes) -> tuple[tuple[str | int, ...], ...]:
    """Return the path of every value inside a JSON seed."""
    found: list[tuple[str | int, ...]] = []
    ahead: list[tuple[tuple[str | int, ...], Any]] = [((), orjson.loads(seed))]
    while ahead:
        path, value = ahead.pop()
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for name, item in inner:
            found.append((*path, name))
            ahead.append(((*path, name), item))
    return tuple(found)


def _changed_json(seed: bytes, random: Random) -> bytes:
    try:
        places = _places(seed)
    except orjson.JSONDecodeError:
        return seed
    if not places:
        return seed
    value = orjson.loads(seed)
    for _ in range(1 + int(random.random() ** 2 * 4)):
        path = places[int(random.random() * len(places))]
        try:
            parent = value
            for step in path[:-1]:
                parent = parent[step]
            _change(parent, path[-1], value, places, random)
        except (LookupError, TypeError):
            continue
    return orjson.dumps(value)


def _change(
    parent: Any, name: str | int, root: Any, places: tuple[tuple[str | int, ...], ...], random: Random
) -> None:
    choice = random.random()
    old = parent[name]
    if choice < 0.45:
        odd = _ODD_VALUES[int(random.random() * len(_ODD_VALUES))]
        parent[name] = _copied(odd) if isinstance(odd, dict | list) else odd
    elif choice < 0.55:
        del parent[name]
    elif choice < 0.65:
        parent[name] = [old, old] if random.random() < 0.5 else {"x": old, "name": old}
    elif choice < 0.85 and isinstance(old, str):
        parent[name] = _changed_text(old, random)
    elif choice < 0.9 and isinstance(parent, dict):
        parent[_ODD_TEXTS[int(random.random() * len(_ODD_TEXTS))]] = old
    else:
        taken = root
        for step in places[int(random.random() * len(places))]:
            taken = taken[step]
        # A copy: a value that holds itself is no JSON.
        parent[name] = _copied(taken)


def _copied(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _changed_text(text: str, random: Random) -> str:
    begin = int(random.random() * (len(text) + 1))
    odd = _ODD_BYTES[int(random.random() * 18)].decode(errors="replace")
    choice = random.random()
    if choice < 0.4:
        return text[:begin] + odd + text[begin:]
    if choice < 0.7:
        return text[:begin] + text[begin + 1 :]
    if choice < 0.95:
        return text[:begin] + text[begin:] * 2
    return text[:begin] + text[begin : begin + 3] * 500
