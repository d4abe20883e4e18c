"""What a view of a store hands out, and how seldom it decodes."""

from __future__ import annotations

import orjson

from moorage.cluster.live import Objects
from moorage.cluster.records import Record
from moorage.model.identity import ResourceKey

KEY = ResourceKey("", "ConfigMap", "shop", "web")


def record(version: str) -> Record:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "resourceVersion": version}}
    return Record(KEY, "u", version, 0, "v1", (), "", orjson.dumps(body))


def test_an_unchanged_object_is_decoded_once():
    """
    A later view hands out the very body the earlier one decoded, as long as the record is the same.
    """
    kept = record("1")
    first = Objects({KEY: kept}, {})
    body = first[KEY]

    assert Objects({KEY: kept}, {}, first)[KEY] is body


def test_a_changed_object_is_decoded_anew():
    """
    A view never hands out what an earlier one knew of an object that has changed since, or is gone.
    """
    first = Objects({KEY: record("1")}, {})
    assert first[KEY]["metadata"]["resourceVersion"] == "1"

    assert Objects({KEY: record("2")}, {}, first)[KEY]["metadata"]["resourceVersion"] == "2"
    assert KEY not in Objects({}, {}, first)


def test_what_was_read_from_the_server_wins():
    """
    A body that was fetched for this view stands in for whatever an earlier view held.
    """
    kept = record("1")
    first = Objects({KEY: kept}, {})
    assert first[KEY]
    fetched = {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "web", "resourceVersion": "1"}}

    assert Objects({}, {KEY: fetched}, first)[KEY] is fetched
    assert Objects({KEY: kept}, {KEY: fetched}, first)[KEY] is fetched
