"""What nobody thought of: random objects of real schemas, predicted, and asked of both servers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance.agreement import disagreements
from tests.conformance.differences import explained
from tests.conformance.exchange import APPLY, JSON, Answer, Case, Request, Server
from tests.conformance.generated import KINDS, collect, named, stories
from tests.conformance.pairs import Story
from tests.conformance.servers import play_all
from tests.conformance.test_predictions import (
    assert_right,
    client_side_verdict,
    judge_all,
    place_of,
    server_side_verdict,
)

from moorage.engine.merge.schema import Schema, Schemas

SERVER_SIDE = 1600
CLIENT_SIDE = 600
BOTH_SERVERS = 500


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def published(real: Server) -> dict[str, Any]:
    """Return all definitions of the kinds that are drawn, as the real server publishes them."""
    found: dict[str, Any] = {}
    for group, version in dict.fromkeys((kind.group, kind.version) for kind in KINDS):
        path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
        found |= (await real.ask(Request("GET", path, until=200))).body["components"]["schemas"]
    return found


@pytest.fixture(scope="session")
def kinds(published: dict[str, Any]) -> dict[str, Schema]:
    """Return the schemas of the kinds that are drawn."""
    schemas = Schemas(published)
    found = {kind.kind: schemas.of(kind.group, kind.version, kind.kind) for kind in KINDS}
    assert None not in found.values()
    return {kind: schema for kind, schema in found.items() if schema is not None}


@pytest.mark.timeout(300)
async def test_applies_of_random_objects_are_predicted(
    real: Server, published: dict[str, Any], kinds: dict[str, Schema], prefix: str
) -> None:
    """
    Whatever fields of a real schema an object has, a forced server-side apply does what is predicted.
    """
    told = _numbered(collect(published, SERVER_SIDE, stories), "s")

    verdicts = await judge_all(real, f"{prefix}-drawn", told, kinds, server_side_verdict)

    assert_right(verdicts, least=SERVER_SIDE // 3)


@pytest.mark.timeout(300)
async def test_client_side_applies_of_random_objects_are_predicted(
    real: Server, published: dict[str, Any], kinds: dict[str, Schema], prefix: str
) -> None:
    """
    Whatever fields of a real schema an object made by `kubectl apply` has, the next apply does what is predicted.
    """
    drawn = collect(published, CLIENT_SIDE, lambda schemas: stories(schemas, client_side=True))
    told = [each for each in _numbered(drawn, "c") if each.kind != "Widget"]

    verdicts = await judge_all(real, f"{prefix}-sent", told, kinds, client_side_verdict)

    assert_right(verdicts, least=CLIENT_SIDE // 3)


@pytest.mark.timeout(300)
async def test_both_servers_make_the_same_of_random_writes(
    real: Server, sandbox: Server, published: dict[str, Any], prefix: str
) -> None:
    """
    What a real server takes, the sandbox takes, and both make the same object and the same owners of it.
    """
    cases = [_case(number, each) for number, each in enumerate(collect(published, BOTH_SERVERS, stories))]
    theirs = await play_all(real, cases, f"{prefix}-g")
    ours = await play_all(sandbox, cases, f"{prefix}-g")

    found: list[str] = []
    compared = Counter[str]()
    for case in cases:
        taken = _taken(theirs[case.id])
        compared["taken"] += taken == len(case.requests)
        shorter = Case(case.topic, case.name, case.requests[:taken])
        told = disagreements(shorter, theirs[case.id][:taken], ours[case.id][:taken])
        found += [str(each) for each in told[:3] if explained(each) is None]

    assert not found, f"{len(found)} places\n" + "\n".join(found[:40])
    assert compared["taken"] >= BOTH_SERVERS // 3


def _numbered(told: list[Story], letter: str) -> list[Story]:
    return [named(each, f"{letter}{number}") for number, each in enumerate(told)]


def _taken(answers: list[Answer]) -> int:
    """Return how many of the first answers are no refusals: what a server refuses, the sandbox may take."""
    return next((index for index, each in enumerate(answers) if each.status >= 300), len(answers))


def _case(number: int, story: Story) -> Case:
    requests = []
    for manager, body, how in story.writes:
        if how == "create":
            requests.append(Request("POST", place_of("{ns}", story), body, JSON, {"fieldManager": manager}))
        else:
            requests.append(_apply(story, manager, body))
    requests.append(_apply(story, "moorage", story.target))
    return Case("drawn", f"{number}: {story.kind}", tuple(requests))


def _apply(story: Story, manager: str, body: Any) -> Request:
    query = {"fieldManager": manager, "force": "true"}
    return Request("PATCH", place_of("{ns}", story, named=True), body, APPLY, query)
