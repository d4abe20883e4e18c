"""Which parts of a status are kept, because they are as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.control.shapes import STATUS, fitting, misfit

GOOD: dict[str, Any] = {
    "operationState": {
        "startedAt": "2026-11-25T10:00:00Z",
        "phase": "Running",
        "retryCount": 2,
        "operation": {"retry": {"limit": 3, "backoff": {"duration": "5s"}}, "sync": {"prune": True}},
        "syncResult": {"resources": [{"kind": "Job", "images": ["a:1"], "unread": {"x": 1}}]},
    },
    "history": [{"id": 0, "revision": "abc"}],
    "conditions": [{"type": "SyncError", "message": "no", "lastTransitionTime": "any text"}],
    "resources": [{"kind": "Job", "name": "a", "syncWave": 3}],
    "sync": {"status": "Synced", "comparedTo": {"source": {"repoURL": "x"}}},
    "unknown": 7,
}


def test_what_is_as_it_is_written_is_kept() -> None:
    """
    A status of known shape stays whole, with members and parts that nobody reads.
    """
    assert fitting(GOOD) == GOOD
    assert fitting({"operationState": None, "resources": []}) == {"operationState": None, "resources": []}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("operationState", {"startedAt": "yesterday"}),
        ("operationState", {"startedAt": "2026-11-25T10:00:00"}),
        ("operationState", {"retryCount": 1.5}),
        ("operationState", {"retryCount": True}),
        ("operationState", {"retryCount": 2**31}),
        ("operationState", {"operation": {"retry": {"backoff": {"duration": "soon"}}}}),
        ("operationState", {"syncResult": {"resources": [{"images": ["a", 7]}]}}),
        ("operationState", "Running"),
        ("history", [{"id": "0"}]),
        ("resources", [None]),
        ("resources", {"kind": "Job"}),
        ("resources", [{"kind": 7}]),
        ("summary", {"images": "a:1"}),
    ],
)
def test_what_is_not_is_left_out(part: str, value: Any) -> None:
    """
    A part that somebody wrote in another shape is dropped whole, and the others stay.
    """
    assert fitting({**GOOD, part: value}) == {name: v for name, v in GOOD.items() if name != part}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["startedAt", "operation", "sync", "resources", "id", "kind", "images", "retry"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(_json, st.sampled_from(sorted(STATUS)))
def test_the_quick_answer_is_the_exact_one(value: Any, part: str) -> None:
    """
    A part is kept exactly when nothing of it would be told as a misfit.
    """
    assert (part in fitting({part: value})) == (misfit(value, STATUS[part], part) == "")
