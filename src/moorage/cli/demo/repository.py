"""
The demo's Git repository: made on the spot, and cloned into a work folder to edit.
"""

from __future__ import annotations

import hashlib
import hmac
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import orjson

from moorage.testing.gitserver import GitServer, commit_files, run_git

NAME = "demo"


def make(server: GitServer, root: Path) -> bool:
    """Make the repository unless it is there; whether it is new."""
    if (root / f"{NAME}.git").exists():
        return False
    folder = server.create(NAME)
    commit_files(folder, contents(server.url(NAME)), "Begin")
    return True


def contents(url: str) -> dict[str, str | bytes | None]:
    """Return the files of the first commit, with the repository's own address filled in."""
    top = files("moorage.cli.demo") / "files"
    return {path: text.replace("@REPOSITORY@", url) for path, text in _read(top, "")}


def _read(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _read(entry, f"{path}/")
        else:
            found.append((path, entry.read_text()))
    return found


def clone(url: str, work: Path) -> None:
    """Make the work folder unless it is there."""
    if work.exists():
        return
    run_git(work.parent, "clone", "--quiet", url, str(work))
    for key, value in (
        ("user.name", "Demo"),
        ("user.email", "demo@example.com"),
        ("commit.gpgsign", "false"),
    ):
        run_git(work, "config", key, value)


def head(root: Path) -> str:
    """Return the commit of the repository's branch."""
    return run_git(root / f"{NAME}.git", "rev-parse", "refs/heads/main")


def push_notice(url: str, before: str, after: str, secret: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the webhook by which a Git host tells of a push, signed."""
    payload: dict[str, Any] = {
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "repository": {"html_url": url, "clone_url": url, "default_branch": "main"},
    }
    body = orjson.dumps(payload)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
