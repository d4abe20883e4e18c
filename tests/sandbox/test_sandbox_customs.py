"""What custom kinds may rely on: definitions become kinds at once, with everything they declare."""

from __future__ import annotations

import copy

import pytest
from sandbox_client import APPLY, MERGE, SPACE, STRATEGIC, Client

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/harbour.example"
BOATS = f"{GROUP}/v1/namespaces/shop/boats"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "colour": {"type": "string", "default": "red", "enum": ["red", "blue"]},
                "crew": {"type": "integer"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                    },
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {"crew": {"type": "integer"}, "afloat": {"type": "boolean"}},
        },
    },
}
VERSION = {
    "name": "v1",
    "served": True,
    "storage": True,
    "schema": {"openAPIV3Schema": SCHEMA},
    "subresources": {
        "status": {},
        "scale": {"specReplicasPath": ".spec.crew", "statusReplicasPath": ".status.crew"},
    },
    "additionalPrinterColumns": [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
    ],
}


def definition(*versions):
    """Return the definition of boats."""
    names = {
        "plural": "boats",
        "singular": "boat",
        "kind": "Boat",
        "shortNames": ["bo"],
        "categories": ["all"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.harbour.example"},
        "spec": {
            "group": "harbour.example",
            "scope": "Namespaced",
            "names": names,
            "versions": list(versions or [VERSION]),
        },
    }


def boat(name="anna", version="v1", **spec):
    """Return a boat of size 3."""
    return {
        "apiVersion": f"harbour.example/{version}",
        "kind": "Boat",
        "metadata": {"name": name},
        "spec": {"size": 3, **spec},
    }


async def define(client, *versions):
    answer = await client.ask("POST", DEFINITIONS, definition(*versions))
    assert answer.status == 201, answer.body
    return answer


async def test_new_kind_is_served_at_once():
    """
    The answer to the definition is the moment from which discovery, OpenAPI and the paths know the kind.
    """
    async with Client() as client:
        before = await client.get(BOATS)
        await define(client)
        kinds = await client.get(f"{GROUP}/v1")
        groups = await client.get("/apis")
        schemas = await client.get("/openapi/v3/apis/harbour.example/v1")
        listed = await client.get(BOATS)
        held = await client.get(f"{DEFINITIONS}/boats.harbour.example")

    assert before.status == 404
    assert [each["name"] for each in kinds.body["resources"]] == ["boats", "boats/scale", "boats/status"]
    assert kinds.body["resources"][0]["shortNames"] == ["bo"]
    assert "harbour.example" in [each["name"] for each in groups.body["groups"]]
    assert "example.harbour.v1.Boat" in schemas.body["components"]["schemas"]
    assert (listed.status, listed.body["kind"], listed.names) == (200, "BoatList", [])
    conditions = {each["type"]: each["status"] for each in held.body["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


async def test_unknown_fields_are_pruned_and_absent_ones_filled():
    """
    What the schema does not know is dropped unless it is kept on purpose; defaults reach into list items.
    """
    async with Client() as client:
        await define(client)
        made = await client.ask(
            "POST", BOATS, boat(sail=True, free={"any": 1}, ports=[{"name": "a", "x": 1}])
        )
        strict = await client.ask("POST", BOATS, boat("berta", sail=True), fieldValidation="Strict")

    expected = {"size": 3, "colour": "red", "free": {"any": 1}, "ports": [{"name": "a", "days": 1}]}
    assert made.body["spec"] == expected
    assert "warning" in made.headers
    assert strict.status == 400
    assert 'unknown field "spec.sail"' in strict.body["message"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": 10}, "spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"),
        ({"size": "big"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer'),
        ({"colour": "pink"}, 'spec.colour: Unsupported value: "pink": supported values: "red", "blue"'),
        ({"ports": [{}]}, "spec.ports[0].name: Required value"),
        ({"ports": [{"name": "a"}, {"name": "a"}]}, 'spec.ports[1]: Duplicate value: {"name":"a"}'),
    ],
)
async def test_invalid_objects_are_refused_with_every_reason(spec, message):
    """
    The refusal of an object that breaks its schema names the field and the rule, as a real server does.
    """
    async with Client() as client:
        await define(client)
        refused = await client.ask("POST", BOATS, boat(**spec))

    assert refused.status == 422
    assert message in refused.body["message"]


async def test_status_and_spec_have_doors_of_their_own():
    """
    A write to the object leaves the status alone, a write to the status leaves all else alone, generation counts specs.
    """
    async with Client() as client:
        await define(client)
        made = await client.ask("POST", BOATS, {**boat(), "status": {"afloat": True}})
        patch = {"spec": {"size": 9}, "status": {"afloat": True}}
        told = await client.ask("PATCH", f"{BOATS}/anna/status", patch, MERGE)
        changed = await client.ask("PATCH", f"{BOATS}/anna", {**patch, "status": {"afloat": False}}, MERGE)

    assert "status" not in made.body
    assert (told.body["spec"]["size"], told.body["status"], told.body["metadata"]["generation"]) == (
        3,
        {"afloat": True},
        1,
    )
    assert (changed.body["spec"]["size"], changed.body["status"]) == (9, {"afloat": True})
    assert changed.body["metadata"]["generation"] == 2


async def test_scale_reads_and_writes_the_declared_paths():
    """
    The scale of a custom kind shows and sets the fields the definition names.
    """
    async with Client() as client:
        await define(client)
        await client.ask("POST", BOATS, boat(crew=2))
        await client.ask("PATCH", f"{BOATS}/anna/status", {"status": {"crew": 1}}, MERGE)
        shown = await client.get(f"{BOATS}/anna/scale")
        await client.ask("PATCH", f"{BOATS}/anna/scale", {"spec": {"replicas": 5}}, MERGE)
        changed = await client.get(f"{BOATS}/anna")

    assert (shown.body["kind"], shown.body["spec"], shown.body["status"]["replicas"]) == (
        "Scale",
        {"replicas": 2},
        1,
    )
    assert changed.body["spec"]["crew"] == 5


async def test_printer_columns_make_the_table():
    """
    A table of a custom kind has the declared columns after the name.
    """
    async with Client() as client:
        await define(client)
        await client.ask("POST", BOATS, boat())
        accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        _, _, body = await client.sandbox.handle("GET", BOATS, "", accept)

    assert b'"cells":["anna",3,"red"]' in body
    assert b'"name":"Size"' in body


async def test_apply_merges_lists_by_their_keys():
    """
    Two managers each keep their own items of a list that is a map by the schema; strategic patches are refused.
    """
    async with Client() as client:
        await define(client)
        for manager, port in (("first", "a"), ("second", "b")):
            body = {**boat(), "spec": {"size": 3, "ports": [{"name": port}]}}
            await client.ask("PATCH", f"{BOATS}/anna", body, APPLY, fieldManager=manager)
        both = await client.get(f"{BOATS}/anna")
        refused = await client.ask("PATCH", f"{BOATS}/anna", {"spec": {}}, STRATEGIC)

    assert [each["name"] for each in both.body["spec"]["ports"]] == ["a", "b"]
    assert refused.status == 415


async def test_versions_show_one_object():
    """
    An object written in one version is read in the other; a version that is not served is not there.
    """
    second = {**copy.deepcopy(VERSION), "name": "v2", "storage": False}
    third = {**copy.deepcopy(VERSION), "name": "v3", "storage": False, "served": False}
    async with Client() as client:
        await define(client, VERSION, second, third)
        await client.ask("POST", BOATS, boat())
        other = await client.get(BOATS.replace("/v1/", "/v2/") + "/anna")
        unserved = await client.get(BOATS.replace("/v1/", "/v3/"))
        groups = await client.get(GROUP)

    assert other.body["apiVersion"] == "harbour.example/v2"
    assert unserved.status == 404
    assert [each["version"] for each in groups.body["versions"]] == ["v2", "v1"]


async def test_changed_definition_counts_at_once():
    """
    A definition that changes is what the next request is judged by.
    """
    wider = copy.deepcopy(VERSION)
    wider["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["sail"] = {"type": "boolean"}
    async with Client() as client:
        await define(client)
        before = await client.ask("POST", BOATS, boat("a", sail=True))
        patch = {"spec": {"versions": [wider]}}
        await client.ask("PATCH", f"{DEFINITIONS}/boats.harbour.example", patch, MERGE)
        after = await client.ask("POST", BOATS, boat("b", sail=True))

    assert ("sail" in before.body["spec"], "sail" in after.body["spec"]) == (False, True)


async def test_deleted_definition_takes_its_objects():
    """
    The objects of a deleted definition go first, watched to the end, then the kind; finalizers hold both.
    """
    async with Client() as client:
        await define(client)
        held = boat("held")
        held["metadata"]["finalizers"] = ["moorage.dev/held"]
        for body in (boat("plain"), held):
            await client.ask("POST", BOATS, body)
        listed = await client.get(BOATS)
        crd = f"{DEFINITIONS}/boats.harbour.example"
        async with client.watch(BOATS, resourceVersion=listed.version) as boats:
            await client.ask("DELETE", crd)
            told = [await boats.names(1)]
            while told[-1] != [("DELETED", "plain")]:
                told.append(await boats.names(1))
        left, waiting = await client.get(BOATS), await client.get(crd)
        refused = await client.ask("POST", BOATS, boat("late"))
        async with client.watch(DEFINITIONS, fieldSelector="metadata.name=boats.harbour.example") as crds:
            await crds.next()
            await client.ask("PATCH", f"{BOATS}/held", {"metadata": {"finalizers": None}}, MERGE)
            while (await crds.next())[0] != "DELETED":
                pass
        gone = [(await client.get(path)).status for path in (crd, BOATS, f"{GROUP}/v1")]
        space = await client.get(SPACE)

    assert left.names == ["held"]
    assert "customresourcecleanup.apiextensions.k8s.io" in waiting.body["metadata"]["finalizers"]
    assert (refused.status, refused.body["reason"]) == (405, "MethodNotAllowed")
    assert gone == [404, 404, 404]
    assert space.status == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"name": "ships.harbour.example"}}, "metadata.name"),
        ({"scope": "Everywhere"}, "scope"),
        ({"versions": []}, "versions"),
    ],
)
async def test_wrong_definitions_are_refused(change, message):
    """
    A definition that could not be served is refused, with the field that is wrong.
    """
    wrong = definition()
    for name, value in change.items():
        (wrong if name == "metadata" else wrong["spec"])[name] = value
    async with Client() as client:
        refused = await client.ask("POST", DEFINITIONS, wrong)

    assert refused.status == 422
    assert message in refused.body["message"]
