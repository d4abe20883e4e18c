"""
What does a failed git command mean for the one who asked?

Git ends with 128 for almost everything and has no codes for the rest, so its
(untranslated) words decide here, in one table and nowhere else.
"""

from __future__ import annotations

import re

from moorage.model.errors import (
    CredentialsRefused,
    Error,
    LimitExceeded,
    RevisionNotFound,
    SourceRefused,
    SourceUnreachable,
)

_CREDENTIALS = "check the username, password or token in its repository Secret"
_SSH_KEY = "check sshPrivateKey in its repository Secret and that the server knows the public key"

# The first pattern found wins; order matters where git says two things at once.
_TABLE: tuple[tuple[str, type[Error], str], ...] = (
    (r"died of signal 25|file size limit", LimitExceeded, "the repository is larger than Moorage may fetch"),
    (r"Out of memory|malloc failed|mmap failed: Cannot allocate|virtual memory exhausted", LimitExceeded,
     "reading it takes more memory than git may use"),
    (r"could not read (Username|Password)|Authentication failed|returned error: 401", CredentialsRefused,
     f"the server refused the credentials; {_CREDENTIALS}"),
    (r"returned error: 403|HTTP 403", CredentialsRefused, f"the server forbids reading it; {_CREDENTIALS}"),
    (r"returned error: 404|repository '.*' not found|HTTP 404|Repository not found", SourceRefused,
     "the server knows no such repository; check the URL, and that the credentials may see it"),
    (r"returned error: 30[1-8]", SourceRefused,
     "the server says the repository has moved; use the new URL (some servers want it to end in .git)"),
    (r"returned error: (429|5\d\d)", SourceUnreachable, "the server answered with a fault of its own"),
    (r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED", SourceRefused,
     "its SSH host key is unknown or has changed; put the right one in argocd-ssh-known-hosts-cm"),
    (r"Permission denied|Too many authentication failures", CredentialsRefused,
     f"the server refused the SSH key; {_SSH_KEY}"),
    (r"error in libcrypto|invalid format|Load key", CredentialsRefused,
     "sshPrivateKey is not a usable private key; store it whole, with its first and last line"),
    (r"Could not resolve host|Name or service not known|Temporary failure in name resolution", SourceUnreachable,
     "its host name cannot be resolved"),
    (r"SSL certificate problem|SSL: certificate subject|certificate verif|server certificate|SSL_ERROR|TLS|unable to get local issuer",
     SourceUnreachable,
     "its certificate could not be verified; put its authority into argocd-tls-certs-cm"),
    (r"Connection refused|Failed to connect|Couldn't connect|No route to host|Network is unreachable",
     SourceUnreachable, "its server does not accept connections"),
    (r"timed out|Operation too slow|Timeout was reached", SourceUnreachable, "its server did not answer in time"),
    (r"couldn't find remote ref|Could not find remote ref", RevisionNotFound, "the ref does not exist (any more)"),
    (r"not our ref|unadvertised object|upload-pack: not our ref|did not send all necessary objects|bad object",
     RevisionNotFound, "the server does not have that commit (any more)"),
    (r"transport '.*' not allowed|protocol '.*' is not supported", SourceRefused,
     "its transport is not allowed; allow the scheme in the settings or use https or ssh"),
    (r"not valid: could not determine hash|does not appear to be a git repository|not a git repository|dumb http transport|not valid: is this a git",
     SourceRefused, "there is no Git repository at that address"),
    (r"filtering not recognized", SourceUnreachable, "the server cannot leave file contents out"),
    (r"early EOF|RPC failed|hung up unexpectedly|Connection reset|Connection closed|unexpected disconnect"
     r"|Empty reply|transfer closed|Recv failure|protocol error|bad line length|expected flush|curl \d+",
     SourceUnreachable, "the connection was cut"),
    # Only a signal ends it without a word: the limit of a file's size, or memory ran out.
    (r"invalid index-pack output|unpack-objects died of signal", LimitExceeded,
     "unpacking it was stopped; it is larger than Moorage may fetch (or than this machine's memory)"),
    (r"Could not read from remote repository", SourceUnreachable, "the server closed the connection"),
)  # fmt: skip

_DAMAGED = re.compile(
    r"is corrupt|inflate: data stream error|bad object refs/|unable to read sha1 file|not a git repository: '\."
    r"|bad config|invalid index-pack|object file .* is empty|missing blob object|Could not read [0-9a-f]{40}",
    re.IGNORECASE,
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), kind, words) for pattern, kind, words in _TABLE)


def classify(repository: str, stderr: str) -> Error:
    """
    Return the error a failed git command stands for.

    Args:
        repository: How messages name the repository; holds no secret.
        stderr: What git said, already scrubbed of credentials.
    """
    for pattern, kind, words in _COMPILED:
        if pattern.search(stderr):
            return kind(f"repository {repository}: {words} (git: {_telling_line(stderr, pattern)})")
    return SourceUnreachable(
        f"repository {repository}: git failed ({_last_line(stderr) or 'without a word'})"
    )


def is_damaged(stderr: str) -> bool:
    """Return whether git says that our own copy is broken (a disk was full, a machine lost power)."""
    return bool(_DAMAGED.search(stderr))


def _telling_line(stderr: str, pattern: re.Pattern[str]) -> str:
    for line in stderr.splitlines():
        if pattern.search(line):
            return line.strip()[:200]
    return _last_line(stderr)


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
