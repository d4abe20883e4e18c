"""What people read of an observation beside its comparison."""

from __future__ import annotations

import pytest
from tests.control.control_bodies import application

from moorage.control.decode import decode_application
from moorage.control.observing import Notebook
from moorage.control.views import conditions_of
from moorage.model.identity import GroupKind
from moorage.model.states import Comparison, LiveState, SyncStatus, TargetState


@pytest.mark.parametrize(
    ("why", "says"),
    [
        (
            "https://c cannot be reached: it closed the connection",
            "the watch of ConfigMap is not complete: https://c cannot be reached: it closed the connection;"
            " nothing is pruned or healed on its word",
        ),
        ("", "the watch of ConfigMap is not complete; nothing is pruned or healed on its word"),
    ],
)
def test_a_kind_that_is_not_known_is_named_with_the_reason(why: str, says: str) -> None:
    """
    What is not known of a cluster is told with what keeps it from being known, where that was said.
    """
    app = decode_application(application())
    live = LiveState({}, gaps=frozenset({GroupKind("", "ConfigMap")}), why=why)

    found = conditions_of(app, TargetState(app.key, "", ()), live, Comparison(SyncStatus.UNKNOWN), Notebook())

    assert [f"LiveStateUnknown: {says}"] == [condition.message for condition in found]
