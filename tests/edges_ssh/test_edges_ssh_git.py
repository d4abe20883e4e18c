"""Git over a real SSH server: who we believe it is, who it believes we are, and what is seen of the key."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sshd import make_key, serving

from moorage.model.errors import CredentialsRefused, SourceRefused, SourceUnreachable
from moorage.programs import Program
from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.door import Sources
from moorage.sources.settings import GitSettings
from moorage.testing.gitserver import commit_files, run_git


class Room:
    """A repository behind an SSH server, and a sources room that reads it."""

    def __init__(self, server, sources: Sources, folder: Path, commit: str) -> None:
        self.server, self.sources, self.folder, self.commit = server, sources, folder, commit

    def shop(self, **changes) -> Repository:
        known = Credentials(ssh_private_key=Secret(self.server.key), known_hosts=self.server.known_hosts)
        return Repository(self.server.url(self.folder), credentials=replace(known, **changes))


@contextlib.asynccontextmanager
async def room(root: Path, **settings):
    folder = root / "shop.git"
    folder.mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    commit = commit_files(folder, {"web/app.yaml": "kind: Service\n"})
    async with serving(root / "sshd") as server:
        sources = Sources(GitSettings(root / "store", **settings))
        await sources.start()
        try:
            yield Room(server, sources, folder, commit)
        finally:
            await sources.close()


async def test_git_over_ssh(tmp_path):
    """
    A repository behind SSH is read with the key and host key that are configured, and followed when it moves.
    """
    async with room(tmp_path) as at:
        assert await at.sources.resolve(at.shop(), "main") == at.commit
        files = await (await at.sources.snapshot(at.shop(), at.commit)).read("")
        assert list(files) == ["web/app.yaml"]

        new = commit_files(at.folder, {"x": "1"})
        assert await at.sources.resolve(at.shop(), "main", fresh=True) == new


async def test_known_hosts_of_the_configuration(tmp_path):
    """
    Host keys configured once, as in argocd-ssh-known-hosts-cm, count for every repository of that host.
    """
    async with room(tmp_path) as at:
        at.sources.set_repositories(
            [at.shop(known_hosts="")], known_hosts=f"other.example ssh-ed25519 AAAA\n{at.server.known_hosts}"
        )
        repository = at.sources.repository(at.shop().url)

        assert await at.sources.resolve(repository, "main") == at.commit


@pytest.mark.parametrize("case", ["none", "another host's", "another key", "revoked"])
async def test_s61_an_unknown_or_changed_host_key(tmp_path, case):
    """
    CVE-2025-23390, S61: a host whose key is unknown, changed or revoked is refused with the remedy, and never learned.
    """
    async with room(tmp_path) as at:
        other = make_key(tmp_path, "other").with_suffix(".pub").read_text()
        known = {
            "none": "",
            "another host's": f"[127.0.0.2]:{at.server.port} {at.server.host_key}\n",
            "another key": f"[127.0.0.1]:{at.server.port} {other}",
            "revoked": f"@revoked {at.server.known_hosts}{at.server.known_hosts}",
        }[case]
        for _ in range(2):
            with pytest.raises(SourceRefused, match="argocd-ssh-known-hosts-cm"):
                await at.sources.resolve(at.shop(known_hosts=known), "main", fresh=True)


async def test_s61_opting_out_is_for_one_repository(tmp_path):
    """
    S61: `insecure` in a Secret lets that repository be read from an unknown host, and teaches no other the key.
    """
    async with room(tmp_path) as at:
        insecure = at.shop(known_hosts="", insecure=True)
        assert await at.sources.resolve(insecure, "main") == at.commit
        with pytest.raises(SourceRefused):
            await at.sources.resolve(replace(at.shop(known_hosts=""), project="other"), "main")


async def test_a_key_the_server_does_not_know(tmp_path):
    """
    A refused key is CredentialsRefused naming the field, and nothing of the key.
    """
    async with room(tmp_path) as at:
        wrong = make_key(tmp_path, "stranger").read_text()
        with pytest.raises(CredentialsRefused, match="sshPrivateKey") as refused:
            await at.sources.resolve(at.shop(ssh_private_key=Secret(wrong)), "main")

    assert wrong.splitlines()[1] not in str(refused.value)


@pytest.mark.parametrize("key", ["", "not a key"])
async def test_no_usable_key(tmp_path, key):
    """
    Without a key, or with one that is none, nothing of this machine's own (agent, home, default keys) is tried.
    """
    async with room(tmp_path) as at:
        with pytest.raises(CredentialsRefused):
            await at.sources.resolve(at.shop(ssh_private_key=Secret(key)), "main")
        offered = at.server.log.read_text().count("Postponed publickey") if at.server.log.exists() else 0

    assert offered == 0


async def test_a_repository_that_is_not_there(tmp_path):
    """
    A path without a repository is an error that says so.
    """
    async with room(tmp_path) as at:
        nowhere = replace(at.shop(), url=at.server.url(tmp_path / "nowhere.git"))
        with pytest.raises(SourceRefused, match="no Git repository"):
            await at.sources.resolve(nowhere, "main")


async def test_a_server_that_is_gone(tmp_path):
    """
    A server that was stopped is SourceUnreachable; what was fetched still reads.
    """
    folder = tmp_path / "shop.git"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    commit = commit_files(folder, {"a.yaml": "x"})
    sources = Sources(GitSettings(tmp_path / "store"))
    await sources.start()
    try:
        async with serving(tmp_path / "sshd") as server:
            shop = Repository(
                server.url(folder),
                credentials=Credentials(ssh_private_key=Secret(server.key), known_hosts=server.known_hosts),
            )
            await sources.resolve(shop, "main")
        with pytest.raises(SourceUnreachable, match="does not accept connections"):
            await sources.resolve(shop, "main", fresh=True)
        assert list(await (await sources.snapshot(shop, commit)).read("")) == ["a.yaml"]
    finally:
        await sources.close()


async def test_s17_the_key_is_seen_by_nobody(tmp_path, monkeypatch):
    """
    S5, S17: the private key is in no argument and no variable, lies in a file only this user reads, and is gone afterwards.
    """
    seen: list[tuple[tuple[str, ...], dict[str, str], list[int]]] = []
    start = Program.start

    async def recorded(command, environment, folder, **options):
        files = list((tmp_path / "store" / "scratch").rglob("identity"))
        modes = [stat.S_IMODE(os.stat(path).st_mode) for path in files]
        seen.append((tuple(command), dict(environment), modes))
        return await start(command, environment, folder, **options)

    monkeypatch.setattr(Program, "start", recorded)
    async with room(tmp_path) as at:
        await at.sources.resolve(at.shop(), "main")
        secret = at.server.key.splitlines()[1]

    assert [modes for _, _, modes in seen if modes] == [[0o600]] * 2
    assert not any(secret in word for command, env, _ in seen for word in (*command, *env.values()))
    assert list((tmp_path / "store" / "scratch").iterdir()) == []
    assert not any(
        secret.encode() in path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()
    )


async def test_s54_the_machines_own_ssh_settings_do_not_count(tmp_path, monkeypatch):
    """
    S54: neither variables nor files of the user who runs Moorage change how ssh is called.
    """
    trap = tmp_path / "trap"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {trap}\nexit 1\n")
    script.chmod(0o700)
    for name in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND", "SSH_ASKPASS", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(script))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    async with room(tmp_path) as at:
        assert await at.sources.resolve(at.shop(), "main") == at.commit

    assert not trap.exists()
