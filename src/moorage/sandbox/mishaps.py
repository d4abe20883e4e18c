"""
What is to go wrong with an answer, and how it then goes wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from moorage.sandbox import answers
from moorage.sandbox.answers import Answer


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What is to go wrong with one answer.

    `delay` waits first; `status` answers that code in place of the real answer,
    before the request is carried out unless `after` is set; `cut` ends the
    connection after so many bytes of the body. `rewrite` changes the body of the
    request before it is carried out, as a mutating webhook would.
    """

    status: int | None = None
    delay: float = 0.0
    cut: int | None = None
    after: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    rewrite: Callable[[bytes], bytes] | None = None


class Cut(ConnectionError):
    """Raised by a body that a fault ends early; the HTTP layer drops the connection."""


def refusal(fault: Fault) -> Answer:
    """Return the answer a fault gives in place of the real one."""
    code = fault.status or 500
    reason, message = _REASONS.get(code, ("InternalError", "a fault was asked for"))
    refused = answers.Failure(code, reason, message).answer()
    refused.headers = [*refused.headers, *fault.headers.items()]
    if fault.body is not None:
        refused.body = fault.body
    return refused


_REASONS = {
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "a fault was asked for"),
    409: ("Conflict", "a fault was asked for"),
    410: ("Expired", "too old resource version"),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: a fault was asked for"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the request timed out"),
}


async def cut_short(stream: AsyncIterator[bytes] | None, body: bytes, count: int) -> AsyncIterator[bytes]:
    """Yield the first `count` bytes of an answer, then raise Cut."""
    left = count
    if stream is None:
        yield body[:left]
        raise Cut
    async with contextlib.aclosing(cast(AsyncGenerator[bytes, None], stream)):
        async for part in stream:
            yield part[:left]
            left -= len(part)
            if left <= 0:
                raise Cut
