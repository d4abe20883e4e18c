"""
Everything that can go wrong on purpose, as one tree.

    Error
    ├── Waiting              nothing is wrong yet; look again later
    │   ├── LiveStateUnknown
    │   └── BlockedByWindow
    ├── Transient            the world misbehaved; retry with backoff
    │   ├── SourceUnreachable
    │   ├── ClusterUnreachable
    │   ├── ApiConflict
    │   ├── ApiFailed
    │   ├── LeaseLost
    │   └── RenderInterrupted
    └── Terminal             retrying cannot help; a person or a commit must act
        ├── InvalidSpec
        ├── InvalidConfiguration
        ├── NotPermitted
        ├── CredentialsRefused
        ├── SourceRefused
        ├── RevisionNotFound
        ├── PathNotFound
        ├── RenderFailed
        │   ├── InvalidManifest
        │   ├── DuplicateResource
        │   ├── PathEscapes
        │   └── LimitExceeded
        ├── UnknownKind
        └── Refused
            └── ImmutableField

The branch says what the controller does next, the leaf says why.
Each class names its ``reason`` once; the same word is the condition's reason
on the Application, the label on the metric and the heading in
``docs/reference/reasons.md``. Messages name what, where and the remedy, and
never hold a credential or the content of a file outside the snapshot.
"""

from __future__ import annotations


class Error(Exception):
    """The root; never raised itself."""

    reason = "Error"


class Waiting(Error):
    """Nothing is wrong yet; look again when something changes."""

    reason = "Waiting"


class Transient(Error):
    """The world misbehaved; retry with backoff and keep the last good status."""

    reason = "Transient"


class Terminal(Error):
    """Retrying cannot help until a person or a commit acts."""

    reason = "Terminal"


class LiveStateUnknown(Waiting):
    """The watches of a cluster are not complete, so nothing may be decided on their word."""

    reason = "LiveStateUnknown"


class BlockedByWindow(Waiting):
    """A sync window of the project does not let the operation begin now."""

    reason = "BlockedByWindow"


class SourceUnreachable(Transient):
    """A repository or registry did not answer, or answered with a fault of its own."""

    reason = "SourceUnreachable"


class ClusterUnreachable(Transient):
    """An API server cannot be reached: connection refused, cut, timed out, or TLS failed."""

    reason = "ClusterUnreachable"


class ApiConflict(Transient):
    """The object changed between reading and writing (HTTP 409)."""

    reason = "ApiConflict"


class ApiFailed(Transient):
    """The API server answered with a fault of its own (429, 5xx)."""

    reason = "ApiFailed"


class LeaseLost(Transient):
    """Another process may act for the namespace by now, so this one writes nothing more and ends."""

    reason = "LeaseLost"


class RenderInterrupted(Transient):
    """A render worker ended for a reason that is not the input's (it was stopped, or its machine was)."""

    reason = "RenderInterrupted"


class InvalidSpec(Terminal):
    """An Application or AppProject asks for something that cannot be: the field is named."""

    reason = "InvalidSpec"


class InvalidConfiguration(Terminal):
    """A Secret, ConfigMap, kubeconfig or settings file is not usable: file and field are named."""

    reason = "InvalidConfiguration"


class NotPermitted(Terminal):
    """The project of an application forbids its source, destination or a resource."""

    reason = "NotPermitted"


class CredentialsRefused(Terminal):
    """A repository, registry or cluster refused the configured credentials."""

    reason = "CredentialsRefused"


class SourceRefused(Terminal):
    """A source address or ref is not one Moorage will open (scheme, host key, control characters…)."""

    reason = "SourceRefused"


class RevisionNotFound(Terminal):
    """The ref or commit does not exist in the repository (any more)."""

    reason = "RevisionNotFound"


class PathNotFound(Terminal):
    """The source path does not exist at the revision."""

    reason = "PathNotFound"


class RenderFailed(Terminal):
    """A renderer could not make manifests of the files it was given."""

    reason = "RenderFailed"


class InvalidManifest(RenderFailed):
    """A file or rendered document is not a Kubernetes object; file, line and field are named."""

    reason = "InvalidManifest"


class DuplicateResource(RenderFailed):
    """Two documents of one application have the same key."""

    reason = "DuplicateResource"


class PathEscapes(RenderFailed):
    """A path, link, base or value file leaves the snapshot."""

    reason = "PathEscapes"


class LimitExceeded(RenderFailed):
    """A renderer passed its limit of time, memory, output or nesting."""

    reason = "LimitExceeded"


class UnknownKind(Terminal):
    """The destination has no such kind and the application does not bring its definition."""

    reason = "UnknownKind"


class Refused(Terminal):
    """The API server refused an object for what it says: validation, admission, authorization."""

    reason = "Refused"


class HookFailed(Terminal):
    """A hook of a deletion failed; what it should have done before or after is not done."""

    reason = "HookFailed"


class ImmutableField(Refused):
    """The API server refuses to change a field of an existing resource."""

    reason = "ImmutableField"
