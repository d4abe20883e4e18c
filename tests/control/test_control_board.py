"""What is known of Applications, whichever of watch and answer comes first."""

from __future__ import annotations

from typing import Any

from control_bodies import application

from moorage.control.board import Board
from moorage.model.application import Application
from moorage.model.identity import AppKey

KEY = AppKey("argocd", "shop")


def at(version: int) -> dict[str, Any]:
    body = application()
    body["metadata"]["resourceVersion"] = str(version)
    return body


def version(board: Board) -> str | None:
    entry = board.applications.get(KEY)
    return entry.resource_version if isinstance(entry, Application) else None


def test_an_answer_is_known_before_the_watch_tells_it() -> None:
    """
    The answer to a write is taken over at once, and an older event after it is not.
    """
    board = Board("argocd")
    board.application_seen(at(7), KEY)

    board.answer_seen(at(9), KEY)
    board.application_seen(at(8), KEY)

    assert version(board) == "9"


def test_an_answer_brings_nobody_back() -> None:
    """
    An Application whose end the watch has told stays gone when the answer to our last write comes after it.
    """
    told: list[bool] = []
    board = Board("argocd", on_application=lambda key, before, after: told.append(after is not None))
    board.application_seen(at(7), KEY)

    board.application_seen(None, KEY)
    board.answer_seen(at(8), KEY)

    assert board.applications == {}
    assert told == [True, False]
