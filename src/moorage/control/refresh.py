"""
Revisions seen become keys: which applications does a commit concern?

An index from repository and ref to applications, and from paths to
applications, so that a push costs work for the applications whose files
changed. Nothing here scans all applications.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from moorage.model.identity import AppKey


class Following(NamedTuple):
    """What an application follows: a repository in its normal form, and a ref."""

    repository: str
    ref: str


class Index:
    """
    Who follows what, and who read which paths.

    An application that was never rendered, or whose reads are not known, is
    concerned by every change of what it follows.
    """

    def __init__(self) -> None:
        self._following: dict[AppKey, Following] = {}
        self._followers: dict[Following, set[AppKey]] = defaultdict(set)
        self._refs: dict[str, set[str]] = defaultdict(set)
        self._reads: dict[AppKey, tuple[str, ...]] = {}
        self._readers: dict[tuple[Following, str], set[AppKey]] = defaultdict(set)
        self._unknown: dict[Following, set[AppKey]] = defaultdict(set)

    def follow(self, app: AppKey, following: Following) -> None:
        """Note what an application follows; what it read before under another ref is forgotten."""
        if self._following.get(app) == following:
            return
        self.forget(app)
        self._following[app] = following
        self._followers[following].add(app)
        self._refs[following.repository].add(following.ref)
        self._unknown[following].add(app)

    def read(self, app: AppKey, paths: Iterable[str]) -> None:
        """Note the paths (files or folders, from the root) that an application's last rendering read."""
        following = self._following.get(app)
        if following is None:
            return
        fresh = tuple(sorted({"" if path == "." else path.strip("/").removeprefix("./") for path in paths}))
        if fresh == self._reads.get(app):
            return
        self._forget_reads(app, following)
        self._reads[app] = fresh
        self._unknown[following].discard(app)
        for path in fresh:
            self._readers[following, path].add(app)

    def forget(self, app: AppKey) -> None:
        """Drop an application."""
        following = self._following.pop(app, None)
        if following is None:
            return
        self._forget_reads(app, following)
        self._unknown[following].discard(app)
        followers = self._followers[following]
        followers.discard(app)
        if not followers:
            del self._followers[following]
            self._refs[following.repository].discard(following.ref)
            if not self._refs[following.repository]:
                del self._refs[following.repository]

    def refs(self, repository: str) -> frozenset[str]:
        """Return the refs of a repository that somebody follows."""
        return frozenset(self._refs.get(repository, ()))

    @property
    def repositories(self) -> frozenset[str]:
        return frozenset(self._refs)

    def followers(self, following: Following) -> frozenset[AppKey]:
        """Return the applications that follow a ref."""
        return frozenset(self._followers.get(following, ()))

    def concerned(self, following: Following, changed: Iterable[str] | None) -> frozenset[AppKey]:
        """
        Return the applications that a move of a ref concerns.

        Args:
            following: The repository and ref that moved.
            changed: The paths of the files that differ, or None when not known.
        """
        if changed is None:
            return self.followers(following)
        found = set(self._unknown.get(following, ()))
        asked: set[str] = set()
        for path in changed:
            while path not in asked:
                asked.add(path)
                found |= self._readers.get((following, path), set())
                if not path:
                    break
                path = path.rpartition("/")[0]
        return frozenset(found)

    def _forget_reads(self, app: AppKey, following: Following) -> None:
        for path in self._reads.pop(app, ()):
            readers = self._readers[following, path]
            readers.discard(app)
            if not readers:
                del self._readers[following, path]
