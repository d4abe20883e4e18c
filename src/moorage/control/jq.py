"""
Deletes what a jq path names, within limits.

A jq program is a user's word and can run for ever, and a running one cannot be
stopped. So it runs in a process of its own that is killed after a second; a
program that was killed once is refused from then on, so that one bad rule costs
one second and not one a pass.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from typing import Any

import orjson

from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json

SECONDS = 1.0
LIMIT_BYTES = 512 * 1024 * 1024

_WORKER = """
import resource, struct, sys
resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
import jq, json
programs = {}
read, write = sys.stdin.buffer, sys.stdout.buffer
while head := read.read(4):
    expression, value = json.loads(read.read(struct.unpack(">I", head)[0]))
    try:
        if expression not in programs:
            programs[expression] = jq.compile("del(" + expression + ")")
        answer = [True, programs[expression].input_value(value).first()]
    except (ValueError, StopIteration) as error:
        answer = [False, str(error).splitlines()[0][:200]]
    body = json.dumps(answer).encode()
    write.write(struct.pack(">I", len(body)) + body)
    write.flush()
""".replace("LIMIT", str(LIMIT_BYTES))


class Deleter:
    """Runs jq programs one after another in a process that is started when first needed."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._refused: dict[str, str] = {}

    def delete(self, body: Json, expression: str) -> Json:
        """
        Return `body` without what the jq path names; a path that names nothing changes nothing.

        Raises:
            InvalidSpec: The expression cannot be compiled, failed, or took too long.
        """
        if (why := self._refused.get(expression)) is not None:
            raise InvalidSpec(f"jqPathExpressions: {expression!r}: {why}")
        try:
            good, answer = self._ask([expression, body])
        except (TimeoutError, OSError, EOFError):
            self.close()
            self._refused[expression] = (
                f"took longer than {self._seconds:g} s or too much memory; simplify it"
            )
            raise InvalidSpec(f"jqPathExpressions: {expression!r}: {self._refused[expression]}") from None
        if not good:
            raise InvalidSpec(f"jqPathExpressions: {expression!r}: {answer}")
        return answer if isinstance(answer, dict) else body

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, question: list[Any]) -> tuple[bool, Any]:
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        data = orjson.dumps(question)
        process.stdin.write(len(data).to_bytes(4, "big") + data)
        process.stdin.flush()
        size = int.from_bytes(self._read(process, 4), "big")
        good, answer = orjson.loads(self._read(process, size))
        return good, answer

    def _read(self, process: subprocess.Popen[bytes], size: int) -> bytes:
        assert process.stdout is not None
        found = b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while len(found) < size:
                if not waiting.select(self._seconds):
                    raise TimeoutError
                piece = os.read(process.stdout.fileno(), size - len(found))
                if not piece:
                    raise EOFError
                found += piece
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={},
            )
        return self._process


_deleter = Deleter()
delete_paths = _deleter.delete
