"""
What did an API server really do? Its own audit log, read as evidence.

A client's account of a broken connection is a guess. The audit log of the API
server tells each write that it answered: by whom, to what, and with which code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Act:
    """One write that the API server answered."""

    agent: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    dry_run: bool

    @property
    def changed(self) -> bool:
        """Whether the server took it and meant it."""
        return self.code < 300 and not self.dry_run


def flags(folder: Path) -> tuple[str, ...]:
    """Return what makes an API server write its log into a folder, in which the policy is put."""
    policy = folder / "audit-policy.json"
    policy.write_text(json.dumps(POLICY))
    return f"--audit-policy-file={policy}", f"--audit-log-path={_log(folder)}", "--audit-log-mode=blocking"


def acts(folder: Path) -> Iterator[Act]:
    """Give every write in the log, oldest first."""
    if not _log(folder).exists():
        return
    for line in _log(folder).read_text(errors="replace").splitlines():
        try:
            yield _act(json.loads(line))
        except json.JSONDecodeError:
            continue  # A killed server leaves half a line.


def _act(told: dict[str, Any]) -> Act:
    what = told.get("objectRef") or {}
    return Act(
        agent=told.get("userAgent", ""),
        verb=told["verb"],
        resource=what.get("resource", ""),
        namespace=what.get("namespace", ""),
        name=what.get("name", ""),
        code=(told.get("responseStatus") or {}).get("code", 0),
        dry_run="dryRun=" in told.get("requestURI", ""),
    )


def _log(folder: Path) -> Path:
    return folder / "audit.log"
