"""
How does a test get a real Kubernetes API server, and how does it break one?

    async with ControlPlane() as plane:
        plane.kubeconfig(tmp_path / "config")
        await plane.stop_etcd()
        await plane.start_etcd()

Three processes of one binary (`main.go`): etcd, the API server and, unless told
otherwise, the controller manager. There are no nodes; `podlet.Podlet` plays them.
Several planes run side by side, each with ports, certificates and a folder of its
own. Every process ends with the test process, even a killed one, because it
follows the pipe it was given as standard input.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from tests.controlplane import audit, certificates, flags
from tests.controlplane.flags import Ports

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90
GRACE_SECONDS = 1
LOG_LINES = 40


class ControlPlaneMissing(Exception):
    """The binary is not there and cannot be built here; the message says what to install."""


class ControlPlaneFailed(Exception):
    """A part ended or did not become ready; the message ends with the last lines of its log."""


def build() -> Path:
    """Return the control plane's binary, building it first where that has not been done."""
    done = subprocess.run([ROOT / "scripts/controlplane"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ControlPlaneMissing(f"scripts/controlplane ended with {done.returncode}; its words are above")
    return Path(done.stdout.strip())


@dataclass(slots=True)
class Part:
    """One process of the plane: what it runs, and where it writes."""

    name: str
    argv: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output is added to the log of earlier runs."""
        environment = {"PATH": os.environ.get("PATH", ""), "CONTROLPLANE_FOLLOWS_STDIN": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    async def stop(self, *, graceful: bool = False) -> None:
        """End the process: at once, or with a second to end itself."""
        process, self.process = self.process, None
        if process is None:
            return
        if graceful:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, GRACE_SECONDS)
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def check(self) -> None:
        """Raise when the process has ended by itself."""
        if self.process is not None and (code := self.process.poll()) is not None:
            raise ControlPlaneFailed(f"{self.name} ended with {code}\n{self.tail()}")

    def tail(self) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


class ControlPlane:
    """
    A real control plane, ready when entered and gone when left.

    `url`, `token` and `ca` are what a client needs, now: `rotate_token` and
    `replace_certificate` change the latter two, and the old ones stop working.
    `folder` holds the logs; it is kept when the block is left by an exception.
    """

    def __init__(
        self,
        *,
        controllers: bool = True,
        apiserver_flags: tuple[str, ...] = flags.NO_RATE_LIMITS,
        audited: bool = False,
        binary: Path | None = None,
    ) -> None:
        self.binary = binary or build()
        self.controllers = controllers
        self.folder = Path(tempfile.mkdtemp(prefix="controlplane-"))
        self.token = secrets.token_hex(16)
        self._ports = Ports(*free_ports(4))
        self.url = f"https://127.0.0.1:{self._ports.apiserver}"
        self._identity = certificates.issue()
        more = (*apiserver_flags, *(audit.flags(self.folder) if audited else ()))
        self._etcd = self._part("etcd", flags.etcd(self.folder, self._ports))
        self._apiserver = self._part("kube-apiserver", [*flags.apiserver(self.folder, self._ports), *more])
        self._manager = self._part("kube-controller-manager", flags.manager(self.folder, self._ports))

    @property
    def ca(self) -> bytes:
        """The certificate authority the API server's certificate is of, as PEM."""
        return self._identity.authority

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self._etcd, self._apiserver, self._manager)

    async def __aenter__(self) -> Self:
        certificates.write_identity(self._identity, self.folder)
        certificates.write_signing_pair(self.folder)
        self._write_token()
        self._write_manager_kubeconfig()
        try:
            # The API server retries until etcd answers, so both may start at once.
            self._etcd.start()
            self._apiserver.start()
            await self._until_ready()
            await self.start_controllers()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        if error is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            error.add_note(f"logs of the control plane are in {self.folder}")

    # What a client needs

    def kubeconfig(self, path: Path, *, namespace: str = "default") -> Path:
        """Write a kubeconfig for the administrator to `path`, and return it."""
        cluster = {"server": self.url, "certificate-authority-data": base64.b64encode(self.ca).decode()}
        path.write_text(yaml.safe_dump(_kubeconfig(cluster, self.token, namespace)))
        path.chmod(0o600)
        return path

    def ssl_context(self) -> ssl.SSLContext:
        """Return what trusts the plane's present certificate and nothing else."""
        return ssl.create_default_context(cadata=self.ca.decode())

    def session(self) -> aiohttp.ClientSession:
        """Return a new HTTP session for the administrator; the caller closes it."""
        return aiohttp.ClientSession(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            connector=aiohttp.TCPConnector(ssl=self.ssl_context(), limit=64),
        )

    def acts(self) -> list[audit.Act]:
        """Return the writes that the API server of an audited plane has answered, oldest first."""
        return list(audit.acts(self.folder))

    # What goes wrong

    async def stop_apiserver(self, *, graceful: bool = False) -> None:
        """Kill the API server; with `graceful` it has a second to close its streams."""
        await self._apiserver.stop(graceful=graceful)

    async def start_apiserver(self) -> None:
        """Start the API server again at its old address, and return when it is ready."""
        self._apiserver.start()
        await self._until_ready()

    async def stop_etcd(self) -> None:
        """Kill etcd. The API server stays and answers with errors and timeouts."""
        await self._etcd.stop()

    async def start_etcd(self) -> None:
        """Start etcd again with the data it had, and return when the API server is ready."""
        self._etcd.start()
        await self._until("etcd", self._etcd_healthy)
        await self._until_ready()

    async def stop_controllers(self) -> None:
        """Kill the controller manager: nothing is rolled out or collected any more."""
        await self._manager.stop()

    async def start_controllers(self) -> None:
        """Start the controller manager where this plane has one, and return when it is healthy."""
        if self.controllers:
            self._manager.start()
            await self._until("kube-controller-manager", self._controllers_healthy)

    @contextlib.asynccontextmanager
    async def frozen_etcd(self) -> AsyncIterator[None]:
        """Hold etcd still for the length of the block, as a disk does that hangs."""
        process = self._etcd.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    async def hang_etcd(self, seconds: float = 10) -> None:
        """Hold etcd still for so long."""
        async with self.frozen_etcd():
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def slow_etcd(self, *, held: float = 0.3, free: float = 0.05) -> AsyncIterator[None]:
        """Let etcd work in short bursts only, so that a write takes as long as on a disk that is too slow."""

        async def pulse() -> None:
            while True:
                async with self.frozen_etcd():
                    await asyncio.sleep(held)
                await asyncio.sleep(free)

        pulsing = asyncio.create_task(pulse())
        try:
            yield
        finally:
            pulsing.cancel()
            await asyncio.wait({pulsing})

    async def compact(self) -> None:
        """
        Forget every version of the past: a watch from one is answered 410 afterwards.

        The API server remembers the latest events by itself, so it is started
        again after etcd has compacted its history.
        """
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self._ports.etcd}") as etcd:
            key = base64.b64encode(b"/").decode()
            async with etcd.post("/v3/kv/range", json={"key": key}, raise_for_status=True) as answer:
                revision = (await answer.json())["header"]["revision"]
            compaction = {"revision": revision, "physical": True}
            async with etcd.post("/v3/kv/compaction", json=compaction, raise_for_status=True):
                pass
        await self.stop_apiserver()
        await self.start_apiserver()

    async def rotate_token(self) -> str:
        """Give the administrator a new token and refuse the old one; the API server starts again for it."""
        await self.stop_apiserver()
        self.token = secrets.token_hex(16)
        self._write_token()
        self._write_manager_kubeconfig()
        if self.controllers:
            await self.stop_controllers()
        await self.start_apiserver()
        await self.start_controllers()
        return self.token

    async def replace_certificate(self, *, same_authority: bool = False) -> bytes:
        """
        Serve another certificate from now on, without a restart; return the authority it is of.

        That is a new one, which nobody trusts yet, unless it is asked to be the same.
        """
        self._identity = certificates.renew(self._identity) if same_authority else certificates.issue()
        certificates.write_identity(self._identity, self.folder)
        await self._until("kube-apiserver", self._certificate_served)
        await self._until_ready()
        return self.ca

    # How it is done

    async def _end(self) -> None:
        for part in reversed(self.parts):
            await part.stop()

    def _part(self, name: str, arguments: list[str]) -> Part:
        return Part(name, [str(self.binary), name, *arguments], self.folder / f"{name}.log")

    def _write_token(self) -> None:
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f'{self.token},admin,1,"system:masters"\n')
        tokens.chmod(0o600)

    def _write_manager_kubeconfig(self) -> None:
        # It must outlive a replaced certificate, and it talks to loopback only.
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        path = self.folder / "manager.kubeconfig"
        path.write_text(yaml.safe_dump(_kubeconfig(cluster, self.token, "default")))
        path.chmod(0o600)

    async def _until_ready(self) -> None:
        await self._until("kube-apiserver", self._answers_ready)

    async def _until(self, name: str, holds: Any) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await holds():
                    for part in self.parts:
                        part.check()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            part = next(part for part in self.parts if part.name == name)
            raise ControlPlaneFailed(f"{name} is not ready after {READY_SECONDS} s\n{part.tail()}") from None

    async def _answers_ready(self) -> bool:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await _is_ok(f"{self.url}/readyz", headers, self.ssl_context())

    async def _controllers_healthy(self) -> bool:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return await _is_ok(f"https://127.0.0.1:{self._ports.manager}/healthz", {}, context)

    async def _etcd_healthy(self) -> bool:
        return await _is_ok(f"http://127.0.0.1:{self._ports.etcd}/health", {}, None)

    async def _certificate_served(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", self._ports.apiserver, ssl=self.ssl_context()
            )
        except (ssl.SSLError, OSError):
            return False
        served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return bool(served == ssl.PEM_cert_to_DER_cert(self._identity.certificate.decode()))


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in taken:
            listener.bind(("127.0.0.1", 0))
        return tuple(listener.getsockname()[1] for listener in taken)


async def _is_ok(url: str, headers: dict[str, str], context: ssl.SSLContext | None) -> bool:
    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, ssl=context or True) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def _kubeconfig(cluster: dict[str, Any], token: str, namespace: str) -> dict[str, Any]:
    context = {"cluster": "controlplane", "user": "admin", "namespace": namespace}
    return json.loads(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "controlplane",
                "clusters": [{"name": "controlplane", "cluster": cluster}],
                "users": [{"name": "admin", "user": {"token": token}}],
                "contexts": [{"name": "controlplane", "context": context}],
            }
        )
    )
