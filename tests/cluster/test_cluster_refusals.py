"""How the server's refusals are read: its own words for each, and ours."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from cluster_kit import key, status_body

from moorage.cluster.answers import NotFound, ObjectRefused, error_of
from moorage.cluster.refusals import (
    FieldsOwned,
    FieldUnchangeable,
    NamespaceEnding,
    NamespaceMissing,
    TooLarge,
    explained,
    masked,
)
from moorage.model.errors import ClusterUnreachable, UnknownKind

POD = key("Pod", "p")
SECRET = key("Secret", "s")


def answered(code: int, message: str = "", causes: list[dict[str, str]] | None = None, **details: Any) -> Any:
    body = status_body(code, message=message, **details)
    body["details"]["causes"] = causes or []
    return error_of(code, orjson.dumps(body), "PATCH /x")


def cause(message: str, field: str = "spec.x", reason: str = "FieldValueInvalid") -> dict[str, str]:
    return {"reason": reason, "message": message, "field": field}


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("FieldValueInvalid", 'Invalid value: "x": field is immutable'),
        ("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"),
        ("FieldValueInvalid", 'Invalid value: "None": may not change once set'),
        ("FieldValueForbidden", "Forbidden: may not be changed in an update."),
        ("FieldValueForbidden", "Forbidden: pod updates may not change fields other than `spec.x`"),
        ("FieldValueInvalid", "Invalid value: {}: cannot change roleRef"),
        (
            "FieldValueForbidden",
            "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        ),
        ("FieldValueForbidden", "Forbidden: updates to parameters are forbidden."),
        (
            "FieldValueForbidden",
            "Forbidden: spec is immutable after creation except resources.requests for bound claims",
        ),
        ("FieldValueInvalid", "Invalid value: null: primary clusterIP can not be unset"),
    ],
)
def test_every_way_to_say_immutable_is_understood(reason: str, message: str) -> None:
    """
    The server has many words for a field that cannot change; each leads to the same error with the field.
    """
    found = explained(answered(422, "invalid", [cause(message, "spec.x", reason)]), POD, {})
    assert isinstance(found, FieldUnchangeable)
    assert (found.path, found.key) == ("spec.x", POD)
    assert str(found).startswith("Pod/default/p: spec.x cannot change once created; ")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        pytest.param(
            answered(422, "Pod p is invalid: spec.x: Required value", [cause("Required value")]),
            ObjectRefused,
            "Pod/default/p: Pod p is invalid: spec.x: Required value",
            id="another fault of a field",
        ),
        pytest.param(
            answered(404, "namespaces not found", kind="namespaces", name="default"),
            NamespaceMissing,
            "namespace default does not exist; create it, or set the sync option CreateNamespace=true",
            id="no namespace",
        ),
        pytest.param(
            answered(
                403, "forbidden", [cause("namespace default is being terminated", "", "NamespaceTerminating")]
            ),
            NamespaceEnding,
            "namespace default is being deleted",
            id="namespace ending",
        ),
        pytest.param(
            answered(404, "pods not found", kind="pods", name="p"), NotFound, "pods not found", id="no object"
        ),
        pytest.param(
            answered(404, "404 page not found"),
            UnknownKind,
            "no longer serves the kind Pod",
            id="no such kind",
        ),
        pytest.param(
            answered(413, "limit is 3145728"), TooLarge, "17 bytes are more", id="beyond the server"
        ),
        pytest.param(
            answered(500, "etcdserver: request is too large"), TooLarge, "17 bytes are more", id="beyond etcd"
        ),
        pytest.param(
            answered(
                409,
                "Apply failed",
                [
                    cause('conflict with "kubectl" using v1', ".spec.replicas", "FieldManagerConflict"),
                    cause('conflict with "hpa" with subresource "scale"', ".spec.x", "FieldManagerConflict"),
                ],
            ),
            FieldsOwned,
            "Pod/default/p: spec.replicas is owned by kubectl; spec.x is owned by hpa",
            id="owners",
        ),
    ],
)
def test_each_refusal_becomes_its_error(error: Any, kind: type, says: str) -> None:
    """
    The table of refusals: which error, what it says, and the server's Status kept for who needs it.
    """
    found = explained(error, POD, {"kind": "Pod"}, 17)
    assert type(found) is kind
    assert says in str(found)
    if hasattr(found, "status"):
        assert found.status.code == error.status.code


def test_what_is_no_answer_stays_as_it_is() -> None:
    """
    An error without an answer of the server is passed on untouched.
    """
    error = ClusterUnreachable("away")
    assert explained(error, POD, None) is error


@pytest.mark.parametrize(
    ("body", "message", "expected"),
    [
        ({"stringData": {"a": "hunter22"}}, "bad hunter22", "bad ***"),
        ({"stringData": {"a": "hunter22"}}, "bad aHVudGVyMjI=", "bad ***"),
        ({"data": {"a": "aHVudGVyMjI="}}, "bad hunter22 aHVudGVyMjI=", "bad *** ***"),
        ({"stringData": {"a": 'quo"te\nline'}}, 'in {"a": "quo\\"te\\nline"}', 'in {"a": "***"}'),
        ({"stringData": {"a": 4711471}}, "bad 4711471", "bad ***"),
        ({"data": "nonsense"}, "bad data", "bad data"),
        ({"stringData": {"a": "hunter22", "b": "hunter22-long"}}, "hunter22-long", "***"),
        ({}, "nothing to hide", "nothing to hide"),
    ],
)
def test_values_of_a_secret_are_masked_in_every_spelling(
    body: dict[str, Any], message: str, expected: str
) -> None:
    """
    Plain, base64 and as JSON writes it: a Secret's value is in no message, in an object or a patch.
    """
    assert masked(message, SECRET, body) == expected
    assert masked(message, POD, body) == message
