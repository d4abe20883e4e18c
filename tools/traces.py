"""
Does the repository hold traces of the machine it was written on?

Absolute paths of a home or work folder, and addresses of package registries
and proxies, mean nothing to anybody else. The lock file is the one exception.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

EXCEPT = frozenset({"requirements.lock", "tools/traces.py", "tests/shape/test_shape_tools.py"})

TRACES: dict[str, str] = {
    r"(?<![\w.}])/(?:work|workspace|root|home/\w+|Users/\w+)/\w": "a path of one machine",
    r"/tmp/(?:help|bash_jobs)": "a path of one machine",
    r"(?:--(?:extra-)?index-url[ =]+|GOPROXY[ =]+[\"']?|PIP_INDEX_URL[ =]+[\"']?|UV_INDEX_URL[ =]+[\"']?)https?://": (
        "the address of a package registry"
    ),
    r"https?://[\w.-]*(?:artifactory|nexus|devpi|jfrog|pypi)[\w.-]*[/:]\S*": "the address of a package registry",
    r"https?://[\w.-]+/(?:[\w-]+/)*simple/?(?=[\s\"'`])": "the address of a package registry",
}

_TRACES = {re.compile(pattern): what for pattern, what in TRACES.items()}


def main() -> int:
    """Print every trace in the tracked files; return 1 when there is one."""
    faults = [fault for path in tracked() for fault in faults_of(path, _text(ROOT / path))]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def tracked() -> list[str]:
    """Return the files under version control that this check is about."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [
        path for path in listed.stdout.split("\n") if path and path not in EXCEPT and (ROOT / path).is_file()
    ]


def faults_of(path: str, text: str) -> list[str]:
    """Return what one file gives away, by line."""
    return [
        f"{path}:{number}: {match[0]!r} is {what}; leave it out"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, what in _TRACES.items()
        for match in pattern.finditer(line)
    ]


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
