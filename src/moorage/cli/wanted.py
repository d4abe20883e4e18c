"""
What is to be rendered, and what came of it: the words `places` and `repositories` share.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from moorage.model.manifest import Json, Manifest


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests of a place, and how they were made; `rendered` is false for what was only read."""

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
    rendered: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    How a place is to be rendered: as the source of this application, for this destination.

    `inner` is a path that was named beside the place, which is a repository then.
    """

    source: Json = field(default_factory=dict)
    inner: str = ""
    name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()

    @classmethod
    def of_application(cls, body: Json) -> Wanted:
        """Return what an Application says. Raises InvalidSpec naming the field."""
        from moorage.control.decode import decode_application
        from moorage.control.statuses import encode_source

        app = decode_application(body)
        return cls(encode_source(app), name=app.key.name, namespace=app.destination.namespace)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository, a path in it and a ref, as one word says it."""

    url: str
    path: str = "."
    ref: str = "HEAD"

    @classmethod
    def parse(cls, text: str) -> Remote | None:
        """Return the repository a word means, or None when it means a file or folder."""
        scp = ":" in text.partition("/")[0] and "@" in text.partition(":")[0]
        if "://" not in text and not scp:
            return None
        address, _, query = text.partition("?")
        ref = next((part[4:] for part in query.split("&") if part.startswith("ref=")), "HEAD")
        scheme, sep, rest = address.partition("://") if "://" in address else ("", "", address)
        at = rest.find("//", 1)
        place, path = (rest, "") if at < 0 else (rest[:at], rest[at + 2 :])
        return cls(f"{scheme}{sep}{place}", path.strip("/") or ".", ref)
