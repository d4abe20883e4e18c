"""What the YAML reader and writer promise: Kubernetes' types, bounds, and errors with a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.formats import yaml
from moorage.formats.scalars import resolve
from moorage.model.errors import InvalidManifest, LimitExceeded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(word, True) for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]],
        *[
            (word, False)
            for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
        ],
        *[(word, None) for word in ("~", "null", "Null", "NULL", "")],
        ("0644", 420),
        ("0o17", 15),
        ("0889", 889),
        ("0x1F", 31),
        ("0b11", 3),
        ("-0x10", -16),
        ("1_000", 1000),
        ("+5", 5),
        ("1e3", 1000),
        ("1.50", 1.5),
        ("0123e45", 1.23e47),
        ("1e400", "1e400"),
        ("18446744073709551615", 18446744073709551615),
        ("99999999999999999999", 1e20),
        ("190:20:30", "190:20:30"),
        ("2001-12-14", "2001-12-14"),
        ("12e", "12e"),
        ("+-5", "+-5"),
        ("0xZZ", "0xZZ"),
        ("1²", "1²"),
        ("=", "="),
        ("yEs", "yEs"),
    ],
)
def test_plain_scalars_have_the_types_kubernetes_gives_them(text, expected):
    """
    An unquoted scalar becomes what kubectl makes of it, with the same JSON type.
    """
    found = resolve(text)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "n: 1\n1: a\n1.5: b\n~: c", {"false": 1, "1": "a", "1.5": "b", "null": "c"}, id="keys become text"
        ),
        pytest.param("a: 'y'\nb: \"1\"", {"a": "y", "b": "1"}, id="quotes keep text"),
        pytest.param(
            "a: !!str 1\nb: !!int '2'\nc: !!binary aGk=\nd: !x 3",
            {"a": "1", "b": 2, "c": "hi", "d": 3},
            id="tags",
        ),
        pytest.param("a: &x {p: 1}\nb: *x", {"a": {"p": 1}, "b": {"p": 1}}, id="aliases"),
        pytest.param(
            "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}",
            {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}},
            id="merge",
        ),
        pytest.param("b: {q: 3, <<: [{q: 1, p: 1}, {p: 2}]}", {"b": {"q": 3, "p": 1}}, id="merge list"),
        pytest.param("'<<': 1", {"<<": 1}, id="quoted merge key is a key"),
        pytest.param("a: |\n  x\n  y\n", {"a": "x\ny\n"}, id="block"),
        pytest.param("just text", "just text", id="scalar document"),
    ],
)
def test_documents_become_json_values(text, expected):
    """
    Keys, quotes, tags, aliases and merges come out as the JSON kubectl would send.
    """
    assert expected == yaml.load(text)


def test_documents_know_their_lines():
    """
    Each document carries the line it begins at, comments and empty documents counted.
    """
    found = yaml.load_all("# top\na: 1\n---\n---# glued\nb: 2\n...\n")

    assert [(d.value, d.line) for d in found] == [({"a": 1}, 2), (None, 4), ({"b": 2}, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a:\n  c: 1\n  c: 2", "f.yaml:3:3: the field a.c is given twice", id="S77 duplicate key"
        ),
        pytest.param("a: [", "f.yaml:2:1", id="unfinished"),
        pytest.param("a:\n\t- b", "f.yaml:2:1", id="tab"),
        pytest.param("a: .inf", "f.yaml:1:4", id="infinity"),
        pytest.param("? [a]\n: b", "f.yaml:1:3: a map key must be a scalar", id="list as key"),
        pytest.param("a: &a [*a]", "f.yaml:1:8", id="alias within itself"),
        pytest.param("a: *b", "f.yaml:1:4", id="unknown alias"),
        pytest.param("\x01", "f.yaml: control characters", id="control characters"),
        pytest.param(b"a: \xff", "f.yaml", id="not UTF-8"),
    ],
)
def test_errors_name_the_place_and_not_the_content(text, message):
    """
    A text that cannot be read is refused with file, line and column.
    """
    with pytest.raises(InvalidManifest) as refused:
        yaml.load_all(text, origin="f.yaml")

    assert str(refused.value).startswith(message)


def test_s6_error_never_quotes_content():
    """
    S6: a broken text's content does not appear in the error.
    """
    with pytest.raises(InvalidManifest) as refused:
        yaml.load_all("password: hunter2\n  hunter2: [", origin="f.yaml")

    assert "hunter2" not in str(refused.value)


def test_last_key_wins_when_not_strict():
    """
    A reader that asks for leniency gets the last of two values, as Helm does.
    """
    assert yaml.load("a: 1\na: 2", strict=False) == {"a": 2}


def test_s8_no_object_is_constructed():
    """
    S8: a tag that names a program object is refused and nothing runs.
    """
    with pytest.raises(InvalidManifest, match=r":1:4: tags that name program objects"):
        yaml.load("x: !!python/object/apply:os.system [touch /tmp/x]")


def _laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def _ladder(levels: int) -> str:
    return "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, levels))])


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        pytest.param(_laughs(10), yaml.Limits(), id="billion laughs"),
        pytest.param(_ladder(400), yaml.Limits(), id="depth through aliases"),
        pytest.param("[" * 500, yaml.Limits(), id="depth"),
        pytest.param("---\n" * 20, yaml.Limits(documents=10), id="documents"),
        pytest.param("a" * 100, yaml.Limits(size=99), id="bytes"),
    ],
)
def test_s8_reading_is_bounded(text, limits):
    """
    S8: size, depth, documents and what aliases stand for are bounded while reading.
    """
    with pytest.raises(LimitExceeded):
        yaml.load_all(text, limits=limits)


def test_s8_writing_is_bounded():
    """
    S8: a value whose shared parts expand to too much is refused before it is written.
    """
    value: list[object] = ["x"]
    for _ in range(30):
        value = [value, value]

    with pytest.raises(LimitExceeded):
        yaml.dump(value)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abyn01.e", max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(deadline=None, max_examples=150)
@given(_JSON)
def test_what_is_written_reads_the_same(value):
    """
    Any JSON value survives being written and read again.
    """
    assert value == yaml.load(yaml.dump(value))


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "N",
        "yes",
        "off",
        "1e3",
        "0o17",
        "0x1F",
        "1_000",
        "0644",
        "~",
        "null",
        "",
        ".5",
        "1.",
        "2001-01-01",
        "- a",
        "a: b",
        "#x",
        "<<",
        "=",
        "\ttab",
        "a\nb",
        " a\n b\n",
        "é",
        "-",
        "+1",
        "0b1",
    ],
)
def test_text_stays_text(text):
    """
    Text that looks like another type is written so that it stays text, as a value and as a key.
    """
    assert {text: text, "list": [text]} == yaml.load(yaml.dump({text: text, "list": [text]}))
