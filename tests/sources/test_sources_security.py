"""The published weaknesses of Git clients, each as the invariant that prevents it."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sources_kit import commit_entries, place, raw_object, room

import moorage.sources
from moorage.model.errors import Error, InvalidConfiguration, LimitExceeded, SourceRefused, SourceUnreachable
from moorage.sources.objects import parse_commit
from moorage.sources.program import Connection, Git
from moorage.sources.trees import refused_name
from moorage.testing.gitserver import Fault, run_git

SOURCES = Path(next(iter(moorage.sources.__path__)))


@pytest.mark.parametrize(
    "name",
    [
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b"GIT~2",
        b".g\xe2\x80\x8cit",
        b".git\xe2\x80\x8d",
        b".git ",
        b".git.",
        b".git::$INDEX_ALLOCATION",
        b"..",
        b".",
        b"a\\b",
        b"a\nb",
        b"a\x1b[2Jb",
        b"\xff",
    ],
)
async def test_cve_2023_49569_names_that_mean_something_else(tmp_path, name):
    """
    CVE-2023-49569, CVE-2014-9706, S4, S55: a tree with a name that could be `.git`, a way out or a control
    sequence on some disk is refused, unshown.
    """
    async with place(tmp_path) as at:
        blob = raw_object(at.folder, "blob", b"x")
        inner = raw_object(at.folder, "tree", b"100644 hook\0" + bytes.fromhex(blob))
        commit_entries(at.folder, ("100644", b"a.yaml", blob), ("40000", name, inner))
        with pytest.raises(SourceRefused, match="a tree holds the name") as refused:
            await at.texts(await at.resolve("main"))

    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "name",
    ["web", "a.yaml", ".github", ".gitignore", "git", "café", "a b", "日本", "-x", "git~x", "...", "_"],
)
def test_honest_names_are_let_through(name):
    """
    Names of honest repositories, also in other scripts, are not refused.
    """
    assert not refused_name(name)


async def test_s77_a_name_twice_in_a_tree(tmp_path):
    """
    S77: a tree that holds a name twice is refused, so nobody can be shown another file than is deployed.
    """
    async with place(tmp_path) as at:
        good, evil = (raw_object(at.folder, "blob", text) for text in (b"good", b"evil"))
        commit_entries(at.folder, ("100644", b"a.yaml", good), ("100644", b"a.yaml", evil))
        with pytest.raises(SourceRefused, match="twice"):
            await at.texts(await at.resolve("main"))


@pytest.mark.parametrize("said", ["git version 2.35.9", "git version 1.8.3.1", "busybox", ""])
async def test_s55_too_old_a_git_stops_the_start(tmp_path, said):
    """
    CVE-2024-32002, CVE-2022-39253, S55: a git that is too old or none is refused at the start, with what is needed.
    """
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o700)
    with pytest.raises(InvalidConfiguration, match=r"needs git 2\.\d+ or newer"):
        await Git(tmp_path, str(program)).check_version()


def test_s54_git_must_be_an_absolute_path(tmp_path):
    """
    S54: git is started by absolute path; a relative one is refused.
    """
    with pytest.raises(InvalidConfiguration, match="git is not installed"):
        Git(tmp_path, "./git")


async def test_s54_the_environment_of_git_is_ours_alone(tmp_path, monkeypatch):
    """
    CVE-2021-41254, S17, S54: a git process inherits no variable, reads no configuration of the machine, runs no
    hook, asks no question and gets a home that is empty.
    """
    for name in ("AWS_SECRET_ACCESS_KEY", "GIT_DIR", "GIT_TRACE", "LD_PRELOAD", "GIT_CONFIG_PARAMETERS"):
        monkeypatch.setenv(name, "x")
    async with room(tmp_path) as sources:
        environment = sources._git.environment(Connection(), frozenset({"https", "ssh"}))

    assert {name for name in environment if not name.startswith("GIT_CONFIG_")} == {
        "PATH",
        "HOME",
        "XDG_CONFIG_HOME",
        "LC_ALL",
        "GIT_ATTR_NOSYSTEM",
        "GIT_TERMINAL_PROMPT",
        "GIT_ALLOW_PROTOCOL",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OPTIONAL_LOCKS",
    }
    assert environment["GIT_ALLOW_PROTOCOL"] == "https:ssh"
    assert environment["GIT_CONFIG_NOSYSTEM"] == "1"
    assert environment["GIT_CONFIG_GLOBAL"] == os.devnull
    assert list(Path(environment["HOME"]).iterdir()) == []


async def test_s54_nothing_of_the_users_own_git_counts(tmp_path, monkeypatch):
    """
    S54: aliases, credential helpers, URL rewrites and hooks of the user who runs Moorage change nothing.
    """
    trap = tmp_path / "trap"
    home = tmp_path / "users-home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[credential]\n\thelper = "!touch {trap}"\n[core]\n\tfsmonitor = "touch {trap}"\n\thooksPath = {home}\n'
        '[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://127.0.0.1\n'
    )
    (home / "reference-transaction").write_text(f"#!/bin/sh\ntouch {trap}\n")
    (home / "reference-transaction").chmod(0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    async with place(tmp_path) as at:
        assert await at.resolve("main") == at.git("rev-parse", "main")

    assert not trap.exists()


async def test_s55_hooks_and_attributes_of_a_repository_run_nothing(tmp_path):
    """
    CVE-2025-48384, S55: filters, submodules with a CR in their path and hooks in a repository are bytes and no more.
    """
    trap = tmp_path / "trap"
    async with place(tmp_path) as at:
        revision = await at.resolve(
            at.commit(
                {
                    ".gitattributes": "* filter=evil\n",
                    ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {trap}\n',
                    ".gitmodules": f'[submodule "x"]\n\tpath = "x\\r"\n\turl = ext::touch {trap}\n\tupdate = !touch {trap}\n',
                    "hooks/post-checkout": f"#!/bin/sh\ntouch {trap}\n",
                }
            )
        )
        assert ".gitmodules" in await at.texts(revision)
        kept = [path for path in at.sources._mirror(at.shop).folder.rglob("*") if path.is_file()]

    assert not trap.exists()
    assert [path for path in kept if "hooks" in path.parts] == []
    assert [path for path in kept if path.stat().st_mode & stat.S_IXUSR] == []


async def test_cve_2025_21614_an_endless_listing_is_stopped(tmp_path):
    """
    CVE-2025-21614, CVE-2023-49568, S7: a server that lists refs without end is stopped by git's memory limit; the next
    is served.
    """
    async with place(tmp_path, settings={"git_memory": 300 * 1024 * 1024}) as at:
        at.server.broken = Fault.ENDLESS
        with pytest.raises(LimitExceeded, match="more memory than git may use"):
            await at.resolve("main")
        at.server.broken = None

        assert await at.resolve("main", fresh=True) == at.git("rev-parse", "main")


async def test_cve_2026_25934_a_huge_pack_stops_at_the_cap(tmp_path):
    """
    CVE-2026-25934, S7: a repository larger than may be fetched is refused, and leaves room for the next.
    """
    async with place(tmp_path, settings={"fetch_bytes": 200_000}) as at:
        at.commit({f"{n}.bin": os.urandom(5_000) for n in range(200)})
        with pytest.raises(LimitExceeded, match="larger than Moorage may fetch"):
            await at.resolve("main")


async def test_s10_a_server_that_hangs_is_given_up(tmp_path):
    """
    S7, S10: a server that takes the connection and says nothing is given up after the limit, and its process ended.
    """
    async with place(tmp_path, settings={"ask_timeout": 0.3}) as at:
        at.server.broken = Fault.HANG
        with pytest.raises(SourceUnreachable, match=r"did not finish within 0\.3 s"):
            await at.resolve("main")

        assert "git" not in children_of(os.getpid())


def children_of(pid: int) -> list[str]:
    """Return the names of the processes a process has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(")")
        except (OSError, NotADirectoryError):
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            found.append(name.partition("(")[2])
    return found


