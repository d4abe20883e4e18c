"""
Which exit code does each ending have, and what does an error say to do?

One table for the errors of the whole house. A script may rely on the codes; a
person gets the message of the error, which names what and where, and a remedy
where the error itself cannot know one.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import click

from moorage.model import errors


class Exit(IntEnum):
    """What the exit code of a command says."""

    DONE = 0
    NO = 1
    USAGE = 2
    WAITING = 3
    TRANSIENT = 4
    TERMINAL = 5
    DENIED = 6
    NOT_FOUND = 7
    BUG = 70
    TIMEOUT = 124
    INTERRUPTED = 130
    PIPE = 141


MEANING: Final[dict[Exit, str]] = {
    Exit.DONE: "It is done; for `diff`: nothing differs.",
    Exit.NO: "The answer is no: something differs, the sync failed, a person said no.",
    Exit.USAGE: "The command line is wrong.",
    Exit.WAITING: "Nothing is wrong yet; try again later.",
    Exit.TRANSIENT: "A server or repository cannot be reached or misbehaved; trying again may help.",
    Exit.TERMINAL: "What was given cannot be used; a person or a commit must act.",
    Exit.DENIED: "Credentials, permissions or the project forbid it.",
    Exit.NOT_FOUND: "There is no such application, file, path or revision.",
    Exit.BUG: "A fault of Moorage itself; please report it.",
    Exit.TIMEOUT: "`--timeout` passed before what was waited for.",
    Exit.INTERRUPTED: "Interrupted by Ctrl-C.",
    Exit.PIPE: "Whoever read the output stopped reading.",
}


class Missing(errors.Terminal):
    """Something the command was asked about is not there."""

    reason = "NotFound"


class Denied(errors.Terminal):
    """The cluster knows us and does not let us do this."""

    reason = "Forbidden"


class TimedOut(errors.Waiting):
    """What was waited for did not come in time."""

    reason = "TimedOut"


class Exists(errors.Terminal):
    """What was to be created is there already."""

    reason = "AlreadyExists"


class Busy(errors.Waiting):
    """Something else is under way that must end first."""

    reason = "Busy"


_TABLE: Final[tuple[tuple[type[errors.Error], Exit, str], ...]] = (
    (TimedOut, Exit.TIMEOUT, ""),
    (Missing, Exit.NOT_FOUND, ""),
    (Denied, Exit.DENIED, "ask for the permission, or use another context (--context)"),
    (errors.PathNotFound, Exit.NOT_FOUND, ""),
    (errors.RevisionNotFound, Exit.NOT_FOUND, "check --revision"),
    (errors.NotPermitted, Exit.DENIED, ""),
    (errors.CredentialsRefused, Exit.DENIED, "check the credentials of the kubeconfig or repository"),
    (
        errors.ClusterUnreachable,
        Exit.TRANSIENT,
        "check that the cluster runs, and --kubeconfig and --context",
    ),
    (errors.ApiConflict, Exit.TRANSIENT, "run the command again"),
    (errors.Transient, Exit.TRANSIENT, ""),
    (errors.Waiting, Exit.WAITING, ""),
    (errors.Terminal, Exit.TERMINAL, ""),
)


def exit_of(error: errors.Error) -> Exit:
    """Return the exit code an error means; the first row of the table that fits."""
    return next(code for kind, code, _ in _TABLE if isinstance(error, kind))


def remedy_of(error: errors.Error) -> str:
    """Return what to do about an error beyond what its message says; may be empty."""
    return next(remedy for kind, _, remedy in _TABLE if isinstance(error, kind))


def codes() -> Iterator[tuple[Exit, str]]:
    """Yield every exit code with its meaning, for the help and the reference."""
    yield from MEANING.items()


def leave(code: Exit) -> None:
    """End the command with a code; nothing more is printed."""
    raise click.exceptions.Exit(int(code))
