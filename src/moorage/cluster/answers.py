"""
What an API server answered, and which of our errors an answer means.

The branch of an error decides what happens next, so the table is here and
nowhere else: 401 the credentials, 409 a conflict, 410, 429 and 5xx a fault of
the server's, every other 4xx a refusal of what was asked. The error keeps the
server's own Status, for those who must know its reason or its causes. Nobody
decides by the text of a message, but for the two refusals that the server passes
off as faults of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from moorage.model.errors import ApiConflict, ApiFailed, CredentialsRefused, Error, Refused


class Cause(msgspec.Struct, frozen=True):
    """One reason among several: usually one field of the object."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True):
    """What a Status is about."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] | None = None
    retryAfterSeconds: int = 0  # noqa: N815 the API's name


class Status(msgspec.Struct, frozen=True):
    """The API server's own account of a failure."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: Details | None = None

    @property
    def causes(self) -> tuple[Cause, ...]:
        return (self.details.causes or ()) if self.details else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body. Raises ApiFailed when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ApiFailed(
                f"the API server answered {self.status} with something that is not JSON"
            ) from error


class Answered:
    """Mixed into errors that come from an answer: keeps the server's Status."""

    status: Status = Status()


class ObjectRefused(Answered, Refused):
    """The server refused what was asked (400, 403, 405, 413, 415, 422)."""


class Forbidden(ObjectRefused):
    """We are known and may not do this (403)."""


class NotFound(ObjectRefused):
    """There is no such object, namespace or kind (404)."""


class Conflicted(Answered, ApiConflict):
    """The object changed, exists already, or others own its fields (409)."""


class ServerFault(Answered, ApiFailed):
    """The server has a fault of its own, or too much to do (429, 5xx)."""


class Expired(ServerFault):
    """The resource version or continue token is older than the server's memory (410)."""


class SignInRefused(Answered, CredentialsRefused):
    """The server does not know us (401)."""


_BY_CODE: dict[int, type[Error]] = {
    401: SignInRefused,
    403: Forbidden,
    404: NotFound,
    409: Conflicted,
    410: Expired,
    408: ServerFault,
    429: ServerFault,
}
_MESSAGE_LIMIT = 4000
_REFUSED_AS_FAULT = re.compile(r"^failed to create typed patch object|\brequest is too large\b")
"""What is said with a 500 though it is the object that is wrong: sending it again cannot help."""


def status_of(code: int, body: bytes) -> Status:
    """Return the Status in an answer's body; one made of the code when the body is something else."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Status(code, "", printable(body[:500].decode(errors="replace").strip()))
    return status if status.code else Status(code, status.reason, status.message, status.details)


def error_of(code: int, body: bytes, asked: str) -> Error:
    """
    Return the error an answer means.

    Args:
        code: The HTTP status.
        body: The answer's body, a Status or anything.
        asked: What was asked, for the message: ``PATCH /api/v1/…``.
    """
    status = status_of(code, body)
    kind = _BY_CODE.get(code) or (ServerFault if code >= 500 else ObjectRefused)
    if code == 500 and _REFUSED_AS_FAULT.search(status.message):
        kind = ObjectRefused
    text = printable(status.message)[:_MESSAGE_LIMIT] or f"{asked} was answered with {code}"
    if code == 401:
        text = f"the API server refuses the credentials ({text}); renew the token, password or certificate"
    if 300 <= code < 400:
        text = f"{asked} was answered with a redirect ({code}), which is not followed; correct the server address"
    error = kind(text)
    assert isinstance(error, Answered)
    error.status = status
    return error


def printable(text: str) -> str:
    """Return foreign text with its control characters replaced, fit for logs and terminals."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def status_in(error: Error) -> Status | None:
    """Return the server's Status in an error; nothing when the error is no answer of a server."""
    return error.status if isinstance(error, Answered) else None
