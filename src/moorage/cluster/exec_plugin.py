"""
Runs a credential program and remembers its answer until it expires.

The program is started without a shell, by argument list, with the environment
the plug-in was given and nothing of ours. It can never ask a person: its
standard input is closed and it is told so. What it prints to standard error is
shown only after everything that looks like a credential was taken out.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from moorage.cluster.credentials import Access, ExecPlugin, Hidden
from moorage.model.errors import ClusterUnreachable, CredentialsRefused, InvalidConfiguration
from moorage.programs import Program

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EARLY = timedelta(seconds=30)
_OUTPUT_LIMIT = 1024 * 1024
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9_\-+/=.]{24,}")


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What a program answered: a token, a client certificate, or both, and until when."""

    token: Hidden = Hidden("")  # noqa: RUF009
    certificate: bytes = field(default=b"", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    expires: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        return self.expires is None or now + _EARLY < self.expires


async def run_plugin(access: Access, plugin: ExecPlugin, seconds: float) -> ExecCredential:
    """Return the credential the program answers with. Raises CredentialsRefused naming the program."""
    environment = _environment(access, plugin)
    program = _find(plugin, environment)
    try:
        process = await Program.start([program, *plugin.args], environment, None, feed=False)
    except OSError as error:
        raise CredentialsRefused(
            f"{plugin.command} cannot be started: {error.strerror}{_hint(plugin)}"
        ) from error
    try:
        async with asyncio.timeout(seconds):
            output, errors = await asyncio.gather(
                _read(process.stdout, plugin), _read(process.stderr, plugin)
            )
            code = await process.wait()
    except TimeoutError:
        raise ClusterUnreachable(
            f"{plugin.command} gave no credentials for {access.server} within {seconds:g} s"
        ) from None
    finally:
        await process.end()
    if code:
        said = scrub(errors.decode(errors="replace"))
        raise CredentialsRefused(
            f"{plugin.command} ended with exit code {code}" + (f": {said}" if said else "")
        )
    return parse_credential(output, plugin)


async def _read(pipe: asyncio.StreamReader, plugin: ExecPlugin) -> bytes:
    read = bytearray()
    while piece := await pipe.read(65536):
        read += piece
        if len(read) > _OUTPUT_LIMIT:
            raise CredentialsRefused(
                f"{plugin.command} printed more than {_OUTPUT_LIMIT} bytes where a credential is expected"
            )
    return bytes(read)


def parse_credential(output: bytes, plugin: ExecPlugin) -> ExecCredential:
    """Return the credential in a program's output. Raises CredentialsRefused when it is not one."""
    try:
        answer = orjson.loads(output)
        status = answer.get("status") or {}
        version = answer.get("apiVersion")
        token = status.get("token") or ""
        certificate = (status.get("clientCertificateData") or "").encode()
        private_key = (status.get("clientKeyData") or "").encode()
        stamp = status.get("expirationTimestamp")
        expires = datetime.fromisoformat(stamp) if stamp else None
    except (ValueError, AttributeError, TypeError):
        raise CredentialsRefused(f"{plugin.command} did not print an ExecCredential") from None
    if version != plugin.api_version:
        raise CredentialsRefused(
            f"{plugin.command} answered with apiVersion {str(version)[:80]!r}, asked was {plugin.api_version}"
        )
    if not isinstance(token, str) or not token.isprintable():
        raise CredentialsRefused(f"{plugin.command} printed a token with control characters")
    if bool(certificate) != bool(private_key) or not (token or certificate):
        raise CredentialsRefused(f"{plugin.command} printed neither a token nor a certificate with its key")
    if expires and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return ExecCredential(Hidden(token), certificate, private_key, expires)


def scrub(text: str) -> str:
    """Return the last line of a program's output, short, printable and without what may be a secret."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = _LOOKS_SECRET.sub("***", lines[-1]) if lines else ""
    return "".join(char if char.isprintable() else "?" for char in last)[:300]


def _environment(access: Access, plugin: ExecPlugin) -> dict[str, str]:
    spec: dict[str, object] = {"interactive": False}
    if plugin.provide_cluster_info:
        cluster: dict[str, object] = {"server": access.server}
        if access.ca:
            cluster["certificate-authority-data"] = base64.b64encode(access.ca).decode()
        if access.tls_server_name:
            cluster["tls-server-name"] = access.tls_server_name
        if access.insecure:
            cluster["insecure-skip-tls-verify"] = True
        if access.proxy_url:
            cluster["proxy-url"] = str(access.proxy_url)
        if plugin.config is not None:
            cluster["config"] = plugin.config
        spec["cluster"] = cluster
    exec_info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return {
        **plugin.environment,
        **{name: str(value) for name, value in plugin.env},
        "KUBERNETES_EXEC_INFO": orjson.dumps(exec_info).decode(),
    }


def _find(plugin: ExecPlugin, environment: Mapping[str, str]) -> str:
    command = plugin.command
    if "/" in command:
        command = os.path.join(plugin.folder, command)
    found = shutil.which(command, path=environment.get("PATH", os.defpath))
    if not found:
        raise InvalidConfiguration(f"the credential program {plugin.command} is not installed{_hint(plugin)}")
    return found


def _hint(plugin: ExecPlugin) -> str:
    return f". {plugin.install_hint.strip()}" if plugin.install_hint.strip() else ""
