"""The engine's promise: what it predicts is what a dry-run apply of a real API server returns."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance import definitions, material
from tests.conformance.cases.words import PLACES
from tests.conformance.exchange import APPLY, JSON, MERGE, Answer, Request, Server
from tests.conformance.pairs import KINDS, MANAGER, Story, story
from tests.conformance.servers import create_namespace

from moorage.cluster.threeway import BUILT_IN_GROUPS, three_way
from moorage.engine.merge.jsonpatch import PatchFailed
from moorage.engine.merge.schema import Schema, Schemas
from moorage.engine.normalize import normalize
from moorage.engine.predict import predict_apply, predict_client_side
from moorage.sandbox.defaults import default
from moorage.sandbox.structural import StructuralRules

PAIRS = 3000
CLIENT_SIDE_PAIRS = 800
EDITED = 2400
EDITED_CLIENT_SIDE = 1200
AT_ONCE = 24
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BOOKS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")

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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def defined(real: Server) -> AsyncIterator[dict[str, Schema]]:
    """Have the real server serve the kinds of `material`; give the schemas of all kinds there, as it publishes them."""
    for definition in material.definitions():
        await real.ask(Request("POST", CRDS, definition))
    found: dict[str, Schema] = {}
    for group, version, kind in material.kinds():
        path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
        schema = None
        while schema is None:  # a new kind is published when the server gets round to it
            answer = await real.ask(Request("GET", path, until=200))
            schema = Schemas(answer.body).of(group, version, kind)
        found[kind] = schema
    yield found
    for definition in material.definitions():
        await real.ask(Request("DELETE", f"{CRDS}/{definition['metadata']['name']}"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("client_side", [False, True], ids=["server-side", "client-side"])
async def test_applies_of_edited_manifests_are_predicted(
    real: Server, defined: dict[str, Schema], prefix: str, client_side: bool
) -> None:
    """
    Manifests as people have them, edited as people do, become what is predicted: ours, and real ones where they are.
    """
    count = EDITED_CLIENT_SIDE if client_side else EDITED
    stories = [material.edited_story(seed, client_side=client_side) for seed in range(count)]
    judge = client_side_verdict if client_side else server_side_verdict

    namespace = f"{prefix}-edited-{'c' if client_side else 's'}"
    verdicts = await judge_all(real, namespace, stories, defined, judge)

    for told in stories:
        if "{ns}" not in told.place:
            await real.ask(Request("DELETE", place_of(namespace, told, named=True)))
    assert_right(verdicts, least=count // 2)


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
    known = schema if told.group in BUILT_IN_GROUPS else None
    try:
        patch, content_type = three_way(told.target, live, known)
    except PatchFailed:
        return "refused"
    query = {"fieldManager": "kubectl-client-side-apply", "fieldValidation": "Strict", "dryRun": "All"}
    path = place_of(namespace, told, named=True)
    answer = await real.ask(Request("PATCH", path, patch, content_type, query))
    return _verdict(told, live, answer, lambda: predict_client_side(live, told.target, known))


def _verdict(told: Story, live: Any, answer: Answer, predict: Callable[[], Any]) -> str:
    if answer.status >= 300:
        return "refused"
    # Comparing normalizes both sides: an empty list and none are one to the server.
    predicted, real = normalize(_bare(_completed(predict()))), normalize(_bare(answer.body))
    if predicted == _without_fresh_ports(real, predicted):
        return "right"
    return f"{told.kind} {told.target['metadata']['name']}: {_first_difference(real, predicted)}"


def _without_fresh_ports(real: Any, predicted: Any) -> Any:
    """Return a Service without node ports that nobody asked for and that were given out just now."""
    if real["kind"] != "Service" or len(real["spec"].get("ports", ())) != len(
        predicted["spec"].get("ports", ())
    ):
        return real
    ports = [
        one if "nodePort" in other else {key: value for key, value in one.items() if key != "nodePort"}
        for one, other in zip(real["spec"].get("ports", ()), predicted["spec"].get("ports", ()), strict=True)
    ]
    return {**real, "spec": {**real["spec"], "ports": ports}} if ports else real


def _completed(body: Any) -> Any:
    # Default values are the server's to say, also where a field has just been let go.
    copy = json.loads(json.dumps(body))
    rules = _structural().get((copy["apiVersion"], copy["kind"]))
    if rules is None:
        return default(copy)
    rules.default(copy)
    return copy


@functools.cache
def _structural() -> dict[tuple[str, str], StructuralRules]:
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): StructuralRules(
            version["schema"]["openAPIV3Schema"], preserve=False
        )
        for spec in (each["spec"] for each in (definitions.WIDGETS, *material.definitions()))
        for version in spec["versions"]
    }


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
    usual = f"/apis/{told.group}/{told.version}/namespaces/{{ns}}/{told.plural}"
    known = told.place or PLACES.get(told.plural, usual)
    collection = known.replace("{ns}", namespace)
    return f"{collection}/{told.target['metadata']['name']}" if named else collection
