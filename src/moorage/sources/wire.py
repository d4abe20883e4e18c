"""
How does a git command reach one repository's server and come back?

The host is judged as resolved, the credentials are laid ready for this one
command, and what the program says loses them again before anyone reads it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from moorage.sources.addresses import Address, shown
from moorage.sources.connections import open_connection
from moorage.sources.credentials import Repository, scrub
from moorage.sources.network import look_up
from moorage.sources.program import Connection, Ended, Git
from moorage.sources.settings import GitSettings

TokenSource = Callable[[Repository], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Wire:
    """The way to one repository. `token` sells the passwords of GitHub Apps."""

    address: Address
    scratch: Path
    git: Git
    settings: GitSettings
    token: TokenSource | None = None

    async def run(
        self,
        repository: Repository,
        arguments: list[str],
        *,
        timeout: float,
        stdin: bytes = b"",
        folder: Path | None = None,
    ) -> Ended:
        """
        Return how a git command that talks to the server ended, its words scrubbed.

        Raises:
            SourceRefused: when the host leads to a place nobody may go.
            SourceUnreachable: when it takes longer than `timeout` seconds.
            LimitExceeded: when it says or fetches more than it may.
        """
        settings = self.settings
        async with await self._connect(repository) as connection:
            ended = await self.git.run(
                arguments,
                folder=folder,
                connection=connection,
                schemes=settings.schemes,
                stdin=stdin,
                limit=settings.refs_bytes,
                timeout=timeout,
                file_bytes=settings.fetch_bytes,
                memory=settings.git_memory,
                what=f"repository {shown(repository.url)}",
            )
        return replace(ended, stderr=scrub(ended.stderr, repository.credentials))

    async def _connect(self, repository: Repository) -> AbstractAsyncContextManager[Connection]:
        pinned: tuple[str, ...] = ()
        proxied = bool(repository.proxy or self.settings.proxy) and self.address.scheme != "ssh"
        if self.address.host and not proxied:
            pinned = await look_up(
                self.address.host, self.address.port, allow_private=self.settings.allow_private
            )
        token = ""
        if self.token is not None and repository.credentials.github_private_key:
            token = await self.token(repository)
        return open_connection(
            repository,
            self.address,
            self.settings,
            self.scratch,
            ssh=self.git.ssh,
            token=token,
            pinned=pinned,
        )
