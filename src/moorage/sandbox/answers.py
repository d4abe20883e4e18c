"""
What the sandbox says back: answers, and refusals as Kubernetes `Status` objects.

Every refusal is a `Failure` raised where it is noticed; its constructors give
the same status, reason, message and details as a real API server, because
clients (kubectl, Helm, Moorage) decide by them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from moorage.model.manifest import Json

JSON_HEADERS: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


@dataclass(slots=True)
class Answer:
    """One answer: a body, or a stream of parts for watches and logs."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = JSON_HEADERS
    stream: AsyncIterator[bytes] | None = None
    warnings: list[str] = field(default_factory=list)


class Cause(dict[str, str]):
    """One reason among several why an object is invalid, as in `Status.details.causes`."""

    def __init__(self, reason: str, message: str, path: str = "") -> None:
        super().__init__(reason=reason, message=message)
        if path:
            self["field"] = path


class Failure(Exception):
    """A refusal; becomes a `Status` object of the given code."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Json:
        """Return the `Status` object that says this."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}

    def answer(self) -> Answer:
        """Return the HTTP answer that carries the `Status`."""
        headers = list(JSON_HEADERS)
        retry = (self.details or {}).get("retryAfterSeconds")
        if retry:
            headers.append(("retry-after", str(retry)))
        return json_answer(self.status(), self.code, headers)


def json_answer(body: Any, code: int = 200, headers: Sequence[tuple[str, str]] = JSON_HEADERS) -> Answer:
    """Return an answer with `body` as JSON."""
    return Answer(code, orjson.dumps(body), headers)


def plural_name(group: str, plural: str) -> str:
    """Return how messages name a resource: ``deployments.apps``, ``configmaps``."""
    return f"{plural}.{group}" if group else plural


def _details(group: str, kind: str, name: str = "", **more: Any) -> Json:
    details: Json = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    return {**details, **more}


def not_found(group: str, plural: str, name: str) -> Failure:
    message = f'{plural_name(group, plural)} "{name}" not found'
    return Failure(404, "NotFound", message, _details(group, plural, name))


def no_such_path() -> Failure:
    """Return the refusal of a path that belongs to no known resource."""
    return Failure(404, "NotFound", "the server could not find the requested resource", {})


class PageNotFound(Failure):
    """The refusal of a path below which nothing is served; its answer is plain text."""

    def answer(self) -> Answer:
        return Answer(404, b"404 page not found\n", (("content-type", "text/plain; charset=utf-8"),))


def page_not_found() -> Failure:
    """Return the refusal of a path of no group."""
    return PageNotFound(404, "NotFound", "404 page not found")


def already_exists(group: str, plural: str, name: str, *, leaving: bool = False) -> Failure:
    message = f'{"object is being deleted: " if leaving else ""}{plural_name(group, plural)} "{name}" already exists'
    return Failure(409, "AlreadyExists", message, _details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str) -> Failure:
    message = f'Operation cannot be fulfilled on {plural_name(group, plural)} "{name}": {why}'
    return Failure(409, "Conflict", message, _details(group, plural, name))


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Failure:
    """Return the refusal of an object for what it says, one cause for each fault."""
    texts = list(
        dict.fromkeys(f"{c['field']}: {c['message']}" if "field" in c else c["message"] for c in causes)
    )
    told = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    what = f"{kind}.{group}" if group else kind
    details = _details(group, kind, name, causes=list(causes))
    return Failure(422, "Invalid", f'{what} "{name}" is invalid: {told}', details)


def bad_request(message: str) -> Failure:
    return Failure(400, "BadRequest", message)


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Cause] = ()) -> Failure:
    message = f'{plural_name(group, plural)} "{name}" is forbidden: {why}'
    more = {"causes": list(causes)} if causes else {}
    return Failure(403, "Forbidden", message, _details(group, plural, name, **more))


def unauthorized() -> Failure:
    return Failure(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> Failure:
    return Failure(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def not_while_ending() -> Failure:
    """Return the refusal of a new object of a kind whose definition is being deleted."""
    return Failure(
        405,
        "MethodNotAllowed",
        "create not allowed while custom resource definition is terminating",
        {},
    )


def expired(message: str) -> Failure:
    """Return the refusal of a version that is no longer remembered (410)."""
    return Failure(410, "Expired", message)


def too_large(message: str) -> Failure:
    return Failure(413, "RequestEntityTooLarge", message)


def etcd_too_large() -> Failure:
    return Failure(500, "", "etcdserver: request is too large")


def unsupported_media(supported: Sequence[str]) -> Failure:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        supported
    )
    return Failure(415, "UnsupportedMediaType", message)


def not_acceptable(supported: Sequence[str]) -> Failure:
    message = "only the following media types are accepted: " + ", ".join(supported)
    return Failure(406, "NotAcceptable", message)


def success(group: str, plural: str, name: str, uid: str) -> Json:
    """Return the `Status` of a deletion that is complete."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_details(group, plural, name), "uid": uid},
    }
