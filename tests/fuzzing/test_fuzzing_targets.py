"""Everything that reads what others wrote reads it or refuses it; the fuzzer itself finds, shrinks and repeats."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest
from fuzz.__main__ import chunks_of
from fuzz.chunks import Chunk, attempt_apart, run_all, run_chunk
from fuzz.mutate import make
from fuzz.target import CORPUS, Target
from fuzz.targets import BY_NAME, TARGETS
from fuzz.trial import Failure, Verdict, attempt, shrink

from moorage.model.errors import InvalidSpec

SOME = 2_000
SEED = 20_261
KEPT = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in sorted(CORPUS.glob("*/*"))]


@pytest.mark.parametrize("target", [pytest.param(target, id=target.name) for target in TARGETS])
def test_inputs_are_read_or_refused(target: Target) -> None:
    """
    Two thousand made-up inputs of every kind are read, or refused with the documented error, each within a second.
    """
    failure = run_chunk(Chunk(target, SEED, 0, round(SOME * target.share))).failure

    assert failure is None


@pytest.mark.parametrize("path", KEPT)
def test_inputs_that_once_failed_do_not_fail_again(path: Path) -> None:
    """
    Every input that was ever read wrongly is read or refused now.
    """
    outcome = attempt_apart(BY_NAME[path.parent.name], path.read_bytes())

    assert isinstance(outcome, Verdict), outcome


@pytest.mark.parametrize("target", [pytest.param(target, id=target.name) for target in TARGETS])
def test_most_seeds_are_read(target: Target) -> None:
    """
    What changes begin from is mostly in order, so that they reach more than the first check of a reader.
    """
    verdicts = [attempt(target, seed) for seed in target.seeds]

    assert all(isinstance(verdict, Verdict) for verdict in verdicts)
    assert target.always_refuses or Verdict.READ in verdicts


def _brittle(data: bytes) -> None:
    if b"bad" in data:
        raise KeyError("bad")
    if b"no" in data:
        raise InvalidSpec("spec: says no")


BRITTLE = Target("brittle", _brittle, (b"a good word, ", b"no and again no"), (b"bad", b"no", b" "))


def test_a_seed_makes_the_same_inputs() -> None:
    """
    Seed, target and number of a chunk decide its inputs, and each of them matters.
    """
    chunk = Chunk(BRITTLE, 1, 0, 50)
    others = [Chunk(BRITTLE, 2, 0, 50), Chunk(BRITTLE, 1, 1, 50), Chunk(BY_NAME["yaml"], 1, 0, 50)]

    assert list(chunk.inputs()) == list(chunk.inputs())
    assert all(list(other.inputs()) != list(chunk.inputs()) for other in others)


def test_changing_json_changes_no_other_input() -> None:
    """
    An input that was made is made again after many others: nothing they share is changed.
    """
    target = BY_NAME["application"]
    before = [make(target, Random(n)) for n in range(300)]

    assert before == [make(target, Random(n)) for n in range(300)]


def test_an_unexpected_exception_is_a_failure_and_shrinks() -> None:
    """
    Another exception than the documented one is found, and its input reduced to what matters.
    """
    failure = run_chunk(Chunk(BRITTLE, 1, 0, 5_000)).failure
    assert failure is not None
    data, what = failure

    assert what.what.startswith("KeyError in ")
    assert shrink(BRITTLE, data, what.what) == b"bad"


def test_shrinking_stays_with_its_failure() -> None:
    """
    A smaller input that fails in another way is not taken for the same failure.
    """

    def read(data: bytes) -> None:
        if len(data) < 4:
            raise IndexError
        _brittle(data)

    assert shrink(Target("two", read, ()), b"12 bad 34", _what(read, b"12 bad 34")) in (
        b"bad ",
        b" bad",
        b"bad3",
    )


def _what(read: object, data: bytes) -> str:
    outcome = attempt(Target("two", read, ()), data)  # type: ignore[arg-type]
    assert isinstance(outcome, Failure)
    return outcome.what


def test_json_shrinks_as_json() -> None:
    """
    The smallest input of a JSON target is JSON still.
    """

    def read(data: bytes) -> None:
        if b'"bad"' in data:
            raise KeyError("bad")

    target = Target("json", read, (), shape="json")
    data = b'{"a": [1, {"b": "bad"}], "c": null}'

    assert shrink(target, data, _what(read, data)) == b'{"a":[{"b":"bad"}]}'


def test_a_reader_that_dies_is_a_failure() -> None:
    """
    A process that dies of an input names it, and the other targets are tried to their end.
    """

    def read(data: bytes) -> None:
        if b"bad" in data:
            os._exit(3)

    deadly = Target("deadly", read, BRITTLE.seeds, BRITTLE.words)
    results = {c.target.name: r for c, r in run_all([Chunk(deadly, 1, 0, 5_000), Chunk(_FINE, 1, 0, 9)], 2)}
    failure = results["deadly"].failure

    assert failure is not None
    assert b"bad" in failure[0]
    assert failure[1].what == "the process died (exit code 3)"
    assert results["fine"].tried == 9


_FINE = Target("fine", lambda data: None, (b"x",))


def test_a_slow_input_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An input that takes more than a second twice is a failure; one slow moment of the machine is none.
    """
    times = iter([0.0, 1.5, 1.5, 3.0, 10.0, 11.5, 11.5, 11.6])
    monkeypatch.setattr(time, "process_time", lambda: next(times))

    assert attempt(_FINE, b"x") == Failure("slow", "1.5 s for 1 bytes")
    assert attempt(_FINE, b"x") is Verdict.READ


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="none"),
        pytest.param("x" * 20_000, id="a book"),
        pytest.param("a\udcff", id="not to be written as UTF-8"),
    ],
)
def test_a_refusal_must_say_something_printable(words: str) -> None:
    """
    A refusal without words, with a book of them or with half a character is a failure.
    """

    def read(data: bytes) -> None:
        raise InvalidSpec(words)

    assert isinstance(attempt(Target("wordy", read, ()), b""), Failure)


def test_shares_are_kept() -> None:
    """
    A target with a share gets that part of the inputs, the others all of them.
    """
    half = Target("half", _brittle, (), share=0.5)
    sizes: dict[str, int] = {}
    for chunk in chunks_of([half, _FINE], 25_000, 1):
        sizes[chunk.target.name] = sizes.get(chunk.target.name, 0) + chunk.size

    assert sizes == {"half": 12_500, "fine": 25_000}
