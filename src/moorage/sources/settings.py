"""
What the operator decides about reading sources: places, limits and what is allowed.

One frozen value, made once when the process starts and passed in. Nothing a
tenant writes can change any of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class GitSettings:
    """
    The process settings of the sources room.

    Args:
        root: The folder of mirrors, chart archives and scratch folders.
        schemes: Address schemes that may be opened; ``file`` is for demos and tests.
        poll_interval: Seconds between two looks at a repository nobody told us about.
        poll_jitter: Up to so many seconds are added to each interval.
        partial: Leave file contents on the server until they are read, where the server can.
        allow_private: Addresses of private networks and this machine may be opened.
    """

    root: Path
    schemes: frozenset[str] = frozenset({"https", "http", "ssh"})
    poll_interval: float = 120.0
    poll_jitter: float = 60.0
    poll_workers: int = 8
    partial: bool = False
    allow_private: bool = True
    store_bytes: int = 10 * GIB
    fetch_timeout: float = 300.0
    ask_timeout: float = 60.0
    stalled_after: int = 30
    fetch_bytes: int = 4 * GIB
    git_memory: int = 3 * GIB
    refs_bytes: int = 64 * MIB
    file_bytes: int = 32 * MIB
    tree_entries: int = 50_000
    tree_bytes: int = 512 * MIB
    archive_bytes: int = 64 * MIB
    index_bytes: int = 64 * MIB
    known_hosts: str = ""
    proxy: str = ""
    no_proxy: str = ""
    git: str = ""
    ssh: str = ""
    extra_ca: dict[str, str] = field(default_factory=dict)
