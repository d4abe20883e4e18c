"""
In which encoding does a client take its answer: JSON, or YAML?
"""

from __future__ import annotations

from functools import lru_cache

import orjson
import yaml

from moorage.sandbox.answers import Answer, Failure

_JSON = ("application/json", "application/*", "*/*", "")
# What the sandbox can only read is answered in JSON, which its clients take too.
_READ_ONLY = ("application/vnd.kubernetes.protobuf", "application/cbor")
_AVAILABLE = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
)


@lru_cache(maxsize=64)
def wants_yaml(accept: str) -> bool:
    """Return whether a client takes YAML rather than JSON. Raises Failure (406) when it takes neither."""
    medias = [part.partition(";")[0].strip() for part in accept.split(",")]
    for media in medias:
        if media in _JSON or media in _READ_ONLY:
            return False
        if media == "application/yaml":
            return True
    told = f"406: Not Acceptable\n\nAvailable representations: {', '.join(_AVAILABLE)}"
    raise Failure(406, "NotAcceptable", told, {})


def in_yaml(answer: Answer) -> Answer:
    """Return an answer of JSON as one of YAML."""
    if answer.stream is not None or not answer.body:
        return answer
    text = yaml.safe_dump(orjson.loads(answer.body), sort_keys=True, allow_unicode=True)
    headers = [(name, value) for name, value in answer.headers if name != "content-type"]
    return Answer(
        answer.status, text.encode(), [*headers, ("content-type", "application/yaml")], None, answer.warnings
    )
