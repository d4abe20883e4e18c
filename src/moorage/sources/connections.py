"""
How does a git command prove who it is, without anyone else seeing it?

Credentials become configuration in the environment of that one process, bound
to the repository's own URL, or private files that are gone when it ends. They
are never arguments, never part of a URL and never stored in a mirror.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import secrets
import shlex
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from moorage.model.errors import InvalidConfiguration
from moorage.sources.addresses import Address
from moorage.sources.credentials import Credentials, Repository
from moorage.sources.program import Connection
from moorage.sources.settings import GitSettings

_HEADER_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


@contextlib.asynccontextmanager
async def open_connection(
    repository: Repository,
    address: Address,
    settings: GitSettings,
    scratch: Path,
    *,
    ssh: str = "",
    token: str = "",
    pinned: tuple[str, ...] = (),
) -> AsyncIterator[Connection]:
    """
    Yield what git needs to reach a repository; its files are gone afterwards.

    Args:
        token: A password obtained for this moment (a GitHub App's), used instead of the stored one.
        pinned: The checked IP addresses of the host; git connects to these and no others.
    """
    # Made with the first file in it: most connections over https need none.
    folder = scratch / f"git-{secrets.token_hex(16)}"
    try:
        if address.scheme == "ssh":
            connection = _over_ssh(repository, address, settings, folder, ssh, pinned)
        elif address.scheme in ("http", "https"):
            connection = _over_http(repository, address, settings, folder, token, pinned)
        else:
            connection = Connection()
        yield connection
    finally:
        if folder.exists():
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def authorization(credentials: Credentials, token: str = "") -> str:
    """Return the value of the Authorization header for these credentials, or nothing."""
    if token:
        return _basic("x-access-token", token)
    if credentials.bearer_token:
        return f"Bearer {_clean(credentials.bearer_token.reveal(), 'bearerToken')}"
    if credentials.password or (credentials.username and credentials.force_basic):
        return _basic(credentials.username, credentials.password.reveal())
    return ""


def _basic(username: str, password: str) -> str:
    pair = f"{_clean(username, 'username')}:{_clean(password, 'password')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _clean(text: str, field: str) -> str:
    text = text.strip("\r\n")
    if _HEADER_UNSAFE.search(text):
        raise InvalidConfiguration(f"repository Secret: {field} has control characters in it")
    return text


def _over_http(
    repository: Repository,
    address: Address,
    settings: GitSettings,
    folder: Path,
    token: str,
    pinned: tuple[str, ...],
) -> Connection:
    credentials = repository.credentials
    own = f"http.{address.scheme}://{address.authority}/"
    config = [
        # A redirect could lead a credential, or us, to a place nobody allowed.
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", str(settings.stalled_after)),
        ("http.sslVerify", "false" if credentials.insecure else "true"),
        ("http.sslVersion", "tlsv1.2"),
        ("http.userAgent", "moorage"),
        ("http.emptyAuth", "false"),
    ]
    if header := authorization(credentials, token):
        config.append((f"{own}.extraHeader", f"Authorization: {header}"))
    if credentials.ca or settings.extra_ca.get(address.host):
        authorities = credentials.ca or settings.extra_ca[address.host]
        config.append(("http.sslCAInfo", _private_file(folder, "ca.pem", authorities)))
    if credentials.tls_cert and credentials.tls_key:
        config.append((f"{own}.sslCert", _private_file(folder, "client.pem", credentials.tls_cert)))
        config.append((f"{own}.sslKey", _private_file(folder, "client.key", credentials.tls_key.reveal())))
    variables: list[tuple[str, str]] = []
    proxy = repository.proxy or settings.proxy
    if proxy:
        config.append(("http.proxy", proxy))
        variables.append(("NO_PROXY", repository.no_proxy or settings.no_proxy))
    elif pinned:
        config.append(
            ("http.curloptResolve", f"{address.host}:{address.port}:{','.join(map(_bracketed, pinned))}")
        )
    return Connection(tuple(config), tuple(variables))


def _over_ssh(
    repository: Repository,
    address: Address,
    settings: GitSettings,
    folder: Path,
    ssh: str,
    pinned: tuple[str, ...],
) -> Connection:
    if not os.path.isabs(ssh):
        raise InvalidConfiguration(
            "ssh is not installed (or not on PATH); install it to use ssh repositories"
        )
    credentials = repository.credentials
    hosts = credentials.known_hosts or settings.known_hosts
    if len(hosts) > 4_000_000:
        raise InvalidConfiguration("argocd-ssh-known-hosts-cm: more than 4 MB of host keys")
    known = _private_file(folder, "known_hosts", hosts)
    check = "no" if credentials.insecure else "yes"
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": check,
        "UserKnownHostsFile": os.devnull if credentials.insecure else known,
        "GlobalKnownHostsFile": os.devnull,
        "UpdateHostKeys": "no",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ForwardAgent": "no",
        "ConnectTimeout": str(settings.stalled_after),
        "ServerAliveInterval": str(max(settings.stalled_after // 2, 1)),
        "ServerAliveCountMax": "2",
        "PermitLocalCommand": "no",
        "LogLevel": "ERROR",
    }
    if pinned:
        options["HostName"] = pinned[0]
        options["HostKeyAlias"] = address.host if address.port == 22 else f"[{address.host}]:{address.port}"
        options["CheckHostIP"] = "no"
    key = os.devnull
    if credentials.ssh_private_key:
        key = _private_file(folder, "identity", credentials.ssh_private_key.reveal().strip() + "\n")
    command = [ssh, "-F", os.devnull, "-i", key]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    line = " ".join(shlex.quote(word) for word in command)
    return Connection((("ssh.variant", "ssh"),), (("GIT_SSH_COMMAND", line),))


def _private_file(folder: Path, name: str, content: str) -> str:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(content)
    return str(path)


def _bracketed(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip
