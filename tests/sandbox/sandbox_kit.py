"""A sandbox in a thread of its own, and the programs people would turn on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorage.sandbox import Sandbox, SandboxSettings

KUBECTL = Path(sys.executable).parent / "kubectl"


@dataclass
class Running:
    """A sandbox that serves, with a folder for the caches and files of its clients."""

    sandbox: Sandbox
    folder: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def environment(self) -> dict[str, str]:
        """What a client finds around it: our kubeconfig, and a home of its own."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig)}

    def kubectl(self, *arguments: str, stdin: Any = None, fails: int = 0, **environment: str) -> str:
        """Run kubectl; return what it printed, with its complaints after it. `fails` is the expected exit code."""
        told = stdin if isinstance(stdin, str) or stdin is None else json.dumps(stdin)
        done = subprocess.run(
            [str(KUBECTL), *arguments],
            input=told,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            timeout=40,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == fails, f"kubectl {' '.join(arguments)}: {done.returncode}\n{said}"
        return said

    def json(self, *arguments: str) -> Any:
        """Run kubectl and return the JSON it printed."""
        return json.loads(self.kubectl(*arguments, "-o", "json"))

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do something on the sandbox's own loop."""

        async def doing() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(doing(), self.loop).result(30)


@contextlib.contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Running]:
    """Serve a sandbox over TLS until the end of the block."""
    made = Running(Sandbox(SandboxSettings(**{"ready_after": 0.05, **settings})), folder)
    thread = threading.Thread(target=made.loop.run_forever)
    thread.start()
    try:
        made.run(made.sandbox.start)
        made.sandbox.write_kubeconfig(made.kubeconfig)
        yield made
    finally:
        made.run(made.sandbox.stop)
        made.loop.call_soon_threadsafe(made.loop.stop)
        thread.join()
        made.loop.close()
