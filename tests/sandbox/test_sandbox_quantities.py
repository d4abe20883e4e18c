"""Quantities are written back in the form the API server gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.sandbox.quantities import NotAQuantity, amount, canonical

CASES = {
    "1000m": "1",
    "0.5": "500m",
    "1024Mi": "1Gi",
    "1000Mi": "1000Mi",
    "1.5Gi": "1536Mi",
    "0.1Gi": "107374182400m",
    "2000": "2k",
    "1e3": "1e3",
    "12e6": "12e6",
    "100m": "100m",
    "0": "0",
    "0Mi": "0",
    "128974848": "128974848",
    "129M": "129M",
    "0.5Ki": "512",
    "1Ki": "1Ki",
    "-1.5": "-1500m",
    "+3": "3",
    ".5": "500m",
    "5.": "5",
    "0.1m": "100u",
}


@pytest.mark.parametrize(("written", "stored"), CASES.items())
def test_canonical_form(written, stored):
    """
    No fraction, the largest suffix of its family, nothing lost.
    """
    assert stored == canonical(written)


@pytest.mark.parametrize("text", ["", "-", "1Kii", "1 Gi", "abc", "1e", "0x10", "1.2.3", "Mi", "1e99", "٣"])
def test_other_texts_are_refused(text):
    """
    What is no quantity is refused, never guessed at.
    """
    with pytest.raises(NotAQuantity):
        canonical(text)


@given(
    st.integers(-(10**6), 10**6),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi"]),
)
def test_canonical_form_is_stable_and_means_the_same(number, suffix):
    """
    The canonical form of a canonical form is itself, and both mean the same amount.
    """
    once = canonical(f"{number}{suffix}")

    assert once == canonical(once)
    assert amount(f"{number}{suffix}") == pytest.approx(amount(once))
