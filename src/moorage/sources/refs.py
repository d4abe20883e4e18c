"""
Which commit does a name mean, given what a repository's server lists?

Pure: a table of refs goes in, an object id or nothing comes out. The order of
the rules is Argo CD's: a version constraint over the tags first, then ``HEAD``,
full names, branches and tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from moorage.formats.semver import highest, parse, parse_constraint
from moorage.model.errors import SourceRefused
from moorage.sources.addresses import shown
from moorage.sources.objects import OBJECT_ID

_SHORT_ID = re.compile(r"[0-9a-f]{7,63}")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(/|$)|\.$|/$|^/|(^|/)\.")


@dataclass(frozen=True, slots=True)
class RefTable:
    """What a server listed: full ref names with the commits they mean, tags peeled."""

    refs: Mapping[str, str] = field(default_factory=dict)
    head: str = ""

    @property
    def tags(self) -> list[str]:
        return [name.removeprefix("refs/tags/") for name in self.refs if name.startswith("refs/tags/")]

    def having(self, name: str, oid: str | None) -> RefTable:
        """Return the table with one ref moved, added or (None) gone."""
        refs = dict(self.refs)
        refs.pop(name, None)
        if oid is not None:
            refs[name] = oid
        if name == self.head and oid is not None and "HEAD" in refs:
            refs["HEAD"] = oid
        return replace(self, refs=refs)


def parse_refs(text: str) -> RefTable:
    """Return the table in the output of ``git ls-remote --symref``."""
    refs: dict[str, str] = {}
    peeled: dict[str, str] = {}
    head = ""
    for line in text.splitlines():
        left, _, name = line.partition("\t")
        if left.startswith("ref: "):
            head = left[5:] if name == "HEAD" else head
        elif OBJECT_ID.fullmatch(left):
            if name.endswith("^{}"):
                peeled[name[:-3]] = left
            else:
                refs[name] = left
    return RefTable(refs | peeled, head)


def find_ref(table: RefTable, ref: str, tag_prefix: str = "") -> str | None:
    """
    Return the full name of the ref that a revision in a spec means, or None.

    Args:
        ref: A branch, tag, constraint over tags, ``HEAD``, empty for ``HEAD``, or a name beginning ``refs/``.
        tag_prefix: What tags must begin with, and what is taken off before versions are compared.
    """
    name = ref or "HEAD"
    if parse(name) is None and (constraint := parse_constraint(name)) is not None:
        tag = highest(constraint, table.tags, tag_prefix)
        if tag is not None:
            return f"refs/tags/{tag}"
    for full in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        if full in table.refs and (full == "HEAD" or full.startswith("refs/")):
            return full
    if tag_prefix and f"refs/tags/{tag_prefix}{name}" in table.refs:
        return f"refs/tags/{tag_prefix}{name}"
    return None


def is_short_id(ref: str) -> bool:
    """Return whether a name could be an abbreviated commit id."""
    return bool(_SHORT_ID.fullmatch(ref)) and not OBJECT_ID.fullmatch(ref)


def check_ref(ref: str, repository: str) -> str:
    """
    Return a ref as given, once it is sure that no program can misread it.

    Raises:
        SourceRefused: for a leading dash, control characters, or what Git forbids in names.
    """
    name = ref.strip()
    if name == "" or parse_constraint(name) is not None:
        return name
    if name.startswith("-") or len(name) > 500 or _FORBIDDEN.search(name):
        raise SourceRefused(
            f"repository {repository}: {shown(ascii(name))} is not a branch, tag, commit or constraint"
        )
    return name
