"""
Runs jobs one after another in a process of its own, and knows nothing else.

Started by the pool with an empty environment; jobs come in on standard input
and answers leave on standard output, each as a length and MessagePack. The
process has no network where the system lets it give that up, and limits of
memory and processor time.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import struct
import sys
from pathlib import Path

import msgspec

from moorage.model.errors import Error, LimitExceeded, RenderFailed
from moorage.render.job import Answer, Job, refusal
from moorage.render.performing import perform, prepare

_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000
_HEADER = struct.Struct(">Q")
_SPARE_MEMORY = 256 * 1024 * 1024
_RESERVED = 4 * 1024 * 1024 * 1024
_STATM = Path("/proc/self/statm")


def main() -> None:
    """Answer jobs until standard input ends."""
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not be taken for an answer.
    os.dup2(2, 1)
    _leave_network()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decoder = msgspec.msgpack.Decoder(Job)
    while header := jobs.read(_HEADER.size):
        answer = _answer(decoder.decode(jobs.read(_HEADER.unpack(header)[0])))
        content = msgspec.msgpack.encode(answer)
        answers.write(_HEADER.pack(len(content)))
        answers.write(content)
        answers.flush()
        gc.collect()


def _answer(job: Job) -> Answer:
    _unlimit()
    try:
        prepare(job)
        _limit(job)
        return perform(job)
    except Error as error:
        return refusal(error)
    except MemoryError:
        return refusal(LimitExceeded(f"rendering takes more than {job.limits.memory} bytes of memory"))
    except RecursionError:
        return refusal(LimitExceeded("the files are nested too deeply to render"))
    except OSError as error:
        # strerror is the system's own sentence, without the path.
        return refusal(RenderFailed(f"the renderer could not read or write its files: {error.strerror}"))


def _limit(job: Job) -> None:
    # Go runtimes reserve gigabytes of addresses they never use. What is
    # counted is memory that can be written; addresses are a second, wider fence.
    addresses, data = _in_use()
    memory = job.limits.memory + _SPARE_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (data + memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (addresses + _RESERVED + memory, resource.RLIM_INFINITY))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + job.limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _unlimit() -> None:
    for limit in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _in_use() -> tuple[int, int]:
    if not _STATM.exists():
        return 0, 0
    pages = _STATM.read_text().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


def _leave_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        libc.unshare(_NEW_NETWORK | _NEW_USER)


if __name__ == "__main__":
    main()
