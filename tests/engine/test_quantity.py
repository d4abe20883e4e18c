"""Quantities: what amount do they say, and how are they written?"""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from moorage.engine.quantity import Form, Quantity, canonical, parse_quantity, same_amount, shortest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", "0", id="nothing"),
        pytest.param("0.0", "0", id="nothing in a fraction"),
        pytest.param("1", "1", id="one"),
        pytest.param(1, "1", id="a number"),
        pytest.param(0.5, "500m", id="a fraction as a number"),
        pytest.param("1.5", "1500m", id="a fraction"),
        pytest.param(".5", "500m", id="a fraction without whole"),
        pytest.param("5.", "5", id="a dot without fraction"),
        pytest.param("1000m", "1", id="thousandths"),
        pytest.param("0.001", "1m", id="one thousandth"),
        pytest.param("100u", "100u", id="millionths"),
        pytest.param("1n", "1n", id="billionths"),
        pytest.param("0.1n", "1n", id="less than a billionth rounds up"),
        pytest.param("-0.1n", "-1n", id="away from zero"),
        pytest.param("1000", "1k", id="thousand"),
        pytest.param("1500", "1500", id="not a whole thousand"),
        pytest.param("1000k", "1M", id="million"),
        pytest.param("1e3", "1e3", id="exponent"),
        pytest.param("12e6", "12e6", id="exponent of millions"),
        pytest.param("1E", "1E", id="exa, not an exponent"),
        pytest.param("1Ki", "1Ki", id="kibi"),
        pytest.param("1024Ki", "1Mi", id="mebi"),
        pytest.param("1.5Gi", "1536Mi", id="a fraction of gibi"),
        pytest.param("0.5Ki", "512", id="less than one kibi"),
        pytest.param("+3", "3", id="plus"),
        pytest.param("-3Mi", "-3Mi", id="minus"),
        pytest.param("007", "7", id="leading zeros"),
    ],
)
def test_canonical_form(text, expected):
    """
    A quantity is written as the API server writes it: in the form it came in, without fractions.
    """
    assert expected == canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("m", id="no number"),
        pytest.param(".", id="a dot"),
        pytest.param("1 Gi", id="a space"),
        pytest.param("1gi", id="case"),
        pytest.param("1K", id="capital kilo"),
        pytest.param("1KI", id="capital i"),
        pytest.param("1e", id="no exponent"),
        pytest.param("1e999", id="too large"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("1_000", id="underscore"),
        pytest.param("１", id="digit of another script"),
        pytest.param("NaN", id="no number at all"),
        pytest.param("9" * 100, id="too long"),
        pytest.param("1\n", id="line"),
    ],
)
def test_what_is_no_quantity(text):
    """
    What is not a quantity is refused.
    """
    with pytest.raises(ValueError):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("1500m", "1.5", True, id="thousandths"),
        pytest.param("1Gi", "1073741824", True, id="bytes"),
        pytest.param("1G", "1Gi", False, id="decimal and binary"),
        pytest.param("1e3", "1k", True, id="exponent"),
    ],
)
def test_the_same_amount(one, other, same):
    """
    Amounts are compared, not the way they are written.
    """
    assert same is same_amount(one, other)
    assert same is (shortest(one) == shortest(other))


def test_too_many_bytes_are_capped():
    """
    A binary quantity beyond what the server can count is the most it can count.
    """
    assert parse_quantity("99999999999Ei").nanos == (2**63 - 1) * 10**9


_AMOUNTS = st.integers(-(10**21), 10**21)


@given(_AMOUNTS, st.sampled_from(Form))
def test_what_is_written_is_read_again(nanos, form):
    """
    Writing an amount and reading it gives the amount, in every form.
    """
    assume(form is not Form.BINARY or abs(nanos) < 2**62)

    assert parse_quantity(str(Quantity(nanos, form))).nanos == nanos


@given(_AMOUNTS)
def test_canonical_twice_is_canonical(nanos):
    """
    The canonical form of a canonical form is itself.
    """
    text = str(Quantity(nanos))

    assert canonical(text) == text
    assert shortest(shortest(text)) == shortest(text)