async def test_s7_a_program_that_says_too_much_is_ended(tmp_path):
    """
    S7: a program that prints more than it may is ended at once, though nobody reads what it still has to say.
    """
    async with room(tmp_path) as sources:
        shouting = Git(tmp_path, "/bin/sh")
        with pytest.raises(LimitExceeded, match="sent more than 1000 bytes"):
            await shouting.run(["-c", "yes & yes & wait"], limit=1000, timeout=30, what="a repository")

        assert sources.stats()["programs"] == 1
    assert {"sh", "yes"} & set(children_of(os.getpid())) == set()


async def test_s2_links_are_data(tmp_path):
    """
    S2: a path that leads through a symbolic link is not followed: what is behind it is not there.
    """
    async with place(tmp_path) as at:
        blob = raw_object(at.folder, "blob", b"web")
        secret = raw_object(at.folder, "tree", b"100644 x\0" + bytes.fromhex(blob))
        commit_entries(at.folder, ("120000", b"link", blob), ("40000", b"web", secret))
        revision = await at.resolve("main")

        assert await at.texts(revision, "link/x") == {}
        with pytest.raises(Error, match="link"):
            await at.sources.snapshot(at.shop, revision, "link/x")


@pytest.mark.parametrize("word", ["tree", "author"])
def test_cve_2026_45022_a_commit_that_says_something_twice(word):
    """
    CVE-2026-45022, S75: a commit object that names two trees or authors is refused, so no reader sees another commit.
    """
    lines = {"tree": "a" * 40, "author": "A <a@a> 1 +0000", "committer": "A <a@a> 1 +0000"}
    raw = "".join(f"{name} {value}\n" for name, value in lines.items())
    assert parse_commit("c" * 40, f"{raw}\nWords\ntree x\n".encode()).tree == "a" * 40

    with pytest.raises(SourceRefused, match=f"names its {word} twice"):
        parse_commit("c" * 40, f"{raw}{word} other\n\nWords\n".encode())


