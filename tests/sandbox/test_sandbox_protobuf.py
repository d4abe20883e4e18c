"""Bodies sent as protobuf: read as the JSON they stand for, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.sandbox import kinds, protobuf
from moorage.sandbox.answers import Failure


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def text(number: int, value: str | bytes) -> bytes:
    """Return a field of text or of a message."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value % (1 << 64))


def sent(api_version: str, kind: str, body: bytes) -> bytes:
    """Return an object as a client sends it."""
    return b"k8s\x00" + text(1, text(1, api_version) + text(2, kind)) + text(2, body)


METADATA = text(1, text(1, "web") + text(11, text(1, "app") + text(2, "web")))


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "expected"),
    [
        pytest.param("v1", "Namespace", b"", {}, id="nothing"),
        pytest.param("v1", "ConfigMap", text(2, text(1, "a") + text(2, "b")), {"data": {"a": "b"}}, id="map"),
        pytest.param(
            "v1", "Secret", text(2, text(1, "a") + text(2, b"\x00\xff")), {"data": {"a": "AP8="}}, id="bytes"
        ),
        pytest.param(
            "v1",
            "Service",
            text(2, text(1, integer(3, 80) + text(4, integer(1, 1) + text(3, "http")))),
            {"spec": {"ports": [{"port": 80, "targetPort": "http"}]}},
            id="number or text",
        ),
        pytest.param(
            "v1",
            "Pod",
            text(2, text(1, text(1, "data") + text(2, text(2, b"")))),
            {"spec": {"volumes": [{"name": "data", "emptyDir": {}}]}},
            id="embedded message",
        ),
        pytest.param(
            "batch/v1", "Job", text(2, integer(3, -1)), {"spec": {"activeDeadlineSeconds": -1}}, id="negative"
        ),
        pytest.param(
            "v1",
            "ResourceQuota",
            text(2, text(1, text(1, "pods") + text(2, text(1, "3")))),
            {"spec": {"hard": {"pods": "3"}}},
            id="quantity",
        ),
        pytest.param("v1", "ConfigMap", text(99, "of the future"), {}, id="unknown field"),
    ],
)
def test_messages_become_json(api_version, kind, body, expected):
    """
    Each form a field can have is read into the JSON a client would have sent otherwise.
    """
    found = protobuf.decode(sent(api_version, kind, METADATA + body))

    metadata = {"name": "web", "labels": {"app": "web"}}
    assert found == {"kind": kind, "apiVersion": api_version, "metadata": metadata, **expected}


def test_every_kind_has_its_message():
    """
    No built-in kind is one that kubectl could send and the sandbox could not read.
    """
    for kind in kinds.BUILTIN:
        for version in kind.versions:
            api_version = f"{kind.group}/{version}" if kind.group else version
            found = protobuf.decode(sent(api_version, kind.kind, METADATA))
            assert found["metadata"]["name"] == "web" or not kind.stored


def outcome(body: bytes) -> type | int:
    """Return the type of what is read, or the code of the refusal."""
    try:
        return type(protobuf.decode(body))
    except Failure as refused:
        return refused.code


@given(st.binary(max_size=80), st.sampled_from([kind for kind in kinds.BUILTIN if kind.stored]))
def test_broken_messages_are_refused(noise, kind):
    """
    Whatever is sent is read or refused as a bad request; nothing else happens.
    """
    for body in (noise, b"k8s\x00" + noise, sent(kind.api_version, kind.kind, noise)):
        assert outcome(body) in (dict, 400)
