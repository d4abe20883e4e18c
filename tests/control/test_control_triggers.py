"""Which changes of an Application ask for a pass."""

from __future__ import annotations

from typing import Any

import pytest
from control_bodies import application

from moorage.control.board import decode
from moorage.control.queue import Depth
from moorage.control.triggers import Wish, wish_of

REFRESH = "argocd.argoproj.io/refresh"
OTHER_SOURCE = {"repoURL": "https://git.example.com/shop.git", "path": "other"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(None, application(), Wish(Depth.REVISION), id="new"),
        pytest.param(application(), None, Wish(Depth.LIVE), id="gone"),
        pytest.param(
            application(), application(uid="u-2"), Wish(Depth.REVISION), id="deleted and declared again"
        ),
        pytest.param(
            application(), application(status={"sync": {"status": "Synced"}}), None, id="our own status"
        ),
        pytest.param(
            application(), application(source=OTHER_SOURCE), Wish(Depth.REVISION), id="another source"
        ),
        pytest.param(
            application(), application(syncPolicy={"automated": {}}), Wish(Depth.LIVE), id="another policy"
        ),
        pytest.param(
            application(),
            application(operation={"sync": {}}),
            Wish(Depth.REVISION, urgent=True),
            id="a sync asked for",
        ),
        pytest.param(application(operation={"sync": {}}), application(), None, id="the request taken away"),
        pytest.param(
            application(),
            application(annotations={REFRESH: "normal"}),
            Wish(Depth.REVISION, urgent=True),
            id="refresh",
        ),
        pytest.param(
            application(),
            application(annotations={REFRESH: "hard"}),
            Wish(Depth.HARD, urgent=True),
            id="hard refresh",
        ),
        pytest.param(application(annotations={REFRESH: "hard"}), application(), None, id="refresh answered"),
        pytest.param(
            application(status={"operationState": {"phase": "Running"}}),
            application(status={"operationState": {"phase": "Terminating"}}),
            Wish(Depth.LIVE, urgent=True),
            id="terminated",
        ),
        pytest.param(application(), application(source="nonsense"), Wish(Depth.LIVE), id="broken"),
        pytest.param(application(source="nonsense"), application(), Wish(Depth.REVISION), id="mended"),
    ],
)
def test_changes_ask_for_passes(before: Any, after: Any, expected: Wish | None) -> None:
    """
    A pass is asked for by what people change, as deep as needed, and never by our own writes.
    """
    assert wish_of(before and decode(before), after and decode(after)) == expected