@pytest.mark.parametrize(
    "word", ["shell=True", "os.system", "os.popen", "create_subprocess_shell", "verify=False"]
)
def test_s54_no_shell_in_this_room(word):
    """
    S54, S60: no module of this room names a shell or switches verification off in passing.
    """
    assert [path.name for path in SOURCES.glob("*.py") if word in path.read_text()] == []


def test_s28_no_guessable_names():
    """
    S28: names of private files come from the operating system's generator; `random` decides jitter and nothing else.
    """
    importing = {
        path.name
        for path in SOURCES.glob("*.py")
        if re.search(r"^(from|import) random\b", path.read_text(), re.M)
    }

    assert importing == {"door.py", "follow.py"}


async def test_s82_what_a_server_says_is_escaped(tmp_path):
    """
    CVE-2024-52005, S82: control sequences a server sends with its messages do not reach an error.
    """
    async with place(tmp_path) as at:
        run_git(at.folder, "config", "uploadpack.allowAnySHA1InWant", "false")
        hostile = at.server.url("no\x1b[2Jsuch").replace("\x1b", "%1b")
        with pytest.raises(SourceRefused) as refused:
            at.sources.repository(hostile)

    assert str(refused.value).isprintable()


async def test_cve_2025_55191_mixed_calls_end_consistent(tmp_path):
    """
    CVE-2025-55191, S50: two hundred calls at once on one repository, with its configuration changed and its mirror
    forgotten meanwhile, give the right commit and leave a room that works.
    """
    async with place(tmp_path, settings={"store_bytes": 1}) as at:
        head = at.git("rev-parse", "main")

        async def call(number: int) -> str:
            match number % 5:
                case 0:
                    at.sources.set_repositories([replace(at.shop, proxy="")] if number % 2 else [])
                case 1:
                    return await at.resolve("main", fresh=True)
                case 2:
                    assert "web/app.yaml" in await at.texts(await at.resolve("main"))
                case 3:
                    await at.sources.trim()
                case 4:
                    return await at.resolve(head[:10])
            return head

        assert set(await asyncio.gather(*map(call, range(200)))) == {head}
        assert "web/app.yaml" in await at.texts(await at.resolve("main", fresh=True))
