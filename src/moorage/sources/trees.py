"""
Which names does one folder of a Git repository hold, and in what do two folders differ?

A folder of thousands of applications is another one with every commit, and all
but a few of its bytes are the old ones. So a folder stays as Git writes it, a
name is found by a search, and of the next commit's folder only the piece is
read that differs. Nothing here knows of processes or mirrors.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from moorage.model.errors import SourceRefused

# So many names of a folder are looked up by a search, one in so many; then all are read.
_SEARCHED_SHARE = 64


class Entry(NamedTuple):
    """One name in a tree: its mode and the object it stands for."""

    mode: int
    oid: str


class Tree(Mapping[str, Entry]):
    """
    The names in one folder; it never changes.

    `starts` are the places in `raw` where its entries begin, and its end; trees
    that are alike share them.
    """

    __slots__ = ("_asked", "_entries", "raw", "starts", "width")

    def __init__(
        self, raw: bytes, width: int, starts: array[int], entries: dict[str, Entry] | None = None
    ) -> None:
        self.raw = raw
        self.width = width
        self.starts = starts
        self._entries = entries
        self._asked = 0

    def __getitem__(self, name: str) -> Entry:
        if self._entries is None:
            self._asked += 1
            if self._asked * _SEARCHED_SHARE < len(self):
                return self._search(name)
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self.starts) - 1

    def between(self, begin: int, end: int) -> dict[str, Entry]:
        """Return the entries of a piece that begins and ends where entries do."""
        return dict(_read(self.raw[begin:end], self.width)[1])

    def _all(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = self.between(0, len(self.raw))
        return self._entries

    def _search(self, name: str) -> Entry:
        wanted = b" %b\0" % name.encode("utf-8", "surrogatepass")
        at = -1 if "\0" in name else self.raw.find(wanted)
        while at >= 0:
            # The same bytes may stand within a name or an id.
            begin = self.starts[bisect_right(self.starts, at) - 1]
            if self.raw.find(b" ", begin) == at:
                oid = at + len(wanted)
                return Entry(int(self.raw[begin:at], 8), self.raw[oid : oid + self.width].hex())
            at = self.raw.find(wanted, at + 1)
        raise KeyError(name)


EMPTY = Tree(b"", 20, array("I", [0]))


def read_tree(content: bytes, width: int, name: str, like: Tree | None = None) -> Tree:
    """
    Return the names in a raw tree object whose ids are `width` bytes.

    Args:
        name: How messages call the repository.
        like: A tree that is probably nearly the same; only what differs from it is read.

    Raises:
        SourceRefused: for what is no tree, or a name no honest tree holds: empty,
            ``.``, ``..``, ``.git`` in any disguise, or with a slash or control character.
    """
    if like is not None and like.width == width and (found := _read_alike(content, like, name)) is not None:
        return found
    if not _TREES[width].fullmatch(content):
        raise SourceRefused(f"repository {name}: a tree is damaged; check it with git fsck")
    sizes, pairs = _read(content, width)
    _check_names([text for text, _ in pairs], name)
    entries = dict(pairs)
    if len(entries) != len(pairs):
        twice = next(text for text, count in Counter(text for text, _ in pairs).items() if count > 1)
        raise SourceRefused(f"repository {name}: a tree holds the name {ascii(twice)[:80]} twice")
    return Tree(content, width, array("I", accumulate(sizes, initial=0)), entries)


def differences(before: Tree, after: Tree) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Return each name that means something else in two trees, with what it means in either."""
    begin, tail = _common(before, after.raw)
    if after.starts[bisect_left(after.starts, len(after.raw) - tail)] != len(after.raw) - tail:
        tail = 0
    left = before.between(begin, len(before.raw) - tail)
    right = after.between(begin, len(after.raw) - tail)
    for name in left.keys() | right.keys():
        was, now = left.get(name), right.get(name)
        if was != now:
            yield name, was, now


