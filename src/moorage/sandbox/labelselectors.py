"""
What does a label selector in a query say, and what is wrong with one that says nothing?

A lexer and a parser of the small language, whose refusals have the words of a
real API server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from moorage.sandbox import answers, metadata

Labels = dict[str, str]
Test = Callable[[Labels], bool]

_SPECIAL = frozenset("=!(),><")
_SIGNS = ("==", "!=", "=", "!", "(", ")", ",", ">", "<")
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")
_BINARY = "in, notin, =, ==, !=, gt, lt"
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class _Token(NamedTuple):
    kind: str
    """``word``, ``end``, ``error``, or the sign itself."""
    text: str


def parse(text: str) -> list[Test]:
    """Return one test for each requirement of a selector. Raises Failure (400)."""
    return _Parser(_tokens(text)).selector()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in _SPECIAL:
            sign = next(each for each in _SIGNS if text.startswith(each, at))
            found.append(_Token(sign, sign))
            at += len(sign)
        else:
            end = at
            while end < len(text) and text[end] not in _SPECIAL and not text[end].isspace():
                end += 1
            found.append(_Token("word", text[at:end]))
            at = end
    return found


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def ahead(self) -> _Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _Token("end", "")

    def take(self) -> _Token:
        token = self.ahead()
        self.at += 1
        return token

    def selector(self) -> list[Test]:
        tests: list[Test] = []
        while True:
            token = self.ahead()
            if token.kind == "end":
                return tests
            if token.kind not in ("word", "!"):
                _refuse(f"found '{token.text}', expected: !, identifier, or 'end of string'")
            tests.append(self.requirement())
            after = self.take()
            if after.kind == "end":
                return tests
            if after.kind != ",":
                _refuse(f"found '{after.text}', expected: ',' or 'end of string'")
            if self.ahead().kind not in ("word", "!"):
                _refuse(f"found '{self.ahead().text}', expected: identifier after ','")

    def requirement(self) -> Test:
        token = self.take()
        absent = token.kind == "!"
        if absent:
            token = self.take()
        if token.kind != "word":
            _unparsed(f"found '{token.text}', expected: identifier")
        key = token.text
        if told := metadata.key_fault(key):
            _unparsed(f'<nil>: Invalid value: "{key}": {told}')
        if absent:
            return lambda labels: key not in labels
        if self.ahead().kind in ("end", ","):
            return lambda labels: key in labels
        sign = self.take()
        if sign.text not in _OPERATORS:
            _unparsed(f"found '{sign.text}', expected: {_BINARY}")
        return _test(key, sign.text, self.values() if sign.kind == "word" else [self.value()])

    def value(self) -> str:
        if self.ahead().kind in ("end", ","):
            return ""
        token = self.take()
        if token.kind != "word":
            _unparsed(f"found '{token.text}', expected: identifier")
        return token.text

    def values(self) -> list[str]:
        token = self.take()
        if token.kind != "(":
            _unparsed(f"found '{token.text}' expected: '('")
        if self.ahead().kind not in ("word", ",", ")"):
            _unparsed(f"found '{self.ahead().text}', expected: ',', ')' or identifier")
        if self.ahead().kind == ")":
            self.take()
            return [""]
        found = [self._word_or_nothing()]
        while self.ahead().kind == ",":
            self.take()
            found.append(self._word_or_nothing())
        token = self.take()
        if token.kind != ")":
            _unparsed(f"found '{token.text}', expected: ',' or ')'")
        return found

    def _word_or_nothing(self) -> str:
        return self.take().text if self.ahead().kind == "word" else ""


def _test(key: str, operator: str, values: list[str]) -> Test:
    if operator in (">", "<"):
        return _comparison(key, operator, values[0])
    for index, value in enumerate(values):
        if told := metadata.value_fault(value):
            _unparsed(f'values[{index}][{key}]: Invalid value: "{value}": {told}')
    wanted = frozenset(values)
    if operator in ("notin", "!="):
        return lambda labels: labels.get(key) not in wanted
    return lambda labels: labels.get(key) in wanted


def _comparison(key: str, sign: str, value: str) -> Test:
    bound = _integer(value)
    if bound is None:
        told = "for 'Gt', 'Lt' operators, the value must be an integer"
        _unparsed(f'values[0]: Invalid value: "{value}": {told}')

    def test(labels: Labels) -> bool:
        held = _integer(labels.get(key, ""))
        if held is None:
            return False
        return held > bound if sign == ">" else held < bound

    return test


def _integer(text: str) -> int | None:
    """Return the whole number of 64 bits that a text says, or None."""
    if len(text) > 64 or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _refuse(why: str) -> NoReturn:
    raise answers.bad_request(why)


def _unparsed(why: str) -> NoReturn:
    _refuse(f"unable to parse requirement: {why}")
