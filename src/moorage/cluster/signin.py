"""
What makes a request ours: headers and TLS, renewed when they run out.

One `SignIn` belongs to one `Api`. It gives headers that can be sent as they
are, and a TLS context; both change when a token file is replaced, an exec
plug-in's answer expires, or the server answered 401; the authority when the
server is not trusted and its file holds another one.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from moorage.cluster.credentials import Access, ExecPlugin, Hidden, read_token
from moorage.cluster.exec_plugin import ExecCredential, run_plugin
from moorage.model.errors import Error, InvalidConfiguration

_TOKEN_SECONDS = 60.0
_FAILED_SECONDS = 2.0
_RENEWED_SECONDS = 2.0


def tls_context(access: Access, certificate: bytes = b"", private_key: bytes = b"") -> ssl.SSLContext:
    """Return a context that verifies the server (unless the access says otherwise), TLS 1.2 or newer."""
    try:
        context = ssl.create_default_context(cadata=access.ca.decode() if access.ca else None)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidConfiguration(
            f"{access.server}: the certificate authority is not a PEM certificate"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        _load_certificate(context, access, certificate, private_key)
    return context


def _load_certificate(
    context: ssl.SSLContext, access: Access, certificate: bytes, private_key: bytes
) -> None:
    # OpenSSL reads a chain from files only. The file is private to us and gone
    # before anything else happens.
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.rstrip() + b"\n" + private_key)
        context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise InvalidConfiguration(
            f"{access.server}: the client certificate and its key do not fit or are not PEM"
        ) from error
    finally:
        os.unlink(path)


class SignIn:
    """
    The current headers and TLS context of one access.

    `refresh` is asked before each request and is free when nothing ran out;
    `renew` is asked after a 401 and starts afresh, once for all who wait;
    `trust_anew` is asked after a server could not prove itself.
    """

    def __init__(
        self,
        access: Access,
        exec_seconds: float,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.access = access
        self.headers: dict[str, str] = {}
        self.tls: ssl.SSLContext | None = None
        self.generation = 0
        self._exec_seconds = exec_seconds
        self._now = now
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._credential: ExecCredential | None = None
        self._read_at = 0.0
        self._failed: tuple[float, Error] | None = None
        self._renewed_at: float | None = None
        self._lock = asyncio.Lock()

    @property
    def renewable(self) -> bool:
        """Whether asking again could give other credentials."""
        return self.access.plugin is not None or bool(self.access.token_file)

    def is_fresh(self) -> bool:
        if not self.generation:
            return False
        if self.access.plugin:
            return self._credential is not None and self._credential.is_fresh(self._now())
        return not self.access.token_file or self._clock() - self._read_at < _TOKEN_SECONDS

    async def refresh(self) -> None:
        """Bring headers and context up to date."""
        if self.is_fresh():
            return
        async with self._lock:
            if not self.is_fresh():
                await self._load()

    async def renew(self, generation: int) -> None:
        """Ask for new credentials, unless somebody did since `generation`."""
        async with self._lock:
            if self.generation != generation or self._was_just_renewed():
                return
            await self._load()
            self._renewed_at = self._clock()

    async def trust_anew(self) -> None:
        """Read the authority's file again; when it holds another one, the next request goes by that."""
        if not self.access.ca_file:
            return
        async with self._lock:
            try:
                authority = Path(self.access.ca_file).read_bytes()
                if authority == self.access.ca:
                    return
                access = replace(self.access, ca=authority)
                tls = tls_context(access, *self._certificate())
            except (OSError, InvalidConfiguration):
                return  # Whoever replaces the file is not done; the server is asked again anyway.
            self.access, self.tls = access, tls
            self.generation += 1

    def _certificate(self) -> tuple[bytes, bytes]:
        """Return the client certificate and its key; empty when there is none."""
        if self._credential is not None and self._credential.certificate:
            return self._credential.certificate, self._credential.private_key
        return self.access.certificate, self.access.private_key

    def _was_just_renewed(self) -> bool:
        # A server that refuses whatever we show must not make us start a program for each request.
        since = self._renewed_at
        return (
            self.access.plugin is not None and since is not None and self._clock() - since < _RENEWED_SECONDS
        )

    async def _load(self) -> None:
        access = self.access
        if access.plugin:
            self._credential = await self._ask(access.plugin)
        credential = self._credential
        headers = {**_impersonation(access), **_authorization(access, credential)}
        if access.server.startswith("https:") and (
            self.tls is None or (credential and credential.certificate)
        ):
            self.tls = tls_context(access, *self._certificate())
        self._read_at = self._clock()
        self.headers = headers
        self.generation += 1

    async def _ask(self, plugin: ExecPlugin) -> ExecCredential:
        """Run the program, unless it failed a moment ago: all that wait for it would run it again, in turn."""
        if self._failed is not None and self._clock() - self._failed[0] < _FAILED_SECONDS:
            raise type(self._failed[1])(str(self._failed[1]))
        try:
            found = await run_plugin(self.access, plugin, self._exec_seconds)
        except Error as fault:
            self._failed = (self._clock(), fault)
            raise
        self._failed = None
        return found


def _authorization(access: Access, credential: ExecCredential | None) -> dict[str, str]:
    token = access.token
    if not token and access.token_file:
        token = read_token(access.token_file)
    if not token and access.username:
        pair = f"{access.username}:{access.password}".encode()
        return {"Authorization": Hidden(f"Basic {base64.b64encode(pair).decode()}")}
    if not token and credential:
        token = credential.token
    return {"Authorization": Hidden(f"Bearer {token}")} if token else {}


def _impersonation(access: Access) -> dict[str, str]:
    headers: dict[str, str] = {}
    if access.as_user:
        headers["Impersonate-User"] = access.as_user
    if access.as_uid:
        headers["Impersonate-Uid"] = access.as_uid
    return headers


def repeated_headers(access: Access) -> tuple[tuple[str, str], ...]:
    """Return the impersonation headers of which there can be several of one name."""
    groups = [("Impersonate-Group", group) for group in access.as_groups]
    extra = [
        (f"Impersonate-Extra-{quote(name, safe='')}", value)
        for name, values in access.as_extra
        for value in values
    ]
    return (*groups, *extra)
