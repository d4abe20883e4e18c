"""
What goes to a worker process, and what comes back?

A job is files, options and limits; an answer is JSON per manifest or one
error. Both are plain values in MessagePack, so nothing a worker says can run
anything in the process that asked.
"""

from __future__ import annotations

import msgspec

from moorage.model import errors
from moorage.render.options import DirectoryOptions, HelmOptions, KustomizeOptions, Options
from moorage.render.request import Entry, RenderLimits


class Job(msgspec.Struct, frozen=True):
    """One rendering, complete: every file it may open is in it."""

    path: str
    app: str
    namespace: str
    limits: RenderLimits
    files: dict[str, Entry]
    refs: dict[str, dict[str, Entry]] = {}
    charts: dict[str, bytes] = {}
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    directory: DirectoryOptions | None = None
    kustomize: KustomizeOptions | None = None
    helm: HelmOptions | None = None
    scratch: str = ""

    @property
    def size(self) -> int:
        """The bytes of all files."""
        trees = [self.files, *self.refs.values()]
        return sum(len(entry.content) for tree in trees for entry in tree.values())


class Answer(msgspec.Struct, frozen=True):
    """What a worker says: manifests, or the class and message of an error of ours."""

    encoded: tuple[tuple[bytes, str], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    message: str = ""


def options_of(options: Options) -> dict[str, Options]:
    """Return the field of a `Job` that carries these options."""
    return {options.source_type.lower(): options}


def refusal(error: errors.Error) -> Answer:
    """Return the answer that stands for an error."""
    return Answer(error=type(error).__name__, message=str(error))


def raised(answer: Answer) -> errors.Error | None:
    """Return the error an answer stands for, or None."""
    if not answer.error:
        return None
    kind = getattr(errors, answer.error, errors.RenderFailed)
    return kind(answer.message) if issubclass(kind, errors.Error) else errors.RenderFailed(answer.message)