def _read_alike(content: bytes, like: Tree, name: str) -> Tree | None:
    """Return a tree of which only what differs from another is read, or None when that cannot be."""
    begin, tail = _common(like, content)
    end = len(content) - tail
    piece = content[begin:end]
    if 2 * len(piece) > len(content):
        return None
    # Where this piece ends with an entry, what comes after it is read as it was in the other tree.
    if not _TREES[like.width].fullmatch(piece):
        return None
    sizes, pairs = _read(piece, like.width)
    _check_names([text for text, _ in pairs], name)
    gone = like.between(begin, len(like.raw) - tail)
    added = [text for text, _ in pairs if text not in gone]
    if len(dict(pairs)) != len(pairs) or any(text in like for text in added):
        # A name is there twice: reading all of it says which is the first.
        return None
    return Tree(content, like.width, _moved(like, begin, tail, sizes))


def _moved(like: Tree, begin: int, tail: int, sizes: list[int]) -> array[int]:
    """Return where entries begin in a tree that has entries of these sizes where another has others."""
    first = bisect_left(like.starts, begin)
    last = bisect_left(like.starts, len(like.raw) - tail)
    piece = array("I", accumulate(sizes, initial=begin))
    if like.starts[first : last + 1] == piece:
        return like.starts
    by = piece[-1] - like.starts[last]
    return like.starts[:first] + piece + array("I", [start + by for start in like.starts[last + 1 :]])


def _common(tree: Tree, other: bytes) -> tuple[int, int]:
    """Return how many bytes two trees begin and end with alike, cut where entries of the first begin."""
    raw, starts = tree.raw, tree.starts
    begin = starts[bisect_right(starts, _alike(raw, other)) - 1]
    most = min(len(raw), len(other)) - begin
    ends = _alike_at_end(raw, other, most)
    return begin, len(raw) - starts[bisect_left(starts, len(raw) - ends)]


def _alike(left: bytes, right: bytes) -> int:
    """Return how many bytes both begin with."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _alike_at_end(left: bytes, right: bytes, most: int) -> int:
    """Return how many bytes both end with, at most so many."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if left[len(left) - middle : len(left) - low] == right[len(right) - middle : len(right) - low]:
            low = middle
        else:
            high = middle - 1
    return low


_TREE_ENTRIES = {
    width: re.compile(rb"([0-7]{1,7}) ([^\0]*)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)
}
# Asked first: searching for entries in what is no tree would take the square of its length.
_TREES = {width: re.compile(rb"(?:[0-7]{1,7} [^\0]*+\0.{%d})*+" % width, re.DOTALL) for width in (20, 32)}
_PLAIN_NAMES = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_. -]*+(?<=[A-Za-z0-9_-])\0)*+")

_entry = partial(tuple.__new__, Entry)
"""Makes an entry of a pair; the class's own way is written in Python and takes three times as long."""


def _read(content: bytes, width: int) -> tuple[list[int], list[tuple[str, Entry]]]:
    """Return the sizes of entries, and names with what they mean; the content is known to be entries."""
    # All that is done for each entry is done by the regular expression.
    found = _TREE_ENTRIES[width].findall(content)
    joined = b"".join([text + b"\0" for _, text, _ in found]).decode("utf-8", "surrogateescape")
    modes = {mode: int(mode, 8) for mode in {mode for mode, _, _ in found}}
    entries = map(_entry, [(modes[mode], oid.hex()) for mode, _, oid in found])
    sizes = [len(mode) + len(text) + 2 + width for mode, text, _ in found]
    return sizes, list(zip(joined.split("\0")[:-1], entries, strict=True))


def _check_names(names: list[str], repository: str) -> None:
    if not _PLAIN_NAMES.fullmatch("".join([f"{text}\0" for text in names])):
        for text in filter(refused_name, names):
            raise SourceRefused(
                f"repository {repository}: a tree holds the name {ascii(text)[:80]}, which is not allowed"
            )


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]*[A-Za-z0-9_-]|[A-Za-z0-9_-]")
_DISGUISES = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def refused_name(text: str) -> bool:
    """Return whether a name in a tree could mean something else once written to a disk."""
    if _PLAIN_NAME.fullmatch(text) and not text.lower().startswith("git~"):
        return False
    if text in ("", ".", "..") or re.search(r"[\x00-\x1f\x7f/\\]|[\ud800-\udfff]", text):
        return True
    bare = _DISGUISES.sub("", text).lower().rstrip(". ").partition(":")[0]
    return bare == ".git" or bool(re.fullmatch(r"git~\d+", bare))
