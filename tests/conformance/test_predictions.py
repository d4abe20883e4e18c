"""The engine's promise: what it predicts is what a dry-run apply of a real API server returns."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance import definitions
from tests.conformance.cases.words import PLACES
from tests.conformance.exchange import APPLY, JSON, MERGE, STRATEGIC, Answer, Request, Server
from tests.conformance.pairs import KINDS, MANAGER, Story, story
from tests.conformance.servers import create_namespace

from moorage.engine.merge.jsonpatch import PatchFailed
from moorage.engine.merge.lastapplied import last_applied
from moorage.engine.merge.schema import Schema, Schemas
from moorage.engine.merge.strategic import three_way_strategic
from moorage.engine.normalize import normalize
from moorage.engine.predict import predict_apply, predict_client_side
from moorage.sandbox.defaults import default
from moorage.sandbox.structural import StructuralRules

PAIRS = 3000
CLIENT_SIDE_PAIRS = 800
AT_ONCE = 24
BOOKS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")

_WIDGETS = StructuralRules(
    definitions.WIDGETS["spec"]["versions"][0]["schema"]["openAPIV3Schema"], preserve=False
)

Judge = Callable[[Server, str, Story, Any, Schema], Awaitable[str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def schemas(real: Server) -> dict[str, Schema]:
    """Return the schemas of the kinds of `pairs`, as the real server publishes them."""
    found: dict[str, Schema] = {}
    for _, group, version, kind, _ in KINDS:
        path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
        answer = await real.ask(Request("GET", path, until=200))
        schema = Schemas(answer.body).of(group, version, kind)
        assert schema is not None, kind
        found[kind] = schema
    return found


@pytest.mark.timeout(300)
async def test_server_side_apply_is_predicted(real: Server, schemas: dict[str, Schema], prefix: str) -> None:
    """
    For thousands of histories, the predicted object is what a forced dry-run server-side apply returns.
    """
    stories = [story(seed) for seed in range(PAIRS)]

    verdicts = await judge_all(real, f"{prefix}-apply", stories, schemas, server_side_verdict)

    assert_right(verdicts, least=PAIRS * 9 // 10)


@pytest.mark.timeout(300)
async def test_client_side_apply_is_predicted(real: Server, schemas: dict[str, Schema], prefix: str) -> None:
    """
    For objects made by `kubectl apply`, the predicted object is what the server makes of our patch.
    """
    stories = [story(seed, client_side=True) for seed in range(CLIENT_SIDE_PAIRS)]
    stories = [each for each in stories if each.kind != "Widget"]

    verdicts = await judge_all(real, f"{prefix}-client", stories, schemas, client_side_verdict)

    assert_right(verdicts, least=len(stories) * 9 // 10)


def assert_right(verdicts: Counter[str], least: int) -> None:
    """Fail when a prediction was wrong, or too few were made."""
    wrong = [words for words in verdicts if words not in ("right", "refused")]
    assert not wrong, f"{verdicts['right']} right, {len(wrong)} wrong\n" + "\n".join(sorted(wrong)[:20])
    assert verdicts["right"] >= least


async def judge_all(
    real: Server, namespace: str, stories: list[Story], schemas: dict[str, Schema], judge: Judge
) -> Counter[str]:
    """Return how many stories had which verdict: right, refused by the server, or what is wrong."""
    await create_namespace(real, namespace)
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(told: Story) -> str:
        async with limit:
            live = await _live(real, namespace, told)
            if live is None:
                return "refused"
            return await judge(real, namespace, told, live, schemas[told.kind])

    verdicts = await asyncio.gather(*map(one, stories))
    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    return Counter(verdicts)


async def _live(real: Server, namespace: str, told: Story) -> Any:
    live = None
    for manager, body, how in told.writes:
        if how == "create":
            answer = await real.ask(
                Request("POST", place_of(namespace, told), body, JSON, {"fieldManager": manager})
            )
        else:
            kind = MERGE if how == "merge" else APPLY
            query = {"fieldManager": manager} | ({} if how == "merge" else {"force": "true"})
            answer = await real.ask(
                Request("PATCH", place_of(namespace, told, named=True), body, kind, query)
            )
        if answer.status >= 300:
            return None
        live = answer.body
    return live


async def server_side_verdict(real: Server, namespace: str, told: Story, live: Any, schema: Schema) -> str:
    """Return whether a forced dry-run apply returns what is predicted."""
    query = {"fieldManager": MANAGER, "force": "true", "dryRun": "All"}
    answer = await real.ask(
        Request("PATCH", place_of(namespace, told, named=True), told.target, APPLY, query)
    )
    return _verdict(
        told, live, answer, lambda: predict_apply(live, told.target, manager=MANAGER, schema=schema)
    )


async def client_side_verdict(real: Server, namespace: str, told: Story, live: Any, schema: Schema) -> str:
    """Return whether the server makes of our patch what is predicted."""
    try:
        patch = three_way_strategic(last_applied(live), told.target, live, schema)
    except PatchFailed:
        return "refused"
    query = {"fieldManager": "kubectl-client-side-apply", "dryRun": "All"}
    answer = await real.ask(Request("PATCH", place_of(namespace, told, named=True), patch, STRATEGIC, query))
    return _verdict(told, live, answer, lambda: predict_client_side(live, told.target, schema))


def _verdict(told: Story, live: Any, answer: Answer, predict: Callable[[], Any]) -> str:
    if answer.status >= 300:
        return "refused"
    # Comparing normalizes both sides: an empty list and none are one to the server.
    predicted, real = normalize(_bare(_completed(predict()))), normalize(_bare(answer.body))
    if predicted == real:
        return "right"
    return f"{told.kind} {told.target['metadata']['name']}: {_first_difference(real, predicted)}"


def _completed(body: Any) -> Any:
    # Default values are the server's to say, also where a field has just been let go.
    copy = json.loads(json.dumps(body))
    if copy["kind"] != "Widget":
        return default(copy)
    _WIDGETS.default(copy)
    return copy


def _bare(body: Any) -> Any:
    meta = {key: value for key, value in body["metadata"].items() if key not in BOOKS and value != {}}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": meta}


def _first_difference(real: Any, predicted: Any, place: str = "") -> str:
    if isinstance(real, dict) and isinstance(predicted, dict):
        for key in sorted(real.keys() | predicted.keys()):
            if real.get(key, ...) != predicted.get(key, ...):
                return _first_difference(
                    real.get(key, "<absent>"), predicted.get(key, "<absent>"), f"{place}.{key}"
                )
    return f"{place} is {json.dumps(real)[:300]}, predicted {json.dumps(predicted)[:300]}"


def place_of(namespace: str, told: Story, *, named: bool = False) -> str:
    """Return the path of the objects of a story, or of its own one."""
    known = PLACES.get(told.plural, f"/apis/{told.group}/{told.version}/namespaces/{{ns}}/{told.plural}")
    collection = known.replace("{ns}", namespace)
    return f"{collection}/{told.target['metadata']['name']}" if named else collection
